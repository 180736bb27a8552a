import { isRef, whenReady } from './client/index.ts'
import { Feed } from './feed.ts'
import { checkMapItems, checkMapOptions } from './options/index.ts'
import type { MapOptions, ObjectRef } from './types.ts'

/** Items in work at once, unless told: dozens of CPUs are kept busy, and what is read ahead stays small. */
const concurrencyDefault = 64

/** Items read but not given yet, as a multiple of `concurrency`: so that a slow one at the head does not idle the rest at once. */
const windowFactor = 2

/**
 * Runs `submit` on every item and gives the results, in the items' order or (`ordered: false`) as they come.
 * Nothing is read before the first result is asked for. At most `concurrency` items are in work; at most twice as many
 * are read and not given yet. A slow input does not hold up results. The first failure, of an item or of the input, ends
 * it, after the results of the items before it; an input that is not at its end is closed. It can be read once.
 * @throws InvalidOptionError at the call
 */
export function map<X, R>(
  submit: (item: X) => ObjectRef<R>,
  items: Iterable<X> | AsyncIterable<X>,
  options?: MapOptions,
): AsyncIterableIterator<R | ObjectRef<R>, undefined> {
  checkMapItems(items)
  const { concurrency = concurrencyDefault, ordered = true, refs = false } = checkMapOptions(options)
  return new Mapping({ submit, items, concurrency, ordered, refs }).feed
}

interface Settings<X, R> {
  submit: (item: X) => ObjectRef<R>
  items: Iterable<X> | AsyncIterable<X>
  concurrency: number
  ordered: boolean
  refs: boolean
}

/** An item that was read: what it came to, once it has, and what lets go of its ref. */
interface Slot<T> {
  outcome?: { value: T } | { reason: unknown }
  abandon?: () => void
}

class Mapping<X, R> {
  readonly feed: Feed<R | ObjectRef<R>>
  readonly #settings: Settings<X, R>
  #input: Input<X> | undefined
  /** The items read and not given to the feed yet, in their order. */
  readonly #slots: Set<Slot<R | ObjectRef<R>>> = new Set()
  /** Those whose tasks are not done. */
  #working = 0
  /** Those in the feed that nobody has taken. */
  #untaken = 0
  #reading = false
  /** Nothing more is read: the input is at its end, or something failed. */
  #ended = false
  #inputFailure: { reason: unknown } | undefined

  constructor(settings: Settings<X, R>) {
    this.#settings = settings
    const start = () => this.#start()
    const taken = () => {
      this.#untaken--
      this.#read()
    }
    this.feed = new Feed({ start, taken, close: () => this.#close() })
  }

  #start(): void {
    try {
      this.#input = open(this.#settings.items)
    } catch (reason) {
      this.#inputFailed(reason)
    }
    this.#read()
  }

  /** Reads items while there is room: one after the other, from a sync input all at once. */
  #read(): void {
    if (this.#reading) return
    this.#reading = true
    while (!this.#ended && this.#room && this.#input !== undefined) {
      if (this.#input.kind === 'async') {
        void this.#readLater(this.#input.iterator)
        return
      }
      try {
        this.#accept(this.#input.iterator.next())
      } catch (reason) {
        this.#inputFailed(reason)
      }
    }
    this.#reading = false
    this.#endIfDone()
  }

  get #room(): boolean {
    const { concurrency } = this.#settings
    return this.#working < concurrency && this.#slots.size + this.#untaken < concurrency * windowFactor
  }

  /** One item of an async input; then on. */
  async #readLater(iterator: AsyncIterator<X>): Promise<void> {
    try {
      this.#accept(await iterator.next())
    } catch (reason) {
      this.#inputFailed(reason)
    }
    this.#reading = false
    this.#read()
  }

  #accept(result: IteratorResult<X>): void {
    if (result.done) {
      this.#input = undefined
      this.#ended = true
    } else if (!this.#ended) {
      this.#submit(result.value)
    }
  }

  #inputFailed(reason: unknown): void {
    this.#input = undefined
    this.#inputFailure = { reason }
    this.#ended = true
  }

  #submit(item: X): void {
    const slot: Slot<R | ObjectRef<R>> = {}
    this.#slots.add(slot)
    let ref: ObjectRef<R>
    try {
      ref = this.#settings.submit(item)
    } catch (reason) {
      this.#settle(slot, { reason })
      return
    }
    let unsubscribe: (() => void) | undefined
    slot.abandon = () => {
      unsubscribe?.()
      forgo(ref)
    }
    this.#working++
    unsubscribe = whenReady(ref, () => {
      this.#working--
      this.#ready(slot, ref)
      this.#read()
    })
  }

  /** An item's task is done, well or not: its ref, or its value, is the outcome. */
  #ready(slot: Slot<R | ObjectRef<R>>, ref: ObjectRef<R>): void {
    if (this.#settings.refs) {
      this.#settle(slot, { value: ref })
      return
    }
    const settle = (outcome: { value: R } | { reason: unknown }) => {
      ref.release()
      this.#settle(slot, outcome)
    }
    ref.get().then(
      value => settle({ value }),
      (reason: unknown) => settle({ reason }),
    )
  }

  #settle(slot: Slot<R | ObjectRef<R>>, outcome: NonNullable<Slot<R | ObjectRef<R>>['outcome']>): void {
    if (!this.#slots.has(slot)) return // closed meanwhile
    slot.outcome = outcome
    if ('reason' in outcome) this.#ended = true
    if (this.#settings.ordered) this.#giveInOrder()
    else this.#give(slot)
    this.#endIfDone()
  }

  #giveInOrder(): void {
    for (const slot of this.#slots) {
      if (slot.outcome === undefined) return
      this.#give(slot)
      if ('reason' in slot.outcome) return
    }
  }

  #give(slot: Slot<R | ObjectRef<R>>): void {
    const outcome = slot.outcome!
    this.#slots.delete(slot)
    if ('reason' in outcome) {
      this.feed.fail(outcome.reason)
      return
    }
    this.#untaken++
    this.feed.push(outcome.value)
  }

  #endIfDone(): void {
    if (!this.#ended || this.#slots.size > 0) return
    if (this.#inputFailure === undefined) this.feed.end()
    else this.feed.fail(this.#inputFailure.reason)
  }

  /** Lets go of what is in work, which runs on unheard, and closes the input. */
  async #close(): Promise<void> {
    this.#ended = true
    const slots = [...this.#slots]
    this.#slots.clear()
    for (const slot of slots) slot.abandon?.()
    const input = this.#input
    this.#input = undefined
    const closing = input?.iterator.return?.()
    // An async input that is in the middle of an item closes after it, and nobody waits for that here.
    if (input?.kind === 'async' && this.#reading) Promise.resolve(closing).catch(() => {})
    else await closing
  }
}

type Input<X> = { kind: 'sync'; iterator: Iterator<X> } | { kind: 'async'; iterator: AsyncIterator<X> }

/** Lets go of what runs on unheard: the loop has ended, whatever comes of it. */
function forgo(ref: ObjectRef<unknown>): void {
  if (isRef(ref)) ref.asked = true
  ref.release()
}

function open<X>(items: Iterable<X> | AsyncIterable<X>): Input<X> {
  const { [Symbol.asyncIterator]: async } = items as Partial<AsyncIterable<X>>
  if (typeof async === 'function') return { kind: 'async', iterator: async.call(items) }
  return { kind: 'sync', iterator: (items as Iterable<X>)[Symbol.iterator]() }
}
