import { limits } from '../limits.ts'
import { CutError, type Link, type LinkStream } from '../links/index.ts'
import { asCount, asMap, type FrameReader, type HeaderValue, MalformedFrameError, writeFrame } from '../wire/index.ts'

/** Acknowledged at least after so many frames or bytes from the other side. */
const ACK_FRAMES = 512
const ACK_BYTES = 4 << 20

/** What a session tells its node. */
export interface SessionEvents {
  frame(session: Session, header: HeaderValue, payload: Uint8Array): void
  /** Every frame of one read has been told: decisions are made, and leave in one write. */
  turn(): void
  /** The link is gone; the session waits for another. */
  unlinked(session: Session, reason: string): void
  /** It cannot go on. */
  broken(session: Session, reason: string): void
}

interface SentFrame {
  seq: number
  bytes: Uint8Array
}

/**
 * Frames between two incarnations of two peers: in order, each exactly once, over one link after another. What was sent is
 * kept until the other side has it; a new link begins where the old one was cut. One write is in flight, and what is said
 * meanwhile leaves with the next: a native write costs the same for one frame and for a thousand.
 */
export class Session {
  readonly peerId: string
  readonly incarnation: number
  link: Link | undefined
  /** The control stream. */
  #stream: LinkStream | undefined
  readonly #events: SessionEvents
  readonly #queue: Uint8Array[] = []
  #queuedBytes = 0
  readonly #unacknowledged: SentFrame[] = []
  #unacknowledgedBytes = 0
  #nextSeq = 1
  /** The last frame of the other side that was taken. */
  #taken = 0
  /** The number of the next frame of this link; 0 until the other side has said where it begins. */
  #arriving = 0
  #takenFrames = 0
  #takenBytes = 0
  #writing = false
  #scheduled = false
  #ended = false
  /** When anything was last sent. */
  sentAt = 0

  constructor(peerId: string, incarnation: number, events: SessionEvents) {
    this.peerId = peerId
    this.incarnation = incarnation
    this.#events = events
  }

  /** How far the other side's frames have come: what a new link begins with. */
  get taken(): number {
    return this.#taken
  }

  get linked(): boolean {
    return this.#stream !== undefined
  }

  get ended(): boolean {
    return this.#ended
  }

  /** Bytes that the other side has not taken. */
  get pendingBytes(): number {
    return this.#unacknowledgedBytes
  }

  /** Goes on over a link, both of whose sides know who they are. `theirs`: how far the other side is with our frames. */
  attach(link: Link, stream: LinkStream, reader: FrameReader, theirs: number): void {
    const before = this.link
    this.link = link
    this.#stream = stream
    before?.close()
    this.#writing = false
    this.#arriving = 0
    this.#acknowledged(theirs)
    this.#queue.length = 0
    this.#queuedBytes = 0
    // What the other side has got over another link since it said how far it is, it leaves out.
    this.#push(writeFrame({ t: 'from', n: this.#unacknowledged[0]?.seq ?? this.#nextSeq }))
    for (const { bytes } of this.#unacknowledged) this.#push(bytes)
    reader.bytesMax = limits.frameBytesMax
    void this.#read(link, stream, reader)
    this.#flushSoon()
  }

  #push(bytes: Uint8Array): void {
    this.#queue.push(bytes)
    this.#queuedBytes += bytes.length
  }

  /** Queues a frame; it leaves at the end of this turn. */
  send(header: HeaderValue, payload?: Uint8Array): void {
    if (this.#ended) return
    const bytes = writeFrame(header, payload)
    this.#unacknowledged.push({ seq: this.#nextSeq++, bytes })
    this.#unacknowledgedBytes += bytes.length
    if (this.#unacknowledgedBytes > limits.controlQueueBytesMax) {
      this.#events.broken(this, `it has not taken ${this.#unacknowledgedBytes} bytes`)
      return
    }
    if (!this.#stream) return
    this.#push(bytes)
    this.#flushSoon()
  }

  /** A sign of life, with how far this side is. Not counted, not repeated. */
  beat(): void {
    if (!this.#stream) return
    this.#push(writeFrame({ t: 'ack', n: this.#taken }))
    this.#takenFrames = 0
    this.#takenBytes = 0
    this.#flushSoon()
  }

  #flushSoon(): void {
    if (this.#scheduled || this.#writing) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    const stream = this.#stream
    if (!stream || this.#writing || this.#queue.length === 0) return
    const batch = this.#queue.length === 1 ? this.#queue[0] : Buffer.concat(this.#queue, this.#queuedBytes)
    this.#queue.length = 0
    this.#queuedBytes = 0
    this.#writing = true
    this.sentAt = performance.now()
    stream.write(batch).then(
      () => {
        if (this.#stream !== stream) return
        this.#writing = false
        this.#flush()
      },
      () => {
        // The reading side says why.
        if (this.#stream === stream) this.#writing = false
      },
    )
  }

  #acknowledged(upTo: number): void {
    let gone = 0
    while (gone < this.#unacknowledged.length && this.#unacknowledged[gone].seq <= upTo) {
      this.#unacknowledgedBytes -= this.#unacknowledged[gone].bytes.length
      gone++
    }
    if (gone > 0) this.#unacknowledged.splice(0, gone)
  }

  async #read(link: Link, stream: LinkStream, reader: FrameReader): Promise<void> {
    let reason = 'the link ended'
    try {
      this.#drain(reader, new Uint8Array(0))
      for (;;) {
        const chunk = await stream.read()
        if (this.#stream !== stream) return
        if (chunk === null) break
        this.#drain(reader, chunk)
      }
    } catch (error) {
      if (this.#stream !== stream) return
      if (error instanceof MalformedFrameError) {
        link.close()
        this.#events.broken(this, error.message)
        return
      }
      if (!(error instanceof CutError)) throw error
      reason = error.message
    }
    this.detach(reason)
  }

  #drain(reader: FrameReader, chunk: Uint8Array): void {
    reader.chunk(chunk, (header, payload) => this.#frame(header, payload))
    this.#takenBytes += chunk.length
    if (this.#takenFrames >= ACK_FRAMES || this.#takenBytes >= ACK_BYTES) this.beat()
    this.#events.turn()
  }

  #frame(header: HeaderValue, payload: Uint8Array): void {
    const map = asMap(header, 'a header')
    if (map.t === 'ack') {
      this.#acknowledged(asCount(map.n, 'n'))
      this.#events.frame(this, header, payload)
      return
    }
    if (map.t === 'from') {
      this.#arriving = asCount(map.n, 'n')
      if (this.#arriving < 1 || this.#arriving > this.#taken + 1)
        throw new MalformedFrameError(`frames from ${this.#arriving} on, and the last one was ${this.#taken}`)
      return
    }
    if (this.#arriving === 0) throw new MalformedFrameError('a frame before it is said which it is')
    if (this.#arriving++ <= this.#taken) return
    this.#taken++
    this.#takenFrames++
    this.#events.frame(this, header, payload)
  }

  /** The link is gone, or another takes its place. */
  detach(reason: string): void {
    if (!this.#stream) return
    const { link } = this
    this.#stream = undefined
    this.link = undefined
    this.#writing = false
    this.#queue.length = 0
    this.#queuedBytes = 0
    link?.close()
    this.#events.unlinked(this, reason)
  }

  /** Resolves when there is no link any more, or after a while. */
  async unlinked(timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs
    while (this.#stream && performance.now() < until) await new Promise(resolve => setTimeout(resolve, 2))
  }

  /** For good. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    const { link } = this
    this.#stream = undefined
    this.link = undefined
    this.#unacknowledged.length = 0
    this.#unacknowledgedBytes = 0
    this.#queue.length = 0
    link?.close()
  }
}
