import type { KeyObject } from 'node:crypto'
import {
  type Credential,
  foundIssuer,
  type Issuer,
  issueCredential,
  type Role,
  readTicket,
  type TicketRow,
} from '../mesh/admission/index.ts'
import { peerIdOf } from '../mesh/identity/index.ts'
import { meshLimits } from '../mesh/index.ts'
import { isLoopback, QuicTransport } from '../mesh/links/index.ts'
import { type KnownAddress, redeemTicket } from '../mesh/node/index.ts'
import type { NameDirectory } from './directory/index.ts'
import { MeshHost } from './mesh-host.ts'
import { shoalVersion } from './node-version.ts'
import type { Peer } from './peer/index.ts'

/** What a ticket gave to an embedded peer: everything of it lives in memory only. */
export interface JoinedMesh {
  meshId: string
  role: Role
  credential: Credential
  known: readonly KnownAddress[]
  /** Every address of the mesh that it knows is on this machine. */
  loopback: boolean
}

/** Redeems a ticket. Throws Refusal and UnreachableError. */
export async function join(key: KeyObject, text: string): Promise<JoinedMesh> {
  const ticket = readTicket(text)
  const transport = new QuicTransport(key)
  try {
    const { credential, role, known } = await redeemTicket(transport, ticket, {
      release: shoalVersion,
      wantsIssuer: false,
      ownPeerId: peerIdOf(key),
    })
    return { meshId: ticket.meshId, role, credential, known, loopback: ticket.addresses.every(isLoopback) }
  } finally {
    await transport.close()
  }
}

/** The mesh of an embedded peer: the one that it joined, or one of its own for which it makes tickets. */
export class EmbeddedMesh {
  readonly host: MeshHost

  static async open(options: {
    peer: Peer
    key: KeyObject
    peerId: string
    meshId: string
    incarnation: number
    release: string
    rootKey: KeyObject
    joined: JoinedMesh | undefined
    names: NameDirectory
  }): Promise<EmbeddedMesh> {
    const { joined, rootKey, key, peerId, ...rest } = options
    let issuer: Issuer | undefined
    let credential = joined?.credential
    if (!credential) {
      issuer = foundIssuer(rootKey, key, peerId, Date.now())
      credential = issueCredential(issuer, { peerId, role: 'peer' }, Date.now())
    }
    let rows: readonly TicketRow[] = []
    const host = await MeshHost.open({
      ...rest,
      key,
      peerId,
      role: joined?.role ?? 'peer',
      credential,
      issuer,
      // Who only drives may be behind a firewall: it dials out.
      listen: joined?.role === 'driver' ? undefined : joined?.loopback ? '127.0.0.1:0' : '0.0.0.0:0',
      tickets: {
        read: () => [...rows],
        write: next => {
          rows = [...next]
        },
      },
      remembered: joined?.known ?? [],
      remember: () => undefined,
      renewed: () => undefined,
      log: () => undefined,
    })
    if (joined) await host.linked(meshLimits.dialMs)
    return new EmbeddedMesh(host)
  }

  private constructor(host: MeshHost) {
    this.host = host
  }

  makeTicket({ uses, role, ttlMs = meshLimits.ticketTtlMs }: { uses: number; role: Role; ttlMs?: number }): unknown {
    return this.host.node.makeTicket({ uses, role, ttlMs })
  }
}
