import type { Objects } from './objects.ts'
import type { Phases } from './phases.ts'
import { state } from './rows.ts'
import type { SchedulerEffects } from './scheduler.ts'

/** A task that has its place on a thread, and whose stored arguments are not all in the store. */
interface Staged {
  thread: number
  token: number
  width: number
  /** Pins of those arguments that are. */
  pins: number[]
  /** Since when the rest is read, and how many bytes that is. */
  since: number
  bytes: number
}

/**
 * Between the scheduler and the threads: a task's stored arguments are in the store, and pinned, when it is sent to its thread;
 * the thread's host unpins them. Those on disk are read back then, for one task after the other, so that two tasks with half of
 * their arguments each never wait for each other's room.
 */
export class Staging {
  readonly #objects: Objects
  readonly #effects: SchedulerEffects
  readonly #phases: Phases
  readonly #queue: Staged[] = []

  constructor(objects: Objects, effects: SchedulerEffects, phases: Phases) {
    this.#objects = objects
    this.#effects = effects
    this.#phases = phases
  }

  /** The effects that the scheduler is given. */
  around(effects: SchedulerEffects): SchedulerEffects {
    return {
      startThread: (thread, pool) => effects.startThread(thread, pool),
      endThread: thread => effects.endThread(thread),
      run: (thread, row, width) => this.#run(thread, row, width),
      revoke: (thread, row) => this.revoke(row) || effects.revoke(thread, row),
      resume: (thread, row) => effects.resume(thread, row),
    }
  }

  #run(thread: number, row: number, width: number): void {
    const { rows } = this.#objects
    if (!rows.extra[row]?.dependencies) {
      this.#effects.run(thread, row, width)
      return
    }
    const staged = { thread, token: rows.token(row), width, pins: [], since: 0, bytes: 0 }
    if (this.#isHere(row) && this.#missing(row) < 0) this.#send(staged, row)
    else this.#queue.push(staged)
  }

  /** The stored arguments of a row that lie at this peer or elsewhere: the rows that have their bytes. */
  *#stored(row: number): Iterable<number> {
    const { rows } = this.#objects
    for (const on of rows.extra[row]?.dependencies ?? []) {
      if (on >= 0 && !rows.extra[on]?.value) yield this.#objects.place(on)
    }
  }

  /** The first of a row's stored arguments that is not in the store, or -1. */
  #missing(row: number): number {
    for (const place of this.#stored(row)) if ((this.#objects.rows.extra[place]?.offset ?? -1) < 0) return place
    return -1
  }

  /** All are in the store: pinned, each as often as it is an argument, until the thread has read them. */
  #send({ thread, width, pins, since, bytes }: Staged, row: number): void {
    const { objects, view } = { objects: this.#objects, view: this.views(row) }
    for (const place of this.#stored(row)) objects.pin(place, view)
    for (const token of pins) objects.unpin(token)
    if (bytes > 0) {
      const { client, number, attempt } = objects.rows
      const task = { client: client[row], number: number[row], attempt: attempt[row] }
      this.#phases.add(task, 'fetch', { startedAt: since, bytes })
    }
    this.#effects.run(thread, row, width)
  }

  /** Whether a row's function reads its arguments in place, for as long as it likes. */
  views: (row: number) => boolean = () => false

  /** Takes a task back that has not been sent. False: it has. */
  revoke(row: number): boolean {
    const token = this.#objects.rows.token(row)
    const at = this.#queue.findIndex(staged => staged.token === token)
    if (at < 0) return false
    const [{ pins }] = this.#queue.splice(at, 1)
    for (const pin of pins) this.#objects.unpin(pin)
    return true
  }

  /** Sends what can be sent now. Gives the tasks whose arguments are not at this peer any more: they are no longer here. */
  advance(): number[] {
    const unfit: number[] = []
    const { rows } = this.#objects
    for (let at = 0; at < this.#queue.length; ) {
      const staged = this.#queue[at]
      const row = rows.rowOf(staged.token)
      if (row < 0) {
        this.#queue.splice(at, 1)
      } else if (!this.#isHere(row)) {
        this.revoke(row)
        unfit.push(row)
      } else if (this.#missing(row) < 0) {
        this.#queue.splice(at, 1)
        this.#send(staged, row)
      } else {
        if (at === 0) this.#fetch(staged, row)
        at++
      }
    }
    return unfit
  }

  /** Whether every argument is here: its value, in the store, or on this peer's disk. */
  #isHere(row: number): boolean {
    const { rows } = this.#objects
    for (const on of rows.extra[row]?.dependencies ?? []) {
      if (on >= 0 && (rows.state[on] === state.failed || !(rows.extra[on]?.value || this.#objects.isHere(on))))
        return false
    }
    return true
  }

  /** Pins what is there, and has the rest read. */
  #fetch(staged: Staged, row: number): void {
    const { pins } = staged
    const objects = this.#objects
    const { rows } = objects
    for (const place of new Set(this.#stored(row))) {
      const extra = rows.more(place)
      if (extra.offset >= 0) {
        if (!pins.includes(rows.token(place))) pins.push(objects.pin(place).token)
      } else if (!extra.pulling) {
        extra.waiters ??= []
        if (!extra.waiters.includes(rows.token(row))) extra.waiters.push(rows.token(row))
        if (staged.bytes === 0) staged.since = this.#phases.clock()
        staged.bytes += extra.bytes
        objects.pull(place, true)
      }
    }
  }
}
