import { asCount, asList, asText, type HeaderValue } from '../../mesh/wire/index.ts'
import type { OwnerId } from '../../wire/ids.ts'
import type { Location, PeerTable } from '../core/index.ts'
import type { Names } from './names.ts'

/** Names of objects and places as they travel between peers. */
export class WireNames {
  readonly #own: OwnerId
  readonly #peers: PeerTable
  readonly #names: Names

  constructor(own: OwnerId, peers: PeerTable, names: Names) {
    this.#own = own
    this.#peers = peers
    this.#names = names
  }

  write(client: number, number: number): HeaderValue {
    const { owner, client: there } = this.#names.ownerOf(client)
    return [owner.peerId, owner.incarnation, there, number]
  }

  read(value: HeaderValue | undefined): { client: number; number: number } {
    const [peerId, incarnation, client, number] = asList(value, 'a name', 4)
    const owner = { peerId: asText(peerId, 'peer', 64), incarnation: asCount(incarnation, 'incarnation') }
    return { client: this.#names.clientId(owner, asCount(client, 'client')), number: asCount(number, 'number') }
  }

  /** Pairs of client and number. */
  readKeys(value: HeaderValue | undefined): number[] {
    return asList(value ?? [], 'names').flatMap(one => {
      const { client, number } = this.read(one)
      return [client, number]
    })
  }

  /** Copies: [peer, incarnation, token]. The one at this peer has `peer` -1. */
  readLocations(value: HeaderValue | undefined): Location[] {
    return asList(value, 'locations', 64).map(one => {
      const [peerId, incarnation, token] = asList(one, 'a location', 3)
      const owner = { peerId: asText(peerId, 'peer', 64), incarnation: asCount(incarnation, 'incarnation') }
      const own = owner.peerId === this.#own.peerId && owner.incarnation === this.#own.incarnation
      const peer = own ? -1 : this.#peers.of(owner.peerId, owner.incarnation).index
      return { peer, token: asCount(token, 'token') }
    })
  }

  writeLocations(locations: readonly Location[], ownToken: number): HeaderValue {
    const all: HeaderValue[] = locations.map(({ peer, token }) => {
      const { peerId, incarnation } = this.#peers.get(peer)
      return [peerId, incarnation, token]
    })
    if (ownToken >= 0) all.push([this.#own.peerId, this.#own.incarnation, ownToken])
    return all
  }
}
