import { GetTimeoutError } from '../../wire/errors/index.ts'
import type { Engine } from './engine.ts'
import { at, type RefData } from './ref-data.ts'
import type { WaitingTask } from './suspension.ts'
import { removeWaiter, type Waiter } from './waiter.ts'

/** How a wait may end besides by its refs. */
export interface WaitingLimits {
  timeoutMs?: number | undefined
  signal?: AbortSignal | undefined
}

/** How it ended. */
export type WaitingEnd =
  | { kind: 'enough' }
  | { kind: 'failed'; ref: RefData }
  | { kind: 'late' }
  | { kind: 'aborted'; reason: unknown }

/**
 * Waits until `needed` of the refs are settled, or one has failed where `failFast` says so. One object for all refs, no timer
 * and no listener where none is asked for.
 */
export class Waiting implements Waiter {
  readonly #engine: Engine
  readonly #refs: readonly RefData[]
  readonly #failFast: boolean
  readonly #resolve: (end: WaitingEnd) => void
  readonly #limits: WaitingLimits
  readonly #task: WaitingTask
  #left: number
  #over = false
  #timer: NodeJS.Timeout | undefined
  #abort: (() => void) | undefined

  constructor(
    engine: Engine,
    refs: readonly RefData[],
    options: { needed: number; failFast: boolean } & WaitingLimits,
    resolve: (end: WaitingEnd) => void,
  ) {
    this.#engine = engine
    this.#refs = refs
    this.#left = options.needed
    this.#failFast = options.failFast
    this.#limits = options
    this.#resolve = resolve
    this.#task = engine.suspension.begin()
    for (const ref of refs) {
      // What is waited for is looked at later, or never.
      if (this.#failFast) ref.asked = true
      if (!engine.settled(ref)) engine.await(ref, this)
    }
    const { timeoutMs, signal } = options
    if (timeoutMs !== undefined) this.#timer = setTimeout(() => this.#end({ kind: 'late' }), timeoutMs)
    if (signal) {
      this.#abort = () => this.#end({ kind: 'aborted', reason: signal.reason })
      signal.addEventListener('abort', this.#abort, { once: true })
    }
  }

  notify(ref: RefData): void {
    if (this.#over) return
    if (this.#failFast && hasFailed(ref)) this.#end({ kind: 'failed', ref })
    else if (--this.#left === 0) this.#end({ kind: 'enough' })
  }

  #end(end: WaitingEnd): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    if (this.#abort) this.#limits.signal?.removeEventListener('abort', this.#abort)
    if (this.#left > 0) for (const ref of this.#refs) if (!this.#engine.settled(ref)) removeWaiter(ref, this)
    this.#engine.suspension.end(this.#task, () => this.#resolve(end))
  }
}

/** Whether reading a settled ref throws. */
export function hasFailed(ref: RefData): boolean {
  return ref.released || ref.state === at.failed || ref.state === at.broken
}

/** `get` ran out of its time. */
export function late(ref: RefData, timeoutMs: number): GetTimeoutError {
  const message = `get of ${ref.id} took longer than its timeoutMs of ${timeoutMs} ms; the object may still come`
  return new GetTimeoutError(message, { objectId: ref.id, timeoutMs })
}
