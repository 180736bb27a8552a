import { clientMax } from './clients.ts'

/** Another incarnation of another peer, as the cores know it. */
export interface RemotePeer {
  readonly index: number
  readonly peerId: string
  readonly incarnation: number
}

/**
 * Other peers by small numbers, and their clients by ids of this peer's own kind: an object of another owner is then named by
 * {client, number} like one of this peer's.
 */
export class PeerTable {
  readonly #peers: RemotePeer[] = []
  readonly #byName = new Map<string, RemotePeer>()
  readonly #ids = new Map<number, number>()
  readonly #clients = new Map<number, { peer: number; client: number }>()
  readonly #newId: () => number

  /** `newId` gives ids that no client of this peer has. */
  constructor(newId: () => number) {
    this.#newId = newId
  }

  /** The number of an incarnation of a peer; given at the first use. */
  of(peerId: string, incarnation: number): RemotePeer {
    const name = `${peerId}/${incarnation}`
    let peer = this.#byName.get(name)
    if (!peer) {
      peer = { index: this.#peers.length, peerId, incarnation }
      this.#peers.push(peer)
      this.#byName.set(name, peer)
    }
    return peer
  }

  get(index: number): RemotePeer {
    const peer = this.#peers[index]
    if (!peer) throw new RangeError(`no peer ${index}`)
    return peer
  }

  /** The id by which this peer knows a client of another. */
  clientId(peer: number, client: number): number {
    const key = peer * (clientMax + 1) + client
    let id = this.#ids.get(key)
    if (id === undefined) {
      id = this.#newId()
      this.#ids.set(key, id)
      this.#clients.set(id, { peer, client })
    }
    return id
  }

  /** Whose client that is; undefined for one of this peer's own. */
  homeOf(clientId: number): { peer: number; client: number } | undefined {
    return this.#clients.get(clientId)
  }
}
