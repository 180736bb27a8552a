import { ring } from './bell.ts'
import { Assembler, type RecordHandler, type RecordMemory } from './inbox.ts'
import { limits } from './limits.ts'
import { HEADER_BYTES, Outbox, PADDING } from './outbox.ts'

/**
 * A single-producer, single-consumer ring of records in shared memory. Positions are byte counts that only grow (modulo
 * 2^32); a record never wraps, a padding record fills the end instead. The write position is published once a batch.
 */
const CONTROL_BYTES = 128
const WRITE = 0
const READ = 16
/** Set by a producer that found no room: the consumer rings it once it has read. */
const FULL = 17

/** The memory of a new ring. */
export function ringMemory(bytes: number = limits.ringBytes): SharedArrayBuffer {
  return new SharedArrayBuffer(CONTROL_BYTES + bytes)
}

/** Both ends of a two-way channel between two threads, as one of them is given it. */
export interface RingPair {
  in: SharedArrayBuffer
  out: SharedArrayBuffer
  /** The doorbell of this side and that of the other. */
  bell: Int32Array
  peerBell: Int32Array
}

export class RingOutbox extends Outbox {
  readonly #control: Int32Array
  readonly #data: { i32: Int32Array; u8: Uint8Array; f64: Float64Array }
  readonly #size: number
  readonly #bell: Int32Array
  #write = 0
  #read = 0
  #published = 0
  /** Bytes of the record that was begun and not ended. */
  #open = 0
  /** Records that found no room, in order. */
  #overflow: Uint8Array[] = []
  #overflowBytes = 0
  #spilling: { buffer: ArrayBuffer; bytes: number } | undefined
  readonly #scratch: { i32: Int32Array; u8: Uint8Array; f64: Float64Array }

  constructor(memory: SharedArrayBuffer, consumerBell: Int32Array) {
    super()
    this.#control = new Int32Array(memory, 0, CONTROL_BYTES / 4)
    this.#size = memory.byteLength - CONTROL_BYTES
    this.#data = {
      i32: new Int32Array(memory, CONTROL_BYTES),
      u8: new Uint8Array(memory, CONTROL_BYTES),
      f64: new Float64Array(memory, CONTROL_BYTES),
    }
    this.#bell = consumerBell
    const scratch = new ArrayBuffer(limits.recordBytes + 64)
    this.#scratch = { i32: new Int32Array(scratch), u8: new Uint8Array(scratch), f64: new Float64Array(scratch) }
    this.i32 = this.#data.i32
    this.u8 = this.#data.u8
    this.f64 = this.#data.f64
  }

  get queuedBytes(): number {
    return this.#overflowBytes
  }

  protected reserve(bytes: number): number {
    const length = (bytes + HEADER_BYTES + 7) & ~7
    if (this.#overflow.length === 0) {
      const at = this.#room(length)
      if (at >= 0) {
        this.#open = length
        this.i32 = this.#data.i32
        this.u8 = this.#data.u8
        this.f64 = this.#data.f64
        return at
      }
    }
    this.#spilling = { buffer: this.#scratch.u8.buffer as ArrayBuffer, bytes: length }
    this.i32 = this.#scratch.i32
    this.u8 = this.#scratch.u8
    this.f64 = this.#scratch.f64
    return 0
  }

  override abandon(): void {
    super.abandon()
    this.#spilling = undefined
  }

  protected commit(): void {
    const spilled = this.#spilling
    if (!spilled) {
      this.#write = (this.#write + this.#open) | 0
      return
    }
    this.#spilling = undefined
    this.#overflow.push(new Uint8Array(spilled.buffer.slice(0, spilled.bytes)))
    this.#overflowBytes += spilled.bytes
  }

  /** Byte offset of `length` contiguous bytes, or -1 while the consumer is behind. */
  #room(length: number): number {
    const at = this.#write & (this.#size - 1)
    const end = this.#size - at
    const needed = length <= end ? length : end + length
    if (this.#size - ((this.#write - this.#read) >>> 0) < needed) {
      this.#read = Atomics.load(this.#control, READ)
      if (this.#size - ((this.#write - this.#read) >>> 0) < needed) return -1
    }
    if (length <= end) return at
    this.#data.i32[at >> 2] = end
    this.#data.i32[(at >> 2) + 1] = PADDING
    this.#write = (this.#write + end) | 0
    return 0
  }

  flush(): void {
    this.flushed()
    this.#drainOverflow()
    if (this.#write === this.#published) return
    this.#published = this.#write
    Atomics.store(this.#control, WRITE, this.#write)
    ring(this.#bell)
  }

  #drainOverflow(): void {
    let sent = 0
    for (; sent < this.#overflow.length; sent++) {
      const record = this.#overflow[sent]
      const at = this.#room(record.length)
      if (at < 0) {
        // Ask to be rung, then look once more: the consumer may have read between the two.
        Atomics.store(this.#control, FULL, 1)
        const again = this.#room(record.length)
        if (again < 0) break
        this.#data.u8.set(record, again)
      } else this.#data.u8.set(record, at)
      this.#write = (this.#write + record.length) | 0
      this.#overflowBytes -= record.length
    }
    if (sent > 0) this.#overflow = this.#overflow.slice(sent)
  }
}

export class RingInbox {
  readonly #control: Int32Array
  readonly #memory: RecordMemory
  readonly #size: number
  readonly #producerBell: Int32Array
  readonly #assembler: Assembler
  #read = 0
  #isReading = false

  constructor(memory: SharedArrayBuffer, producerBell: Int32Array, handler: RecordHandler) {
    this.#control = new Int32Array(memory, 0, CONTROL_BYTES / 4)
    this.#size = memory.byteLength - CONTROL_BYTES
    this.#memory = {
      i32: new Int32Array(memory, CONTROL_BYTES),
      u8: new Uint8Array(memory, CONTROL_BYTES),
      f64: new Float64Array(memory, CONTROL_BYTES),
    }
    this.#producerBell = producerBell
    this.#assembler = new Assembler(handler)
  }

  /** Byte offset, in the ring's data, of the record that is read next. For the producer's claim words. */
  get position(): number {
    return this.#read & (this.#size - 1)
  }

  /** A record whose reader was interrupted is not read again. Whether there was one. */
  skip(): boolean {
    if (!this.#isReading) return false
    this.#isReading = false
    this.#read = (this.#read + this.#memory.i32[(this.#read & (this.#size - 1)) >> 2]) | 0
    return true
  }

  /** Passes on what has been published, at most `records` of it. Returns how many records it passed on. */
  drain(records = 0x7fff_ffff): number {
    const end = Atomics.load(this.#control, WRITE)
    let count = 0
    while (this.#read !== end && count < records) {
      const at = this.#read & (this.#size - 1)
      const length = this.#memory.i32[at >> 2]
      const word = this.#memory.i32[(at >> 2) + 1]
      // A reader trusts nobody: a length that does not fit the ring would walk out of it.
      if (length < HEADER_BYTES || (length & 7) !== 0 || at + length > this.#size)
        throw new Error(`a malformed record in a ring: ${length} bytes at ${at}`)
      if ((word & 0xff) !== PADDING) {
        count++
        this.#isReading = true
        this.#assembler.record(word & 0xff, word >>> 8, this.#memory, at + HEADER_BYTES, length - HEADER_BYTES)
        this.#isReading = false
      }
      this.#read = (this.#read + length) | 0
      if ((count & 63) === 0) this.#publish()
    }
    if (count > 0) this.#publish()
    return count
  }

  #publish(): void {
    Atomics.store(this.#control, READ, this.#read)
    if (Atomics.load(this.#control, FULL) === 1) {
      Atomics.store(this.#control, FULL, 0)
      ring(this.#producerBell)
    }
  }
}
