import { CutError, type CutReason, type Link, type LinkListener, type LinkStream, type LinkTransport } from './link.ts'

/** What a simulated network does to what is sent. */
export interface MemoryOptions {
  /** One way, in milliseconds, and how much it varies. Default 0. */
  delayMs?: number
  jitterMs?: number
  /** Bytes on the way of one stream before a write waits. Default 256 KiB. */
  windowBytes?: number
  seed?: number
}

/** A network inside one process: links with delay, partitions and losses that repeat with the seed. For tests and simulation. */
export class MemoryNetwork {
  readonly windowBytes: number
  /** Addresses at which nothing answers and nothing refuses, as behind a firewall: dials run into their time-out. */
  readonly silent = new Set<string>()
  readonly #delayMs: number
  readonly #jitterMs: number
  #random: number
  readonly #listeners = new Map<string, MemoryListener>()
  readonly #links = new Set<MemoryLink>()
  readonly #parted = new Set<string>()
  #nextPort = 1

  constructor(options: MemoryOptions = {}) {
    this.windowBytes = options.windowBytes ?? 256 * 1024
    this.#delayMs = options.delayMs ?? 0
    this.#jitterMs = options.jitterMs ?? 0
    this.#random = (options.seed ?? 1) >>> 0 || 1
  }

  /** A peer's way into this network. */
  transport(peerId: string): LinkTransport {
    const mine = new Set<MemoryLink>()
    const listeners: MemoryListener[] = []
    return {
      kind: 'memory',
      dial: async (address, { timeoutMs }) => {
        if (this.silent.has(address)) {
          await new Promise(resolve => setTimeout(resolve, timeoutMs).unref())
          throw new Error(`no answer within ${timeoutMs} ms`)
        }
        const listener = this.#listeners.get(address)
        if (!listener || this.#isParted(peerId, listener.peerId)) throw new Error(`nobody answers at ${address}`)
        await this.pause()
        const [here, there] = MemoryLink.pair(this, peerId, listener.peerId, address)
        for (const link of [here, there]) {
          this.#links.add(link)
          void link.closed.then(() => this.#links.delete(link))
        }
        mine.add(here)
        listener.arrive(there)
        return here
      },
      listen: async address => {
        const at = address.endsWith(':0') ? `${address.slice(0, -1)}${this.#nextPort++}` : address
        if (this.#listeners.has(at)) throw new Error(`${at} is in use`)
        const listener = new MemoryListener(at, peerId, () => this.#listeners.delete(at))
        this.#listeners.set(at, listener)
        listeners.push(listener)
        return listener
      },
      close: async () => {
        for (const link of this.#links) if (link.owner === peerId) link.close()
        await Promise.all(listeners.map(listener => listener.close()))
      },
    }
  }

  /** xorshift32: the same seed, the same delays. */
  random(): number {
    let x = this.#random
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#random = x >>> 0
    return this.#random / 0x1_0000_0000
  }

  pause(): Promise<void> {
    const ms = this.#delayMs + this.random() * this.#jitterMs
    return ms > 0 ? new Promise(resolve => setTimeout(resolve, ms)) : Promise.resolve()
  }

  #isParted(a: string, b: string): boolean {
    return this.#parted.has([a, b].sort().join('|'))
  }

  /** From now on nothing arrives between two peers; links stay, silently. */
  part(a: string, b: string): void {
    this.#parted.add([a, b].sort().join('|'))
  }

  heal(a: string, b: string): void {
    this.#parted.delete([a, b].sort().join('|'))
  }

  /** Resolves when bytes may pass between two peers. */
  async passage(a: string, b: string, over: () => boolean): Promise<void> {
    await this.pause()
    while (this.#isParted(a, b) && !over()) await new Promise(resolve => setTimeout(resolve, 5))
  }

  /** The links between two peers are lost, as if a cable was pulled and the loss noticed. */
  lose(a: string, b: string): void {
    for (const link of this.#links) if (link.owner === a && link.peerId === b) link.lose()
  }
}

class MemoryListener implements LinkListener {
  readonly address: string
  readonly peerId: string
  readonly #gone: () => void
  readonly #arrived: Link[] = []
  #waiting: { resolve(link: Link): void; reject(error: Error): void } | undefined
  #closed = false

  constructor(address: string, peerId: string, gone: () => void) {
    this.address = address
    this.peerId = peerId
    this.#gone = gone
  }

  arrive(link: Link): void {
    if (this.#closed) link.close()
    else if (this.#waiting) {
      this.#waiting.resolve(link)
      this.#waiting = undefined
    } else this.#arrived.push(link)
  }

  accept(): Promise<Link> {
    const link = this.#arrived.shift()
    if (link) return Promise.resolve(link)
    if (this.#closed) return Promise.reject(new CutError('closed', 'the listener is closed'))
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#gone()
    this.#waiting?.reject(new CutError('closed', 'the listener is closed'))
    this.#waiting = undefined
  }
}

class MemoryLink implements Link {
  readonly owner: string
  readonly peerId: string
  readonly outbound: boolean
  readonly address: string
  readonly closed: Promise<CutReason>
  readonly network: MemoryNetwork
  readonly streams = new Set<MemoryStream>()
  other!: MemoryLink
  over: CutReason | undefined
  readonly #close: (reason: CutReason) => void
  readonly #arrived: LinkStream[] = []
  #waiting: { resolve(stream: LinkStream): void; reject(error: Error): void } | undefined

  static pair(network: MemoryNetwork, from: string, to: string, address: string): [MemoryLink, MemoryLink] {
    const here = new MemoryLink(network, from, to, true, address)
    const there = new MemoryLink(network, to, from, false, address)
    here.other = there
    there.other = here
    return [here, there]
  }

  constructor(network: MemoryNetwork, owner: string, peerId: string, outbound: boolean, address: string) {
    this.network = network
    this.owner = owner
    this.peerId = peerId
    this.outbound = outbound
    this.address = `memory ${address}`
    const { promise, resolve } = Promise.withResolvers<CutReason>()
    this.closed = promise
    this.#close = resolve
  }

  async open(): Promise<LinkStream> {
    if (this.over) throw new CutError(this.over, 'the link is closed')
    const [here, there] = MemoryStream.pair(this, this.other)
    void this.network
      .passage(this.owner, this.peerId, () => this.over !== undefined)
      .then(() => this.other.#arrive(there))
    return here
  }

  #arrive(stream: LinkStream): void {
    if (this.#waiting) {
      this.#waiting.resolve(stream)
      this.#waiting = undefined
    } else this.#arrived.push(stream)
  }

  accept(): Promise<LinkStream> {
    const stream = this.#arrived.shift()
    if (stream) return Promise.resolve(stream)
    if (this.over) return Promise.reject(new CutError(this.over, 'the link is closed'))
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  close(): void {
    this.#end('closed')
    this.other.#end('lost')
  }

  lose(): void {
    this.#end('lost')
    this.other.#end('lost')
  }

  #end(reason: CutReason): void {
    if (this.over) return
    this.over = reason
    for (const stream of [...this.streams]) stream.cut(reason)
    this.#waiting?.reject(new CutError(reason, 'the link is closed'))
    this.#waiting = undefined
    this.#close(reason)
  }
}

class MemoryStream implements LinkStream {
  readonly #link: MemoryLink
  #other!: MemoryStream
  readonly #chunks: (Uint8Array | null)[] = []
  #reader: { resolve(chunk: Uint8Array | null): void; reject(error: Error): void } | undefined
  /** Bytes that this side has sent and the other has not read. */
  #unread = 0
  #room: (() => void) | undefined
  #cut: CutReason | undefined
  #ended = false
  /** What is on its way arrives in order. */
  #way: Promise<void> = Promise.resolve()

  static pair(a: MemoryLink, b: MemoryLink): [MemoryStream, MemoryStream] {
    const here = new MemoryStream(a)
    const there = new MemoryStream(b)
    here.#other = there
    there.#other = here
    return [here, there]
  }

  constructor(link: MemoryLink) {
    this.#link = link
    link.streams.add(this)
  }

  #send(chunk: Uint8Array | null): void {
    const { network, owner, peerId } = this.#link
    this.#way = this.#way
      .then(() => network.passage(owner, peerId, () => this.#cut !== undefined))
      .then(() => this.#other.#arrive(chunk))
  }

  #arrive(chunk: Uint8Array | null): void {
    if (this.#cut) return
    if (this.#reader) {
      const { resolve } = this.#reader
      this.#reader = undefined
      this.#taken(chunk)
      if (chunk === null) this.#chunks.push(null)
      resolve(chunk)
    } else this.#chunks.push(chunk)
  }

  #taken(chunk: Uint8Array | null): void {
    const { length } = chunk ?? []
    this.#other.#unread -= length as number
    if (this.#other.#unread < this.#link.network.windowBytes) {
      this.#other.#room?.()
      this.#other.#room = undefined
    }
  }

  read(): Promise<Uint8Array | null> {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) {
      this.#taken(chunk)
      // The end stays the end.
      if (chunk === null) this.#chunks.push(null)
      return Promise.resolve(chunk)
    }
    if (this.#cut) return Promise.reject(new CutError(this.#cut, `the stream was cut: ${this.#cut}`))
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
    })
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; from += 64 * 1024) {
      if (this.#cut) throw new CutError(this.#cut, `the stream was cut: ${this.#cut}`)
      if (this.#ended) throw new CutError('closed', 'the stream has ended here')
      const chunk = bytes.slice(from, from + 64 * 1024)
      this.#unread += chunk.length
      this.#send(chunk)
      if (this.#unread < this.#link.network.windowBytes) continue
      await new Promise<void>(resolve => {
        this.#room = resolve
      })
    }
    if (this.#cut) throw new CutError(this.#cut, `the stream was cut: ${this.#cut}`)
  }

  async end(): Promise<void> {
    if (this.#ended || this.#cut) return
    this.#ended = true
    this.#send(null)
  }

  reset(): void {
    const { network, owner, peerId } = this.#link
    const other = this.#other
    this.cut('reset')
    void network.passage(owner, peerId, () => this.#link.over !== undefined).then(() => other.cut('reset'))
  }

  cut(reason: CutReason): void {
    if (this.#cut) return
    this.#cut = reason
    this.#link.streams.delete(this)
    this.#chunks.length = 0
    this.#reader?.reject(new CutError(reason, `the stream was cut: ${reason}`))
    this.#reader = undefined
    this.#room?.()
    this.#room = undefined
  }
}
