import { PoolEmptyError } from '../errors/index.ts'
import { get } from '../get.ts'
import type { ActorHandle, ObjectRef, PoolCall } from '../types.ts'
import type { Crew, Outcome, Source, Work } from './crew.ts'
import { Limit } from './limit.ts'

/** One that was submitted and whose result nobody has had. */
interface Item {
  outcome: Outcome | undefined
  /** Somebody waits for it, or reads it. */
  claimed: boolean
  /** Tells who waits for this one. */
  done: (() => void) | undefined
}

/** The items that were submitted one by one, and those who ask for their results. */
export class Submitted<T> implements Source<T> {
  readonly #crew: Crew<T>
  /** What no actor has begun. */
  readonly #queue: Work<T>[] = []
  /** In the order in which they were submitted. */
  readonly #items = new Set<Item>()
  #claimed = 0
  /** Those that are done and not claimed, in the order in which they came to be. */
  readonly #ready = new Set<Item>()
  /** Each waits for whatever is done next. */
  readonly #readers = new Set<(item: Item) => void>()

  constructor(crew: Crew<T>) {
    this.#crew = crew
    crew.open(this)
  }

  submit<V, R>(fn: PoolCall<T, V, R>, value: V): void {
    const item: Item = { outcome: undefined, claimed: false, done: undefined }
    this.#items.add(item)
    this.#queue.push({
      call: (actor: ActorHandle<T>): ObjectRef<unknown> => fn(actor, value),
      ended: outcome => {
        item.outcome = outcome
        this.#offer(item)
      },
    })
    this.#crew.dispatch()
  }

  take(): Work<T> | undefined {
    return this.#queue.shift()
  }

  /** How many results nobody waits for yet. */
  get left(): number {
    return this.#items.size - this.#claimed - this.#readers.size
  }

  /** The result of the first item that nobody waits for, in the order in which they were submitted. */
  async next(timeoutMs: number | undefined): Promise<unknown> {
    this.#checkLeft('next')
    const item = this.#items.values().find(one => !one.claimed)!
    this.#claim(item)
    return await this.#result(item, new Limit('next of an ActorPool', timeoutMs))
  }

  /** The result of the first item that is done. */
  async nextUnordered(timeoutMs: number | undefined): Promise<unknown> {
    this.#checkLeft('nextUnordered')
    const limit = new Limit('nextUnordered of an ActorPool', timeoutMs)
    const [ready] = this.#ready
    if (ready !== undefined) {
      this.#claim(ready)
      return await this.#result(ready, limit)
    }
    const item = await limit.wait<Item>(resolve => {
      this.#readers.add(resolve)
      return () => this.#readers.delete(resolve)
    })
    return await this.#result(item, limit)
  }

  /** A done item goes to whoever waits for it, else to the first who takes any, else it lies ready. */
  #offer(item: Item): void {
    if (item.claimed) {
      item.done?.()
      return
    }
    const [reader] = this.#readers
    if (reader === undefined) {
      this.#ready.add(item)
      return
    }
    this.#readers.delete(reader)
    this.#claim(item)
    reader(item)
  }

  /** What a claimed item came to. Where the time is over it is given back, and may be another's when this rejects. */
  async #result(item: Item, limit: Limit): Promise<unknown> {
    let mine = true
    const giveBack = () => {
      mine = false
      this.#giveBack(item)
    }
    try {
      if (item.outcome === undefined) {
        await limit.wait<void>(resolve => {
          item.done = resolve
          return giveBack
        })
      }
      const outcome = item.outcome!
      if ('reason' in outcome) throw outcome.reason
      return await get(outcome.ref, limit.rest)
    } catch (error) {
      // `get` of a value that is at another peer, and takes its time.
      if (mine && limit.isOver && (error as { code?: unknown })?.code === 'SHOAL_GET_TIMEOUT') giveBack()
      throw error
    } finally {
      if (mine) this.#forget(item)
    }
  }

  #claim(item: Item): void {
    item.claimed = true
    this.#claimed++
    this.#ready.delete(item)
  }

  #giveBack(item: Item): void {
    item.claimed = false
    item.done = undefined
    this.#claimed--
    if (item.outcome !== undefined) this.#offer(item)
  }

  #forget(item: Item): void {
    this.#items.delete(item)
    this.#claimed--
  }

  #checkLeft(call: string): void {
    if (this.left <= 0) {
      const others = this.#items.size === 0 ? '' : '; for all that was, somebody waits already'
      throw new PoolEmptyError(
        `${call} of an ActorPool without work: nothing was submitted that was not given${others}`,
      )
    }
    if (this.#crew.size === 0 && this.#ready.size === 0)
      throw new PoolEmptyError(`${call} of an ActorPool without actors: what was submitted begins when one is pushed`)
  }
}
