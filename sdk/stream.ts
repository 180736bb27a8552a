import { inspect } from 'node:util'
import { type RefData, StreamReader } from './client/index.ts'
import { type Own, own } from './options/index.ts'
import type { ObjectRef, ObjectStream } from './types.ts'

/** Streams that nobody has any more: their generators come to their end. */
const dropped = new FinalizationRegistry<StreamReader>(reader => reader.drop())

/** What `.remote()` of a generator gives. */
export class Stream<T> implements ObjectStream<T> {
  readonly #reader: StreamReader

  constructor(ref: RefData, taken = 0) {
    this.#reader = new StreamReader(ref, taken)
    dropped.register(this, this.#reader)
  }

  /** How it is read: for `wait`, `cancel` and values that it travels in. */
  static reader(stream: Stream<unknown>): StreamReader {
    return stream.#reader
  }

  get id(): string {
    return this.#reader.ref.id
  }

  next(): Promise<IteratorResult<ObjectRef<T>, undefined>> {
    return this.#reader
      .next()
      .then(ref => (ref ? { done: false, value: ref as unknown as ObjectRef<T> } : { done: true, value: undefined }))
  }

  return(): Promise<IteratorResult<ObjectRef<T>, undefined>> {
    this.#reader.close()
    return Promise.resolve({ done: true, value: undefined })
  }

  release(): void {
    // Where it was passed on it is read there.
    if (this.#reader.passedOn) this.#reader.drop()
    else this.#reader.close()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reader.close()
  }

  get [own](): Own {
    return { kind: 'stream', text: 'an ObjectStream' }
  }

  /** For logs, as a ref's. */
  toJSON(): string {
    return this.id
  }

  [inspect.custom](): string {
    return `ObjectStream ${this.id}`
  }
}

/** Whether a value is a stream of this module's making. */
export function isStream(value: unknown): value is Stream<unknown> {
  return value instanceof Stream
}
