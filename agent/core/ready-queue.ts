import type { Rows } from './rows.ts'

/** Deeper tasks than this share a queue. */
const DEPTH_MAX = 63

/**
 * The rows of one function that wait to run: those deepest in the tree of tasks first (their parents hold memory and wait
 * for them), in order of submission within a depth. Linked through the rows' own `next`, so that queueing allocates nothing.
 */
export class ReadyQueue {
  readonly #rows: Rows
  readonly #heads: number[] = []
  readonly #tails: number[] = []
  #deepest = -1
  count = 0

  constructor(rows: Rows) {
    this.#rows = rows
  }

  #depth(row: number): number {
    const depth = Math.min(this.#rows.depth[row], DEPTH_MAX)
    while (this.#heads.length <= depth) {
      this.#heads.push(-1)
      this.#tails.push(-1)
    }
    if (depth > this.#deepest) this.#deepest = depth
    return depth
  }

  push(row: number): void {
    const depth = this.#depth(row)
    this.#rows.next[row] = -1
    if (this.#heads[depth] < 0) this.#heads[depth] = row
    else this.#rows.next[this.#tails[depth]] = row
    this.#tails[depth] = row
    this.count++
  }

  /** Puts back what had been taken, before all others of its depth. */
  unshift(row: number): void {
    const depth = this.#depth(row)
    this.#rows.next[row] = this.#heads[depth]
    if (this.#heads[depth] < 0) this.#tails[depth] = row
    this.#heads[depth] = row
    this.count++
  }

  #settle(): void {
    while (this.#deepest >= 0 && this.#heads[this.#deepest] < 0) this.#deepest--
  }

  /** The row that `shift` would give, or -1. */
  peek(): number {
    this.#settle()
    return this.#deepest < 0 ? -1 : this.#heads[this.#deepest]
  }

  /** Depth of that row, or -1. */
  get deepest(): number {
    this.#settle()
    return this.#deepest
  }

  shift(): number {
    const row = this.peek()
    if (row < 0) return -1
    const depth = this.#deepest
    this.#heads[depth] = this.#rows.next[row]
    if (this.#heads[depth] < 0) this.#tails[depth] = -1
    this.#rows.next[row] = -1
    this.count--
    return row
  }

  /** Every row, those deepest first. */
  *rows(): Iterable<number> {
    for (let depth = this.#heads.length - 1; depth >= 0; depth--) {
      for (let row = this.#heads[depth]; row >= 0; ) {
        const next = this.#rows.next[row]
        yield row
        row = next
      }
    }
  }

  /** Takes out every row for which `taken` says so. */
  remove(taken: (row: number) => boolean): void {
    for (let depth = 0; depth < this.#heads.length; depth++) {
      let kept = -1
      for (let row = this.#heads[depth]; row >= 0; ) {
        const next = this.#rows.next[row]
        if (taken(row)) {
          if (kept < 0) this.#heads[depth] = next
          else this.#rows.next[kept] = next
          this.#rows.next[row] = -1
          this.count--
        } else kept = row
        row = next
      }
      this.#tails[depth] = kept
    }
  }
}
