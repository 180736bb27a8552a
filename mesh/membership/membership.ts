import { limits } from '../limits.ts'

/** Where a member is, as this peer sees it. */
export type MemberState = 'alive' | 'suspect' | 'dead' | 'left'

/** What is known of one member. */
export interface Member {
  readonly peerId: string
  incarnation: number
  state: MemberState
  /** When it was last heard of, by this peer's clock. */
  heardAt: number
  /** When it became what it is now. */
  since: number
  /** Dead beyond doubt: two peers have found that nobody holds its ports. Not by silence alone. */
  confirmed: boolean
  /** Where the fast way of protocols §4 stands. */
  probe: 'none' | 'asked' | 'refused' | 'confirming'
  probedAt: number
}

/** What membership has done by its shell. */
export interface MembershipEffects {
  /** Sends one byte to the member's UDP port and connects to its TCP port: `probed` tells whether both were refused. */
  probe(peerId: string): void
  /** Asks others what they know of a member: `indirect` brings their answers. */
  ask(helpers: readonly string[], about: string): void
  changed(member: Member, before: MemberState | undefined): void
}

/**
 * Who is alive (protocols §4): SWIM's suspicion with Lifeguard's local health, over the links' own heartbeats. A process that
 * is gone refuses a datagram at once; one that is only silent is suspected first. Pure: time and randomness are parameters.
 */
export class Membership {
  readonly #members = new Map<string, Member>()
  readonly #effects: MembershipEffects
  #tickedAt = -1
  #others: readonly string[] = []

  constructor(effects: MembershipEffects) {
    this.#effects = effects
  }

  get(peerId: string): Member | undefined {
    return this.#members.get(peerId)
  }

  members(): Iterable<Member> {
    return this.#members.values()
  }

  /** Alive or suspected. */
  get liveCount(): number {
    let count = 0
    for (const { state } of this.#members.values()) if (state === 'alive' || state === 'suspect') count++
    return count
  }

  #change(member: Member, state: MemberState, now: number, confirmed = false): void {
    if (member.state === state) return
    const before = member.state
    member.state = state
    member.confirmed = confirmed
    member.since = now
    member.probe = 'none'
    this.#effects.changed(member, before)
  }

  /** It has proved that it is there, by a session. A higher incarnation ends everything of a lower one. False: it is out of date. */
  met(peerId: string, incarnation: number, now: number): boolean {
    const known = this.#members.get(peerId)
    if (!known) {
      const member: Member = {
        peerId,
        incarnation,
        state: 'alive',
        heardAt: now,
        since: now,
        confirmed: false,
        probe: 'none',
        probedAt: 0,
      }
      this.#members.set(peerId, member)
      this.#effects.changed(member, undefined)
      return true
    }
    if (incarnation < known.incarnation) return false
    if (incarnation > known.incarnation) {
      if (known.state === 'alive' || known.state === 'suspect') this.#change(known, 'dead', now)
      known.incarnation = incarnation
    }
    known.heardAt = now
    this.#change(known, 'alive', now)
    return true
  }

  /** Anything arrived from it. */
  heard(peerId: string, now: number): void {
    const member = this.#members.get(peerId)
    if (!member || member.state === 'dead' || member.state === 'left') return
    member.heardAt = now
    member.probe = 'none'
    if (member.state === 'suspect') this.#change(member, 'alive', now)
  }

  /** It has said goodbye. */
  leaves(peerId: string, now: number): void {
    const member = this.#members.get(peerId)
    if (member && member.state !== 'dead') this.#change(member, 'left', now)
  }

  /** It has left, and is there again: nothing is known of it until it is met. */
  forget(peerId: string): void {
    this.#members.delete(peerId)
  }

  /** A sign that it may be gone (its TCP connection was closed): the fast way begins at once. */
  doubted(peerId: string, now: number): void {
    const member = this.#members.get(peerId)
    if (!member || member.state === 'dead' || member.state === 'left' || member.probe !== 'none') return
    this.#probe(member, now)
  }

  #probe(member: Member, now: number): void {
    member.probe = 'asked'
    member.probedAt = now
    this.#effects.probe(member.peerId)
  }

  /** What a probe found. Silence proves nothing. */
  probed(peerId: string, refused: boolean, now: number): void {
    const member = this.#members.get(peerId)
    if (!member || member.state === 'dead' || member.state === 'left') return
    if (!refused) {
      // Asked again when it is silent for longer.
      if (member.probe === 'asked' || member.probe === 'confirming') member.probe = 'none'
      return
    }
    if (member.probe === 'confirming') {
      // Nobody else could be asked: refused twice.
      this.#change(member, 'dead', now)
      return
    }
    if (member.probe !== 'asked') return
    this.#change(member, 'suspect', now)
    member.probedAt = now
    const helpers = this.#helpers(peerId)
    if (helpers.length === 0) {
      member.probe = 'refused'
      return
    }
    member.probe = 'confirming'
    this.#effects.ask(helpers, peerId)
  }

  /** What another member says of one: its own probe was refused, or it hears it. */
  indirect(peerId: string, verdict: 'refused' | 'alive' | 'unknown', now: number): void {
    const member = this.#members.get(peerId)
    if (!member || member.state === 'dead' || member.state === 'left') return
    if (verdict === 'refused' && member.probe === 'confirming') this.#change(member, 'dead', now, true)
    else if (verdict === 'alive' && member.state === 'suspect') {
      // Somebody hears it: our own link is at fault, and it has the whole time of a suspicion again.
      member.since = now
      member.probe = 'none'
    }
  }

  /** Who could be asked about a member; the shell says who is linked. */
  set reachable(others: readonly string[]) {
    this.#others = others
  }

  #helpers(about: string): string[] {
    return this.#others
      .filter(one => one !== about && this.#members.get(one)?.state === 'alive')
      .slice(0, limits.indirectProbes)
  }

  /** How long a suspicion lasts with so many members. */
  suspicionMs(): number {
    const n = Math.max(1, this.liveCount + 1)
    return limits.suspicionFactorMs * Math.log10(n) + limits.suspicionBaseMs
  }

  /** To be called every half heartbeat. */
  tick(now: number): void {
    const elapsed = this.#tickedAt < 0 ? 0 : now - this.#tickedAt
    this.#tickedAt = now
    // This process itself stood still (stopped, swapped out): what it did not hear meanwhile says nothing of others.
    const lag = elapsed > limits.heartbeatMs ? elapsed : 0
    const silence = limits.heartbeatMs * limits.heartbeatsMissedMax
    for (const member of this.#members.values()) {
      if (lag > 0) {
        member.heardAt += lag
        if (member.state === 'suspect') member.since += lag
        member.probedAt += lag
      }
      if (member.state === 'dead' || member.state === 'left') {
        if (now - member.since > limits.deadRememberedMs) this.#members.delete(member.peerId)
        continue
      }
      const silent = now - member.heardAt
      if (member.probe === 'refused' && now - member.probedAt > 200) {
        member.probe = 'confirming'
        this.#effects.probe(member.peerId)
      } else if (member.probe === 'confirming' && now - member.probedAt > limits.indirectMs) member.probe = 'none'
      if (silent <= silence) continue
      if (member.probe === 'none') this.#probe(member, now)
      if (member.state === 'alive' && silent > silence + limits.heartbeatMs / 2) this.#change(member, 'suspect', now)
      if (member.state === 'suspect' && now - member.since > this.suspicionMs()) this.#change(member, 'dead', now)
    }
  }
}
