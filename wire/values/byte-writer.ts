/** Bytes above which scratch memory is not kept from message to message. */
const KEPT_BYTES = 1 << 20
const FIRST_BYTES = 1 << 12

const float = new Float64Array(1)
const floatBytes = new Uint8Array(float.buffer)

/** Payloads of so many bytes may stay where they are until the message is written to its place. */
const LATE_BYTES = 1 << 20

/** A message whose large payloads have not been copied yet: what was written, and what belongs in between. */
export interface Pieces {
  readonly bytes: number
  /** Writes the message. The payloads are read now. */
  writeTo(memory: Uint8Array, offset: number): void
}

/** Growing memory that values are written to. */
export class ByteWriter {
  /** [0, length) is what was written; valid until the next `start`. */
  scratch = new Uint8Array(FIRST_BYTES)
  length = 0
  #buffer: Buffer | undefined
  /** Payloads that stay where they are, each with the place in `scratch` before which it belongs. */
  #late: { at: number; payload: Uint8Array }[] | undefined
  #lateBytes = 0

  protected reset(): void {
    this.length = 0
    this.#late = undefined
    this.#lateBytes = 0
    if (this.scratch.length > KEPT_BYTES) this.#take(new Uint8Array(FIRST_BYTES))
  }

  #take(memory: Uint8Array<ArrayBuffer>): void {
    this.scratch = memory
    this.#buffer = undefined
  }

  /** A copy of what was written; large memory is handed over instead. */
  bytes(): Uint8Array {
    if (this.length < 1 << 15) return this.scratch.slice(0, this.length)
    const written = this.scratch.subarray(0, this.length)
    this.#take(new Uint8Array(FIRST_BYTES))
    this.length = 0
    return written
  }

  /** Large payloads of this message are not copied: `pieces` gives it. */
  protected leaveLate(): void {
    this.#late = []
  }

  /** Bytes of the message, with what stays where it is. */
  get size(): number {
    return this.length + this.#lateBytes
  }

  /** The message, if some of it was left where it is. */
  pieces(): Pieces | undefined {
    const late = this.#late
    const bytes = this.size
    if (!late || late.length === 0) return undefined
    const written = this.bytes()
    return {
      bytes,
      writeTo(memory, offset) {
        let from = 0
        let to = offset
        for (const { at, payload } of late) {
          memory.set(written.subarray(from, at), to)
          to += at - from
          memory.set(payload, to)
          to += payload.length
          from = at
        }
        memory.set(written.subarray(from), to)
      },
    }
  }

  /** Makes room for `bytes` more. */
  protected reserve(bytes: number): void {
    const needed = this.length + bytes
    if (needed <= this.scratch.length) return
    const larger = new Uint8Array(Math.max(needed, this.scratch.length * 2))
    larger.set(this.scratch.subarray(0, this.length))
    this.#take(larger)
  }

  byte(n: number): void {
    if (this.length === this.scratch.length) this.reserve(1)
    this.scratch[this.length++] = n
  }

  /** A whole number from 0 to 2^53 - 1, seven bits a byte, low ones first. */
  varint(n: number): void {
    this.reserve(8)
    const { scratch } = this
    let at = this.length
    while (n > 0x7fff_ffff) {
      scratch[at++] = (n % 128) | 0x80
      n = Math.floor(n / 128)
    }
    while (n > 127) {
      scratch[at++] = (n & 127) | 0x80
      n >>>= 7
    }
    scratch[at++] = n
    this.length = at
  }

  protected double(n: number): void {
    this.reserve(8)
    float[0] = n
    const { scratch } = this
    const at = this.length
    for (let i = 0; i < 8; i++) scratch[at + i] = floatBytes[i]
    this.length = at + 8
  }

  /** Length-prefixed bytes. */
  raw(bytes: Uint8Array): void {
    this.varint(bytes.length)
    this.copy(bytes)
  }

  protected copy(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.scratch.set(bytes, this.length)
    this.length += bytes.length
  }

  /** As `copy`, or later. */
  protected payload(bytes: Uint8Array): void {
    if (!this.#late || bytes.length < LATE_BYTES) {
      this.copy(bytes)
      return
    }
    this.#late.push({ at: this.length, payload: bytes })
    this.#lateBytes += bytes.length
  }

  /** Zeros up to a multiple of 8. */
  protected align(): void {
    this.reserve(8)
    while (this.size & 7) this.scratch[this.length++] = 0
  }

  protected get buffer(): Buffer {
    this.#buffer ??= Buffer.from(this.scratch.buffer)
    return this.#buffer
  }
}
