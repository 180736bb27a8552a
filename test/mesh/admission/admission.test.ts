import t from 'tap'
import {
  type Credential,
  checkCredential,
  foundIssuer,
  issueCredential,
  passIssuing,
  Refusal,
  readTicket,
  TicketBook,
  type TicketRow,
  writeTicket,
} from '../../../mesh/admission/index.ts'
import { generateKey, meshIdOf, peerIdOf } from '../../../mesh/identity/index.ts'

const day = 24 * 3_600_000
const now = Date.UTC(2026, 10, 25)

function peer(): { key: ReturnType<typeof generateKey>; peerId: string } {
  const key = generateKey()
  return { key, peerId: peerIdOf(key) }
}

function refusalOf(run: () => unknown): string {
  try {
    run()
    return 'let in'
  } catch (error) {
    return error instanceof Refusal ? error.reason : `another error: ${(error as Error).message}`
  }
}

const rootKey = generateKey()
const meshId = meshIdOf(rootKey)
const founder = peer()
const issuer = foundIssuer(rootKey, founder.key, founder.peerId, now)

t.test('a credential is good for its peer, in its mesh, for a day', t => {
  const one = peer()
  const credential = issueCredential(issuer, { peerId: one.peerId, role: 'peer' }, now)
  const check = (changes: object = {}) =>
    checkCredential(credential, { meshId, peerId: one.peerId, nowMs: now, ...changes })
  t.match(check(), { role: 'peer', peerId: one.peerId, renewalOnly: false })
  t.equal(
    refusalOf(() => check({ peerId: peer().peerId })),
    'other-peer',
  )
  t.equal(
    refusalOf(() => check({ meshId: meshIdOf(generateKey()) })),
    'other-mesh',
  )
  t.equal(check({ nowMs: now + day - 1000 }).renewalOnly, false)
  t.equal(check({ nowMs: now + 2 * day }).renewalOnly, true)
  t.equal(
    refusalOf(() => check({ nowMs: now + 60 * day })),
    'expired',
  )
  t.equal(
    refusalOf(() => check({ nowMs: now - 3_600_000 })),
    'clock',
  )
  t.equal(
    refusalOf(() => check({ revoked: () => true })),
    'revoked',
  )
  t.end()
})

t.test('every byte of it counts', t => {
  const one = peer()
  const { root, chain, member } = issueCredential(issuer, { peerId: one.peerId, role: 'driver' }, now)
  const bent = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte))
  const results = new Set<string>()
  for (let i = 0; i < member.body.length; i++) {
    const credential: Credential = { root, chain, member: { ...member, body: bent(member.body, i) } }
    results.add(refusalOf(() => checkCredential(credential, { meshId, peerId: one.peerId, nowMs: now })))
  }
  for (let i = 0; i < member.signature.length; i++) {
    const credential: Credential = { root, chain, member: { ...member, signature: bent(member.signature, i) } }
    results.add(refusalOf(() => checkCredential(credential, { meshId, peerId: one.peerId, nowMs: now })))
  }
  for (let i = 0; i < chain[0].body.length; i++) {
    const credential: Credential = { root, chain: [{ ...chain[0], body: bent(chain[0].body, i) }], member }
    results.add(refusalOf(() => checkCredential(credential, { meshId, peerId: one.peerId, nowMs: now })))
  }
  t.same([...results], ['tampered'])
  t.end()
})

t.test('the right to issue is passed on three deep, and no further; a driver cannot make members', t => {
  let last = issuer
  const depths: string[] = []
  for (let i = 0; i < 4; i++) {
    const next = peer()
    const chain = passIssuing(last, next.peerId, now)
    if (!chain) {
      depths.push('no further')
      break
    }
    last = { key: next.key, root: last.root, chain }
    const member = peer()
    const credential = issueCredential(last, { peerId: member.peerId, role: 'peer' }, now)
    depths.push(refusalOf(() => checkCredential(credential, { meshId, peerId: member.peerId, nowMs: now })))
  }
  t.same(depths, ['let in', 'let in', 'no further'])
  // Somebody without a certificate signs with a key of their own.
  const stranger = peer()
  const forged = issueCredential(
    { key: stranger.key, root: issuer.root, chain: issuer.chain },
    { peerId: stranger.peerId, role: 'peer' },
    now,
  )
  t.equal(
    refusalOf(() => checkCredential(forged, { meshId, peerId: stranger.peerId, nowMs: now })),
    'tampered',
  )
  t.end()
})

function book(): { book: TicketBook; rows(): readonly TicketRow[]; again(): TicketBook } {
  let kept: readonly TicketRow[] = []
  const file = {
    read: () => structuredClone(kept) as TicketRow[],
    write: (rows: readonly TicketRow[]) => {
      kept = structuredClone(rows) as TicketRow[]
    },
  }
  return { book: new TicketBook(file), rows: () => kept, again: () => new TicketBook(file) }
}

t.test('a ticket is good so often and so long, also after a restart; the same peer uses nothing up', t => {
  const { book: made, rows, again } = book()
  const secret = made.make({ role: 'peer', uses: 2, expiresAt: now + 1000 }, now)
  t.equal(JSON.stringify(rows()).includes(Buffer.from(secret).toString('hex')), false, 'the secret is not kept')
  t.equal(made.redeem(secret, 'a', now), 'peer')
  t.equal(made.redeem(secret, 'a', now), 'peer')
  const later = again()
  t.equal(later.redeem(secret, 'b', now), 'peer')
  t.equal(
    refusalOf(() => later.redeem(secret, 'c', now)),
    'used-up',
  )
  t.equal(
    refusalOf(() => later.redeem(new Uint8Array(16), 'c', now)),
    'unknown-ticket',
  )
  const short = made.make({ role: 'driver', uses: 9, expiresAt: now + 1000 }, now)
  t.equal(
    refusalOf(() => made.redeem(short, 'd', now + 2000)),
    'expired',
  )
  t.end()
})

t.test('a ticket survives copying, and says when it did not', t => {
  const ticket = {
    meshId,
    peerId: founder.peerId,
    addresses: ['10.0.0.1:7100', '[::1]:7100'],
    secret: new Uint8Array(16).fill(3),
    role: 'peer' as const,
    expiresAt: now,
  }
  const text = writeTicket(ticket)
  t.match(text, /^shoal1[1-9A-HJ-NP-Za-km-z]+$/)
  t.same(readTicket(text), ticket)
  const wrong = new Set<string>()
  for (let i = 6; i < text.length; i++) {
    const other = text[i] === 'b' ? 'c' : 'b'
    wrong.add(refusalOf(() => readTicket(text.slice(0, i) + other + text.slice(i + 1))))
    wrong.add(refusalOf(() => readTicket(text.slice(0, i))))
  }
  wrong.add(refusalOf(() => readTicket(`${text}b`)))
  t.equal(wrong.has('let in'), false)
  t.equal(
    refusalOf(() => readTicket('shoal1')),
    'garbage',
  )
  t.equal(
    refusalOf(() => readTicket('hello')),
    'garbage',
  )
  t.end()
})
