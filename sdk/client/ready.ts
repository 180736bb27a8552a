import type { ObjectRef } from '../types.ts'
import { isRef } from './is-ref.ts'
import type { RefData } from './ref-data.ts'
import { removeWaiter, type Waiter } from './waiter.ts'

/**
 * Calls back once when a ref is ready or has failed; at once if it is. Gives what ends the waiting. Does not by itself keep
 * the program alive.
 */
export function whenReady(ref: ObjectRef<unknown>, callback: () => void): () => void {
  if (!isRef(ref)) throw new TypeError('not a ref')
  const { engine } = ref
  if (engine.settled(ref)) {
    callback()
    return () => undefined
  }
  const waiter: Waiter = { notify: () => callback() }
  engine.await(ref, waiter)
  return () => removeWaiter(ref as RefData, waiter)
}
