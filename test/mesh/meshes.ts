import {
  foundIssuer,
  type Issuer,
  issueCredential,
  type Role,
  readTicket,
  TicketBook,
  type TicketRow,
} from '../../mesh/admission/index.ts'
import { generateKey, meshIdOf, peerIdOf } from '../../mesh/identity/index.ts'
import { type LinkTransport, MemoryNetwork, QuicTransport } from '../../mesh/links/index.ts'
import { type BulkStream, type KnownAddress, MeshNode, redeemTicket } from '../../mesh/node/index.ts'

/** A member of a mesh under test, with what it was told. */
export interface TestNode {
  node: MeshNode
  peerId: string
  told: string[]
  bulk: ((map: Record<string, unknown>, stream: BulkStream) => void) | undefined
  frames: { from: string; t: unknown; payload: Uint8Array }[]
  transport: LinkTransport
  issuer: Issuer | undefined
}

/** Meshes of nodes in this process, on links in memory or on QUIC. */
export class Meshes {
  readonly nodes: TestNode[] = []
  readonly network: MemoryNetwork | undefined
  readonly #rootKey = generateKey()
  #founder: TestNode | undefined
  incarnation = 1000

  constructor(kind: 'memory' | 'quic', network = new MemoryNetwork()) {
    this.network = kind === 'memory' ? network : undefined
  }

  get meshId(): string {
    return meshIdOf(this.#rootKey)
  }

  transportOf(key: ReturnType<typeof generateKey>): LinkTransport {
    return this.network ? this.network.transport(peerIdOf(key)) : new QuicTransport(key)
  }

  /** The founder, or one more that joins by a ticket of the founder's. */
  async add(options: { role?: Role; listen?: boolean; key?: ReturnType<typeof generateKey> } = {}): Promise<TestNode> {
    const key = options.key ?? generateKey()
    const peerId = peerIdOf(key)
    const transport = this.transportOf(key)
    const role = options.role ?? 'peer'
    let issuer: Issuer | undefined
    let remembered: readonly KnownAddress[] = []
    let credential: ReturnType<typeof issueCredential>
    if (!this.#founder) {
      issuer = foundIssuer(this.#rootKey, key, peerId, Date.now())
      credential = issueCredential(issuer, { peerId, role }, Date.now())
    } else {
      const { ticket } = this.#founder.node.makeTicket({ role, uses: 1, ttlMs: 60_000 })
      const joined = await redeemTicket(transport, readTicket(ticket), {
        release: 'test',
        wantsIssuer: true,
        ownPeerId: peerId,
      })
      credential = joined.credential
      issuer = joined.chain && { key, root: credential.root, chain: joined.chain }
      remembered = joined.known
    }
    const told: string[] = []
    const short = (id: string): string => this.nodes.findIndex(one => one.peerId === id).toString()
    let rows: TicketRow[] = []
    const made: TestNode = {
      node: undefined as unknown as MeshNode,
      peerId,
      told,
      bulk: undefined,
      frames: [],
      transport,
      issuer,
    }
    made.node = new MeshNode({
      peerId,
      meshId: this.meshId,
      incarnation: this.incarnation++,
      release: 'test',
      credential,
      role,
      issuer,
      tickets: new TicketBook({ read: () => rows, write: next => (rows = [...next]) }),
      transport,
      listen: options.listen === false ? undefined : this.network ? 'memory:0' : '127.0.0.1:0',
      advertise: address => [address],
      info: () => ({ name: this.nodes.length }),
      remembered,
      remember: () => undefined,
      renewed: () => undefined,
      log: () => undefined,
      events: {
        began: id => told.push(`began ${short(id)}`),
        ended: (id, _incarnation, how) => told.push(`ended ${short(id)}: ${how}`),
        frame: (from, map, payload) => made.frames.push({ from, t: map.t, payload: payload.slice() }),
        turn: () => undefined,
        bulk: (_from, map, stream) => made.bulk?.(map, stream),
        changed: () => undefined,
      },
    })
    this.nodes.push(made)
    this.#founder ??= made
    await made.node.start()
    return made
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map(({ node }) => node.close()))
  }
}

export async function eventually(what: string, test: () => boolean, ms = 5000): Promise<void> {
  for (const until = Date.now() + ms; !test(); ) {
    if (Date.now() > until) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

export function linked(node: TestNode): number {
  return [...node.node.members()].filter(row => row.linked && row.state === 'alive').length
}
