import { isRef, waitForMesh } from '../client/index.ts'
import { get } from '../get.ts'
import type { ActorHandle, ObjectRef, PoolCall } from '../types.ts'
import type { Crew, Outcome, Source, Work } from './crew.ts'

/** Results of one `map` that lie unread, at most: past it the actors are left to others until somebody reads. */
const unreadMax = 1000

/** A value that was read, what its call gave, and what came of it. */
interface Slot {
  ref: ObjectRef<unknown> | undefined
  outcome: Outcome | undefined
}

interface Reader<R> {
  resolve(result: IteratorResult<R, undefined>): void
  reject(reason: unknown): void
}

type Input<V> = { kind: 'sync'; iterator: Iterator<V> } | { kind: 'async'; iterator: AsyncIterator<V> }

/**
 * Values that go through a pool, and their results. A value is read when an actor is free for it; nobody needs to have read a
 * result. One that failed rejects its `next()`, and the following go on; nothing new is begun until there is another `next()`.
 */
export class Mapping<T, V, R> implements Source<T>, AsyncIterableIterator<R, undefined>, AsyncDisposable {
  readonly #crew: Crew<T>
  readonly #fn: PoolCall<T, V, R>
  readonly #ordered: boolean
  #input: Input<V> | undefined
  #inputFailure: { reason: unknown } | undefined
  /** The input is in the middle of giving a value. */
  #reading = false
  /** A value that an async input gave when another had taken the actor. */
  #held: { value: V } | undefined
  /** What was read and not given, in its order; unordered: what is done stands in `#done`, too. */
  readonly #slots = new Set<Slot>()
  readonly #done = new Set<Slot>()
  readonly #readers: Reader<R>[] = []

  constructor(crew: Crew<T>, fn: PoolCall<T, V, R>, values: Iterable<V> | AsyncIterable<V>, ordered: boolean) {
    this.#crew = crew
    this.#fn = fn
    this.#ordered = ordered
    try {
      this.#input = open(values)
      crew.open(this)
    } catch (reason) {
      this.#inputFailure = { reason }
    }
  }

  // ---- for the crew

  take(): Work<T> | undefined {
    if (this.#slots.size >= unreadMax) {
      this.#crew.close(this)
      return undefined
    }
    const held = this.#held ?? this.#read()
    this.#held = undefined
    if (held === undefined) return undefined
    const slot: Slot = { ref: undefined, outcome: undefined }
    this.#slots.add(slot)
    return {
      call: (actor: ActorHandle<T>) => {
        slot.ref = this.#fn(actor, held.value)
        return slot.ref
      },
      ended: outcome => this.#ended(slot, outcome),
    }
  }

  /** The next value of a sync input; that of an async one comes later, and asks for an actor then. */
  #read(): { value: V } | undefined {
    const input = this.#input
    if (input === undefined || this.#reading) return undefined
    this.#reading = true
    if (input.kind === 'async') {
      void this.#readLater(input.iterator)
      return undefined
    }
    try {
      return this.#accept(input.iterator.next())
    } catch (reason) {
      this.#inputFailed(reason)
      return undefined
    } finally {
      this.#reading = false
    }
  }

  async #readLater(iterator: AsyncIterator<V>): Promise<void> {
    try {
      this.#held = this.#accept(await iterator.next())
    } catch (reason) {
      this.#inputFailed(reason)
    }
    this.#reading = false
    this.#crew.dispatch()
  }

  #accept(result: IteratorResult<V>): { value: V } | undefined {
    if (this.#input === undefined) return undefined // somebody left the loop meanwhile
    if (!result.done) return { value: result.value }
    this.#inputEnded()
    return undefined
  }

  #inputFailed(reason: unknown): void {
    if (this.#input !== undefined) this.#inputFailure = { reason }
    this.#inputEnded()
  }

  #inputEnded(): void {
    this.#input = undefined
    this.#crew.close(this)
    this.#give()
  }

  #ended(slot: Slot, outcome: Outcome): void {
    if (!this.#slots.has(slot)) return
    slot.outcome = outcome
    this.#done.add(slot)
    this.#give()
  }

  // ---- for the reader

  next(): Promise<IteratorResult<R, undefined>> {
    const next = new Promise<IteratorResult<R, undefined>>((resolve, reject) => {
      this.#readers.push({ resolve, reject })
    })
    this.#give()
    if (this.#input !== undefined || this.#held !== undefined) this.#crew.open(this)
    return waitForMesh(next)
  }

  async return(): Promise<IteratorResult<R, undefined>> {
    for (const { ref } of this.#slots) if (isRef(ref)) ref.asked = true // they run on unheard, whatever comes of them
    this.#slots.clear()
    this.#done.clear()
    this.#held = undefined
    this.#inputFailure = undefined
    const input = this.#input
    this.#inputEnded()
    const closing = input?.iterator.return?.()
    // An async input that is in the middle of a value closes after it, and nobody waits for that here.
    if (input?.kind === 'async' && this.#reading) Promise.resolve(closing).catch(() => {})
    else await closing
    return { done: true, value: undefined }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Gives what is done to those who wait; the end, when there is nothing more to come. */
  #give(): void {
    while (this.#readers.length > 0) {
      const slot = this.#nextDone()
      if (slot !== undefined) {
        this.#slots.delete(slot)
        this.#done.delete(slot)
        this.#giveTo(this.#readers.shift()!, slot.outcome!)
      } else if (this.#input === undefined && this.#held === undefined && this.#slots.size === 0) {
        const reader = this.#readers.shift()!
        const failure = this.#inputFailure
        this.#inputFailure = undefined
        if (failure === undefined) reader.resolve({ done: true, value: undefined })
        else reader.reject(failure.reason)
      } else return
    }
  }

  #nextDone(): Slot | undefined {
    const [first] = this.#ordered ? this.#slots : this.#done
    return first?.outcome === undefined ? undefined : first
  }

  #giveTo(reader: Reader<R>, outcome: Outcome): void {
    const failed = (reason: unknown) => {
      // A loop has ended by it, and tells nobody.
      if (this.#readers.length === 0) this.#crew.close(this)
      reader.reject(reason)
    }
    if ('reason' in outcome) failed(outcome.reason)
    else get(outcome.ref as ObjectRef<R>).then(value => reader.resolve({ done: false, value }), failed)
  }
}

function open<V>(values: Iterable<V> | AsyncIterable<V>): Input<V> {
  const { [Symbol.asyncIterator]: async } = values as Partial<AsyncIterable<V>>
  if (typeof async === 'function') return { kind: 'async', iterator: async.call(values) }
  return { kind: 'sync', iterator: (values as Iterable<V>)[Symbol.iterator]() }
}
