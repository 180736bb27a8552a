import { limits } from './limits.ts'

/** Words of a record's header: its length in bytes (header included, a multiple of 8), then type and a 24-bit field. */
export const HEADER_BYTES = 8

/** Type of the records that carry one long message in pieces; known to channels only. */
export const FRAGMENT = 1
/** Type of what fills a ring's end when the next record does not fit there. */
export const PADDING = 0

/**
 * The sending side of a channel: records of 32-bit words and bytes, batched until `flush`.
 *
 * `begin(type, field, bytes)` gives the byte offset of the record's body in `u8` (and `i32`, `f64`, which view the same
 * memory); the caller fills it and calls `end()`. Nothing is sent before `flush()`.
 */
export abstract class Outbox {
  i32!: Int32Array
  u8!: Uint8Array
  f64!: Float64Array
  /** Called when records wait to be flushed for the first time since the last flush. */
  onPending: (() => void) | undefined

  /** Room for `bytes` of body in place, or -1. Sets `i32`, `u8`, `f64` to memory where it is. */
  protected abstract reserve(bytes: number): number
  protected abstract commit(): void
  /** Hands everything that was ended to the other side; keeps what does not fit for the next flush. */
  abstract flush(): void
  /** Bytes that wait for room on the other side. */
  abstract readonly queuedBytes: number

  #long: { type: number; field: number; bytes: number; u8: Uint8Array } | undefined
  #pending = false

  begin(type: number, field: number, bytes: number): number {
    if (!this.#pending) {
      this.#pending = true
      this.onPending?.()
    }
    if (bytes > limits.recordBytes) return this.#beginLong(type, field, bytes)
    const at = this.reserve(bytes)
    const word = at >> 2
    this.i32[word] = (bytes + HEADER_BYTES + 7) & ~7
    this.i32[word + 1] = type | (field << 8)
    return at + HEADER_BYTES
  }

  end(): void {
    if (this.#long) this.#endLong(this.#long)
    else this.commit()
  }

  /** What was begun and not ended comes to nothing: whoever wrote it was interrupted. */
  abandon(): void {
    this.#long = undefined
  }

  /** To be called by `flush` of the implementations. */
  protected flushed(): void {
    this.#pending = false
  }

  #beginLong(type: number, field: number, bytes: number): number {
    if (bytes > limits.messageBytesMax) {
      throw new RangeError(`a message of ${bytes} bytes is above the limit of ${limits.messageBytesMax}`)
    }
    const buffer = new ArrayBuffer((bytes + 7) & ~7)
    this.u8 = new Uint8Array(buffer)
    this.i32 = new Int32Array(buffer)
    this.f64 = new Float64Array(buffer)
    this.#long = { type, field, bytes, u8: this.u8 }
    return 0
  }

  /** A long message: its pieces follow one another without anything between, so the reader needs no table of them. */
  #endLong(long: { type: number; field: number; bytes: number; u8: Uint8Array }): void {
    this.#long = undefined
    const piece = limits.recordBytes - 16
    for (let from = 0; from < long.bytes; from += piece) {
      const n = Math.min(piece, long.bytes - from)
      const at = this.begin(FRAGMENT, 0, n + 16)
      const word = at >> 2
      this.i32[word] = long.type | (long.field << 8)
      this.i32[word + 1] = long.bytes
      this.i32[word + 2] = from
      this.i32[word + 3] = n
      this.u8.set(long.u8.subarray(from, from + n), at + 16)
      this.commit()
    }
  }
}
