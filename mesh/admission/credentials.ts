import { type KeyObject, randomBytes, sign, verify } from 'node:crypto'
import { base58Encode, meshIdOfRaw, publicKeyOf, rawKeyOfPeerId, rawPublicKey } from '../identity/index.ts'
import { limits } from '../limits.ts'
import {
  asBytes,
  asCount,
  asList,
  asMap,
  asText,
  decodeHeader,
  encodeHeader,
  type HeaderValue,
  MalformedFrameError,
} from '../wire/index.ts'
import { Refusal } from './refusal.ts'

/** What a member may do: a peer offers its resources to others, a driver only uses those of others. */
export type Role = 'peer' | 'driver'

/** A signed statement: what was signed, as its bytes, and the signature (Ed25519). */
export interface Signed {
  readonly body: Uint8Array
  readonly signature: Uint8Array
}

/**
 * What a member shows on every link: its own statement, and the issuers' up to the root key, whose hash is the mesh's id.
 * It can be checked offline, and is worth nothing without the private key of its PeerId.
 */
export interface Credential {
  /** The root's raw public key. */
  readonly root: Uint8Array
  /** Issuer certificates, the root's own first. */
  readonly chain: readonly Signed[]
  readonly member: Signed
}

/** What a member is, once its credential was checked. */
export interface Membership {
  readonly meshId: string
  readonly peerId: string
  readonly role: Role
  readonly serial: string
  readonly notBefore: number
  readonly notAfter: number
  /** Its credential has run out: it may ask for a new one, and nothing else. */
  readonly renewalOnly: boolean
}

/** Who may issue: the peer's key with the chain that says so. */
export interface Issuer {
  readonly key: KeyObject
  readonly root: Uint8Array
  readonly chain: readonly Signed[]
}

interface IssuerBody {
  kind: 'issuer'
  subject: string
  depth: number
  notBefore: number
  notAfter: number
  serial: string
}

const serialOf = (): string => base58Encode(randomBytes(12))

function signed(body: HeaderValue, key: KeyObject): Signed {
  const bytes = encodeHeader(body)
  return { body: bytes, signature: sign(null, bytes, key) }
}

/** The founder's own right to issue, signed by the root key, which is then needed for rotation only. */
export function foundIssuer(rootKey: KeyObject, key: KeyObject, peerId: string, nowMs: number): Issuer {
  const root = rawPublicKey(rootKey)
  return { key, root, chain: [issuerStatement(rootKey, peerId, limits.issuerDepthMax, nowMs)] }
}

function issuerStatement(by: KeyObject, subject: string, depth: number, nowMs: number): Signed {
  const body: IssuerBody = {
    kind: 'issuer',
    subject,
    depth,
    notBefore: nowMs - limits.clockSkewMs,
    notAfter: nowMs + limits.issuerMs,
    serial: serialOf(),
  }
  return signed({ ...body }, by)
}

/** The right to issue, passed on; undefined where the chain is as long as it may be. */
export function passIssuing(issuer: Issuer, peerId: string, nowMs: number): readonly Signed[] | undefined {
  const last = issuer.chain[issuer.chain.length - 1]
  const { depth } = readIssuer(last)
  if (depth <= 1) return undefined
  return [...issuer.chain, issuerStatement(issuer.key, peerId, depth - 1, nowMs)]
}

/** A credential for a day. */
export function issueCredential(issuer: Issuer, member: { peerId: string; role: Role }, nowMs: number): Credential {
  const body = {
    kind: 'member',
    mesh: meshIdOfRaw(issuer.root),
    peer: member.peerId,
    role: member.role,
    notBefore: nowMs - limits.clockSkewMs,
    notAfter: nowMs + limits.credentialMs,
    serial: serialOf(),
  }
  return { root: issuer.root, chain: issuer.chain, member: signed(body, issuer.key) }
}

function readIssuer({ body }: Signed): IssuerBody {
  const map = asMap(decodeHeader(body), 'an issuer certificate')
  if (map.kind !== 'issuer') throw new MalformedFrameError('a certificate of another kind')
  return {
    kind: 'issuer',
    subject: asText(map.subject, 'subject', 64),
    depth: asCount(map.depth, 'depth'),
    notBefore: asCount(map.notBefore, 'notBefore'),
    notAfter: asCount(map.notAfter, 'notAfter'),
    serial: asText(map.serial, 'serial', 64),
  }
}

/** Checks a credential. Throws Refusal, which says what is wrong with it. */
export function checkCredential(
  credential: Credential,
  expected: { meshId: string; peerId: string; nowMs: number; revoked?: (serial: string) => boolean },
): Membership {
  try {
    return check(credential, expected)
  } catch (error) {
    if (error instanceof MalformedFrameError) throw new Refusal('garbage', `a credential that is ${error.message}`)
    throw error
  }
}

function check(
  credential: Credential,
  {
    meshId,
    peerId,
    nowMs,
    revoked,
  }: { meshId: string; peerId: string; nowMs: number; revoked?: (serial: string) => boolean },
): Membership {
  const { root, chain, member } = credential
  if (meshIdOfRaw(root) !== meshId) {
    throw new Refusal('other-mesh', `it belongs to another mesh (${meshIdOfRaw(root)}, this one is ${meshId})`)
  }
  if (chain.length < 1 || chain.length > limits.issuerDepthMax)
    throw new Refusal('tampered', 'its chain of issuers is too long')
  let raw = root
  let depthMax: number = limits.issuerDepthMax
  for (const one of chain) {
    checkSignature(one, raw, 'an issuer certificate')
    const body = readIssuer(one)
    if (body.depth > depthMax || body.depth < 1) throw new Refusal('tampered', 'an issuer that may not issue')
    if (revoked?.(body.serial)) throw new Refusal('revoked', 'the certificate of its issuer was revoked')
    checkTime(body, nowMs, 'the certificate of its issuer')
    depthMax = body.depth - 1
    const subject = rawKeyOfPeerId(body.subject)
    if (!subject) throw new Refusal('garbage', 'an issuer without a key')
    raw = subject
  }
  checkSignature(member, raw, 'its credential')
  const map = asMap(decodeHeader(member.body), 'a credential')
  if (map.kind !== 'member') throw new Refusal('garbage', 'it is no credential of a member')
  const role = asText(map.role, 'role', 16)
  if (role !== 'peer' && role !== 'driver') throw new Refusal('garbage', `it has the role '${role}'`)
  if (map.mesh !== meshId) throw new Refusal('other-mesh', 'it belongs to another mesh')
  if (map.peer !== peerId) throw new Refusal('other-peer', 'its credential was issued to another peer')
  const serial = asText(map.serial, 'serial', 64)
  if (revoked?.(serial)) throw new Refusal('revoked', 'its credential was revoked')
  const notBefore = asCount(map.notBefore, 'notBefore')
  const notAfter = asCount(map.notAfter, 'notAfter')
  if (notBefore > nowMs + limits.clockSkewMs) throw new Refusal('clock', clockText(notBefore, nowMs, 'its credential'))
  const over = nowMs > notAfter + limits.clockSkewMs
  if (nowMs > notAfter + limits.renewalGraceMs) {
    throw new Refusal(
      'expired',
      `its credential expired on ${new Date(notAfter).toISOString()}: join again with a new ticket`,
    )
  }
  return { meshId, peerId, role, serial, notBefore, notAfter, renewalOnly: over }
}

function checkSignature({ body, signature }: Signed, raw: Uint8Array, what: string): void {
  if (!verify(null, body, publicKeyOf(raw), signature)) throw new Refusal('tampered', `${what} has a wrong signature`)
}

function checkTime(times: { notBefore: number; notAfter: number }, nowMs: number, what: string): void {
  if (times.notBefore > nowMs + limits.clockSkewMs) throw new Refusal('clock', clockText(times.notBefore, nowMs, what))
  if (nowMs > times.notAfter + limits.clockSkewMs) throw new Refusal('expired', `${what} has expired`)
}

function clockText(notBefore: number, nowMs: number, what: string): string {
  const minutes = Math.round((notBefore - nowMs) / 60_000)
  return `${what} is not valid for another ${minutes} minutes: a clock is wrong, here or there (compare \`date -u\` on both machines)`
}

/** For the wire and for files. */
export function credentialToHeader({ root, chain, member }: Credential): HeaderValue {
  return { root, chain: chain.map(one => [one.body, one.signature]), member: [member.body, member.signature] }
}

export function credentialFromHeader(value: HeaderValue | undefined): Credential {
  const map = asMap(value, 'a credential')
  return {
    root: asBytes(map.root, 'root', 32).slice(),
    chain: chainFromHeader(map.chain),
    member: signedFromHeader(map.member),
  }
}

export function chainToHeader(chain: readonly Signed[]): HeaderValue {
  return chain.map(one => [one.body, one.signature])
}

export function chainFromHeader(value: HeaderValue | undefined): Signed[] {
  return asList(value, 'a chain', limits.issuerDepthMax).map(signedFromHeader)
}

function signedFromHeader(value: HeaderValue | undefined): Signed {
  const [body, signature] = asList(value, 'a signed statement', 2)
  return { body: asBytes(body, 'body', 1024).slice(), signature: asBytes(signature, 'signature', 64).slice() }
}
