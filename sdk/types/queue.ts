/** Options of a queue's `put`, `get` and `getBatch`. */
export interface QueueWaitOptions {
  /**
   * Milliseconds to wait for room or for an item, 0 or more; past it: `QueueFullError` or `QueueEmptyError`, and nothing has been
   * put or taken. Default: no limit.
   */
  timeoutMs?: number
}
