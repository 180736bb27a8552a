import {
  type Credential,
  chainFromHeader,
  chainToHeader,
  checkCredential,
  credentialFromHeader,
  credentialToHeader,
  Refusal,
  type Role,
  type Signed,
  type Ticket,
} from '../admission/index.ts'
import { limits } from '../limits.ts'
import type { Link, LinkTransport } from '../links/index.ts'
import { asBytes, asList, asMap, asText, type HeaderValue } from '../wire/index.ts'
import { BulkStream } from './bulk.ts'
import { meshVersion } from './greeting.ts'

/** What a ticket was redeemed for. */
export interface Joined {
  readonly credential: Credential
  /** The right to issue, for peers that join with `shoal join`. */
  readonly chain: readonly Signed[] | undefined
  readonly role: Role
  readonly known: readonly KnownAddress[]
}

/** A member that somebody told of, and where it listens. */
export interface KnownAddress {
  readonly peerId: string
  readonly addresses: readonly string[]
}

/** Nobody at any of the addresses: each with why. */
export class UnreachableError extends Error {
  readonly attempts: readonly { address: string; reason: string }[]
  readonly code = 'SHOAL_CONNECT'
  constructor(attempts: readonly { address: string; reason: string }[]) {
    const tried = attempts.map(({ address, reason }) => `${address}: ${reason}`).join('; ')
    super(`the peer that made this ticket was not reached (${tried}). Make a ticket on any live peer: shoal ticket`)
    this.attempts = attempts
  }
}

/**
 * Redeems a ticket at the peer that made it. Throws Refusal where that peer says no, UnreachableError where nobody answers.
 * `wantsIssuer`: a peer that stays (not one inside a program) may let others in itself.
 */
export async function redeemTicket(
  transport: LinkTransport,
  ticket: Ticket,
  options: { release: string; wantsIssuer: boolean; ownPeerId: string },
): Promise<Joined> {
  const attempts: { address: string; reason: string }[] = []
  for (const address of ticket.addresses) {
    let link: Link
    try {
      link = await transport.dial(address, { timeoutMs: limits.dialMs })
    } catch (error) {
      attempts.push({ address, reason: (error as Error).message })
      continue
    }
    try {
      if (link.peerId !== ticket.peerId) {
        attempts.push({ address, reason: `another peer answers there (${link.peerId})` })
        continue
      }
      return await withDeadline(redeem(link, ticket, options))
    } catch (error) {
      if (error instanceof Refusal) throw error
      attempts.push({ address, reason: (error as Error).message })
    } finally {
      link.close()
    }
  }
  throw new UnreachableError(attempts)
}

async function redeem(
  link: Link,
  ticket: Ticket,
  { release, wantsIssuer, ownPeerId }: { release: string; wantsIssuer: boolean; ownPeerId: string },
): Promise<Joined> {
  const stream = new BulkStream(await link.open())
  await stream.send({
    t: 'join',
    v: meshVersion,
    release,
    mesh: ticket.meshId,
    secret: ticket.secret,
    issuer: wantsIssuer,
  })
  const answer = asMap(await stream.frame(), 'an answer')
  if (answer.t === 'refused') {
    throw new Refusal(asText(answer.reason, 'reason', 32) as Refusal['reason'], asText(answer.message, 'message', 1000))
  }
  const credential = credentialFromHeader(answer.credential)
  const { role } = checkCredential(credential, { meshId: ticket.meshId, peerId: ownPeerId, nowMs: Date.now() })
  return {
    credential,
    chain: answer.chain ? chainFromHeader(answer.chain) : undefined,
    role,
    known: knownFromHeader(answer.known),
  }
}

/** Answers a join, on a new link that has proved nothing but its PeerId. */
export interface Doorkeeper {
  readonly meshId: string
  /** Throws Refusal. */
  admit(
    peerId: string,
    secret: Uint8Array,
    wantsIssuer: boolean,
  ): { credential: Credential; chain: readonly Signed[] | undefined }
  known(): KnownAddress[]
}

export function answerJoin(
  peerId: string,
  map: { [key: string]: HeaderValue | undefined },
  keeper: Doorkeeper,
): HeaderValue {
  try {
    if (map.v !== meshVersion)
      throw new Refusal(
        'garbage',
        `this peer speaks version ${meshVersion} of the protocol, the other ${String(map.v)}`,
      )
    if (map.mesh !== keeper.meshId) {
      throw new Refusal(
        'other-mesh',
        `this ticket is of another mesh (${String(map.mesh)}); this peer belongs to ${keeper.meshId}`,
      )
    }
    const { credential, chain } = keeper.admit(peerId, asBytes(map.secret, 'secret', 32), map.issuer === true)
    return {
      t: 'joined',
      credential: credentialToHeader(credential),
      chain: chain && chainToHeader(chain),
      known: knownToHeader(keeper.known()),
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { t: 'refused', reason: error.reason, message: error.message }
  }
}

export function knownToHeader(known: readonly KnownAddress[]): HeaderValue {
  return known.map(({ peerId, addresses }) => [peerId, [...addresses]])
}

export function knownFromHeader(value: HeaderValue | undefined): KnownAddress[] {
  return asList(value, 'members', limits.membersMax).map(row => {
    const [peerId, addresses] = asList(row, 'a member', 2)
    return {
      peerId: asText(peerId, 'peer', 64),
      addresses: asList(addresses, 'addresses', limits.ticketAddressesMax).map(one => asText(one, 'address', 256)),
    }
  })
}

async function withDeadline<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limits.dialMs} ms`)), limits.dialMs)
  })
  work.catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
