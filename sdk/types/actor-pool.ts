import type { ActorHandle } from './actors.ts'
import type { ObjectRef } from './objects.ts'

/** How a pool makes a call: on which actor, with which value. It gives the call's ref. */
export type PoolCall<T, V, R> = (actor: ActorHandle<T>, value: V) => ObjectRef<R>

/** Options of a pool's `next` and `nextUnordered`. */
export interface NextOptions {
  /** Milliseconds, 0 or more; past it: `GetTimeoutError`, and the item is there for the next one. Default: no limit. */
  timeoutMs?: number
}
