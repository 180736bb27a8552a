import { limits } from './limits.ts'

const WHOLE = limits.unitsPerResource

/**
 * Which GPUs a task is given, by number: whole ones to itself, a part of one together with others. How many there are free is
 * the resource table's affair; here is only who has which.
 */
export class Gpus {
  readonly #free: number[]

  constructor(count: number) {
    this.#free = new Array(Math.floor(count)).fill(WHOLE)
  }

  /** Takes this much, in units. Fewer ids than asked for where the parts that are free lie on several. */
  take(units: number): number[] {
    const ids: number[] = []
    for (let whole = Math.floor(units / WHOLE); whole > 0; whole--) {
      const id = this.#free.indexOf(WHOLE)
      if (id < 0) break
      this.#free[id] = 0
      ids.push(id)
    }
    const part = units % WHOLE
    if (part === 0) return ids
    // The fullest that has room, so that whole ones stay whole.
    let best = -1
    for (let id = 0; id < this.#free.length; id++) {
      if (this.#free[id] >= part && (best < 0 || this.#free[id] < this.#free[best])) best = id
    }
    if (best >= 0) {
      this.#free[best] -= part
      ids.push(best)
    }
    return ids
  }

  /** Gives back what `take` gave for the same amount. */
  give(ids: readonly number[], units: number): void {
    const whole = Math.floor(units / WHOLE)
    const part = units % WHOLE
    for (let i = 0; i < ids.length; i++) {
      const amount = i < whole ? WHOLE : part
      this.#free[ids[i]] = Math.min(WHOLE, this.#free[ids[i]] + amount)
    }
  }
}
