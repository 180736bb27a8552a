import { writeSync } from 'node:fs'
import { limits } from '../../wire/limits.ts'
import { HEADER_BYTES, Outbox } from '../../wire/outbox.ts'

/** How long a write that found no room waits before it is tried again. */
const FULL_MS = 1

/**
 * Records on a pipe, written at once and to the end: what a process says before it exits, or kills itself, has arrived. A
 * slow reader holds the writer up, so nothing piles up here.
 */
export class PipeOutbox extends Outbox {
  readonly queuedBytes = 0
  readonly #fd: number
  readonly #gone: () => never
  #used = 0
  #open = 0
  readonly #pause = new Int32Array(new SharedArrayBuffer(4))
  #buffer!: ArrayBuffer

  /** `gone` is called when nobody reads any more. */
  constructor(fd: number, gone: () => never) {
    super()
    this.#fd = fd
    this.#gone = gone
    this.#take(new ArrayBuffer(limits.socketBatchBytes))
  }

  #take(buffer: ArrayBuffer): void {
    this.#buffer = buffer
    this.u8 = new Uint8Array(buffer)
    this.i32 = new Int32Array(buffer)
    this.f64 = new Float64Array(buffer)
  }

  protected reserve(bytes: number): number {
    const length = (bytes + HEADER_BYTES + 7) & ~7
    // A record is never larger than a batch (wire limits): longer messages come in fragments.
    if (this.#used + length > this.#buffer.byteLength) this.#writeOut()
    if (this.u8.buffer !== this.#buffer) this.#take(this.#buffer)
    this.#open = length
    return this.#used
  }

  protected commit(): void {
    this.#used += this.#open
  }

  flush(): void {
    this.flushed()
    this.#writeOut()
  }

  #writeOut(): void {
    const end = this.#used
    this.#used = 0
    for (let at = 0; at < end; ) at += this.#write(at, end - at)
  }

  #write(at: number, bytes: number): number {
    try {
      return writeSync(this.#fd, new Uint8Array(this.#buffer, at, bytes))
    } catch (error) {
      if ((error as { code?: string }).code !== 'EAGAIN') return this.#gone()
      Atomics.wait(this.#pause, 0, 0, FULL_MS)
      return 0
    }
  }
}
