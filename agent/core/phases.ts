/** What is remembered of a task beside its submission and its runs. */
export type Phase = 'wait' | 'fetch' | 'store'

const names: readonly Phase[] = ['wait', 'fetch', 'store']

/** A phase of a task, as the timeline shows it. */
export interface TaskPhase {
  /** Its place in all that was ever remembered. */
  place: number
  client: number
  number: number
  attempt: number
  phase: Phase
  startedAt: number
  endedAt: number
  bytes: number
}

/**
 * The last phases that only some tasks have: waiting for arguments, fetching them from elsewhere, storing a large result. A
 * ring of typed arrays, made at its first use; a task without dependencies and with a small result leaves nothing here.
 */
export class Phases {
  /** Milliseconds since the epoch; set by the shell. */
  clock: () => number = () => 0
  readonly #capacity: number
  #client!: Int32Array
  #number!: Float64Array
  #attempt!: Uint16Array
  #phase!: Uint8Array
  #startedAt!: Float64Array
  #endedAt!: Float64Array
  #bytes!: Float64Array
  /** How many were ever remembered. */
  #added = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  add(
    { client, number, attempt }: { client: number; number: number; attempt: number },
    phase: Phase,
    { startedAt, endedAt = this.clock(), bytes = 0 }: { startedAt: number; endedAt?: number; bytes?: number },
  ): void {
    if (this.#added === 0) this.#make()
    const at = this.#added++ % this.#capacity
    this.#client[at] = client
    this.#number[at] = number
    this.#attempt[at] = attempt
    this.#phase[at] = names.indexOf(phase)
    this.#startedAt[at] = startedAt
    this.#endedAt[at] = Math.max(startedAt, endedAt)
    this.#bytes[at] = bytes
  }

  #make(): void {
    const capacity = this.#capacity
    this.#client = new Int32Array(capacity)
    this.#number = new Float64Array(capacity)
    this.#attempt = new Uint16Array(capacity)
    this.#phase = new Uint8Array(capacity)
    this.#startedAt = new Float64Array(capacity)
    this.#endedAt = new Float64Array(capacity)
    this.#bytes = new Float64Array(capacity)
  }

  /** Oldest first, from a place on; what has fallen out of the ring is passed over. */
  *entries(from = 0): Iterable<TaskPhase> {
    for (let place = Math.max(from, this.#added - this.#capacity); place < this.#added; place++) {
      // More may have come since the last one was taken.
      if (place < this.#added - this.#capacity) continue
      const at = place % this.#capacity
      yield {
        place,
        client: this.#client[at],
        number: this.#number[at],
        attempt: this.#attempt[at],
        phase: names[this.#phase[at]],
        startedAt: this.#startedAt[at],
        endedAt: this.#endedAt[at],
        bytes: this.#bytes[at],
      }
    }
  }
}
