import type { ActorSpec } from '../../wire/records.ts'
import type { ThreadCodec, WorkerFunctionState } from './functions.ts'

/** A call that waits for its turn: a copy of its record. */
export interface WaitingCall {
  readonly fn: WorkerFunctionState
  readonly field: number
  readonly buffer: ArrayBuffer
}

/** Calls of one concurrency group of an actor. */
export class Group {
  readonly limit: number
  running = 0
  readonly queue: WaitingCall[] = []
  /** Calls of it are being started: those that end meanwhile start no others. */
  starting = false

  constructor(limit: number) {
    this.limit = limit
  }
}

/** Ends the code that runs, after its actor has been told that it is over. */
export class ActorExit extends Error {
  override readonly name = 'ActorExit'
}

/** An actor in the worker where it lives. */
export class ActorInstance {
  readonly token: number
  readonly id: string
  readonly spec: ActorSpec
  readonly codec: ThreadCodec
  /** What the constructor made. */
  self: Record<PropertyKey, unknown> = {}
  readonly gpuIds: readonly number[]
  readonly #groups = new Map<string, Group>()
  #timers: Set<Timer> | undefined
  #timersMax = 64
  over = false
  /** Calls since it was saved last. */
  calls = 0
  saving = false

  constructor(parts: {
    token: number
    id: string
    spec: ActorSpec
    codec: ThreadCodec
    gpuIds: readonly number[]
  }) {
    this.token = parts.token
    this.id = parts.id
    this.spec = parts.spec
    this.codec = parts.codec
    this.gpuIds = parts.gpuIds
  }

  /** The group in which a call runs: that of its options, of its method, or the default one. */
  groupOf(method: string, group: string | undefined): Group {
    const { groups, methodGroups, maxConcurrency } = this.spec
    const name = group ?? methodGroups[method] ?? ''
    let found = this.#groups.get(name)
    if (!found) {
      found = new Group(name === '' ? maxConcurrency : (groups[name] ?? maxConcurrency))
      this.#groups.set(name, found)
    }
    return found
  }

  get groups(): Iterable<Group> {
    return this.#groups.values()
  }

  /** A timer that its code has set: cleared at its end. */
  remember(timer: Timer): void {
    this.#timers ??= new Set()
    this.#timers.add(timer)
    if (this.#timers.size < this.#timersMax) return
    for (const one of this.#timers) if (isOver(one)) this.#timers.delete(one)
    this.#timersMax = Math.max(64, this.#timers.size * 2)
  }

  clearTimers(): void {
    for (const timer of this.#timers ?? []) clear(timer)
    this.#timers = undefined
  }
}

type Timer = NodeJS.Timeout | NodeJS.Immediate

function isOver(timer: Timer): boolean {
  return (timer as { _destroyed?: boolean })._destroyed === true
}

function clear(timer: Timer): void {
  // Both kinds are cleared by either of them, but immediates.
  clearTimeout(timer as NodeJS.Timeout)
  clearImmediate(timer as NodeJS.Immediate)
}
