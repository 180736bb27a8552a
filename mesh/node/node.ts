import { randomBytes } from 'node:crypto'
import {
  type Membership as Admitted,
  type Credential,
  credentialFromHeader,
  credentialToHeader,
  type Issuer,
  issueCredential,
  passIssuing,
  Refusal,
  type Role,
  type TicketBook,
  writeTicket,
} from '../admission/index.ts'
import { limits } from '../limits.ts'
import { CutError, type Link, type LinkListener, type LinkTransport } from '../links/index.ts'
import { type Member, type MemberState, Membership } from '../membership/index.ts'
import { asCount, asList, asMap, asText, decodeHeader, type HeaderValue, MalformedFrameError } from '../wire/index.ts'
import { BulkStream } from './bulk.ts'
import { type Greeted, type Greeter, greet, type Hello, UnwantedLink } from './greeting.ts'
import { answerJoin, type KnownAddress, knownFromHeader, knownToHeader } from './joining.ts'
import { isRefused, tcpAnswer } from './probe.ts'
import { Session } from './session.ts'

/** What a node is made of. */
export interface NodeOptions {
  readonly peerId: string
  readonly meshId: string
  readonly incarnation: number
  readonly release: string
  credential: Credential
  readonly role: Role
  /** Undefined where this peer may let nobody in. */
  readonly issuer: Issuer | undefined
  readonly tickets: TicketBook
  readonly transport: LinkTransport
  /** Where to listen; undefined: it dials out only. */
  readonly listen: string | undefined
  /** The addresses by which others reach a listener. */
  advertise(address: string): string[]
  /** What others are told of this peer: resources, labels and the like. The mesh only carries it. */
  info(): HeaderValue
  /** Members of earlier times, to be dialled at start. */
  readonly remembered: readonly KnownAddress[]
  remember(known: readonly KnownAddress[]): void
  /** A new credential: to be kept. */
  renewed(credential: Credential): void
  readonly events: NodeEvents
  log(line: string): void
}

/** What a node tells its agent. */
export interface NodeEvents {
  /** A session with a member has begun. Everything of an earlier one is over. */
  began(peerId: string, incarnation: number, role: Role): void
  /** The member is dead, or has left, or another incarnation took its place: nothing of it will come any more. */
  ended(peerId: string, incarnation: number, how: 'dead' | 'left' | 'replaced'): void
  frame(peerId: string, header: { [key: string]: HeaderValue | undefined }, payload: Uint8Array): void
  /** All that had arrived was told. */
  turn(): void
  bulk(peerId: string, header: { [key: string]: HeaderValue | undefined }, stream: BulkStream): void
  /** What is known of a member has changed. */
  changed(): void
  /** This peer has told those that are linked what is new of it: others may be told by other ways. */
  announced?(): void
}

/** A member as this peer sees it. */
export interface MemberRow {
  readonly peerId: string
  readonly incarnation: number
  readonly state: MemberState
  readonly role: Role
  readonly addresses: readonly string[]
  readonly info: HeaderValue
  /** When `info` was said, by this peer's clock (performance.now). */
  readonly infoAt: number
  readonly linked: boolean
  /** Of a dead one: two peers have found that nobody holds its ports. */
  readonly confirmed: boolean
  /** When it was last heard of, by this peer's clock (performance.now). */
  readonly heardAt: number
}

/** How a member can be reached from here. */
export interface Reach {
  readonly peerId: string
  readonly state: MemberState | 'unknown'
  readonly address: string | undefined
  readonly linked: boolean
  /** Its clock before ours. */
  readonly skewMs: number
  /** `ok`, or what came of it. */
  readonly udp: string
  readonly tcp: string
}

/** A session, and what both sides call their half of it. */
interface Entry {
  readonly session: Session
  readonly half: string
  readonly theirs: string
}

interface Known {
  addresses: readonly string[]
  role: Role
  info: HeaderValue
  infoAt: number
  /** Its clock before ours, in milliseconds. */
  skewMs: number
  /** The address that is dialled now, and since when. */
  dialling: string | undefined
  diallingSince: number
  failures: number
  nextDialAt: number
}

/** Of a member that is not dialled, and has not been. */
const undialled = { dialling: undefined, diallingSince: 0, failures: 0, nextDialAt: 0 }

function addressesOf(info: HeaderValue): string[] {
  const { a } = asMap(info, 'info')
  return asList(a, 'addresses', limits.ticketAddressesMax).map(one => asText(one, 'address', 256))
}

const TICK_MS = limits.heartbeatMs / 2

/**
 * This peer's place in its mesh: who belongs to it, sessions with those it can reach, heartbeats, admission of others. It
 * knows no task: frames that are not its own go to the agent.
 */
export class MeshNode {
  readonly #options: NodeOptions
  readonly #membership: Membership
  readonly #known = new Map<string, Known>()
  readonly #sessions = new Map<string, Entry>()
  readonly #greeter: Greeter
  readonly #revoked = new Set<string>()
  #listener: LinkListener | undefined
  #timer: NodeJS.Timeout | undefined
  #infoSaidAt = 0
  #infoDirty = false
  #renewing = false
  #renewalSeenAt = Number.NEGATIVE_INFINITY
  #closed = false
  #left = false

  constructor(options: NodeOptions) {
    this.#options = options
    this.#membership = new Membership({
      probe: peerId => void this.#probe(peerId),
      ask: (helpers, about) => {
        for (const helper of helpers) this.#sessions.get(helper)?.session.send({ t: 'probe', about })
      },
      changed: (member, before) => this.#changed(member, before),
    })
    this.#greeter = {
      release: options.release,
      meshId: options.meshId,
      hello: peerId => this.#hello(peerId),
      revoked: serial => this.#revoked.has(serial),
      renew: membership => this.#renewFor(membership),
      renewed: credential => this.#renewed(credential),
      join: (peerId, request) => this.#answerJoin(peerId, request),
      unwanted: (peerId, hello, outbound) => this.#unwanted(peerId, hello, outbound),
    }
  }

  async start(): Promise<void> {
    const { transport, listen, remembered } = this.#options
    if (listen !== undefined) {
      this.#listener = await transport.listen(listen)
      void this.#acceptLinks(this.#listener)
    }
    for (const { peerId, addresses } of remembered) this.learn(peerId, addresses)
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#tick()
  }

  /** Where this peer listens, with the port that was taken. */
  get address(): string | undefined {
    return this.#listener?.address
  }

  get addresses(): string[] {
    return this.#listener ? this.#options.advertise(this.#listener.address) : []
  }

  // ---- members

  *members(): Iterable<MemberRow> {
    for (const member of this.#membership.members()) {
      const known = this.#known.get(member.peerId)
      yield {
        peerId: member.peerId,
        incarnation: member.incarnation,
        state: member.state,
        role: known?.role ?? 'peer',
        addresses: known?.addresses ?? [],
        info: known?.info ?? null,
        infoAt: known?.infoAt ?? 0,
        linked: this.#sessions.get(member.peerId)?.session.linked === true,
        confirmed: member.confirmed,
        heardAt: member.heardAt,
      }
    }
  }

  /** Somebody told of a member: it is dialled if it is not linked. */
  learn(peerId: string, addresses: readonly string[]): void {
    if (peerId === this.#options.peerId || addresses.length === 0) return
    const known = this.#known.get(peerId)
    if (known) {
      if (known.addresses.join() === addresses.join()) return
      known.addresses = addresses
      known.failures = 0
      known.nextDialAt = 0
    } else {
      if (this.#known.size >= limits.membersMax) return
      this.#known.set(peerId, {
        addresses,
        role: 'peer',
        info: null,
        infoAt: 0,
        skewMs: 0,
        ...undialled,
      })
    }
    this.#dialMissing()
  }

  /** What a member says of itself came another way than over a link. */
  heardOf({
    peerId,
    incarnation,
    addresses,
    info,
  }: {
    peerId: string
    incarnation: number
    addresses: readonly string[]
    info: HeaderValue
  }): void {
    if (peerId === this.#options.peerId) return
    this.learn(peerId, addresses)
    const known = this.#known.get(peerId)
    const member = this.#membership.get(peerId)
    // One that has left and is back: it is dialled again.
    if (member?.state === 'left' && incarnation > member.incarnation) this.#membership.forget(peerId)
    if (!known || this.#sessions.has(peerId)) return
    known.info = info
    known.infoAt = performance.now()
  }

  get credential(): Credential {
    return this.#options.credential
  }

  isRevoked(serial: string): boolean {
    return this.#revoked.has(serial)
  }

  /** What is said of this peer. */
  announcement(): { peerId: string; incarnation: number; addresses: string[]; info: HeaderValue } {
    const { peerId, incarnation } = this.#options
    return { peerId, incarnation, addresses: this.addresses, info: this.#options.info() }
  }

  /** A sign that a member may be gone. */
  doubt(peerId: string): void {
    this.#membership.doubted(peerId, performance.now())
  }

  #knownAddresses(): KnownAddress[] {
    const all: KnownAddress[] = []
    for (const [peerId, { addresses }] of this.#known) {
      const state = this.#membership.get(peerId)?.state
      if (addresses.length > 0 && state !== 'left') all.push({ peerId, addresses })
    }
    return all
  }

  #changed(member: Member, before: MemberState | undefined): void {
    const { events } = this.#options
    if (member.state === 'dead' || member.state === 'left') this.#endSession(member.peerId, member.state)
    if (before !== undefined || member.state !== 'alive') {
      this.#options.log(`peer ${member.peerId} is ${member.state}${before === undefined ? '' : ` (was ${before})`}`)
    }
    events.changed()
  }

  #endSession(peerId: string, how: 'dead' | 'left' | 'replaced'): void {
    const entry = this.#sessions.get(peerId)
    if (!entry) return
    this.#sessions.delete(peerId)
    entry.session.end()
    this.#reachable()
    this.#options.events.ended(peerId, entry.session.incarnation, how)
    this.#options.events.turn()
  }

  #reachable(): void {
    this.#membership.reachable = [...this.#sessions]
      .filter(([, { session }]) => session.linked)
      .map(([peerId]) => peerId)
  }

  async #probe(peerId: string): Promise<void> {
    const address = this.#known.get(peerId)?.addresses[0]
    const refused = address !== undefined && (await isRefused(address).catch(() => false))
    if (!this.#closed) this.#membership.probed(peerId, refused, performance.now())
  }

  async #answerProbe(from: string, about: string): Promise<void> {
    const member = this.#membership.get(about)
    const heard =
      member && (member.state === 'alive' || member.state === 'suspect')
        ? performance.now() - member.heardAt
        : Number.POSITIVE_INFINITY
    let verdict: 'refused' | 'alive' | 'unknown' = heard < limits.heartbeatMs * 1.5 ? 'alive' : 'unknown'
    const address = this.#known.get(about)?.addresses[0]
    if (address !== undefined && (await isRefused(address).catch(() => false))) verdict = 'refused'
    this.#sessions.get(from)?.session.send({ t: 'probed', about, verdict })
  }

  // ---- links

  async #acceptLinks(listener: LinkListener): Promise<void> {
    while (!this.#closed) {
      try {
        const link = await listener.accept()
        void this.#begin(link, undefined)
      } catch (error) {
        if (this.#closed || (error instanceof CutError && error.reason === 'closed')) return
        this.#options.log(`accepting a link: ${(error as Error).message}`)
      }
    }
  }

  /** Dials known members that are not linked: whose PeerId is smaller dials first, so that two do not meet halfway. */
  #dialMissing(): void {
    if (this.#closed || this.#left) return
    const now = performance.now()
    for (const [peerId, known] of this.#known) {
      if (known.dialling !== undefined || known.addresses.length === 0 || now < known.nextDialAt) continue
      if (this.#sessions.get(peerId)?.session.linked) continue
      if (this.#membership.get(peerId)?.state === 'left') continue
      known.diallingSince = now
      void this.#dial(peerId, known)
    }
  }

  async #dial(peerId: string, known: Known): Promise<void> {
    const { transport, log } = this.#options
    let reason = ''
    for (const address of known.addresses) {
      known.dialling = address
      let link: Link
      try {
        link = await transport.dial(address, { timeoutMs: limits.dialMs })
      } catch (error) {
        reason = `${address}: ${(error as Error).message}`
        continue
      }
      if (link.peerId !== peerId) {
        link.close()
        reason = `${address}: another peer answers there (${link.peerId})`
        continue
      }
      const problem = await this.#begin(link, known)
      if (problem === undefined) {
        known.dialling = undefined
        known.failures = 0
        known.nextDialAt = 0
        return
      }
      reason = `${address}: ${problem}`
    }
    known.dialling = undefined
    known.failures++
    known.nextDialAt =
      performance.now() + Math.min(limits.redialMs * 2 ** Math.min(known.failures - 1, 10), limits.redialMaxMs)
    if (known.failures === 1 && !this.#closed) log(`peer ${peerId} was not reached: ${reason}`)
  }

  #unwanted(peerId: string, hello: Hello, outbound: boolean): string | undefined {
    if (this.#closed || this.#left) return 'this peer is leaving'
    if (peerId === this.#options.peerId) return 'this is the same peer'
    const member = this.#membership.get(peerId)
    if (member && hello.incarnation < member.incarnation) return 'a later start of the same peer is known'
    if (outbound) return undefined
    const known = this.#known.get(peerId)
    // Both dial at once: the one with the smaller PeerId wins, on both sides.
    if (known && this.#options.peerId < peerId && this.#dialMaySucceed(known, hello))
      return 'a link the other way is being made'
    const entry = this.#sessions.get(peerId)
    // A link whose greeting began before this session did is no reason to give up the one that it has.
    const older = entry?.session.linked && entry.theirs === hello.half && entry.half !== hello.yours
    if (!older) entry?.session.detach('the other side makes a new link')
    return undefined
  }

  /** A dial of an address that it had before it was started again, or that its network lets nobody into, is no reason to refuse it. */
  #dialMaySucceed({ dialling, diallingSince }: Known, { info }: Hello): boolean {
    if (dialling === undefined || performance.now() - diallingSince > limits.dialWaitMs) return false
    return addressesOf(info).includes(dialling)
  }

  #hello(peerId: string): Hello {
    const { meshId, incarnation, credential } = this.#options
    const entry = this.#sessions.get(peerId)
    return {
      meshId,
      incarnation,
      credential,
      half: entry?.half ?? this.#halfFor(peerId),
      yours: entry?.theirs ?? '',
      have: entry?.session.taken ?? 0,
      info: this.#ownInfo(),
    }
  }

  /** A session's half that was said and is not begun yet. */
  readonly #halves = new Map<string, string>()

  #halfFor(peerId: string): string {
    let half = this.#halves.get(peerId)
    if (half === undefined) {
      half = randomBytes(9).toString('base64url')
      this.#halves.set(peerId, half)
    }
    return half
  }

  #ownInfo(): HeaderValue {
    return { a: this.addresses, i: this.#options.info(), w: Date.now() }
  }

  /** A new link, until it is a session or closed. Gives why it came to nothing. */
  async #begin(link: Link, known: Known | undefined): Promise<string | undefined> {
    try {
      const greeted = await greet(link, this.#greeter)
      if (greeted === 'joined') {
        setTimeout(() => link.close(), 500).unref()
        return undefined
      }
      if (this.#closed) throw new Error('this peer is closed')
      return this.#establish(link, greeted)
    } catch (error) {
      const { message } = error as Error
      // What was refused is told before the link goes.
      setTimeout(() => link.close(), 200).unref()
      if (error instanceof UnwantedLink) return message
      const who = known ? `peer ${link.peerId}` : `${link.address} (${link.peerId})`
      if (error instanceof Refusal || error instanceof MalformedFrameError)
        this.#options.log(`${who} was not let in: ${message}`)
      return message
    }
  }

  /**
   * A session is named by the halves that both sides said: both come to the same decision from them, whichever order two
   * links between them are greeted in. Gives why the link is not used.
   */
  #establish(link: Link, { stream, reader, hello, said, membership: admitted }: Greeted): string | undefined {
    const { peerId } = link
    const { events, log } = this.#options
    const now = performance.now()
    this.#noteInfo(peerId, admitted.role, hello.info)
    let entry = this.#sessions.get(peerId)
    if (said.half !== (entry?.half ?? this.#halves.get(peerId)))
      throw new UnwantedLink('the session has ended meanwhile')
    const resumes = entry !== undefined && entry.theirs === hello.half && !entry.session.ended
    if (entry && resumes && this.#keepsLink(entry, link, said, hello)) {
      link.close()
      return undefined
    }
    if (entry && !resumes) this.#endSession(peerId, 'replaced')
    if (!this.#membership.met(peerId, hello.incarnation, now)) throw new UnwantedLink('a later start of it is known')
    entry = resumes ? entry : undefined
    const begins = entry === undefined
    if (!entry) {
      const session = new Session(peerId, hello.incarnation, {
        frame: (from, header, payload) => this.#frame(from, header, payload),
        turn: () => events.turn(),
        unlinked: (from, reason) => this.#unlinked(from, reason),
        broken: (from, reason) => {
          log(`the session with ${from.peerId} is broken: ${reason}`)
          this.#endSession(from.peerId, 'replaced')
        },
      })
      entry = { session, half: said.half, theirs: hello.half }
      this.#halves.delete(peerId)
      this.#sessions.set(peerId, entry)
    }
    if (begins) {
      log(`peer ${peerId} is linked (${link.address}, ${admitted.role})`)
      events.began(peerId, hello.incarnation, admitted.role)
    }
    entry.session.attach(link, stream, reader, begins ? 0 : hello.have)
    this.#reachable()
    void this.#acceptStreams(entry.session, link)
    if (begins) {
      entry.session.send({ t: 'members', m: knownToHeader(this.#knownAddresses()) })
      // The others learn of it at once.
      const row = knownToHeader([{ peerId, addresses: this.#known.get(peerId)?.addresses ?? [] }])
      for (const [other, { session }] of this.#sessions) if (other !== peerId) session.send({ t: 'members', m: row })
      this.#options.remember(this.#knownAddresses())
    }
    events.turn()
    return undefined
  }

  /** Of two links that were greeted at the same time both sides keep the one that the smaller PeerId has dialled. */
  #keepsLink({ session, half, theirs }: Entry, link: Link, said: Hello, hello: Hello): boolean {
    const known = hello.yours === half && said.yours === theirs
    if (known || !session.link) return false
    const smallerDials = this.#options.peerId < link.peerId
    return session.link.outbound === smallerDials && link.outbound !== smallerDials
  }

  #noteInfo(peerId: string, role: Role, info: HeaderValue): void {
    const { i, w } = asMap(info, 'info')
    const skewMs = typeof w === 'number' ? w - Date.now() : 0
    const addresses = addressesOf(info)
    const known = this.#known.get(peerId)
    const now = performance.now()
    if (known) Object.assign(known, { addresses, role, info: i ?? null, infoAt: now, skewMs })
    else {
      this.#known.set(peerId, {
        addresses,
        role,
        info: i ?? null,
        infoAt: now,
        skewMs,
        ...undialled,
      })
    }
  }

  async #acceptStreams(session: Session, link: Link): Promise<void> {
    for (;;) {
      let stream: BulkStream
      try {
        stream = new BulkStream(await link.accept())
      } catch {
        return
      }
      stream.frame().then(
        header => {
          if (session.ended) stream.reset()
          else this.#options.events.bulk(session.peerId, asMap(header, 'a header'), stream)
        },
        () => stream.reset(),
      )
    }
  }

  #unlinked(session: Session, reason: string): void {
    const { peerId } = session
    this.#reachable()
    if (this.#closed || session.ended) return
    const known = this.#known.get(peerId)
    if (known) {
      // Who has the larger PeerId waits a little for the other to dial.
      known.nextDialAt = performance.now() + (this.#options.peerId < peerId ? 50 : limits.redialMs)
      known.failures = 0
    }
    this.#options.log(`the link to ${peerId} is gone: ${reason}`)
    this.#membership.doubted(peerId, performance.now())
  }

  // ---- frames

  #frame(session: Session, header: HeaderValue, payload: Uint8Array): void {
    const map = asMap(header, 'a header')
    const { peerId } = session
    this.#membership.heard(peerId, performance.now())
    switch (map.t) {
      case 'ack':
        return
      case 'info':
        this.#noteInfo(peerId, this.#known.get(peerId)?.role ?? 'peer', map.i ?? null)
        this.#options.events.changed()
        return
      case 'members':
        for (const { peerId: other, addresses } of knownFromHeader(map.m))
          if (!this.#known.has(other)) this.learn(other, addresses)
        return
      case 'probe':
        void this.#answerProbe(peerId, asText(map.about, 'about', 64))
        return
      case 'probed':
        this.#membership.indirect(
          asText(map.about, 'about', 64),
          asText(map.verdict, 'verdict', 16) as 'refused' | 'alive' | 'unknown',
          performance.now(),
        )
        return
      case 'leave':
        this.#membership.leaves(peerId, performance.now())
        return
      case 'renew': {
        const { issuer } = this.#options
        if (!issuer) return
        const role = this.#known.get(peerId)?.role ?? 'driver'
        const renewed = issueCredential(issuer, { peerId, role }, Date.now())
        session.send({ t: 'renewed', c: credentialToHeader(renewed) })
        return
      }
      case 'renewed':
        this.#renewed(credentialFromHeader(map.c))
        return
      default:
        this.#options.events.frame(peerId, map, payload)
    }
  }

  /** Tries to reach every member that is not known to be gone, by UDP and by TCP: for `shoal doctor`. */
  async reach(): Promise<Reach[]> {
    const all: Promise<Reach>[] = []
    for (const [peerId, known] of this.#known) {
      const state = this.#membership.get(peerId)?.state ?? 'unknown'
      if (state === 'dead' || state === 'left') continue
      all.push(this.#reachOne(peerId, state, known))
    }
    return await Promise.all(all)
  }

  async #reachOne(peerId: string, state: Reach['state'], { addresses, skewMs }: Known): Promise<Reach> {
    const linked = this.#sessions.get(peerId)?.session.linked === true
    const address = addresses[0]
    const reach: Reach = {
      peerId,
      state,
      address,
      linked,
      skewMs: Math.round(skewMs),
      udp: 'not tried',
      tcp: 'not tried',
    }
    if (address === undefined) return reach
    const [udp, tcp] = await Promise.all([linked ? 'ok' : this.#dialForDoctor(address), tcpAnswer(address)])
    return { ...reach, udp, tcp }
  }

  async #dialForDoctor(address: string): Promise<string> {
    try {
      const link = await this.#options.transport.dial(address, { timeoutMs: limits.admissionMs })
      link.close()
      return 'ok'
    } catch (error) {
      return (error as Error).message
    }
  }

  /** Sends a frame to a member; false where there is no session with it. It arrives once, in order, or the session ends. */
  send(peerId: string, header: HeaderValue, payload?: Uint8Array): boolean {
    const entry = this.#sessions.get(peerId)
    if (!entry) return false
    entry.session.send(header, payload)
    return true
  }

  hasSession(peerId: string): boolean {
    return this.#sessions.has(peerId)
  }

  /** A stream of its own to a member. Rejects where there is no link now. */
  async openBulk(peerId: string, header: HeaderValue): Promise<BulkStream> {
    const link = this.#sessions.get(peerId)?.session.link
    if (!link) throw new CutError('lost', `there is no link to ${peerId} now`)
    const stream = new BulkStream(await link.open())
    await stream.send(header)
    return stream
  }

  /** What others are told of this peer has changed. */
  infoChanged(): void {
    this.#infoDirty = true
    if (performance.now() - this.#infoSaidAt >= limits.gossipMinMs) this.#sayInfo()
  }

  #sayInfo(): void {
    this.#infoDirty = false
    this.#infoSaidAt = performance.now()
    const i = this.#ownInfo()
    for (const { session } of this.#sessions.values()) session.send({ t: 'info', i })
    this.#options.events.announced?.()
  }

  #tick(): void {
    const now = performance.now()
    this.#membership.tick(now)
    const saidAgo = now - this.#infoSaidAt
    if (this.#infoDirty ? saidAgo >= limits.gossipMinMs : saidAgo >= limits.gossipMaxMs) this.#sayInfo()
    for (const { session } of this.#sessions.values())
      if (now - session.sentAt > limits.heartbeatMs * 0.8) session.beat()
    this.#dialMissing()
    this.#renewIfHalf(now)
  }

  // ---- admission

  #answerJoin(peerId: string, request: { [key: string]: HeaderValue | undefined }): HeaderValue {
    const { meshId, issuer, tickets, log } = this.#options
    const answer = answerJoin(peerId, request, {
      meshId,
      admit: (joiner, secret, wantsIssuer) => {
        if (!issuer) throw new Refusal('may-not-issue', 'this peer may let nobody in')
        const now = Date.now()
        const role = tickets.redeem(secret, joiner, now)
        const chain = role === 'peer' && wantsIssuer ? passIssuing(issuer, joiner, now) : undefined
        return { credential: issueCredential(issuer, { peerId: joiner, role }, now), chain }
      },
      known: () => [{ peerId: this.#options.peerId, addresses: this.addresses }, ...this.#knownAddresses()],
    })
    const { t, reason } = asMap(answer, 'an answer')
    log(t === 'joined' ? `peer ${peerId} has redeemed a ticket` : `peer ${peerId} was not let in: ${String(reason)}`)
    return answer
  }

  /** A new ticket. Throws Refusal where this peer may issue none. */
  makeTicket({ role, uses, ttlMs }: { role: Role; uses: number; ttlMs: number }): {
    ticket: string
    expiresAt: number
  } {
    const { issuer, tickets, meshId, peerId } = this.#options
    if (!issuer)
      throw new Refusal(
        'may-not-issue',
        'this peer may issue no tickets: ask a peer that was started with shoal up or shoal join',
      )
    if (this.addresses.length === 0)
      throw new Refusal('may-not-issue', 'this peer listens nowhere, so nobody could join by it')
    const now = Date.now()
    const expiresAt = now + ttlMs
    const secret = tickets.make({ role, uses, expiresAt }, now)
    return { ticket: writeTicket({ meshId, peerId, addresses: this.addresses, secret, role, expiresAt }), expiresAt }
  }

  get mayIssue(): boolean {
    return this.#options.issuer !== undefined && this.addresses.length > 0
  }

  #renewFor({ peerId, role }: Admitted): Credential | undefined {
    const { issuer } = this.#options
    return issuer && issueCredential(issuer, { peerId, role }, Date.now())
  }

  #renewed(credential: Credential): void {
    this.#options.credential = credential
    this.#renewing = false
    this.#options.renewed(credential)
  }

  #renewIfHalf(now: number): void {
    if (now < this.#renewalSeenAt + limits.renewalCheckMs) return
    this.#renewalSeenAt = now
    const { issuer, peerId, role, credential } = this.#options
    const { notAfter } = asMap(decodeHeader(credential.member.body), 'a credential')
    const left = asCount(notAfter, 'notAfter') - Date.now()
    if (left > limits.credentialMs / 2) return
    if (issuer) this.#renewed(issueCredential(issuer, { peerId, role }, Date.now()))
    else if (!this.#renewing) {
      this.#renewing = true
      for (const { session } of this.#sessions.values()) session.send({ t: 'renew' })
      setTimeout(() => {
        this.#renewing = false
      }, 60_000).unref()
    }
  }

  // ---- ends

  /** Tells everybody that this peer leaves. */
  async leave(): Promise<void> {
    if (this.#left) return
    this.#left = true
    for (const { session } of this.#sessions.values()) session.send({ t: 'leave' })
    // What a write has taken over is not on the wire yet: who has read it closes the link.
    await Promise.all([...this.#sessions.values()].map(({ session }) => session.unlinked(limits.leaveMs)))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    for (const { session } of this.#sessions.values()) session.end()
    this.#sessions.clear()
    await this.#listener?.close()
    await this.#options.transport.close()
  }
}
