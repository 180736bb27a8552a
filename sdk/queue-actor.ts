import { context } from './context.ts'

/** Taken places at the front of the list that are kept before they are cut off. */
const takenMax = 1024

/** A call that waits. `settle` answers it, and ends its waiting. */
interface Waiter<Answer> {
  settle(answer: Answer): void
}

type Putter = Waiter<boolean> & { readonly item: unknown }
type Taker = Waiter<unknown[]> & { readonly count: number }

/**
 * The actor behind a Queue. Code of Shoal's own is not shipped: the peer that runs it has this very class, and captured code
 * names it by file and name. Its answers are data, so that the caller makes the errors. A waiting call that is cancelled, or
 * whose caller is gone, leaves at once and takes nothing.
 *
 * Always: who waits to take waits since nothing is there; who waits to put waits since it is full; both in their order.
 */
export class QueueActor {
  readonly #maxSize: number
  #items: unknown[] = []
  #taken = 0
  readonly #putters = new Set<Putter>()
  readonly #takers = new Set<Taker>()

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
  put(item: readonly [unknown], timeoutMs?: number): boolean | Promise<boolean> {
    if (this.add(item)) return true
    return this.#wait(this.#putters, { item: item[0] }, { timeoutMs, otherwise: false })
  }

  /** Up to `count` items, at least one as soon as there is one; none: it took too long. */
  take(count: number, timeoutMs?: number): unknown[] | Promise<unknown[]> {
    if (this.size() === 0) return this.#wait(this.#takers, { count }, { timeoutMs, otherwise: [] })
    const items = this.#cut(count)
    this.#match()
    return items
  }

  /** Gives what is there to those who wait for it, and the room that there is to those who wait for that. */
  #match(): void {
    for (;;) {
      const [taker] = this.size() > 0 ? this.#takers : []
      const [putter] = this.size() < this.#maxSize ? this.#putters : []
      if (taker !== undefined) taker.settle(this.#cut(taker.count))
      else if (putter !== undefined) {
        this.#items.push(putter.item)
        putter.settle(true)
      } else return
    }
  }

  #cut(count: number): unknown[] {
    const items = this.#items.slice(this.#taken, this.#taken + count)
    this.#items.fill(undefined, this.#taken, this.#taken + items.length)
    this.#taken += items.length
    if (this.#taken === this.#items.length || this.#taken >= takenMax) {
      this.#items = this.#items.slice(this.#taken)
      this.#taken = 0
    }
    return items
  }

  #wait<Data, Answer>(
    waiters: Set<Data & Waiter<Answer>>,
    data: Data,
    { timeoutMs, otherwise }: { timeoutMs: number | undefined; otherwise: Answer },
  ): Answer | Promise<Answer> {
    const { signal } = context()
    if (timeoutMs === 0 || signal.aborted) return otherwise
    return new Promise(resolve => {
      let timer: NodeJS.Timeout | undefined
      const leave = () => waiter.settle(otherwise)
      const waiter = {
        ...data,
        settle(answer: Answer) {
          clearTimeout(timer)
          signal.removeEventListener('abort', leave)
          waiters.delete(waiter)
          resolve(answer)
        },
      }
      waiters.add(waiter)
      signal.addEventListener('abort', leave, { once: true })
      if (timeoutMs !== undefined) timer = setTimeout(leave, timeoutMs)
    })
  }
}
