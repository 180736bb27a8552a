import { type OwnerId, taskIdText } from '../../wire/ids.ts'
import type { ActorSpec } from '../../wire/records.ts'
import type { ThreadCodec, WorkerFunctionState } from './functions.ts'

/** A call that waits for its turn: a copy of its record. */
export interface WaitingCall {
  readonly fn: WorkerFunctionState
  readonly group: Group
  readonly field: number
  readonly buffer: ArrayBuffer
  /** It was given up. */
  gone: boolean
}

/** Calls of one concurrency group of an actor. */
export class Group {
  readonly limit: number
  running = 0
  /** How many wait. */
  waiting = 0
  #queue: WaitingCall[] | undefined
  #first = 0
  /** Calls of it are being started: those that end meanwhile start no others. */
  starting = false

  constructor(limit: number) {
    this.limit = limit
  }

  push(call: WaitingCall): void {
    this.#queue ??= []
    this.#queue.push(call)
    this.waiting++
  }

  shift(): WaitingCall | undefined {
    const queue = this.#queue
    if (!queue || this.waiting === 0) return undefined
    let call = queue[this.#first++]
    while (call.gone) call = queue[this.#first++]
    this.waiting--
    if (this.waiting === 0) {
      this.#queue = undefined
      this.#first = 0
    } else if (this.#first > 1024 && this.#first * 2 > queue.length) {
      queue.splice(0, this.#first)
      this.#first = 0
    }
    return call
  }

  /** One of those that wait does so no longer. */
  drop(call: WaitingCall): void {
    call.gone = true
    this.waiting--
    if (this.waiting === 0) this.#queue = undefined
    // The first may wait for long: what is gone behind it takes no room.
    else if (this.#queue && this.#queue.length - this.#first > 2 * this.waiting + 1024)
      this.#queue = this.#queue.slice(this.#first).filter(one => !one.gone)
    else return
    this.#first = 0
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
  readonly named: Named
  /** Its class, as this worker knows it. */
  maker: WorkerFunctionState | undefined
  #default: Group | undefined
  #groups: Map<string, Group> | undefined
  #timers: Set<Timer> | undefined
  over = false
  /** Calls since it was saved last. */
  calls = 0
  /** Since when it is being saved (performance.now), or 0. */
  savingSince = 0

  constructor(parts: {
    token: number
    named: Named
    spec: ActorSpec
    codec: ThreadCodec
    gpuIds: readonly number[]
    plain: boolean
  }) {
    this.token = parts.token
    this.named = parts.named
    this.spec = parts.spec
    this.codec = parts.codec
    this.gpuIds = parts.gpuIds
    this.plain = parts.plain
  }

  /** The group in which a call runs: that of its options, of its method (which may be called `toString`), or the default one. */
  groupOf(method: string, group: string | undefined): Group {
    const { groups, methodGroups, maxConcurrency } = this.spec
    const name = group ?? (Object.hasOwn(methodGroups, method) ? methodGroups[method] : '')
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
    const { owner, client, number } = this.named
    return taskIdText(owner, client, number)
  }

  /** A timer that its code has set: cleared at its end, at once where that has been. */
  remember(timer: Timer): void {
    if (this.over) {
      clear(timer)
      return
    }
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
