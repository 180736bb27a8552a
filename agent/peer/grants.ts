import { MalformedFrameError } from '../../mesh/wire/index.ts'

/** One task of a `grant`, without what only some have. */
export interface GrantedTask {
  token: number
  kind: number
  attempt: number
  depth: number
  client: number
  number: number
  argumentBytes: number
  /**
   * Of a call: what its actor is called where it goes, in which incarnation, and who makes it. -1: no call. Of an actor that is
   * to be made `epoch` is 1 if it may be made anew after that, else 0.
   */
  actor: number
  epoch: number
  caller: number
}

/** Words of a task before its arguments. */
const TASK_BYTES = 48
/** Bytes of an answer before its value. */
const ANSWER_BYTES = 32

/** The beginning of an answer in a `done`. */
export interface Answer {
  token: number
  attempt: number
  flags: number
  startedAt: number
  endedAt: number
  valueBytes: number
  /** The number of the worker that it ran on. */
  worker: number
}

export const answerFlag = { failed: 1, retry: 2, system: 4, stored: 8, lost: 16 } as const

/** A batch of fixed-size beginnings, each followed by bytes: what travels beside a frame's header. Grows as needed. */
export class BatchWriter {
  #buffer = new Uint8Array(64 * 1024)
  #view = new DataView(this.#buffer.buffer)
  #used = 0
  count = 0

  get bytes(): number {
    return this.#used
  }

  #room(bytes: number): void {
    if (this.#used + bytes <= this.#buffer.length) return
    const larger = new Uint8Array(Math.max(2 * this.#buffer.length, this.#used + bytes))
    larger.set(this.#buffer.subarray(0, this.#used))
    this.#buffer = larger
    this.#view = new DataView(larger.buffer)
  }

  task(task: GrantedTask, from: Uint8Array, at: number): void {
    const { argumentBytes } = task
    this.#room(TASK_BYTES + argumentBytes)
    const view = this.#view
    const to = this.#used
    view.setUint32(to, task.token, true)
    view.setUint32(to + 4, task.kind, true)
    view.setUint32(to + 8, task.attempt, true)
    view.setUint32(to + 12, task.depth, true)
    view.setUint32(to + 16, task.client, true)
    view.setFloat64(to + 20, task.number, true)
    view.setUint32(to + 28, argumentBytes, true)
    view.setInt32(to + 32, task.actor, true)
    view.setUint32(to + 36, task.epoch, true)
    view.setFloat64(to + 40, task.caller, true)
    copy(this.#buffer, to + TASK_BYTES, from, at, argumentBytes)
    this.#used = to + TASK_BYTES + argumentBytes
    this.count++
  }

  answer(answer: Answer, from: Uint8Array, at: number): void {
    const { valueBytes } = answer
    this.#room(ANSWER_BYTES + valueBytes)
    const view = this.#view
    const to = this.#used
    view.setUint32(to, answer.token, true)
    view.setUint16(to + 4, answer.attempt, true)
    view.setUint16(to + 6, answer.flags, true)
    view.setFloat64(to + 8, answer.startedAt, true)
    view.setFloat64(to + 16, answer.endedAt, true)
    view.setUint32(to + 24, valueBytes, true)
    view.setUint32(to + 28, answer.worker, true)
    copy(this.#buffer, to + ANSWER_BYTES, from, at, valueBytes)
    this.#used = to + ANSWER_BYTES + valueBytes
    this.count++
  }

  /** Everything so far; the writer begins anew. The bytes are valid until it is written to again. */
  take(): Uint8Array {
    const bytes = this.#buffer.subarray(0, this.#used)
    this.#used = 0
    this.count = 0
    return bytes
  }
}

function copy(to: Uint8Array, at: number, from: Uint8Array, start: number, bytes: number): void {
  if (bytes > 96) to.set(from.subarray(start, start + bytes), at)
  else for (let i = 0; i < bytes; i++) to[at + i] = from[start + i]
}

/** Reads what such a writer wrote, as another peer sent it. */
export class BatchReader {
  readonly u8: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.u8 = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  #take(head: number): number {
    const at = this.#at
    if (at + head > this.u8.length) throw new MalformedFrameError('a batch that is cut short')
    return at
  }

  /** A task; its arguments begin at the offset that is given back. */
  task(into: GrantedTask): number {
    const at = this.#take(TASK_BYTES)
    const view = this.#view
    into.token = view.getUint32(at, true)
    into.kind = view.getUint32(at + 4, true)
    into.attempt = view.getUint32(at + 8, true)
    into.depth = view.getUint32(at + 12, true)
    into.client = view.getUint32(at + 16, true)
    into.number = view.getFloat64(at + 20, true)
    into.argumentBytes = view.getUint32(at + 28, true)
    into.actor = view.getInt32(at + 32, true)
    into.epoch = view.getUint32(at + 36, true)
    into.caller = view.getFloat64(at + 40, true)
    return this.#pass(at + TASK_BYTES, into.argumentBytes)
  }

  answer(into: Answer): number {
    const at = this.#take(ANSWER_BYTES)
    const view = this.#view
    into.token = view.getUint32(at, true)
    into.attempt = view.getUint16(at + 4, true)
    into.flags = view.getUint16(at + 6, true)
    into.startedAt = view.getFloat64(at + 8, true)
    into.endedAt = view.getFloat64(at + 16, true)
    into.valueBytes = view.getUint32(at + 24, true)
    into.worker = view.getUint32(at + 28, true)
    return this.#pass(at + ANSWER_BYTES, into.valueBytes)
  }

  #pass(from: number, bytes: number): number {
    if (from + bytes > this.u8.length) throw new MalformedFrameError('a batch that is cut short')
    this.#at = from + bytes
    return from
  }
}
