/** Why a stream or link ended other than by its end. */
export type CutReason = 'reset' | 'lost' | 'closed'

/** A stream or a link was cut: what was sent may not have arrived. */
export class CutError extends Error {
  readonly reason: CutReason
  constructor(reason: CutReason, message: string) {
    super(message)
    this.name = 'CutError'
    this.reason = reason
  }
}

/**
 * One stream of a link, both ways. Its end (`read` gives null) is what the other side meant as the end; anything else rejects
 * with CutError, so that what was cut never looks whole.
 */
export interface LinkStream {
  /** The next bytes, at most 64 KiB or what is there; null at the end. One read at a time. */
  read(): Promise<Uint8Array | null>
  /** Resolves when the bytes are taken over; then they may be reused. One write at a time. Waits while the reader is slow. */
  write(bytes: Uint8Array): Promise<void>
  /** No more bytes from here; the other direction goes on. */
  end(): Promise<void>
  /** Gives up both directions; the other side's reads and writes reject. */
  reset(): void
}

/** An authenticated session of multiplexed streams between two peers. */
export interface Link {
  /** The PeerId that the other side has proved, by the link's own handshake. */
  readonly peerId: string
  /** Who dialled. */
  readonly outbound: boolean
  /** Where the other side is, for people: `quic 10.0.0.2:7100`. */
  readonly address: string
  open(): Promise<LinkStream>
  /** The next stream that the other side opened; rejects with CutError when the link has ended. */
  accept(): Promise<LinkStream>
  /** Ends it: everything open on it is cut. */
  close(): void
  /** Resolves when it has ended, with why. */
  readonly closed: Promise<CutReason>
}

/** Where links come in. */
export interface LinkListener {
  /** `ip:port`, with the port that was taken. */
  readonly address: string
  /** The next link from outside; rejects when the listener has ended. */
  accept(): Promise<Link>
  close(): Promise<void>
}

/** A way to make links: one a kind of transport. */
export interface LinkTransport {
  readonly kind: 'quic' | 'memory'
  /** Rejects with an Error whose message says why for people. */
  dial(address: string, options: { timeoutMs: number }): Promise<Link>
  listen(address: string): Promise<LinkListener>
  /** Ends everything that it made. */
  close(): Promise<void>
}
