import { type OwnerId, taskIdText } from '../../wire/ids.ts'
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
  #queue: WaitingCall[] | undefined
  /** Calls of it are being started: those that end meanwhile start no others. */
  starting = false

  constructor(limit: number) {
    this.limit = limit
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue?.length ?? 0
  }

  push(call: WaitingCall): void {
    this.#queue ??= []
    this.#queue.push(call)
  }

  shift(): WaitingCall | undefined {
    return this.#queue?.shift()
  }

  /** Takes out the call of a task. */
  take(token: number): WaitingCall | undefined {
    const at = this.#queue?.findIndex(({ buffer }) => new Int32Array(buffer, 0, 2)[0] === token) ?? -1
    return at < 0 ? undefined : this.#queue?.splice(at, 1)[0]
  }
}

/** Ends the code that runs, after its actor has been told that it is over. */
export class ActorExit extends Error {
  override readonly name = 'ActorExit'
}

/** What names an actor: as the task that makes it. */
export interface Named {
  readonly owner: OwnerId
  readonly client: number
  readonly number: number
}

/** An actor in the worker where it lives. */
export class ActorInstance {
  readonly token: number
  readonly spec: ActorSpec
  readonly codec: ThreadCodec
  /** What the constructor made. */
  self: Record<PropertyKey, unknown> = {}
  readonly gpuIds: readonly number[]
  /** Its methods need no async context (`Pieces.plain`). */
  readonly plain: boolean
  readonly #named: Named
  #default: Group | undefined
  #groups: Map<string, Group> | undefined
  #timers: Set<Timer> | undefined
  over = false
  /** Calls since it was saved last. */
  calls = 0
  saving = false

  constructor(parts: {
    token: number
    named: Named
    spec: ActorSpec
    codec: ThreadCodec
    gpuIds: readonly number[]
    plain: boolean
  }) {
    this.token = parts.token
    this.#named = parts.named
    this.spec = parts.spec
    this.codec = parts.codec
    this.gpuIds = parts.gpuIds
    this.plain = parts.plain
  }

  /** The group in which a call runs: that of its options, of its method, or the default one. */
  groupOf(method: string, group: string | undefined): Group {
    const { groups, methodGroups, maxConcurrency } = this.spec
    const name = group ?? methodGroups[method] ?? ''
    if (name === '') {
      this.#default ??= new Group(maxConcurrency)
      return this.#default
    }
    this.#groups ??= new Map()
    let found = this.#groups.get(name)
    if (!found) {
      found = new Group(groups[name] ?? maxConcurrency)
      this.#groups.set(name, found)
    }
    return found
  }

  *groups(): Iterable<Group> {
    if (this.#default) yield this.#default
    if (this.#groups) yield* this.#groups.values()
  }

  /** Its id. */
  get id(): string {
    const { owner, client, number } = this.#named
    return taskIdText(owner, client, number)
  }

  /** A timer that its code has set: cleared at its end. */
  remember(timer: Timer): void {
    this.#timers ??= new Set()
    this.#timers.add(timer)
    // Those that have fired are forgotten now and then.
    const { size } = this.#timers
    if (size < 64 || (size & (size - 1)) !== 0) return
    for (const one of this.#timers) if (isOver(one)) this.#timers.delete(one)
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
