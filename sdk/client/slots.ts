import type { RefData } from './ref-data.ts'

/** Small numbers by which agent and client name objects on their channel; each is used again when it is free. */
export class Slots {
  readonly #refs: (RefData | undefined)[] = []
  readonly #free: number[] = []

  take(): number {
    const free = this.#free.pop()
    if (free !== undefined) return free
    this.#refs.push(undefined)
    return this.#refs.length - 1
  }

  /** Holds the ref that a result is to come for. */
  set(slot: number, ref: RefData | undefined): void {
    this.#refs[slot] = ref
  }

  get(slot: number): RefData | undefined {
    return this.#refs[slot]
  }

  free(slot: number): void {
    this.#refs[slot] = undefined
    this.#free.push(slot)
  }

  *refs(): Iterable<RefData> {
    for (const ref of this.#refs) if (ref) yield ref
  }
}
