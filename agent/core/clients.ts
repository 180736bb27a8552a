/** One user of the agent: a driver, or a worker thread whose tasks submit tasks. Names objects by slots of its own. */
export class Client {
  readonly id: number
  /** The job of what it submits; a worker's is that of the task that submits. */
  readonly job: number
  /** Its thread, or -1 for a driver. */
  readonly thread: number
  /** Kinds by the client's own function index. */
  readonly kinds: number[] = []
  #rows = new Int32Array(256).fill(-1)

  constructor(id: number, job: number, thread: number) {
    this.id = id
    this.job = job
    this.thread = thread
  }

  /** The row that a slot names, or -1. */
  row(slot: number): number {
    return slot >= 0 && slot < this.#rows.length ? this.#rows[slot] : -1
  }

  map(slot: number, row: number): void {
    if (slot >= this.#rows.length) {
      const larger = new Int32Array(Math.max(this.#rows.length * 2, slot + 1)).fill(-1)
      larger.set(this.#rows)
      this.#rows = larger
    }
    this.#rows[slot] = row
  }

  unmap(slot: number): number {
    const row = this.row(slot)
    if (row >= 0) this.#rows[slot] = -1
    return row
  }

  /** Every slot that names something. */
  *slots(): Iterable<{ slot: number; row: number }> {
    for (let slot = 0; slot < this.#rows.length; slot++) {
      if (this.#rows[slot] >= 0) yield { slot, row: this.#rows[slot] }
    }
  }
}

/** An object's name among all clients of one agent, as a map's key. */
export function keyOf(client: number, number: number): number {
  return client * 0x10_0000_0000 + number
}

/** The largest client and object numbers that `keyOf` can tell apart. */
export const clientMax = 0x1_ffff
export const numberMax = 0xf_ffff_ffff
