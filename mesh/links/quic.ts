import type { KeyObject } from 'node:crypto'
import { libp2pPrivateKey } from '../identity/index.ts'
import { limits } from '../limits.ts'
import { splitAddress } from './addresses.ts'
import { CutError, type CutReason, type Link, type LinkListener, type LinkStream, type LinkTransport } from './link.ts'
import {
  loadQuic,
  type QuicBinding,
  type QuicClient,
  type QuicConfig,
  type QuicConnection,
  type QuicServer,
  type QuicStream,
} from './quic-binding.ts'

/** One native read. */
const READ_BYTES = 256 * 1024

/**
 * Links on QUIC: TLS 1.3 with libp2p's certificate extension, so both sides have proved their PeerIds when a link is there.
 * A native write costs 30–50 µs whatever its size: who writes batches.
 */
export class QuicTransport implements LinkTransport {
  readonly kind = 'quic'
  readonly #binding: QuicBinding
  readonly #config: QuicConfig
  #client: QuicClient | undefined
  readonly #listeners = new Set<QuicListener>()
  readonly #links = new Set<QuicLink>()

  constructor(key: KeyObject) {
    this.#binding = loadQuic()
    this.#config = new this.#binding.QuinnConfig({
      privateKeyProto: libp2pPrivateKey(key),
      handshakeTimeout: limits.dialMs,
      maxIdleTimeout: 10_000,
      keepAliveInterval: 2000,
      maxConcurrentStreamLimit: limits.streamsMax,
      maxStreamData: 10_000_000,
      maxConnectionData: 64_000_000,
      shutdownTimeout: 500,
      receiveBufferSize: 2_000_000,
      sendBufferSize: 2_000_000,
    })
  }

  async dial(address: string, { timeoutMs }: { timeoutMs: number }): Promise<Link> {
    const { host, port } = splitAddress(address)
    // Binds a port when it is made: not before the first dial.
    this.#client ??= new this.#binding.Client(this.#config, host.includes(':') ? 1 : 0)
    const connecting = this.#client.outboundConnection(host, port)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms (UDP)`)), timeoutMs)
    })
    try {
      return this.adopt(await Promise.race([connecting, late]), true)
    } catch (error) {
      // One that comes after all is not left open.
      connecting.then(
        connection => connection.abort(),
        () => undefined,
      )
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async listen(address: string): Promise<LinkListener> {
    const { host, port } = splitAddress(address)
    const listener = new QuicListener(this, new this.#binding.Server(this.#config, host, port), host)
    this.#listeners.add(listener)
    return listener
  }

  adopt(connection: QuicConnection, outbound: boolean): QuicLink {
    const link = new QuicLink(connection, outbound)
    this.#links.add(link)
    void link.closed.then(() => this.#links.delete(link))
    return link
  }

  /** In this order, with every native call at its end: a thread that ends with one in flight takes the process with it. */
  async close(): Promise<void> {
    const links = [...this.#links]
    for (const link of links) link.close()
    await Promise.all(links.map(link => link.settled()))
    await Promise.all([...this.#listeners].map(listener => listener.close()))
    this.#client?.abort()
    this.#client = undefined
  }
}

class QuicListener implements LinkListener {
  readonly address: string
  readonly #transport: QuicTransport
  readonly #server: QuicServer
  #accepting: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(transport: QuicTransport, server: QuicServer, host: string) {
    this.#transport = transport
    this.#server = server
    this.address = `${host.includes(':') ? `[${host}]` : host}:${server.port()}`
  }

  async accept(): Promise<Link> {
    for (;;) {
      if (this.#closed) throw new CutError('closed', 'the listener is closed')
      const next = this.#server.inboundConnection()
      this.#accepting = next.catch(() => undefined)
      try {
        return this.#transport.adopt(await next, false)
      } catch (error) {
        // A handshake that failed is the other side's affair.
        if (this.#closed || /server closed/.test((error as Error).message))
          throw new CutError('closed', 'the listener is closed')
      }
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#server.abort()
    await this.#accepting
  }
}

class QuicLink implements Link {
  readonly peerId: string
  readonly outbound: boolean
  readonly address: string
  readonly closed: Promise<CutReason>
  readonly #connection: QuicConnection
  /** Native calls that have not come to their end, and who waits for the last. */
  #inFlight = 0
  #onSettled: (() => void) | undefined
  #ended = false

  constructor(connection: QuicConnection, outbound: boolean) {
    this.#connection = connection
    this.outbound = outbound
    const remote = /^\/ip[46]\/([^/]+)\/udp\/(\d+)\/.*\/p2p\/([^/]+)$/.exec(connection.remoteMultiaddr())
    if (!remote) {
      connection.abort()
      throw new Error(`the other side has proved no PeerId: ${connection.remoteMultiaddr()}`)
    }
    this.peerId = remote[3]
    this.address = `quic ${remote[1].includes(':') ? `[${remote[1]}]` : remote[1]}:${remote[2]}`
    this.closed = connection.closed().then(
      () => this.#over(),
      () => this.#over(),
    )
  }

  #over(): CutReason {
    const byUs = this.#ended
    this.#ended = true
    return byUs ? 'closed' : 'lost'
  }

  /** Every native call of this link has come to its end. */
  async settled(): Promise<void> {
    await this.closed
    if (this.#inFlight === 0) return
    await new Promise<void>(resolve => {
      this.#onSettled = resolve
    })
  }

  readonly #callOver = (): void => {
    if (--this.#inFlight === 0) this.#onSettled?.()
  }

  track<T>(call: Promise<T>): Promise<T> {
    this.#inFlight++
    call.then(this.#callOver, this.#callOver)
    return call
  }

  async open(): Promise<LinkStream> {
    try {
      return new QuicLinkStream(this, await this.track(this.#connection.outboundStream()))
    } catch (error) {
      throw cut(error)
    }
  }

  async accept(): Promise<LinkStream> {
    try {
      return new QuicLinkStream(this, await this.track(this.#connection.inboundStream()))
    } catch (error) {
      throw cut(error)
    }
  }

  close(): void {
    if (this.#ended) return
    this.#ended = true
    this.#connection.abort()
  }
}

class QuicLinkStream implements LinkStream {
  readonly #link: QuicLink
  readonly #stream: QuicStream

  constructor(link: QuicLink, stream: QuicStream) {
    this.#link = link
    this.#stream = stream
  }

  read(): Promise<Uint8Array | null> {
    return this.#link.track(this.#stream.read(READ_BYTES)).catch(throwCut)
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#link.track(this.#stream.write(bytes)).catch(throwCut)
  }

  async end(): Promise<void> {
    try {
      await this.#link.track(this.#stream.finishWrite())
    } catch (error) {
      throw cut(error)
    }
  }

  reset(): void {
    this.#link.track(this.#stream.resetWrite()).catch(() => undefined)
    this.#link.track(this.#stream.stopRead()).catch(() => undefined)
  }
}

function throwCut(error: unknown): never {
  throw cut(error)
}

/** Reset and loss have the same code in the binding: its message tells them apart. */
function cut(error: unknown): CutError {
  const { message } = error as Error
  if (/reset by peer|stopped by peer/.test(message)) return new CutError('reset', message)
  if (/closed/.test(message)) return new CutError('closed', message)
  return new CutError('lost', message)
}
