import type { OwnerId } from '../../wire/ids.ts'
import type { PeerTable } from '../core/index.ts'

/** Names of objects and peers between peers: {peer, incarnation, client, number} (protocols §2). */
export class Names {
  readonly own: OwnerId
  readonly #peers: PeerTable

  constructor({ peerId, incarnation }: OwnerId, peers: PeerTable) {
    this.own = { peerId, incarnation }
    this.#peers = peers
  }

  /** Whose client that is, and its number there. */
  ownerOf(client: number): { owner: OwnerId; client: number } {
    const home = this.#peers.homeOf(client)
    return home ? { owner: this.#peers.get(home.peer), client: home.client } : { owner: this.own, client }
  }

  /** The id by which this peer knows a client of an owner. */
  clientId(owner: OwnerId, client: number): number {
    if (owner.peerId === this.own.peerId && owner.incarnation === this.own.incarnation) return client
    return this.#peers.clientId(this.#peers.of(owner.peerId, owner.incarnation).index, client)
  }
}
