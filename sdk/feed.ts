import { waitForMesh } from './client/index.ts'

/** What stands behind a feed. */
export interface FeedSource {
  /** Called once, at the first `next()`: nothing happens before anybody reads. */
  start(): void
  /** Called when the reader has taken a value, so that the source can go on. */
  taken?(): void
  /** Called once, when the reader leaves, the feed has failed or has ended: lets go of everything. */
  close(): void | Promise<void>
}

/** Places of taken values that are kept before they are cut off. */
const takenMax = 1024

interface Reader<T> {
  resolve(result: IteratorResult<T, undefined>): void
  reject(reason: unknown): void
}

/**
 * Values that come from callbacks, as an async iterator: `push` as they come, then `end` or `fail`. What was pushed before
 * a failure is still given. Unlike an async generator, `return()` takes effect while a `next()` is waiting.
 * How much is buffered is the source's affair: it learns from `taken` when it may go on.
 */
export class Feed<T> implements AsyncIterableIterator<T, undefined>, AsyncDisposable {
  readonly #source: FeedSource
  /** Those from `#given` on are there to be taken: a queue whose taken part is cut off now and then, not at each step. */
  readonly #values: (T | undefined)[] = []
  #given = 0
  readonly #readers: Reader<T>[] = []
  #state: 'new' | 'open' | 'ending' | 'closed' = 'new'
  #failure: { reason: unknown } | undefined

  constructor(source: FeedSource) {
    this.#source = source
  }

  /** Gives a value to the first waiting reader, or keeps it for the next one. */
  push(value: T): void {
    if (this.#state !== 'open') return
    const reader = this.#readers.shift()
    if (reader === undefined) {
      this.#values.push(value)
      return
    }
    reader.resolve({ done: false, value })
    this.#source.taken?.()
  }

  /** No further values. */
  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#finish()
  }

  /** No further values, and the reader is told why, after those that are there. */
  fail(reason: unknown): void {
    if (this.#state !== 'open') return
    this.#failure = { reason }
    this.end()
  }

  /** Tells the reader why at once, before values that are there. */
  abort(reason: unknown): void {
    if (this.#state !== 'open' && this.#state !== 'ending') return
    this.#drop()
    this.#state = 'open'
    this.fail(reason)
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#state === 'new') {
      this.#state = 'open'
      this.#source.start()
    }
    if (this.#given < this.#values.length) {
      const value = this.#take()
      this.#source.taken?.()
      return Promise.resolve({ done: false, value })
    }
    const next = new Promise<IteratorResult<T, undefined>>((resolve, reject) => {
      this.#readers.push({ resolve, reject })
      this.#finish()
    })
    return waitForMesh(next)
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#failure = undefined
    this.#drop()
    const closing = this.#close()
    for (const reader of this.#readers.splice(0)) reader.resolve({ done: true, value: undefined })
    await closing
    return { done: true, value: undefined }
  }

  async throw(reason?: unknown): Promise<IteratorResult<T, undefined>> {
    await this.return()
    throw reason
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #drop(): void {
    this.#values.length = 0
    this.#given = 0
  }

  #take(): T {
    const value = this.#values[this.#given] as T
    this.#values[this.#given] = undefined
    this.#given++
    if (this.#given === this.#values.length || this.#given === takenMax) {
      this.#values.splice(0, this.#given)
      this.#given = 0
    }
    return value
  }

  /** Tells the waiting readers that it is over, once everything is let go: the first of them why, if it failed. */
  #finish(): void {
    if (this.#readers.length === 0 || (this.#state !== 'ending' && this.#state !== 'closed')) return
    const failure = this.#failure
    this.#failure = undefined
    const readers = this.#readers.splice(0)
    const tell = (closing?: { reason: unknown }) => {
      const told = failure ?? closing
      if (told !== undefined) readers.shift()?.reject(told.reason)
      for (const reader of readers) reader.resolve({ done: true, value: undefined })
    }
    this.#close().then(
      () => tell(),
      reason => tell({ reason }),
    )
  }

  async #close(): Promise<void> {
    const before = this.#state
    this.#state = 'closed'
    if (before !== 'closed' && before !== 'new') await this.#source.close()
  }
}
