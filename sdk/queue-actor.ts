import { context } from './context.ts'
import { Line } from './queue-line.ts'

/** Taken places at the front of the list that are kept before they are cut off. */
const takenMax = 1024

/**
 * The actor behind a Queue. Code of Shoal's own is not shipped: the peer that runs it has this very class, and captured code
 * names it by file and name. Its answers are data, so that the caller makes the errors; a number says: ask again, with that.
 *
 * Who waits stands in one of two lines; what asks for something at once (`timeoutMs` 0) does not care about them.
 */
export class QueueActor {
  readonly #maxSize: number
  #items: unknown[] = []
  #taken = 0
  readonly #putters = new Line(() => this.#match())
  readonly #takers = new Line(() => this.#match())

  /** @param maxSize 0: no bound */
  constructor(maxSize: number) {
    this.#maxSize = maxSize === 0 ? Number.POSITIVE_INFINITY : maxSize
  }

  size(): number {
    return this.#items.length - this.#taken
  }

  /** All of the items or none of them, now: whether they were put. A ref among them stays one, since they are inside a list. */
  add(items: readonly unknown[]): boolean {
    if (this.size() + items.length > this.#maxSize) return false
    for (const item of items) this.#items.push(item)
    this.#match()
    return true
  }

  /** One item, when there is room: whether there was in time. */
  put(item: readonly [unknown], timeoutMs?: number, place?: number): boolean | Promise<boolean | number> {
    const isCalled = this.#putters.comes(place)
    const kept = isCalled || timeoutMs === 0 ? 0 : this.#putters.expected
    if (this.size() + kept < this.#maxSize) return this.add(item)
    return this.#wait(this.#putters, { place, timeoutMs, otherwise: false })
  }

  /** Up to `count` items, at least one as soon as there is one; none: it took too long. */
  take(count: number, timeoutMs?: number, place?: number): unknown[] | Promise<unknown[] | number> {
    const isCalled = this.#takers.comes(place)
    const kept = timeoutMs === 0 ? 0 : this.#takers.expected
    const least = isCalled && this.size() > 0 ? 1 : 0
    const free = Math.max(least, this.size() - kept)
    if (free <= 0) return this.#wait(this.#takers, { place, timeoutMs, otherwise: [] })
    const items = this.#cut(Math.min(count, free))
    this.#match()
    return items
  }

  /** Calls as many as there is something for. */
  #match(): void {
    while (this.#takers.waiting > 0 && this.size() > this.#takers.expected) this.#takers.call()
    while (this.#putters.waiting > 0 && this.size() + this.#putters.expected < this.#maxSize) this.#putters.call()
  }

  #cut(count: number): unknown[] {
    const items = this.#items.slice(this.#taken, this.#taken + count)
    this.#items.fill(undefined, this.#taken, this.#taken + count)
    this.#taken += count
    if (this.#taken === this.#items.length || this.#taken >= takenMax) {
      this.#items = this.#items.slice(this.#taken)
      this.#taken = 0
    }
    return items
  }

  #wait<Nothing>(
    line: Line,
    { place, timeoutMs, otherwise }: { place?: number; timeoutMs?: number; otherwise: Nothing },
  ): Nothing | Promise<Nothing | number> {
    const { signal } = context()
    if (timeoutMs === 0 || signal.aborted) {
      this.#match() // it may have been called
      return otherwise
    }
    return line.wait(place, timeoutMs, signal).then(answer => answer ?? otherwise)
  }
}
