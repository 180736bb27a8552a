import type { RefData } from './ref-data.ts'

/** More than an agent has rows. */
const SLOTS_MAX = 2 ** 26

/** Small numbers by which agent and client name objects on their channel; each is used again when it is free. */
export class Slots {
  readonly #refs: (RefData | undefined)[] = []
  readonly #free: number[] = []
  /** How often each has been freed. */
  readonly #uses: number[] = []

  take(): number {
    const free = this.#free.pop()
    if (free !== undefined) return free
    this.#refs.push(undefined)
    this.#uses.push(0)
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
    this.#uses[slot]++
    this.#free.push(slot)
  }

  /** Names this use of a slot. */
  use(slot: number): number {
    return this.#uses[slot] * SLOTS_MAX + slot
  }

  /** The slot of a use, or -1 if it has been freed since. */
  slotOf(use: number): number {
    const slot = use % SLOTS_MAX
    return this.#uses[slot] === Math.floor(use / SLOTS_MAX) ? slot : -1
  }

  *refs(): Iterable<RefData> {
    for (const ref of this.#refs) if (ref) yield ref
  }
}
