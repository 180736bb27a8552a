import type { Socket } from 'node:net'
import { Assembler, type RecordHandler, type RecordMemory } from './inbox.ts'
import { limits } from './limits.ts'
import { HEADER_BYTES, Outbox } from './outbox.ts'

/** The same records as in the rings, one after the other on a byte stream. One write is in flight; what queues behind it leaves together. */
export class StreamOutbox extends Outbox {
  readonly #socket: Socket
  #used = 0
  #open = 0
  #writing = false
  #closed = false
  /** A batch that the kernel has taken, for re-use. */
  #spare: ArrayBuffer | undefined
  #buffer!: ArrayBuffer
  #afterWrite = (): void => this.#written()

  constructor(socket: Socket) {
    super()
    this.#socket = socket
    this.#take(new ArrayBuffer(limits.socketBatchBytes))
    socket.once('close', () => {
      this.#closed = true
      this.#used = 0
    })
  }

  get queuedBytes(): number {
    return this.#used + this.#socket.writableLength
  }

  #take(buffer: ArrayBuffer): void {
    this.#buffer = buffer
    this.u8 = new Uint8Array(buffer)
    this.i32 = new Int32Array(buffer)
    this.f64 = new Float64Array(buffer)
  }

  protected reserve(bytes: number): number {
    const length = (bytes + HEADER_BYTES + 7) & ~7
    if (this.#used + length > this.#buffer.byteLength) {
      const size = Math.max(this.#buffer.byteLength * 2, this.#used + length)
      const larger = new ArrayBuffer(size)
      new Uint8Array(larger).set(new Uint8Array(this.#buffer, 0, this.#used))
      this.#take(larger)
    } else if (this.u8.buffer !== this.#buffer) this.#take(this.#buffer)
    this.#open = length
    return this.#used
  }

  protected commit(): void {
    this.#used += this.#open
  }

  flush(): void {
    this.flushed()
    if (this.#writing || this.#used === 0 || this.#closed) return
    this.#writing = true
    const full = this.#buffer
    const bytes = this.#used
    this.#used = 0
    this.#take(this.#spare ?? new ArrayBuffer(limits.socketBatchBytes))
    this.#spare = full.byteLength <= 4 * limits.socketBatchBytes ? full : undefined
    this.#socket.write(new Uint8Array(full, 0, bytes), this.#afterWrite)
  }

  #written(): void {
    this.#writing = false
    if (this.#used > 0) this.flush()
  }
}

/** Reads records from a socket's chunks. The handler sees memory that is reused for the next chunk. */
export class StreamInbox {
  readonly #assembler: Assembler
  #memory!: RecordMemory
  #used = 0

  constructor(handler: RecordHandler) {
    this.#assembler = new Assembler(handler)
    this.#grow(limits.socketBatchBytes)
  }

  #grow(bytes: number): void {
    const buffer = new ArrayBuffer(bytes)
    const u8 = new Uint8Array(buffer)
    if (this.#used > 0) u8.set(this.#memory.u8.subarray(0, this.#used))
    this.#memory = { u8, i32: new Int32Array(buffer), f64: new Float64Array(buffer) }
  }

  /** Takes one chunk; throws on what is no record. */
  chunk(chunk: Uint8Array): void {
    if (this.#used + chunk.length > this.#memory.u8.length) this.#grow(2 * (this.#used + chunk.length))
    this.#memory.u8.set(chunk, this.#used)
    this.#used += chunk.length
    let at = 0
    while (this.#used - at >= HEADER_BYTES) {
      const length = this.#memory.i32[at >> 2]
      if (length < HEADER_BYTES || (length & 7) !== 0 || length > limits.recordBytes + 64) {
        throw new Error(`a malformed record on a socket: ${length} bytes`)
      }
      if (this.#used - at < length) break
      const word = this.#memory.i32[(at >> 2) + 1]
      this.#assembler.record(word & 0xff, word >>> 8, this.#memory, at + HEADER_BYTES, length - HEADER_BYTES)
      at += length
    }
    if (at === 0) return
    // What is left of an incomplete record moves to the front, where it is aligned again.
    this.#memory.u8.copyWithin(0, at, this.#used)
    this.#used -= at
  }
}
