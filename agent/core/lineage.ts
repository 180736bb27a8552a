import { limits } from './limits.ts'
import type { Objects } from './objects.ts'
import { type Rows, state } from './rows.ts'

/** What a row takes at least. */
const ROW_BYTES = 256

/** What the lineage has done by the owner of the tasks. */
export interface LineageEffects {
  /** Runs a task once more; all its arguments are there. */
  queue(row: number): void
  /** A task fails like its argument. */
  failLike(row: number, dependency: number): void
  /** What a running task has given is needed again. */
  missed(task: number, index: number): void
}

/**
 * How values are made again (protocols §2). A task whose value could be lost keeps its arguments and the rows of its
 * dependencies, not their values: what only lineage holds lets its value go, everywhere, and is made again itself should
 * it be needed. Bounded; past it the older half is forgotten.
 */
export class Lineage {
  readonly #rows: Rows
  readonly #objects: Objects
  readonly #effects: LineageEffects
  /** Rows that keep their specification, the oldest first; some have lost it since. */
  #kept: number[] = []
  #bytes = 0

  constructor(rows: Rows, objects: Objects, effects: LineageEffects) {
    this.#rows = rows
    this.#objects = objects
    this.#effects = effects
    objects.onForgotten = row => {
      this.#bytes -= this.#size(row)
    }
    objects.onGone = (row, reason) => this.makeAgain(row, reason)
  }

  get bytes(): number {
    return this.#bytes
  }

  #size(row: number): number {
    const { argumentBytes, extra } = this.#rows
    let bytes = ROW_BYTES + argumentBytes[row]
    for (const value of extra[row]?.values ?? []) bytes += value?.length ?? 0
    return bytes
  }

  /**
   * A task's value is there, and may be lost: its specification stays. `held`: the rows that its arguments name. Of an actor,
   * which is made anew as long as it lives, what no task could make again goes on being held.
   */
  keep(row: number, held: readonly number[]): void {
    const extra = this.#rows.more(row)
    const needed: number[] = []
    const others: number[] = []
    for (const one of held) (extra.actor && this.#obstacle(one) !== undefined ? needed : others).push(one)
    extra.lineage = others
    if (needed.length > 0) extra.needed = needed
    this.#kept.push(this.#rows.token(row))
    this.#bytes += this.#size(row)
    for (const one of others) this.#objects.holdForLineage(one)
    if (this.#bytes > limits.lineageBytesMax) this.#forgetHalf()
    else if (this.#kept.length > 2 * this.#rows.live + 1024) this.#kept = this.#kept.filter(token => this.#keeps(token))
  }

  #keeps(token: number): boolean {
    const row = this.#rows.rowOf(token)
    return row >= 0 && this.#rows.more(row).lineage !== undefined
  }

  #forgetHalf(): void {
    let at = 0
    // How an actor is made is kept as long as it lives.
    const actors: number[] = []
    for (; at < this.#kept.length && this.#bytes > limits.lineageBytesMax / 2; at++) {
      const row = this.#rows.rowOf(this.#kept[at])
      if (row < 0 || !this.#rows.more(row).lineage) continue
      if (this.#rows.more(row).actor) {
        actors.push(this.#kept[at])
        continue
      }
      const extra = this.#rows.more(row)
      this.#objects.forgetLineage(row)
      extra.arguments = undefined
      extra.dependencies = undefined
      extra.values = undefined
      extra.forgotten = true
    }
    this.#kept.splice(0, at, ...actors)
  }

  /** Why a value cannot be made again, or undefined. */
  #obstacle(row: number): string | undefined {
    const { kind, retries, extra, state: at } = this.#rows
    const madeBy = extra[row]?.madeBy
    if (madeBy) return at[madeBy.task] < state.ready ? undefined : this.#obstacle(madeBy.task)
    if (kind[row] < 0) return 'it was put, and only what tasks gave can be made again (put it with tier: replicated)'
    if (extra[row]?.home) return 'it belongs to another peer'
    if (extra[row]?.forgotten)
      return `how it was made is forgotten: this peer keeps ${limits.lineageBytesMax / 2 ** 30} GiB of that`
    if (!extra[row]?.lineage) return 'how it was made is not kept'
    if (retries[row] === 0) return 'its retries are used up'
    return undefined
  }

  /** A value is lost or was let go: its task runs again, within its retries, as far back as needed. Why not, if it cannot. */
  makeAgain(row: number, reason: string): string | undefined {
    const obstacle = this.#obstacle(row)
    if (obstacle !== undefined) return obstacle
    const open: number[] = []
    this.#start(row, reason, open)
    for (let next = open.pop(); next !== undefined; next = open.pop()) this.#gather(next, open)
    return undefined
  }

  /** What makes a value begins; of what a task that runs is to give anyway, it is awaited. The task comes into `open`. */
  #start(row: number, reason: string, open: number[]): void {
    const rows = this.#rows
    const extra = rows.more(row)
    const task = extra.madeBy?.task ?? row
    if (task !== row) {
      rows.state[row] = state.expected
      extra.locations = undefined
      const inside = extra.holds
      extra.holds = undefined
      if (inside) for (const held of inside) this.#objects.letGo(held)
      if (rows.state[task] < state.ready) {
        this.#effects.missed(task, extra.madeBy?.index ?? 0)
        return
      }
    }
    this.#begin(task, reason)
    open.push(task)
  }

  #begin(row: number, reason: string): void {
    const rows = this.#rows
    const extra = rows.more(row)
    if (rows.retries[row] > 0) rows.retries[row]--
    const lost = extra.attempts?.at(-1)
    if (lost) lost.error = reason
    rows.attempt[row]++
    if (extra.actor) extra.actor.restarts++
    rows.peer[row] = -1
    rows.thread[row] = -1
    rows.state[row] = state.waiting
    const inside = extra.holds
    this.#bytes -= this.#size(row)
    const { lineage = [], needed = [] } = extra
    extra.holds = [...lineage, ...needed]
    extra.lineage = undefined
    if (extra.needed) extra.needed = undefined
    extra.locations = undefined
    extra.missing = 0
    for (const held of lineage) rows.more(held).lineageHolders--
    if (inside) for (const held of inside) this.#objects.letGo(held)
  }

  /** Waits for what a task needs. Of that, what was let go or lost is begun too, and comes into `open`. */
  #gather(row: number, open: number[]): void {
    const rows = this.#rows
    const objects = this.#objects
    const extra = rows.more(row)
    for (const on of extra.dependencies ?? []) {
      if (on < 0) continue
      if (rows.state[on] === state.gone) {
        if (objects.isForeign(on)) objects.borrowAgain(on)
        else {
          const obstacle = this.#obstacle(on)
          if (obstacle === undefined) this.#start(on, 'it is needed again', open)
          else objects.fail(on, { kind: 'lost', reason: `it is needed again, and ${obstacle}` })
        }
      }
      if (rows.state[on] === state.failed) {
        this.#effects.failLike(row, on)
        return
      }
      objects.checkPlace(on)
      const nowhere = (rows.more(on).locations?.length ?? 0) === 0 && !objects.isHere(on)
      const away = rows.state[on] === state.remote && nowhere
      if (objects.settled(on) && !away) continue
      extra.missing++
      objects.awaitFor(on, rows.token(row))
    }
    if (extra.missing === 0) this.#effects.queue(row)
  }
}
