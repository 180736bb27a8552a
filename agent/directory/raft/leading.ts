import { limits } from '../limits.ts'
import type { RaftLog } from './log.ts'
import { Progress } from './progress.ts'
import type { Config, Message } from './types.ts'

/** What a leader needs of its peer. */
export interface LeadingHost {
  readonly id: string
  readonly term: number
  readonly log: RaftLog
  /** `early`: it says nothing that has to be kept first. */
  send(to: string, message: Message, early: boolean): void
  commitTo(index: number): void
  readonly commit: number
  allowed(reads: readonly number[]): void
}

/** A leader's half: how far the others are, what may be committed, which reads may be answered. */
export class Leading {
  readonly #host: LeadingHost
  readonly #progress = new Map<string, Progress>()
  /** The first entry of this leader's own term: nothing is known to be committed before it is. */
  readonly #firstIndex: number
  /** How far this peer's own log is kept. */
  #kept: number
  #heartbeatAt: number
  #commitSaid = 0
  #since: number
  #readSeq = 0
  #reads: { seq: number; read: number; index: number }[] = []
  /** Who is to lead next. */
  #transfer: { to: string; until: number; told: boolean } | undefined

  constructor(host: LeadingHost, kept: number, now: number) {
    this.#host = host
    this.#kept = kept
    this.#heartbeatAt = now
    this.#since = now
    this.#firstIndex = host.log.lastIndex + 1
    this.follow(now)
  }

  /** The configuration has changed: followers come and go. */
  follow(now: number): void {
    const { voters, learners } = this.#host.log.config
    const wanted = new Set([...voters, ...learners])
    wanted.delete(this.#host.id)
    for (const peer of wanted)
      if (!this.#progress.has(peer)) this.#progress.set(peer, new Progress(this.#host.log.lastIndex + 1, now))
    for (const peer of this.#progress.keys()) if (!wanted.has(peer)) this.#progress.delete(peer)
  }

  get transferring(): boolean {
    return this.#transfer !== undefined
  }

  /** Who is heard of, with this peer. */
  heard(since: number): string[] {
    return [this.#host.id, ...[...this.#progress].filter(([, { heardAt }]) => heardAt >= since).map(([peer]) => peer)]
  }

  isCaughtUp(peer: string): boolean {
    const one = this.#progress.get(peer)
    return one !== undefined && one.state === 'replicate' && one.match >= this.#host.commit
  }

  #quorumOf(config: Config): number {
    return Math.floor(config.voters.length / 2) + 1
  }

  /** The greatest number that a majority of voters has reached. */
  #reached(own: number, of: (progress: Progress) => number): number {
    const { config } = this.#host.log
    const all = config.voters.map(peer => {
      if (peer === this.#host.id) return own
      const one = this.#progress.get(peer)
      return one ? of(one) : 0
    })
    all.sort((a, b) => b - a)
    return all[this.#quorumOf(config) - 1] ?? 0
  }

  // ---- replication

  replicate(now: number): void {
    for (const peer of this.#progress.keys()) this.#append(peer, now, false)
  }

  #append(peer: string, now: number, heartbeat: boolean): void {
    const one = this.#progress.get(peer) as Progress
    const { log, term, commit } = this.#host
    for (;;) {
      if (one.state === 'snapshot' && now - one.snapshotAt > limits.snapshotAgainMs) one.state = 'probe'
      const before = one.next - 1
      const beforeTerm = log.termAt(before)
      if (one.state !== 'snapshot' && beforeTerm === undefined) {
        const { snapshot } = log
        if (!snapshot) throw new Error(`entry ${before} is gone, and there is no snapshot`)
        one.sentSnapshot(snapshot.index, now)
        this.#host.send(peer, { t: 'snapshot', term, snapshot, read: this.#readSeq }, true)
        return
      }
      const entries = one.mayAppend ? log.slice(one.next, log.lastIndex + 1, limits.appendBytesMax) : []
      if (entries.length === 0 && !heartbeat && !(one.state === 'probe' && !one.probing)) return
      const last = entries.at(-1)
      const [index, indexTerm] = one.state === 'snapshot' ? [0, 0] : [before, beforeTerm as number]
      this.#host.send(peer, { t: 'append', term, index, indexTerm, entries, commit, read: this.#readSeq }, true)
      if (last) one.sent(last.index)
      else if (one.state === 'probe') one.probing = true
      if (!last || one.state === 'probe') return
      heartbeat = false
    }
  }

  #beat(now: number): void {
    this.#heartbeatAt = now
    this.#commitSaid = this.#host.commit
    for (const [peer, one] of this.#progress) {
      one.doubt()
      this.#append(peer, now, true)
    }
  }

  appended(from: string, message: Extract<Message, { t: 'appended' }>, now: number): void {
    const one = this.#progress.get(from)
    if (!one) return
    one.heardAt = now
    if (message.read > one.read) {
      one.read = message.read
      this.#allow()
    }
    if (message.ok) {
      if (one.acknowledged(message.index)) this.#advance()
      if (this.#transfer?.to === from) this.#handOver()
    } else {
      const { log } = this.#host
      const at = log.conflict(message.index, message.indexTerm).index
      if (!one.rejected(message.asked, at)) return
    }
    this.#append(from, now, false)
  }

  /** Its own log is kept up to here. */
  kept(index: number): void {
    this.#kept = Math.max(this.#kept, index)
    this.#advance()
  }

  #advance(): void {
    const { log, term, commit } = this.#host
    const index = this.#reached(this.#kept, one => one.match)
    if (index <= commit || log.termAt(index) !== term) return
    this.#host.commitTo(index)
    this.#allow()
  }

  /** Whether an entry of its own term is committed: before that its configuration may not change. */
  get settled(): boolean {
    return this.#host.commit >= this.#firstIndex
  }

  // ---- reads

  /** A read is allowed when a majority has said, after this, that this peer still leads. */
  read(read: number): void {
    this.#readSeq++
    this.#reads.push({ seq: this.#readSeq, read, index: Math.max(this.#host.commit, this.#firstIndex) })
    if (this.#host.log.config.voters.length === 1) this.#allow()
    else this.#readsNew = true
  }

  #readsNew = false

  /** Whether the others have to be asked. */
  get hasReads(): boolean {
    return this.#readsNew
  }

  /** What was asked for since the last call goes to the others, in one message each. */
  flushReads(now: number): void {
    if (!this.#readsNew) return
    this.#readsNew = false
    this.#beat(now)
  }

  #allow(): void {
    if (this.#reads.length === 0) return
    const seq = this.#reached(this.#readSeq, one => one.read)
    const { commit } = this.#host
    const ready = this.#reads.filter(one => one.seq <= seq && one.index <= commit)
    if (ready.length === 0) return
    this.#reads = this.#reads.filter(one => one.seq > seq || one.index > commit)
    this.#host.allowed(ready.map(({ read }) => read))
  }

  /** Reads that were not allowed yet. */
  openReads(): number[] {
    return this.#reads.map(({ read }) => read)
  }

  // ---- time

  /** False: a majority was not heard for too long, and this peer leads no more. */
  tick(now: number): boolean {
    const silentMs = this.#host.commit > this.#commitSaid ? limits.commitSaidMs : limits.heartbeatMs
    if (now - this.#heartbeatAt >= silentMs) this.#beat(now)
    if (this.#transfer && now > this.#transfer.until) this.#transfer = undefined
    if (now - this.#since < limits.electionMs) return true
    const { config } = this.#host.log
    const heard = new Set(this.heard(now - limits.electionMs))
    return config.voters.filter(peer => heard.has(peer)).length >= this.#quorumOf(config)
  }

  // ---- another leader

  transfer(to: string, now: number): void {
    if (!this.#progress.has(to)) return
    this.#transfer = { to, until: now + limits.electionMs, told: false }
    this.#append(to, now, true)
    this.#handOver()
  }

  #handOver(): void {
    const transfer = this.#transfer
    const { log, term } = this.#host
    if (!transfer || transfer.told || (this.#progress.get(transfer.to)?.match ?? 0) < log.lastIndex) return
    transfer.told = true
    this.#host.send(transfer.to, { t: 'campaign', term }, true)
  }
}
