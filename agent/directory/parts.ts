import { MalformedFrameError } from '../../mesh/wire/index.ts'
import { limits } from './limits.ts'

/** One message in frames. */
export function* toParts(bytes: Uint8Array): Iterable<{ part: Uint8Array; last: boolean }> {
  for (let at = 0; at === 0 || at < bytes.length; at += limits.partBytes)
    yield { part: bytes.subarray(at, at + limits.partBytes), last: at + limits.partBytes >= bytes.length }
}

/** Puts messages of one peer together again. */
export class Parts {
  #parts: Uint8Array[] = []
  #bytes = 0

  /** The whole message, with its last part. Throws MalformedFrameError. */
  add(part: Uint8Array, last: boolean): Uint8Array | undefined {
    if (last && this.#parts.length === 0) return part
    this.#bytes += part.length
    if (this.#bytes > limits.messageBytesMax)
      throw new MalformedFrameError(`a message of more than ${limits.messageBytesMax} bytes`)
    this.#parts.push(part.slice())
    if (!last) return undefined
    const whole = Buffer.concat(this.#parts)
    this.#parts = []
    this.#bytes = 0
    return whole
  }
}
