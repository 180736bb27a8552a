import type { RecordMemory } from '../../wire/inbox.ts'
import { limits } from '../../wire/limits.ts'
import type { Outbox } from '../../wire/outbox.ts'
import { high, joined, low, record } from '../../wire/records.ts'
import { alignedAfterWords, sendWords } from '../../wire/texts.ts'
import type { Pieces } from '../../wire/values/index.ts'
import { ViewPins } from '../../wire/view-pins.ts'
import type { RefData } from './ref-data.ts'

/** A large value on its way into the store. */
interface Outgoing {
  ref: RefData
  /** Its bytes, or what writes them. */
  bytes: Uint8Array | Pieces
  contained: number[]
}

/** Where bytes of a stored value can be read. */
export interface Place {
  u8: Uint8Array
  at: number
  bytes: number
}

/** Bytes that were asked for, by one reader or by several at a time. */
interface Fetch {
  ref: RefData
  view: boolean
  promise: Promise<Place>
  resolve(place: Place): void
  reject(reason: Error): void
  /** Those who have not read yet, and what was read. */
  readers: number
  read: unknown[]
  /** What the agent has pinned for them. */
  token: number
  /** Of a client that does not see the store. */
  bytes: Uint8Array | undefined
}

/**
 * Values in the agent's store, as a client reads and writes them: in place where it sees the memory, else over its socket. In the
 * store a value stays where it is only while it is read: it may go to disk, and come back to another place.
 */
export class StoredValues {
  readonly #outbox: Outbox
  readonly #memory: SharedArrayBuffer | undefined
  readonly #store: Uint8Array | undefined
  readonly #outgoing = new Map<number, Outgoing>()
  /** By slot, twice, plus 1 for views. */
  readonly #fetches = new Map<number, Fetch>()
  readonly #pins: ViewPins
  readonly #letGo: (ref: RefData) => void

  /** `letGo`: nobody reads this ref's value any more. */
  constructor(outbox: Outbox, store: SharedArrayBuffer | undefined, letGo: (ref: RefData) => void) {
    this.#outbox = outbox
    this.#memory = store
    this.#store = store ? new Uint8Array(store) : undefined
    this.#letGo = letGo
    this.#pins = new ViewPins(token => sendWords(outbox, record.unpin, 1, token))
  }

  /** Whether this value still waits for its room. */
  waits(slot: number): boolean {
    return this.#outgoing.has(slot)
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
    if (!(bytes instanceof Uint8Array)) bytes.writeTo(this.#store as Uint8Array, offset)
    else if (this.#store) this.#store.set(bytes, offset)
    else this.#fill(slot, bytes)
    ref.storedBytes = bytes instanceof Uint8Array ? bytes.length : bytes.bytes
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

  /**
   * Reads a stored value, from where the agent says that it is: `read` is called when it is there, and only then. `view`: what
   * `read` gives looks at the store, and holds it.
   */
  async fetch<T>(ref: RefData, view: boolean, read: (place: Place) => T): Promise<T> {
    const fetch = this.#open(ref, view)
    fetch.readers++
    try {
      const value = read(await fetch.promise)
      if (view) fetch.read.push(value)
      return value
    } finally {
      if (--fetch.readers === 0) this.#end(fetch)
    }
  }

  #open(ref: RefData, view: boolean): Fetch {
    const key = 2 * ref.slot + (view ? 1 : 0)
    const open = this.#fetches.get(key)
    if (open) return open
    const { promise, resolve, reject } = Promise.withResolvers<Place>()
    const fetch = { ref, view, promise, resolve, reject, readers: 0, read: [], token: -1, bytes: undefined }
    this.#fetches.set(key, fetch)
    ref.fetches++
    sendWords(this.#outbox, record.fetch, view ? 1 : 0, ref.slot)
    return fetch
  }

  /** All have read. */
  #end({ ref, view, token, read }: Fetch): void {
    if (token >= 0) {
      if (view && read.length > 0) this.#pins.hold(read, token, this.#memory as SharedArrayBuffer)
      else sendWords(this.#outbox, record.unpin, view ? 1 : 0, token)
    }
    if (--ref.fetches === 0 && ref.released) this.#letGo(ref)
  }

  #take(slot: number, view: boolean): Fetch | undefined {
    const key = 2 * slot + (view ? 1 : 0)
    const fetch = this.#fetches.get(key)
    this.#fetches.delete(key)
    return fetch
  }

  /** The agent has pinned a value for this client. */
  located(slot: number, place: { at: number; bytes: number; token: number; view: boolean }): void {
    const { at, bytes, token, view } = place
    const fetch = this.#take(slot, view)
    if (!fetch) {
      sendWords(this.#outbox, record.unpin, view ? 1 : 0, token)
      return
    }
    fetch.token = token
    fetch.resolve({ u8: this.#store as Uint8Array, at, bytes })
  }

  /** The bytes cannot be had. */
  failed(slot: number, error: Error): void {
    for (const view of [false, true]) this.#take(slot, view)?.reject(error)
  }

  piece(memory: RecordMemory, at: number): void {
    const word = at >> 2
    const { i32, u8 } = memory
    const slot = i32[word]
    const fetch = this.#fetches.get(2 * slot) ?? this.#fetches.get(2 * slot + 1)
    if (!fetch) return
    const from = joined(i32[word + 1], i32[word + 2])
    const n = i32[word + 3]
    const total = joined(i32[word + 4], i32[word + 5])
    fetch.bytes ??= new Uint8Array(total)
    const begin = at + alignedAfterWords(6)
    fetch.bytes.set(u8.subarray(begin, begin + n), from)
    if (from + n < total) return
    const { bytes } = fetch
    fetch.ref.value = bytes
    // Whoever else asks for them has them now, too.
    for (const view of [false, true]) this.#take(slot, view)?.resolve({ u8: bytes, at: 0, bytes: total })
  }

  close(error: Error): void {
    for (const { reject } of this.#fetches.values()) reject(error)
    this.#fetches.clear()
    this.#outgoing.clear()
  }
}
