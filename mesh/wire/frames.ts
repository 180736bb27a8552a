import { limits } from '../limits.ts'
import { decodeHeader, encodeHeader, type HeaderValue, MalformedFrameError } from './header.ts'

/** What a frame says: a header, and bytes beside it. */
export interface Frame {
  header: HeaderValue
  payload: Uint8Array
}

const HEAD_BYTES = 8
const nothing = new Uint8Array(0)

/** u32 length of what follows · u32 length of the header · header (CBOR) · payload; numbers are little-endian. */
export function writeFrame(header: HeaderValue, payload: Uint8Array = nothing): Uint8Array {
  const head = encodeHeader(header)
  const bytes = new Uint8Array(HEAD_BYTES + head.length + payload.length)
  if (bytes.length > limits.frameBytesMax) throw new RangeError(`a frame of ${bytes.length} bytes`)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, bytes.length - 4, true)
  view.setUint32(4, head.length, true)
  bytes.set(head, HEAD_BYTES)
  bytes.set(payload, HEAD_BYTES + head.length)
  return bytes
}

/** Puts frames together from the chunks of a stream. */
export class FrameReader {
  #buffer = new Uint8Array(64 * 1024)
  #used = 0
  /** Frames before the peer has proved who it is must be small. */
  bytesMax: number

  constructor(bytesMax: number = limits.frameBytesMax) {
    this.bytesMax = bytesMax
  }

  /**
   * Takes one chunk and gives each whole frame to `take`, whose payload is valid only during that call; where it says
   * 'stop', what follows stays for the next call. Throws on what is no frame.
   */
  chunk(chunk: Uint8Array, take: (header: HeaderValue, payload: Uint8Array) => unknown): void {
    if (this.#used + chunk.length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(2 * this.#buffer.length, this.#used + chunk.length))
      larger.set(this.#buffer.subarray(0, this.#used))
      this.#buffer = larger
    }
    this.#buffer.set(chunk, this.#used)
    this.#used += chunk.length
    const view = new DataView(this.#buffer.buffer)
    let at = 0
    while (this.#used - at >= HEAD_BYTES) {
      const length = view.getUint32(at, true) + 4
      const head = view.getUint32(at + 4, true)
      if (length > this.bytesMax || head + HEAD_BYTES > length) {
        throw new MalformedFrameError(`a frame of ${length} bytes with a header of ${head}`)
      }
      if (this.#used - at < length) break
      const from = at + HEAD_BYTES
      const header = decodeHeader(this.#buffer.subarray(from, from + head))
      const payload = this.#buffer.subarray(from + head, at + length)
      at += length
      if (take(header, payload) === 'stop') break
    }
    if (at === 0) return
    this.#buffer.copyWithin(0, at, this.#used)
    this.#used -= at
  }

  /** Takes out what no frame was made of: the stream goes on as bytes. */
  rest(): Uint8Array {
    const rest = this.#buffer.slice(0, this.#used)
    this.#used = 0
    return rest
  }

  /** Whether a frame has begun that is not whole. */
  get partial(): boolean {
    return this.#used > 0
  }
}
