import { limits } from './limits.ts'
import { FRAGMENT } from './outbox.ts'

/** What a channel calls for each record: its type and field, the memory it lies in, where its body begins and its bytes. */
export interface RecordHandler {
  record(type: number, field: number, memory: RecordMemory, at: number, bytes: number): void
}

/** Views of the memory a record lies in; valid only during the call. */
export interface RecordMemory {
  i32: Int32Array
  u8: Uint8Array
  f64: Float64Array
}

/** Puts fragments together and passes whole records on. */
export class Assembler {
  #handler: RecordHandler
  #long: { memory: RecordMemory; have: number; bytes: number } | undefined

  constructor(handler: RecordHandler) {
    this.#handler = handler
  }

  record(type: number, field: number, memory: RecordMemory, at: number, bytes: number): void {
    if (type !== FRAGMENT) {
      this.#handler.record(type, field, memory, at, bytes)
      return
    }
    const word = at >> 2
    const inner = memory.i32[word]
    const total = memory.i32[word + 1]
    const from = memory.i32[word + 2]
    const n = memory.i32[word + 3]
    if (total <= 0 || total > limits.messageBytesMax || n < 0 || n > bytes - 16) throw new Error('a malformed fragment')
    if (from === 0) {
      const buffer = new ArrayBuffer((total + 7) & ~7)
      const views = { i32: new Int32Array(buffer), u8: new Uint8Array(buffer), f64: new Float64Array(buffer) }
      this.#long = { memory: views, have: 0, bytes: total }
    }
    const long = this.#long
    if (!long || long.have !== from || from + n > long.bytes) throw new Error('a fragment out of order')
    long.memory.u8.set(memory.u8.subarray(at + 16, at + 16 + n), from)
    long.have += n
    if (long.have < long.bytes) return
    this.#long = undefined
    this.#handler.record(inner & 0xff, inner >>> 8, long.memory, 0, long.bytes)
  }
}
