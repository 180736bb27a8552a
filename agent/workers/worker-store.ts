import type { RecordMemory } from '../../wire/inbox.ts'
import { limits } from '../../wire/limits.ts'
import type { Outbox } from '../../wire/outbox.ts'
import { high, joined, low, record } from '../../wire/records.ts'
import { alignedAfterWords, sendBytes } from '../../wire/texts.ts'

/** The agent's object store, as a worker reads its dependencies from it and writes its results to it. */
export interface WorkerStore {
  /** The memory that is shared with the agent; none in a process. */
  readonly memory: SharedArrayBuffer | undefined
  /** Where the bytes of a dependency are, which `run` gives this place. */
  dependency(place: number, bytes: number): { u8: Uint8Array; at: number }
  /** Writes a result into the room that a request was given. */
  write(request: number, offset: number, bytes: Uint8Array): void
}

/** In a thread: the shared memory. */
export class SharedStore implements WorkerStore {
  readonly memory: SharedArrayBuffer
  readonly #u8: Uint8Array

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.#u8 = new Uint8Array(memory)
  }

  dependency(place: number): { u8: Uint8Array; at: number } {
    return { u8: this.#u8, at: place }
  }

  write(_request: number, offset: number, bytes: Uint8Array): void {
    this.#u8.set(bytes, offset)
  }
}

/** In a process: the bytes travel, each dependency in pieces before the `run` that names it. */
export class SentStore implements WorkerStore {
  readonly memory = undefined
  readonly #outbox: Outbox
  readonly #given = new Map<number, Uint8Array>()

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  /** A `given` record. */
  given({ i32, u8 }: RecordMemory, at: number): void {
    const word = at >> 2
    const number = i32[word]
    const from = joined(i32[word + 1], i32[word + 2])
    const begin = at + alignedAfterWords(6)
    let bytes = this.#given.get(number)
    if (bytes === undefined) {
      bytes = new Uint8Array(joined(i32[word + 4], i32[word + 5]))
      this.#given.set(number, bytes)
    }
    bytes.set(u8.subarray(begin, begin + i32[word + 3]), from)
  }

  dependency(place: number): { u8: Uint8Array; at: number } {
    const bytes = this.#given.get(place)
    if (bytes === undefined) throw new Error(`dependency ${place} did not arrive`)
    this.#given.delete(place)
    return { u8: bytes, at: 0 }
  }

  write(request: number, _offset: number, bytes: Uint8Array): void {
    const piece = limits.recordBytes - 64
    for (let from = 0; from < bytes.length; from += piece) {
      const n = Math.min(piece, bytes.length - from)
      sendBytes(this.#outbox, record.fill, 0, [request, low(from), high(from), n], { u8: bytes, at: from, bytes: n })
    }
  }
}
