import { isRef, whenReady } from './client/index.ts'
import { Feed } from './feed.ts'
import { checkAsCompletedOptions, checkCompletedRefs } from './options/index.ts'
import type { AsCompletedOptions, ObjectRef } from './types.ts'

/**
 * The same ref objects, each as it becomes ready or fails; those that are ready already first, in their order.
 * In contrast to `wait` in a loop, its work grows with the number of refs, not with its square.
 * It can be read once; leaving the loop ends the waiting and touches nothing else.
 * @throws InvalidOptionError at the call, where something is no ref
 */
export function asCompleted<R extends ObjectRef<unknown>>(
  refs: Iterable<R>,
  options?: AsCompletedOptions,
): AsyncIterableIterator<R> {
  const { signal } = checkAsCompletedOptions(options)
  const list = checkCompletedRefs(refs, isRef)
  const unsubscribers: (() => void)[] = []
  const abort = () => feed.abort(signal?.reason)
  const feed = new Feed<R>({
    start() {
      if (signal?.aborted) return abort()
      signal?.addEventListener('abort', abort, { once: true })
      let waiting = list.length
      if (waiting === 0) return feed.end()
      for (const ref of list) {
        const ready = () => {
          feed.push(ref)
          waiting--
          if (waiting === 0) feed.end()
        }
        unsubscribers.push(whenReady(ref, ready))
      }
    },
    close() {
      signal?.removeEventListener('abort', abort)
      for (const unsubscribe of unsubscribers.splice(0)) unsubscribe()
    },
  })
  return feed
}
