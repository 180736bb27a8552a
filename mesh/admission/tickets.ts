import { createHash, randomBytes } from 'node:crypto'
import { base58Decode, base58Encode, rawKeyOfPeerId } from '../identity/index.ts'
import { limits } from '../limits.ts'
import { asBytes, asCount, asList, asMap, asText, decodeHeader, encodeHeader } from '../wire/index.ts'
import type { Role } from './credentials.ts'
import { Refusal } from './refusal.ts'

/** What a ticket says. Whoever has it may join once: it is a secret. */
export interface Ticket {
  readonly meshId: string
  /** The peer that made it, and where it listens. */
  readonly peerId: string
  readonly addresses: readonly string[]
  readonly secret: Uint8Array
  readonly role: Role
  readonly expiresAt: number
}

const prefix = 'shoal1'
const CHECK_BYTES = 4

function checksum(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(prefix).update(bytes).digest().subarray(0, CHECK_BYTES)
}

/** `shoal1…`: CBOR and a checksum in base58, which survives mails and shells. */
export function writeTicket(ticket: Ticket): string {
  const { meshId, peerId, addresses, secret, role, expiresAt } = ticket
  const bytes = encodeHeader({ m: meshId, p: peerId, a: [...addresses], s: secret, r: role, e: expiresAt })
  return prefix + base58Encode(Buffer.concat([bytes, checksum(bytes)]))
}

/** Whether a text looks like a ticket, good or not. */
export function looksLikeTicket(text: string): boolean {
  return /^shoal\d/.test(text)
}

/** Reads a ticket. Throws Refusal where it is none, or not as it was made. */
export function readTicket(text: string): Ticket {
  if (!text.startsWith(prefix)) throw new Refusal('garbage', 'this is no ticket: tickets begin with shoal1')
  if (text.length > 4096) throw new Refusal('garbage', 'this ticket is too long to be one')
  const all = base58Decode(text.slice(prefix.length))
  if (!all || all.length <= CHECK_BYTES)
    throw new Refusal('garbage', 'this is no ticket: it is cut short, or has characters that tickets have not')
  const bytes = all.subarray(0, -CHECK_BYTES)
  if (!Buffer.from(checksum(bytes)).equals(all.subarray(-CHECK_BYTES)))
    throw new Refusal('tampered', 'this ticket is damaged: it was not copied whole, or was changed')
  try {
    const map = asMap(decodeHeader(bytes), 'a ticket')
    const role = asText(map.r, 'role', 16)
    const peerId = asText(map.p, 'peer', 64)
    if ((role !== 'peer' && role !== 'driver') || !rawKeyOfPeerId(peerId)) throw new Error('no role or peer')
    return {
      meshId: asText(map.m, 'mesh', 64),
      peerId,
      addresses: asList(map.a, 'addresses', limits.ticketAddressesMax).map(one => asText(one, 'address', 256)),
      secret: asBytes(map.s, 'secret', 32).slice(),
      role,
      expiresAt: asCount(map.e, 'expiry'),
    }
  } catch {
    throw new Refusal('garbage', 'this ticket says nothing that this version understands')
  }
}

/** What a peer keeps of a ticket that it made: never the secret itself. */
export interface TicketRow {
  readonly hash: string
  readonly role: Role
  readonly expiresAt: number
  usesLeft: number
  /** PeerIds that were let in by it. */
  readonly redeemed: string[]
}

/** Where the book is kept: written before a credential is handed out. */
export interface TicketFile {
  read(): TicketRow[]
  write(rows: readonly TicketRow[]): void
}

/** The tickets that this peer has made, which are redeemed here and nowhere else. */
export class TicketBook {
  readonly #file: TicketFile
  readonly #rows = new Map<string, TicketRow>()

  constructor(file: TicketFile) {
    this.#file = file
    for (const row of file.read()) this.#rows.set(row.hash, row)
  }

  /** A new secret, good `uses` times until `expiresAt`. */
  make(ticket: { role: Role; uses: number; expiresAt: number }, nowMs: number): Uint8Array {
    const secret = randomBytes(16)
    for (const [hash, row] of this.#rows) {
      // Kept for a while, so that the answer says expired and not unknown.
      if (row.expiresAt + limits.renewalGraceMs < nowMs) this.#rows.delete(hash)
    }
    if (this.#rows.size >= limits.ticketsMax) {
      throw new Refusal('may-not-issue', `this peer keeps ${limits.ticketsMax} tickets already: wait until some expire`)
    }
    const { role, uses, expiresAt } = ticket
    const hash = hashOf(secret)
    this.#rows.set(hash, { hash, role, expiresAt, usesLeft: uses, redeemed: [] })
    this.#save()
    return secret
  }

  /** Lets a peer in: takes a use, on disk, before anything is handed out. The same peer again uses nothing up. Throws Refusal. */
  redeem(secret: Uint8Array, peerId: string, nowMs: number): Role {
    const row = this.#rows.get(hashOf(secret))
    if (!row) throw new Refusal('unknown-ticket', 'this peer has made no such ticket')
    if (row.redeemed.includes(peerId)) return row.role
    if (nowMs > row.expiresAt) {
      throw new Refusal(
        'expired',
        `this ticket expired on ${new Date(row.expiresAt).toISOString()}: make a new one with shoal ticket`,
      )
    }
    if (row.usesLeft < 1) throw new Refusal('used-up', 'this ticket has been used up: make a new one with shoal ticket')
    row.usesLeft--
    row.redeemed.push(peerId)
    this.#save()
    return row.role
  }

  #save(): void {
    this.#file.write([...this.#rows.values()])
  }
}

function hashOf(secret: Uint8Array): string {
  return createHash('sha256').update(secret).digest('hex')
}
