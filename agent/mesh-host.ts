import type { KeyObject } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import { type Credential, type Issuer, type Role, TicketBook, type TicketFile } from '../mesh/admission/index.ts'
import type { Gossip } from '../mesh/discovery/index.ts'
import { type LinkTransport, QuicTransport, splitAddress } from '../mesh/links/index.ts'
import { type KnownAddress, type MemberRow, MeshNode } from '../mesh/node/index.ts'
import { type HeaderValue, MalformedFrameError } from '../mesh/wire/index.ts'
import type { Member, NameDirectory } from './directory/index.ts'
import type { Peer } from './peer/index.ts'

/** What an agent's part in its mesh is made of. */
export interface MeshHostOptions {
  readonly peer: Peer
  readonly key: KeyObject
  readonly peerId: string
  readonly meshId: string
  readonly incarnation: number
  readonly release: string
  readonly role: Role
  readonly credential: Credential
  readonly issuer: Issuer | undefined
  /** `ip:port`; undefined: it dials out only. */
  readonly listen: string | undefined
  readonly tickets: TicketFile
  readonly remembered: readonly KnownAddress[]
  remember(known: readonly KnownAddress[]): void
  renewed(credential: Credential): void
  log(line: string): void
  readonly transport?: LinkTransport
  /** Looks for members in the local network (never on loopback). */
  readonly mdns?: boolean
  /** This peer's part in the directory of names. */
  readonly names: NameDirectory
}

/** Ties a peer to the mesh: frames, members and what they offer go to its cores, what these decide goes out. */
export class MeshHost {
  readonly node: MeshNode
  readonly #peer: Peer
  readonly #options: MeshHostOptions

  static async open(options: MeshHostOptions): Promise<MeshHost> {
    const host = new MeshHost(options)
    options.names.enter({
      send: (peerId, part, last) => host.node.send(peerId, { t: 'names', last }, part),
      members: () => host.#members(),
    })
    await options.peer.enterMesh(
      {
        send: (peerId, header, payload) => host.node.send(peerId, header, payload),
        openBulk: (peerId, header) => host.node.openBulk(peerId, header),
      },
      () => host.node.infoChanged(),
    )
    try {
      await host.node.start()
    } catch (error) {
      await host.node.close()
      throw error
    }
    // Loading libp2p takes most of a second: the links do without it meanwhile.
    host.#openGossip().catch((error: Error) => options.log(`gossip: ${error.message}`))
    return host
  }

  #gossip: Gossip | undefined
  #closed = false

  async #openGossip(): Promise<void> {
    const { key, meshId, mdns = true, log } = this.#options
    const { Gossip } = await import('../mesh/discovery/index.ts')
    if (this.#closed) return
    const { node } = this
    const gossip = await Gossip.open({
      key,
      meshId,
      listen: node.address,
      mdns,
      credential: () => node.credential,
      revoked: serial => node.isRevoked(serial),
      heard: announcement => node.heardOf(announcement),
      seen: (peerId, address) => node.learn(peerId, [address]),
      lost: peerId => node.doubt(peerId),
      log,
    })
    if (this.#closed) {
      await gossip.close()
      return
    }
    this.#gossip = gossip
    for (const row of node.members()) this.#connect(row.peerId, row.addresses)
  }

  /** One of the two makes the TCP connection. */
  #connect(peerId: string, addresses: readonly string[]): void {
    if (this.#options.peerId < peerId || this.node.address === undefined) this.#gossip?.connect(peerId, addresses)
  }

  private constructor(options: MeshHostOptions) {
    const { peer, key, log, names } = options
    this.#peer = peer
    this.#options = options
    this.node = new MeshNode({
      ...options,
      tickets: new TicketBook(options.tickets),
      transport: options.transport ?? new QuicTransport(key),
      advertise: advertised,
      info: () => peer.info() as HeaderValue,
      events: {
        began: (peerId, incarnation, role) => {
          peer.peerBegan(peerId, incarnation)
          names.membersChanged()
          names.peerBegan(peerId, incarnation)
          const row = [...this.node.members()].find(one => one.peerId === peerId)
          if (row) {
            this.#offers(row, incarnation, role)
            this.#connect(peerId, row.addresses)
          }
        },
        ended: (peerId, incarnation) => {
          names.membersChanged()
          names.peerEnded(peerId)
          peer.peerEnded(peerId, incarnation)
          // Should the same start of it come back, it is told anew.
          this.#said.delete(peerId)
        },
        frame: (peerId, map, payload) => {
          try {
            if (map.t === 'names') names.peerFrame(peerId, payload, map.last === true)
            else peer.peerFrame(peerId, map, payload)
          } catch (error) {
            // What one peer says must not end another: the session with it is over, as nothing of it may be left out.
            if (error instanceof MalformedFrameError) throw error
            log(`a frame of ${peerId}: ${(error as Error).stack}`)
            throw new MalformedFrameError((error as Error).message)
          }
        },
        turn: () => peer.peersTold(),
        bulk: (peerId, map, stream) => peer.peerBulk(peerId, map, stream),
        changed: () => this.#changed(),
        announced: () => this.#gossip?.say(this.node.announcement()),
      },
    })
  }

  #changed(): void {
    for (const row of this.node.members())
      if (row.linked && row.state === 'alive') this.#offers(row, row.incarnation, row.role)
    this.#options.names.membersChanged()
    this.#peer.peersTold()
  }

  *#members(): Iterable<Member> {
    for (const row of this.node.members()) {
      const { peerId, incarnation, state, confirmed, role } = row
      yield { peerId, incarnation, state, confirmed, closed: role === 'driver' || infoOf(row).state === 'draining' }
    }
  }

  readonly #said = new Map<string, string>()

  #offers(row: MemberRow, incarnation: number, role: Role): void {
    const info = infoOf(row)
    const offer = {
      totals: info.resources,
      labels: info.labels,
      closed: role === 'driver' || info.state === 'draining',
    }
    const text = `${incarnation} ${JSON.stringify(offer)}`
    if (this.#said.get(row.peerId) === text) return
    this.#said.set(row.peerId, text)
    this.#peer.peerOffers(row.peerId, incarnation, offer)
  }

  /** Resolves when another peer is linked, or after a while. */
  async linked(timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs
    while (performance.now() < until && ![...this.node.members()].some(row => row.linked)) {
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }

  /** Rows of the other members, as `peers` gives them. */
  rows(): Record<string, unknown>[] {
    const now = performance.now()
    return [...this.node.members()].map(row => {
      const info = infoOf(row)
      const gone = row.state === 'dead' || row.state === 'left'
      return {
        peerId: row.peerId,
        address: [...row.addresses],
        state: row.state === 'alive' && info.state === 'draining' ? 'draining' : row.state,
        role: row.role,
        resources: info.resources,
        available: gone ? Object.fromEntries(Object.keys(info.available).map(name => [name, 0])) : info.available,
        labels: info.labels,
        pid: info.pid,
        version: info.version,
        ageMs: Math.max(0, Math.round(now - row.infoAt)),
        store: info.store,
      }
    })
  }

  /** How long a member has been silent, and whether it is known to be gone: it need not be waited for. */
  silence(peerId: string, incarnation: number): { ms: number; gone: boolean } {
    for (const row of this.node.members()) {
      if (row.peerId !== peerId) continue
      const gone = row.incarnation > incarnation || row.state === 'left' || (row.state === 'dead' && row.confirmed)
      return { ms: performance.now() - row.heardAt, gone }
    }
    return { ms: Number.POSITIVE_INFINITY, gone: false }
  }

  /** What is known of a member's process. */
  facts(peerId: string): { pid: number } {
    for (const row of this.node.members()) if (row.peerId === peerId) return { pid: infoOf(row).pid }
    return { pid: 0 }
  }

  get addresses(): string[] {
    return this.node.addresses
  }

  /** Tells the others, then ends every link. */
  async close(): Promise<void> {
    await this.node.leave()
    this.#closed = true
    await this.#gossip?.close()
    await this.node.close()
    this.#options.log('the mesh is left')
  }
}

interface Info {
  resources: Record<string, number>
  available: Record<string, number>
  labels: Record<string, string>
  state: string
  pid: number
  version: string
  store: Record<string, number>
}

const noStore = {
  capacityBytes: 0,
  usedBytes: 0,
  objects: 0,
  spilledBytes: 0,
  spilledObjects: 0,
  restoredBytes: 0,
  restoredObjects: 0,
}

/** What a member says of itself, as far as it makes sense. */
function infoOf({ info }: MemberRow): Info {
  const map = (typeof info === 'object' && info !== null && !Array.isArray(info) ? info : {}) as Record<string, unknown>
  return {
    resources: { cpus: 0, gpus: 0, memoryBytes: 0, ...numbers(map.resources) },
    available: { cpus: 0, gpus: 0, memoryBytes: 0, ...numbers(map.available) },
    labels: texts(map.labels),
    state: typeof map.state === 'string' ? map.state : 'alive',
    pid: typeof map.pid === 'number' ? map.pid : 0,
    version: typeof map.version === 'string' ? map.version.slice(0, 50) : '',
    store: { ...noStore, ...numbers(map.store) },
  }
}

function numbers(value: unknown): Record<string, number> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : []
  return Object.fromEntries(
    entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number' && entry[1] >= 0),
  )
}

function texts(value: unknown): Record<string, string> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : []
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
}

/** The addresses by which others reach a listener: of an unspecified one those of this machine's interfaces. */
export function advertised(address: string): string[] {
  const { host, port } = splitAddress(address)
  if (host !== '0.0.0.0' && host !== '::') return [address]
  const found: string[] = []
  for (const list of Object.values(networkInterfaces())) {
    for (const { address: ip, internal, family } of list ?? []) {
      if (internal || family !== (host === '::' ? 'IPv6' : 'IPv4') || ip.startsWith('fe80')) continue
      found.push(family === 'IPv6' ? `[${ip}]:${port}` : `${ip}:${port}`)
    }
  }
  return found.length > 0 ? found.slice(0, 8) : [`${host === '::' ? '[::1]' : '127.0.0.1'}:${port}`]
}
