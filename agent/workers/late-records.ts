import type { RecordHandler, RecordMemory } from '../../wire/inbox.ts'
import { record } from '../../wire/records.ts'

/** A process that was busy for longer looks at what has come meanwhile, before it goes on with what it has read. */
const BUSY_MS = 5

/** A copy of a record. */
interface Late {
  readonly type: number
  readonly field: number
  readonly memory: RecordMemory
  readonly bytes: number
}

/** What late records are given to. */
interface LateParts extends RecordHandler {
  /** Reads records by `read`; what they cause leaves together at its end. */
  round(read: () => void): void
  /** A task does not begin. */
  skipped(token: number, claim: number): void
}

/**
 * The records of a worker process, which its agent cannot take back: where tasks have held it, those that came meanwhile are read
 * from the pipe before others begin, and what was given up by them does not.
 */
export class LateRecords implements RecordHandler {
  readonly #parts: LateParts
  #late: Late[] = []
  /** Records wait until the pipe has been looked at. */
  #isLate = false
  #startedAt = 0

  constructor(parts: LateParts) {
    this.#parts = parts
  }

  /** Reads a chunk of the pipe by `read`, which gives its records to this. */
  chunk(read: () => void): void {
    this.#startedAt = performance.now()
    this.#parts.round(read)
    this.#look()
  }

  record(type: number, field: number, memory: RecordMemory, at: number, bytes: number): void {
    if (type === record.abort && this.#giveUp(memory.i32[at >> 2])) return
    if (type === record.run && !this.#isLate) this.#look()
    if (!this.#isLate) {
      this.#parts.record(type, field, memory, at, bytes)
      return
    }
    const buffer = memory.u8.slice(at, at + bytes).buffer as ArrayBuffer
    const whole = buffer.byteLength % 8 === 0 ? buffer : padded(buffer)
    const copy = { i32: new Int32Array(whole), u8: new Uint8Array(whole), f64: new Float64Array(whole) }
    this.#late.push({ type, field, memory: copy, bytes })
  }

  /** Whether it has been busy for long: then what comes waits for two turns of the event loop, in the first of which the pipe is read. */
  #look(): void {
    if (this.#isLate || performance.now() - this.#startedAt < BUSY_MS) return
    this.#isLate = true
    setImmediate(() => setImmediate(() => this.#goOn()))
  }

  #goOn(): void {
    const late = this.#late
    this.#late = []
    this.#isLate = false
    this.chunk(() => {
      for (const { type, field, memory, bytes } of late) this.record(type, field, memory, 0, bytes)
    })
  }

  #giveUp(token: number): boolean {
    const index = this.#late.findIndex(({ type, memory }) => type === record.run && memory.i32[0] === token)
    if (index < 0) return false
    const [{ memory }] = this.#late.splice(index, 1)
    this.#parts.skipped(token, memory.i32[1])
    return true
  }
}

function padded(buffer: ArrayBuffer): ArrayBuffer {
  const whole = new Uint8Array((buffer.byteLength + 7) & ~7)
  whole.set(new Uint8Array(buffer))
  return whole.buffer
}
