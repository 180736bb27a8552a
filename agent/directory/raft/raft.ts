import { limits } from '../limits.ts'
import { Leading } from './leading.ts'
import { RaftLog } from './log.ts'
import type { Config, Envelope, HardState, LogEntry, Message, Persisted, Ready, Snapshot } from './types.ts'

/** `passive`: it has no vote, and follows whoever leads, if anybody lets it learn. */
export type Role = 'passive' | 'follower' | 'asking' | 'candidate' | 'leader'

export interface RaftOptions {
  readonly id: string
  readonly persisted: Persisted
  /** From 0 to below 1. */
  random(): number
  readonly now: number
}

/** One change of who decides; one is made at a time. */
export type Change =
  | { readonly kind: 'learn'; readonly peer: string }
  | { readonly kind: 'promote'; readonly peer: string }
  | { readonly kind: 'remove'; readonly peer: string }

/**
 * One peer's part in the group that decides: Raft (Ongaro, Consensus: Bridging Theory and Practice, 2014) with pre-vote and
 * leader stickiness (§4.2.3, §9.6), reads by index (§6.4), learners and single-server changes (§4), transfer of leadership
 * (§3.10). Events in by its methods, effects out by `take`; time and randomness are parameters. After etcd/raft.
 */
export class Raft {
  readonly id: string
  readonly #log: RaftLog
  readonly #random: () => number
  #term: number
  #vote: string | undefined
  #commit: number
  #applied: number
  #role: Role = 'passive'
  #leader: string | undefined
  #leading: Leading | undefined
  /** Somebody who knows a later configuration says that this peer has no vote: it does not ask for any. */
  #retired = false
  #heardAt: number
  #deadline = 0
  #votes = new Map<string, boolean>()
  #kept: number
  // What `take` gives.
  #early: Envelope[] = []
  #messages: Envelope[] = []
  #saidHard: HardState
  #installed: Snapshot | undefined
  #reads: number[] = []
  #refused: number[] = []

  constructor({ id, persisted, random, now }: RaftOptions) {
    this.id = id
    this.#log = new RaftLog(persisted)
    this.#random = random
    this.#term = persisted.hard.term
    this.#vote = persisted.hard.vote
    this.#saidHard = persisted.hard
    this.#applied = this.#log.snapshotIndex
    this.#commit = Math.max(this.#applied, Math.min(persisted.hard.commit ?? 0, this.#log.lastIndex))
    this.#kept = this.#log.lastIndex
    this.#heardAt = now - limits.electionMs
    this.#follow(undefined, now)
    const { voters } = this.#log.config
    // Nobody else could be asked.
    if (voters.length === 1 && voters[0] === id) this.#deadline = now
  }

  // ---- what is known

  get role(): Role {
    return this.#role
  }

  get term(): number {
    return this.#term
  }

  get vote(): string | undefined {
    return this.#vote
  }

  get leader(): string | undefined {
    return this.#leader
  }

  get commit(): number {
    return this.#commit
  }

  get log(): RaftLog {
    return this.#log
  }

  get config(): Config {
    return this.#log.config
  }

  get isVoter(): boolean {
    return this.#log.config.voters.includes(this.id)
  }

  /** At a leader: who was heard of since. */
  heard(since: number): string[] {
    return this.#leading?.heard(since) ?? []
  }

  isCaughtUp(peer: string): boolean {
    return this.#leading?.isCaughtUp(peer) ?? false
  }

  /** Whether a change could be made now. */
  get mayChange(): boolean {
    const leading = this.#leading
    return leading !== undefined && !leading.transferring && leading.settled && this.#log.configIndex <= this.#commit
  }

  // ---- asked for by the shell

  /** At a leader: the index that the command will have if nobody else comes to lead meanwhile. Undefined: not now, not here. */
  propose(command: string, now: number): number | undefined {
    const leading = this.#leading
    if (!leading || leading.transferring) return undefined
    if (this.#log.lastIndex - this.#commit >= limits.uncommittedMax) return undefined
    if (this.#log.bytes > limits.uncommittedBytesMax + limits.logBytesMax) return undefined
    return this.#append({ command }, now)
  }

  #append(what: Pick<LogEntry, 'command' | 'config'>, now: number): number {
    const index = this.#log.lastIndex + 1
    this.#log.add({ index, term: this.#term, ...what })
    this.#leading?.replicate(now)
    return index
  }

  /** `take` gives the number back among its `reads` or `refused`. */
  read(read: number): void {
    if (this.#leading && !this.#leading.transferring) this.#leading.read(read)
    else this.#refused.push(read)
  }

  /** False: not now. */
  change({ kind, peer }: Change, now: number): boolean {
    if (!this.mayChange) return false
    const { voters, learners } = this.#log.config
    const others = learners.filter(one => one !== peer)
    let config: Config
    if (kind === 'learn') {
      if (voters.includes(peer) || learners.includes(peer)) return false
      config = { voters, learners: [...learners, peer] }
    } else if (kind === 'promote') {
      if (!learners.includes(peer) || !this.isCaughtUp(peer)) return false
      config = { voters: [...voters, peer], learners: others }
    } else {
      // A leader hands its lead over first.
      if (peer === this.id || !(voters.includes(peer) || learners.includes(peer))) return false
      config = { voters: voters.filter(one => one !== peer), learners: others }
    }
    this.#append({ config }, now)
    this.#leading?.follow(now)
    this.#leading?.replicate(now)
    return true
  }

  /** Another voter is to lead. */
  transfer(to: string, now: number): boolean {
    if (!this.#leading || to === this.id || !this.#log.config.voters.includes(to)) return false
    this.#leading.transfer(to, now)
    return true
  }

  /** The leader is known to be gone: nobody has to wait for it. */
  leaderGone(peer: string, now: number): void {
    if (this.#leader !== peer || this.#role === 'leader') return
    this.#leader = undefined
    this.#heardAt = now - limits.electionMs
    this.#deadline = now + 10 + this.#random() * limits.succeedMs
  }

  /** All of `take` up to the last one was kept. */
  kept(index: number, term: number): void {
    // Another leader's entry may stand there by now.
    if (this.#log.termAt(index) !== term) return
    this.#kept = Math.max(this.#kept, index)
    this.#leading?.kept(this.#kept)
  }

  /** The log up to what was carried out is replaced by the state machine's own account. */
  compact(data: string): Snapshot {
    return this.#log.compact(this.#applied, data)
  }

  get applied(): number {
    return this.#applied
  }

  // ---- time

  tick(now: number): void {
    if (this.#leading) {
      if (!this.#leading.tick(now)) this.#become(this.#term, undefined, now)
      return
    }
    if (now < this.#deadline || !this.isVoter || this.#retired) return
    this.#campaign(true, false, now)
  }

  #resetDeadline(now: number): void {
    this.#deadline = now + limits.electionMs * (1 + this.#random())
  }

  // ---- roles

  /** A follower, or passive, of a term. */
  #become(term: number, leader: string | undefined, now: number): void {
    if (term > this.#term) {
      this.#term = term
      this.#vote = undefined
    }
    this.#follow(leader, now)
  }

  #follow(leader: string | undefined, now: number): void {
    if (this.#leading) {
      this.#refused.push(...this.#leading.openReads())
      this.#leading = undefined
    }
    this.#role = this.isVoter ? 'follower' : 'passive'
    this.#leader = leader
    this.#votes.clear()
    this.#resetDeadline(now)
  }

  #campaign(pre: boolean, force: boolean, now: number): void {
    this.#role = pre ? 'asking' : 'candidate'
    this.#leader = undefined
    this.#votes.clear()
    this.#resetDeadline(now)
    if (!pre) {
      this.#term++
      this.#vote = this.id
    }
    const { lastIndex: index, lastTerm: indexTerm } = this.#log
    const term = pre ? this.#term + 1 : this.#term
    for (const peer of this.config.voters)
      if (peer !== this.id) this.#send(peer, { t: 'vote', term, pre, force, index, indexTerm })
    this.#counted(this.id, true, force, now)
  }

  #counted(peer: string, granted: boolean, force: boolean, now: number): void {
    this.#votes.set(peer, granted)
    const { voters } = this.config
    const quorum = Math.floor(voters.length / 2) + 1
    if (voters.filter(one => this.#votes.get(one) === true).length >= quorum) {
      if (this.#role === 'asking') this.#campaign(false, force, now)
      else this.#lead(now)
      return
    }
    if (granted) return
    if (voters.filter(one => this.#votes.get(one) === false).length >= quorum) this.#follow(undefined, now)
    // Two have asked at once, or the others do not know yet that the leader is gone; the rest may be dead, and never answer.
    this.#deadline = Math.min(this.#deadline, now + limits.askAgainMs * (0.25 + 0.75 * this.#random()))
  }

  #lead(now: number): void {
    this.#role = 'leader'
    this.#leader = this.id
    const raft = this
    this.#leading = new Leading(
      {
        id: this.id,
        log: this.#log,
        get term() {
          return raft.#term
        },
        get commit() {
          return raft.#commit
        },
        send: (to, message, early) => this.#send(to, message, early),
        commitTo: index => {
          this.#commit = index
        },
        allowed: reads => void this.#reads.push(...reads),
      },
      this.#kept,
      now,
    )
    this.#append({}, now)
  }

  #send(to: string, message: Message, early = false): void {
    const into = early ? this.#early : this.#messages
    into.push({ to, message })
  }

  // ---- messages

  receive(from: string, message: Message, now: number): void {
    if (message.t === 'vote') {
      this.#asked(from, message, now)
      return
    }
    if (message.t === 'voted') {
      this.#voted(from, message, now)
      return
    }
    if (message.term < this.#term) {
      // A leader of the past hears that it is one.
      if (message.t === 'append' || message.t === 'snapshot') this.#answer(from, { ok: false, index: 0, asked: 0 }, 0)
      return
    }
    switch (message.t) {
      case 'append':
        this.#leads(from, message.term, now)
        this.#appended(from, message)
        return
      case 'snapshot':
        this.#leads(from, message.term, now)
        this.#restore(from, message.snapshot, message.read, now)
        return
      case 'appended':
        if (message.term > this.#term) this.#become(message.term, undefined, now)
        else this.#leading?.appended(from, message, now)
        return
      case 'campaign':
        if (message.term === this.#term && this.isVoter && this.#role !== 'leader') this.#campaign(false, true, now)
        return
    }
  }

  /** Somebody leads in a term that is not past. */
  #leads(peer: string, term: number, now: number): void {
    if (term > this.#term || this.#role === 'asking' || this.#role === 'candidate' || this.#leader !== peer)
      this.#become(term, peer, now)
    this.#heardAt = now
    this.#retired = false
    this.#resetDeadline(now)
  }

  #answer(to: string, how: { ok: boolean; index: number; asked: number; indexTerm?: number }, read: number): void {
    this.#send(to, { t: 'appended', term: this.#term, indexTerm: 0, ...how, read })
  }

  #appended(from: string, message: Extract<Message, { t: 'append' }>): void {
    const { index, indexTerm, entries, commit, read } = message
    // Up to what is committed here the log is the leader's own.
    if (index > this.#commit && this.#log.termAt(index) !== indexTerm) {
      const hint = this.#log.conflict(index, indexTerm)
      this.#answer(from, { ok: false, index: hint.index, indexTerm: hint.term, asked: index }, read)
      return
    }
    const fresh = entries.filter(entry => entry.index > this.#commit)
    this.#kept = Math.min(this.#kept, this.#log.merge(fresh))
    const last = Math.max(this.#commit, entries.at(-1)?.index ?? index)
    this.#commit = Math.max(this.#commit, Math.min(commit, last))
    this.#role = this.isVoter ? 'follower' : 'passive'
    this.#answer(from, { ok: true, index: last, asked: index }, read)
  }

  #restore(from: string, snapshot: Snapshot, read: number, now: number): void {
    if (snapshot.index > this.#commit) {
      this.#log.restore(snapshot)
      this.#commit = snapshot.index
      this.#applied = snapshot.index
      this.#installed = snapshot
      this.#kept = 0
      this.#follow(from, now)
    }
    this.#answer(from, { ok: true, index: this.#commit, asked: 0 }, read)
  }

  #asked(from: string, message: Extract<Message, { t: 'vote' }>, now: number): void {
    const { term, pre, force, index, indexTerm } = message
    const led = this.#role === 'leader' || (this.#leader !== undefined && now - this.#heardAt < limits.electionMs)
    // Who has a leader changes nothing for one that has not heard of it.
    if (led && !force) {
      const { voters, learners } = this.config
      const retired = this.#role === 'leader' && !voters.includes(from) && !learners.includes(from)
      this.#send(from, { t: 'voted', term: this.#term, pre, granted: false, retired })
      return
    }
    if (term > this.#term && !pre) this.#become(term, undefined, now)
    const { lastIndex, lastTerm } = this.#log
    const current = indexTerm > lastTerm || (indexTerm === lastTerm && index >= lastIndex)
    const free = pre ? term > this.#term : term === this.#term && (this.#vote === undefined || this.#vote === from)
    const granted = current && free
    if (granted && !pre) {
      this.#vote = from
      this.#resetDeadline(now)
    }
    // A vote in advance is given for the term that was asked for.
    this.#send(from, { t: 'voted', term: granted && pre ? term : this.#term, pre, granted, retired: false })
  }

  #voted(from: string, message: Extract<Message, { t: 'voted' }>, now: number): void {
    const { term, pre, granted, retired } = message
    if (retired && this.#role !== 'leader') {
      this.#retired = true
      this.#follow(undefined, now)
      return
    }
    if (!granted && term > this.#term) {
      this.#become(term, undefined, now)
      return
    }
    if (pre ? this.#role !== 'asking' || (granted && term !== this.#term + 1) : this.#role !== 'candidate') return
    if (!pre && term !== this.#term) return
    this.#counted(from, granted, false, now)
  }

  // ---- effects

  /** Whether `take` would give anything. */
  get hasReady(): boolean {
    return (
      this.#early.length + this.#messages.length + this.#reads.length + this.#refused.length > 0 ||
      this.#commit > this.#applied ||
      this.#installed !== undefined ||
      this.#leading?.hasReads === true ||
      this.#hardChanged ||
      this.#log.hasUnstable
    )
  }

  get #hardChanged(): boolean {
    return this.#saidHard.term !== this.#term || this.#saidHard.vote !== this.#vote
  }

  /** What is to be done since the last call. */
  take(now: number): Ready {
    this.#leading?.flushReads(now)
    const hard = this.#hardChanged ? { term: this.#term, vote: this.#vote } : undefined
    if (hard) this.#saidHard = hard
    // What leaves early says nothing that is not kept yet.
    const early = hard ? [] : this.#early
    const messages = hard ? [...this.#early, ...this.#messages] : this.#messages
    const ready: Ready = {
      early,
      hard,
      snapshot: this.#installed,
      entries: this.#log.takeUnstable(),
      messages,
      committed: this.#log.slice(this.#applied + 1, this.#commit + 1),
      commit: this.#commit,
      reads: this.#reads,
      refused: this.#refused,
    }
    this.#applied = this.#commit
    this.#early = []
    this.#messages = []
    this.#installed = undefined
    this.#reads = []
    this.#refused = []
    return ready
  }
}
