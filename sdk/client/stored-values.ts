import type { RecordMemory } from '../../wire/inbox.ts'
import { limits } from '../../wire/limits.ts'
import type { Outbox } from '../../wire/outbox.ts'
import { high, joined, low, record } from '../../wire/records.ts'
import { alignedAfterWords, sendWords } from '../../wire/texts.ts'
import type { RefData } from './ref-data.ts'

/** A large value on its way into the store. */
interface Outgoing {
  ref: RefData
  bytes: Uint8Array
  contained: number[]
}

interface Fetch {
  ref: RefData
  promise: Promise<void>
  resolve(): void
  reject(reason: Error): void
  /** Of a client that does not see the store. */
  bytes: Uint8Array | undefined
}

/** Values in the agent's store, as a client reads and writes them: in place where it sees the memory, else over its socket. */
export class StoredValues {
  readonly #outbox: Outbox
  readonly #store: Uint8Array | undefined
  readonly #outgoing = new Map<number, Outgoing>()
  readonly #fetches = new Map<number, Fetch>()
  /** Refs of views that were given out live as long as the views. */
  readonly #viewed = new WeakMap<object, RefData>()

  constructor(outbox: Outbox, store: SharedArrayBuffer | undefined) {
    this.#outbox = outbox
    this.#store = store ? new Uint8Array(store) : undefined
  }

  awaitRoom(slot: number, outgoing: Outgoing): void {
    this.#outgoing.set(slot, outgoing)
  }

  /** There is room for a value that waits: in it goes. */
  room(slot: number, offset: number, sealed: (ref: RefData) => void): void {
    const outgoing = this.#outgoing.get(slot)
    if (!outgoing) return
    this.#outgoing.delete(slot)
    const { ref, bytes, contained } = outgoing
    if (this.#store) {
      this.#store.set(bytes, offset)
      ref.offset = offset
    } else this.#fill(slot, bytes)
    ref.storedBytes = bytes.length
    const keys = contained.length / 2
    const at = this.#outbox.begin(record.seal, ref.shared ? 2 : 0, (6 + 3 * keys) * 4)
    const word = at >> 2
    const { i32 } = this.#outbox
    i32[word] = slot
    i32[word + 3] = keys
    for (let i = 0, to = word + 6; i < contained.length; i += 2, to += 3) {
      i32[to] = contained[i]
      i32[to + 1] = low(contained[i + 1])
      i32[to + 2] = high(contained[i + 1])
    }
    this.#outbox.end()
    sealed(ref)
  }

  #fill(slot: number, bytes: Uint8Array): void {
    const head = alignedAfterWords(4)
    const piece = limits.recordBytes - 64
    for (let from = 0; from < bytes.length; from += piece) {
      const n = Math.min(piece, bytes.length - from)
      const at = this.#outbox.begin(record.fill, 0, head + n)
      const word = at >> 2
      this.#outbox.i32[word] = slot
      this.#outbox.i32[word + 1] = low(from)
      this.#outbox.i32[word + 2] = high(from)
      this.#outbox.i32[word + 3] = n
      this.#outbox.u8.set(bytes.subarray(from, from + n), at + head)
      this.#outbox.end()
    }
  }

  /** Where a stored value's bytes can be read at once, or undefined. */
  bytesHere(ref: RefData): { u8: Uint8Array; at: number; bytes: number } | undefined {
    if (ref.value instanceof Uint8Array) return { u8: ref.value, at: 0, bytes: ref.value.length }
    if (!this.#store || ref.offset < 0) return undefined
    return { u8: this.#store, at: ref.offset, bytes: ref.storedBytes }
  }

  /** Asks where the value is, or for its bytes. */
  fetch(ref: RefData): Promise<void> {
    const open = this.#fetches.get(ref.slot)
    if (open) return open.promise
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#fetches.set(ref.slot, { ref, promise, resolve, reject, bytes: undefined })
    sendWords(this.#outbox, record.fetch, 0, ref.slot)
    return promise
  }

  located(slot: number, offset: number): void {
    const fetch = this.#fetches.get(slot)
    if (!fetch) return
    this.#fetches.delete(slot)
    fetch.ref.offset = offset
    fetch.resolve()
  }

  /** The bytes cannot be had. */
  failed(slot: number, error: Error): void {
    const fetch = this.#fetches.get(slot)
    this.#fetches.delete(slot)
    fetch?.reject(error)
  }

  piece(memory: RecordMemory, at: number): void {
    const word = at >> 2
    const { i32, u8 } = memory
    const fetch = this.#fetches.get(i32[word])
    if (!fetch) return
    const from = joined(i32[word + 1], i32[word + 2])
    const n = i32[word + 3]
    const total = joined(i32[word + 4], i32[word + 5])
    fetch.bytes ??= new Uint8Array(total)
    const begin = at + alignedAfterWords(6)
    fetch.bytes.set(u8.subarray(begin, begin + n), from)
    if (from + n < total) return
    this.#fetches.delete(i32[word])
    fetch.ref.value = fetch.bytes
    fetch.resolve()
  }

  /** Views hold what they show, however the program treats its ref. */
  holdWhileViewed(value: unknown, ref: RefData): void {
    const seen = new Set<object>()
    const open: unknown[] = [value]
    while (open.length > 0) {
      const one = open.pop()
      if (typeof one !== 'object' || one === null || seen.has(one)) continue
      seen.add(one)
      if (ArrayBuffer.isView(one)) this.#viewed.set(one, ref)
      else if (one instanceof Map) for (const [key, held] of one) open.push(key, held)
      else if (one instanceof Set) open.push(...one)
      else open.push(...Object.values(one))
    }
  }

  close(error: Error): void {
    for (const { reject } of this.#fetches.values()) reject(error)
    this.#fetches.clear()
    this.#outgoing.clear()
  }
}
