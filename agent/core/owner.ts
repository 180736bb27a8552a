import { type Client, numberMax } from './clients.ts'
import type { Failure, ThreadEnd } from './failures.ts'
import { History } from './history.ts'
import type { Kind } from './kinds.ts'
import { limits } from './limits.ts'
import { type Bytes, type ObjectEffects, Objects } from './objects.ts'
import type { ResourceTable } from './resources.ts'
import { type Attempt, Rows, state } from './rows.ts'
import { Scheduler, type SchedulerEffects } from './scheduler.ts'

/** What the cores have done by their shell. */
export interface Effects extends SchedulerEffects, ObjectEffects {
  /** Asks the client of a task for the value of its dependency, which had been delivered. */
  need(client: number, slot: number, dependency: number): void
  /** Calls `timeUp(token, why)` after a while. */
  timer(token: number, delayMs: number, why: TimerReason): void
  /** Tells a worker to stop an attempt. */
  abort(thread: number, token: number): void
}

export type TimerReason = 'infeasible' | 'timeout' | 'grace'

/** A task as its record says it. */
export interface Submission {
  slot: number
  number: number
  kind: number
  /** Token of the task that submits it, or -1. */
  parent: number
  /** Pairs of slot and low word of the number. */
  dependencies: readonly number[]
  /** Pairs of client and number: refs inside the arguments. */
  contained: readonly number[]
}

/** An attempt that was given up while its thread still works on it. */
interface Ghost {
  kind: Kind
  thread: number
  gpus: readonly number[] | undefined
}

/**
 * The owner of tasks and objects (protocols §2) and their scheduler (§1) on one peer. Pure: it is told what clients, workers
 * and the clock say, and has everything done by `effects`.
 */
export class Owner {
  readonly rows = new Rows()
  readonly clients = new Map<number, Client>()
  readonly kinds: (Kind | undefined)[] = []
  readonly history = new History(limits.finishedTasksMax)
  readonly resources: ResourceTable
  readonly objects: Objects
  readonly scheduler: Scheduler
  readonly #effects: Effects
  /** One object for all: a task that ends allocates nothing here. */
  readonly #ended = { failed: false, startedAt: 0.5, endedAt: 0.5, error: undefined as string | undefined }
  readonly #ghosts = new Map<number, Ghost>()

  constructor(resources: ResourceTable, effects: Effects) {
    this.resources = resources
    this.#effects = effects
    this.objects = new Objects({ rows: this.rows, clients: this.clients, effects })
    this.objects.onAvailable = (token, row) => this.#dependencyThere(token, row)
    this.scheduler = new Scheduler({ rows: this.rows, resources, kinds: this.kinds, effects })
  }

  #kind(row: number): Kind {
    return this.kinds[this.rows.kind[row]] as Kind
  }

  // ---- tasks

  /** A new task. Its arguments lie in `from`. */
  submit(client: Client, task: Submission, from: Bytes, now: number): void {
    const { rows } = this
    if (task.number > numberMax) throw new RangeError('a task number out of range')
    const kind = this.kinds[task.kind]
    if (!kind) throw new Error(`no function ${task.kind}`)
    const row = rows.add(state.waiting, client.id, task.slot, task.number, task.kind)
    rows.holders[row] = 1
    rows.retries[row] = kind.retries
    rows.submittedAt[row] = now
    client.map(task.slot, row)
    this.#descend(row, client, task.parent)
    this.#keepArguments(row, from)
    if (task.contained.length > 0) {
      const held = this.objects.rowsOfKeys(task.contained)
      for (const one of held) this.objects.hold(one)
      rows.more(row).holds = held
    }
    if (task.dependencies.length > 0 && !this.#depend(row, client, task.dependencies)) return
    this.#queue(row, kind)
  }

  /** The job of what a client does now: a worker's is that of the tasks on its thread. */
  jobOf(client: Client): number {
    return client.thread < 0 ? client.job : Math.max(0, this.scheduler.threads.get(client.thread)?.job ?? 0)
  }

  #descend(row: number, client: Client, parentToken: number): void {
    const { rows } = this
    rows.job[row] = this.jobOf(client)
    const parent = parentToken >= 0 ? rows.rowOf(parentToken) : -1
    if (parent < 0) return
    rows.parent[row] = parentToken
    rows.depth[row] = Math.min(rows.depth[parent] + 1, 0xffff)
    rows.job[row] = rows.job[parent]
  }

  #keepArguments(row: number, from: Bytes): void {
    const { rows } = this
    rows.argumentBytes[row] = from.bytes
    if (from.bytes > limits.rowArgumentBytes) {
      rows.more(row).arguments = from.u8.slice(from.at, from.at + from.bytes)
      return
    }
    const to = row * limits.rowArgumentBytes
    for (let i = 0; i < from.bytes; i++) rows.arguments[to + i] = from.u8[from.at + i]
  }

  /** Notes what a task waits for. Whether it waits for nothing (any more). */
  #depend(row: number, client: Client, dependencies: readonly number[]): boolean {
    const { rows } = this
    const extra = rows.more(row)
    const count = dependencies.length / 2
    const on = new Int32Array(count).fill(-1)
    extra.dependencies = on
    extra.values = new Array(count)
    extra.holds ??= []
    const { holds } = extra
    let failed = -1
    for (let i = 0; i < count; i++) {
      const there = client.row(dependencies[2 * i])
      if (there < 0 || (rows.number[there] | 0) !== dependencies[2 * i + 1]) {
        extra.missing++
        this.#effects.need(client.id, rows.slot[row], i)
        continue
      }
      on[i] = there
      holds.push(there)
      this.objects.hold(there)
      if (rows.state[there] === state.failed) failed = there
      else if (rows.state[there] !== state.ready) {
        extra.missing++
        const other = rows.more(there)
        other.waiters ??= []
        other.waiters.push(rows.token(row))
      }
    }
    if (failed >= 0) {
      this.#failLike(row, failed)
      return false
    }
    return extra.missing === 0
  }

  #dependencyThere(token: number, dependency: number): void {
    const { rows } = this
    const row = rows.rowOf(token)
    if (row < 0 || rows.state[row] !== state.waiting) return
    if (rows.state[dependency] === state.failed) {
      this.#failLike(row, dependency)
      return
    }
    const extra = rows.more(row)
    if (--extra.missing === 0) this.#queue(row, this.#kind(row))
  }

  /** The client's answer to `need`. */
  supply(client: Client, slot: number, dependency: number, failed: boolean, from: Bytes): void {
    const { rows } = this
    const row = client.row(slot)
    const extra = row < 0 ? undefined : rows.extra[row]
    if (!extra?.values || rows.state[row] !== state.waiting) return
    const value = from.u8.slice(from.at, from.at + from.bytes)
    if (failed) {
      this.#finish(row, true, { u8: value, at: 0, bytes: value.length }, undefined, 'its dependency failed')
      return
    }
    extra.values[dependency] = value
    if (--extra.missing === 0) this.#queue(row, this.#kind(row))
  }

  #failLike(row: number, dependency: number): void {
    const value = this.rows.extra[dependency]?.value as Uint8Array
    this.#finish(row, true, { u8: value, at: 0, bytes: value.length }, undefined, 'its dependency failed')
  }

  #queue(row: number, kind: Kind): void {
    this.scheduler.enqueue(row)
    if (kind.impossible) this.#effects.timer(this.rows.token(row), kind.infeasibleTimeoutMs, 'infeasible')
  }

  /** An attempt began: for those with a limit on their time. */
  started(token: number): void {
    const row = this.rows.rowOf(token)
    if (row < 0 || this.rows.state[row] !== state.running) return
    const kind = this.#kind(row)
    if (kind.timed) this.#effects.timer(token, kind.timeoutMs, 'timeout')
  }

  /** An attempt ended by itself. */
  done(token: number, thread: number, end: TaskEnd, from: Bytes, now: number): void {
    const { rows } = this
    const ghost = this.#ghosts.get(token)
    const row = rows.rowOf(token)
    if (row < 0 || rows.thread[row] !== thread || ghost) {
      if (ghost) this.#endGhost(token, ghost, now)
      if (end.offset >= 0) this.#effects.free(end.offset)
      return
    }
    const suspended = rows.state[row] === state.suspended || rows.state[row] === state.resuming
    if (suspended) this.scheduler.drop(row, now)
    else this.scheduler.ended(row, end.endedAt - end.startedAt, end.awaited, now)
    if (end.failed && end.retry && rows.retries[row] !== 0) {
      this.#again(row, { thread, startedAt: end.startedAt, endedAt: end.endedAt, error: end.error }, true)
      return
    }
    rows.startedAt[row] = end.startedAt
    if (end.offset >= 0) {
      this.#remember(row, false, end.endedAt, undefined)
      this.objects.completeStored(row, end.offset, end.bytes, this.#contained(end.contained))
      return
    }
    this.#finish(row, end.failed, from, this.#contained(end.contained), end.error, end.endedAt)
  }

  #contained(keys: readonly number[]): number[] | undefined {
    return keys.length > 0 ? this.objects.rowsOfKeys(keys) : undefined
  }

  #finish(row: number, failed: boolean, from: Bytes, holds: number[] | undefined, error?: string, endedAt = 0): void {
    this.#remember(row, failed, endedAt, error)
    this.objects.complete(row, failed, from, holds)
  }

  #remember(row: number, failed: boolean, endedAt: number, error: string | undefined): void {
    const { rows } = this
    if (rows.kind[row] < 0) return
    const startedAt = rows.thread[row] >= 0 ? rows.startedAt[row] : 0
    const end = this.#ended
    end.failed = failed
    end.startedAt = startedAt
    end.endedAt = endedAt
    end.error = error
    this.history.add(rows, row, this.#kind(row), end)
  }

  /** Runs a task again; its arguments are held until it is committed. */
  #again(row: number, attempt: Attempt | undefined, usesRetry: boolean): void {
    const { rows } = this
    if (attempt) {
      const extra = rows.more(row)
      extra.attempts ??= []
      extra.attempts.push(attempt)
    }
    if (usesRetry && rows.retries[row] > 0) rows.retries[row]--
    rows.attempt[row]++
    rows.thread[row] = -1
    this.scheduler.enqueue(row)
  }

  // ---- time, threads, ends

  timeUp(token: number, why: TimerReason, now: number): void {
    if (why === 'grace') {
      const ghost = this.#ghosts.get(token)
      if (ghost) this.#effects.endThread(ghost.thread)
      return
    }
    const row = this.rows.rowOf(token)
    if (row < 0) return
    const kind = this.#kind(row)
    if (why === 'infeasible') {
      if (this.rows.state[row] !== state.queued || !kind.impossible) return
      this.scheduler.remove(one => one === row)
      this.#failTask(row, {
        kind: 'infeasible',
        name: kind.name,
        ...kind.impossible,
        timeoutMs: kind.infeasibleTimeoutMs,
      })
      return
    }
    if (this.rows.state[row] < state.running || this.rows.state[row] > state.resuming) return
    this.#giveUp(row, now)
    this.#failTask(row, { kind: 'timeout', name: kind.name, timeoutMs: kind.timeoutMs }, now)
  }

  #failTask(row: number, failure: Failure, endedAt = 0): void {
    const value = failure.kind === 'code' ? failure.bytes : this.#effects.encode(failure, row)
    const error = failure.kind === 'timeout' ? `ran past ${failure.timeoutMs} ms` : failure.kind
    this.#finish(row, true, { u8: value, at: 0, bytes: value.length }, undefined, error, endedAt)
  }

  /** Stops waiting for a running attempt: told to stop, and its thread is ended if it does not. */
  #giveUp(row: number, now: number): void {
    const { rows } = this
    const thread = rows.thread[row]
    const token = rows.token(row)
    if (rows.state[row] !== state.running) {
      this.scheduler.drop(row, now)
      this.#effects.abort(thread, token)
      return
    }
    this.#ghosts.set(token, { kind: this.#kind(row), thread, gpus: rows.extra[row]?.gpus })
    this.#effects.abort(thread, token)
    this.#effects.timer(token, limits.abortGraceMs, 'grace')
  }

  #endGhost(token: number, ghost: Ghost, now: number): void {
    this.#ghosts.delete(token)
    this.scheduler.vacate(ghost.thread, ghost.kind, now, ghost.gpus)
  }

  /** Whether a thread is to be ended because of a task that was given up, and that task's name. */
  stoppedOn(thread: number): string | undefined {
    for (const ghost of this.#ghosts.values()) if (ghost.thread === thread) return ghost.kind.name
    return undefined
  }

  /** A worker thread is gone, with everything that ran on it. */
  threadEnded(thread: number, end: ThreadEnd, now: number): void {
    const { rows } = this
    for (const [token, ghost] of this.#ghosts) {
      if (ghost.thread !== thread) continue
      this.#ghosts.delete(token)
      if (ghost.gpus) this.scheduler.giveGpus(ghost.gpus, ghost.kind)
    }
    const { begun, ahead } = this.scheduler.threadEnded(thread)
    for (const row of ahead) this.scheduler.again(row)
    const culprit = end.culprit >= 0 ? rows.rowOf(end.culprit) : -1
    const known = end.stoppedTask !== undefined || culprit >= 0
    for (const row of begun) {
      const kind = this.#kind(row)
      const innocent = known && row !== culprit
      const attempt = { thread, startedAt: rows.startedAt[row], endedAt: now, error: end.reason }
      const mayRun = innocent ? kind.retries !== 0 : rows.retries[row] !== 0
      if (mayRun) {
        this.#again(row, attempt, !innocent)
        continue
      }
      const stoppedTask = innocent
        ? (end.stoppedTask ?? (culprit >= 0 ? this.#kind(culprit).name : undefined))
        : undefined
      const { exitCode, lastLines, reason } = end
      rows.thread[row] = thread
      this.#failTask(row, { kind: 'worker-died', name: kind.name, exitCode, lastLines, reason, stoppedTask }, now)
    }
  }

  /** The code of a function cannot be loaded at this peer: its task fails. */
  codeFailed(token: number, thread: number, bytes: Uint8Array, now: number): void {
    const row = this.rows.rowOf(token)
    if (row < 0 || this.rows.thread[row] !== thread) return
    this.scheduler.ended(row, 0, false, now)
    this.#failTask(row, { kind: 'code', bytes })
  }

  /** A job is over: nothing of it starts any more, what runs is stopped; finished objects live on while others hold them. */
  endJob(job: number, now: number): void {
    const { rows } = this
    const mine = (row: number): boolean => rows.job[row] === job && rows.kind[row] >= 0
    const unstarted: number[] = []
    const running: number[] = []
    for (let row = 0; row < rows.capacity; row++) {
      const at = rows.state[row]
      if (at === state.free || at >= state.ready || !mine(row)) continue
      if (at === state.running || at === state.suspended || at === state.resuming) running.push(row)
      else unstarted.push(row)
    }
    if (unstarted.length > 0) {
      const set = new Set(unstarted)
      this.scheduler.remove(row => set.has(row))
    }
    for (const row of running) {
      // What was sent ahead and has not begun is simply taken back.
      if (rows.state[row] === state.running && this.#effects.revoke(rows.thread[row], row)) {
        this.scheduler.vacate(rows.thread[row], this.#kind(row), now, rows.extra[row]?.gpus)
      } else this.#giveUp(row, now)
    }
    const failure: Failure = { kind: 'lost', reason: 'the program that submitted it has ended' }
    for (const row of [...unstarted, ...running]) if (rows.state[row] !== state.free) this.#failTask(row, failure, now)
  }

  /** Tasks that are not finished. */
  *liveTasks(): Iterable<number> {
    const { rows } = this
    for (let row = 0; row < rows.capacity; row++) {
      if (rows.state[row] >= state.waiting && rows.state[row] <= state.resuming && rows.kind[row] >= 0) yield row
    }
  }

  /** Whether any task is not finished. */
  get busy(): boolean {
    for (const _ of this.liveTasks()) return true
    return this.#ghosts.size > 0
  }

  /** A client is gone. */
  detach(client: Client): void {
    this.clients.delete(client.id)
    this.objects.detach(client)
  }
}

/** How an attempt ended, as its record says it. */
export interface TaskEnd {
  failed: boolean
  retry: boolean
  awaited: boolean
  /** Place in the store, or -1. */
  offset: number
  bytes: number
  contained: readonly number[]
  startedAt: number
  endedAt: number
  /** For people: the error in a line. */
  error: string | undefined
}
