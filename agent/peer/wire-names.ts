import { asCount, asList, asText, type HeaderValue, MalformedFrameError } from '../../mesh/wire/index.ts'
import type { OwnerId } from '../../wire/ids.ts'
import type { Location, PeerTable } from '../core/index.ts'
import type { Names } from './names.ts'

/** Owners by small numbers, as one side of a conversation counts them: a name is then three numbers. */
export class OwnerTable {
  readonly owners: OwnerId[] = []
  readonly #index = new Map<string, number>()
  readonly #onNew: (index: number, owner: OwnerId) => void

  /** `onNew` tells the other side, before anything that uses the number. */
  constructor(onNew: (index: number, owner: OwnerId) => void = () => undefined) {
    this.#onNew = onNew
  }

  of({ peerId, incarnation }: OwnerId): number {
    const name = `${peerId}/${incarnation}`
    let index = this.#index.get(name)
    if (index === undefined) {
      index = this.owners.push({ peerId, incarnation }) - 1
      this.#index.set(name, index)
      this.#onNew(index, { peerId, incarnation })
    }
    return index
  }
}

/** Names of objects and places as they travel between peers, in terms of an owner table. */
export class WireNames {
  readonly #own: OwnerId
  readonly #peers: PeerTable
  readonly #names: Names

  constructor(own: OwnerId, peers: PeerTable, names: Names) {
    this.#own = own
    this.#peers = peers
    this.#names = names
  }

  write(table: OwnerTable, client: number, number: number): HeaderValue {
    const { owner, client: there } = this.#names.ownerOf(client)
    return [table.of(owner), there, number]
  }

  read(owners: readonly OwnerId[], value: HeaderValue | undefined): { client: number; number: number } {
    const [owner, client, number] = asList(value, 'a name', 3)
    return {
      client: this.#names.clientId(ownerAt(owners, owner), asCount(client, 'client')),
      number: asCount(number, 'number'),
    }
  }

  /** Pairs of client and number. */
  readKeys(owners: readonly OwnerId[], value: HeaderValue | undefined): number[] {
    return asList(value ?? [], 'names').flatMap(one => {
      const { client, number } = this.read(owners, one)
      return [client, number]
    })
  }

  /** Copies: [owner, token]. The one at this peer has `peer` -1. */
  readLocations(owners: readonly OwnerId[], value: HeaderValue | undefined): Location[] {
    return asList(value, 'locations', 64).map(one => {
      const [index, token] = asList(one, 'a location', 2)
      const owner = ownerAt(owners, index)
      const own = owner.peerId === this.#own.peerId && owner.incarnation === this.#own.incarnation
      const peer = own ? -1 : this.#peers.of(owner.peerId, owner.incarnation).index
      return { peer, token: asCount(token, 'token') }
    })
  }

  writeLocations(table: OwnerTable, locations: readonly Location[], ownToken: number): HeaderValue {
    const all: HeaderValue[] = locations.map(({ peer, token }) => [table.of(this.#peers.get(peer)), token])
    if (ownToken >= 0) all.push([table.of(this.#own), ownToken])
    return all
  }
}

function ownerAt(owners: readonly OwnerId[], index: HeaderValue | undefined): OwnerId {
  const owner = owners[asCount(index, 'owner')]
  if (!owner) throw new MalformedFrameError('a name of an owner that was not told of')
  return owner
}

/** An owner as it is told once. */
export function ownerFrom(peerId: HeaderValue | undefined, incarnation: HeaderValue | undefined): OwnerId {
  return { peerId: asText(peerId, 'peer', 64), incarnation: asCount(incarnation, 'incarnation') }
}
