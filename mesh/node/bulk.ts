import type { LinkStream } from '../links/index.ts'
import { FrameReader, type HeaderValue, writeFrame } from '../wire/index.ts'

/** A stream beside the control stream: one header each way of opening, then bytes as the two sides agree. */
export class BulkStream {
  readonly #stream: LinkStream
  readonly #reader = new FrameReader(64 * 1024)
  #rest: Uint8Array | undefined

  constructor(stream: LinkStream) {
    this.#stream = stream
  }

  /** Sends a frame: the header that says what this stream is for, or credit. */
  async send(header: HeaderValue): Promise<void> {
    await this.#stream.write(writeFrame(header))
  }

  /** The next frame of the other side. Rejects at the end. */
  async frame(): Promise<HeaderValue> {
    let found: HeaderValue | undefined
    const take = (header: HeaderValue): string => {
      found = header
      return 'stop'
    }
    this.#reader.chunk(new Uint8Array(0), take)
    while (found === undefined) {
      const chunk = await this.#stream.read()
      if (chunk === null) throw new Error('the other side ended the stream')
      this.#reader.chunk(chunk, take)
    }
    return found
  }

  /** What follows the frames that were taken: raw bytes, null at the end. */
  async read(): Promise<Uint8Array | null> {
    this.#rest ??= this.#reader.rest()
    if (this.#rest.length > 0) {
      const bytes = this.#rest
      this.#rest = new Uint8Array(0)
      return bytes
    }
    return await this.#stream.read()
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#stream.write(bytes)
  }

  end(): Promise<void> {
    return this.#stream.end()
  }

  reset(): void {
    this.#stream.reset()
  }
}
