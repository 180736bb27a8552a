import { randomBytes } from 'node:crypto'
import type { NameRow, NamesStatus } from '../../wire/names.ts'
import { candidates } from './candidates.ts'
import { checkClaim, entryOf, invalid, withoutSpec } from './claims.ts'
import type { Command, Outcome } from './commands.ts'
import { Holder } from './holder.ts'
import { compareGenerations, isNewer, type Known, nothingKnown } from './knowledge.ts'
import { Leader } from './leader.ts'
import { limits } from './limits.ts'
import type { DirectoryMesh, Member } from './mesh.ts'
import { Parts, toParts } from './parts.ts'
import { NotLeader, Replica } from './replica.ts'
import { answerMs, Requests } from './requests.ts'
import type { Storage } from './storage.ts'
import type { Claim, Directory, DirectoryHost, EndedEntry, Entry, PeerRun } from './types.ts'
import { nextStep } from './voters.ts'
import { type Answer, type Claimed, decode, encode, type Renewed, type Request, type Said } from './wire.ts'

export interface NameDirectoryOptions {
  readonly self: PeerRun
  /** What it keeps outlives it: an agent with a home. */
  readonly durable: boolean
  /** It made the mesh: where nothing is stored yet it alone votes. */
  readonly founder: boolean
  readonly storage: Storage
  log(line: string): void
}

type Question = Extract<Request, { do: 'lookup' | 'locate' | 'entries' | 'endedEntries' }>

/** What a linked peer has said of itself. */
interface Linked {
  readonly incarnation: number
  readonly parts: Parts
  durable: boolean
  leaving: boolean
  greeted: boolean
}

/** A host before there is one: nothing is placed, nothing is held. */
const noHost: DirectoryHost = {
  choose: () => undefined,
  host() {},
  stop() {},
  lost() {},
  regained() {},
}

/** One peer's part in the directory of names, whether it votes or only asks (protocols §5). */
export class NameDirectory implements Directory {
  readonly #options: NameDirectoryOptions
  readonly #replica: Replica
  readonly #requests: Requests
  readonly #holder: Holder
  readonly #linked = new Map<string, Linked>()
  readonly #members = new Map<string, Member>()
  /** Entries of which the directory is being told. */
  readonly #telling = new Set<number>()
  readonly #stops = new Map<number, (stopped: boolean) => void>()
  /** The last epochs that callers here were told. */
  readonly #seen = new Map<number, number>()
  #host = noHost
  #mesh: DirectoryMesh | undefined
  #leader: Leader | undefined
  #known: Known = nothingKnown
  #nextRequest = 1
  #nextStop = 1
  #votersAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #leaving = false
  #closed = false

  constructor(options: NameDirectoryOptions) {
    this.#options = options
    const { self, storage, founder, log } = options
    const now = (): number => performance.now()
    this.#replica = new Replica({
      peerId: self.peerId,
      storage,
      random: Math.random,
      now,
      send: (to, generation, message) => void this.#say(to, { is: 'raft', generation, message }),
      events: {
        changed: id => {
          this.#leader?.stirred()
          // What it finds in its log when it starts, too, which is carried out after that.
          if (!this.#timer) this.#wake()
          this.#host.changed?.(id)
        },
        ended: (entry, reason) => {
          this.#holder?.stop(entry, reason)
          this.#host.ended?.(entry, reason)
        },
      },
      changed: () => this.#decidersChanged(),
      log,
    })
    this.#requests = new Requests({
      peerId: self.peerId,
      known: () => this.#known,
      learn: known => this.#learn(known),
      reachable: () => [...this.#linked.keys()],
      leads: () => this.#replica.leads,
      here: request => this.#here(request),
      send: (peerId, q, hops, request) => void this.#say(peerId, { is: 'request', q, hops, request }),
    })
    this.#holder = new Holder({
      self,
      now,
      alone: () => this.#alone,
      renew: async holds => {
        if (this.#alone) return this.#renewAlone(holds)
        return (await this.#requests.ask({ do: 'renew', run: self, holds }, limits.leaseMs)) as Renewed
      },
      host: () => this.#host,
      overAgain: ({ id, epoch, kind }, { reason, mayRestart, free }) => {
        if (this.#telling.has(id)) return
        const told = kind === 'owned' ? this.free(id) : this.ended(id, epoch, reason, mayRestart, free)
        told.catch(() => undefined)
      },
      begunAgain: ({ id, epoch }, { token, data }) => {
        if (!this.#telling.has(id)) this.alive(id, epoch, token, data).catch(() => undefined)
      },
    })
    if (founder && this.#replica.generation.n < 0) this.#replica.found(randomBytes(6).toString('hex'))
    this.#replica.tick()
    this.#learn(this.#replica.known)
    this.#wake()
  }

  /** Who carries out what is decided. */
  attach(host: DirectoryHost): this {
    this.#host = host
    this.#leader?.stirred()
    return this
  }

  // ---- the mesh

  enter(mesh: DirectoryMesh): void {
    this.#mesh = mesh
  }

  /** A session with a member has begun. */
  peerBegan(peerId: string, incarnation: number): void {
    this.#linked.set(peerId, { incarnation, parts: new Parts(), durable: true, leaving: false, greeted: false })
    this.#hello(peerId)
    this.#wake()
  }

  /** Nothing more comes of that session. */
  peerEnded(peerId: string): void {
    this.#linked.delete(peerId)
    this.#replica.raft.leaderGone(peerId, performance.now())
    this.#requests.ended(peerId)
    this.#wake()
  }

  /** Throws MalformedFrameError. */
  peerFrame(peerId: string, part: Uint8Array, last: boolean): void {
    const linked = this.#linked.get(peerId)
    if (!linked || this.#closed) return
    const whole = linked.parts.add(part, last)
    if (whole) this.#heard(peerId, linked, decode(whole))
  }

  #say(peerId: string, said: Said): boolean {
    const mesh = this.#mesh
    if (!mesh || !this.#linked.has(peerId)) return false
    for (const { part, last } of toParts(encode(said))) if (!mesh.send(peerId, part, last)) return false
    return true
  }

  #hello(peerId: string): void {
    const { durable } = this.#options
    this.#say(peerId, { is: 'hello', durable, leaving: this.#leaving, known: this.#known })
  }

  #heard(peerId: string, linked: Linked, said: Said): void {
    switch (said.is) {
      case 'hello':
        Object.assign(linked, { durable: said.durable, leaving: said.leaving, greeted: true })
        this.#learn(said.known)
        this.#requests.stirred()
        return
      case 'raft':
        // One of an earlier generation hears that there is a later one.
        if (compareGenerations(said.generation, this.#replica.generation) < 0) this.#hello(peerId)
        else this.#replica.receive(peerId, said.generation, said.message)
        return
      case 'request':
        void this.#answer(peerId, said)
        return
      case 'answer':
        this.#requests.answered(said.q, said.answer)
        return
      case 'host':
        this.#holder.offered(said.entry)
        this.#wake()
        return
      case 'stop':
        this.#holder.stop(said.entry, said.why)
        this.#say(peerId, { is: 'stopped', q: said.q })
        return
      case 'stopped':
        this.#stops.get(said.q)?.(true)
        return
    }
  }

  /** What somebody knows of who decides. */
  #learn(known: Known): void {
    this.#replica.adopt(known.generation)
    if (!isNewer(known, this.#known)) return
    this.#known = known
    this.#requests.stirred()
  }

  #decidersChanged(): void {
    const replica = this.#replica
    const { leads } = replica
    if (leads && !this.#leader) this.#leader = this.#newLeader()
    else if (!leads) {
      this.#leader?.end()
      this.#leader = undefined
    }
    if (!replica.isBlank) this.#learn(replica.known)
    if (leads) for (const peerId of this.#linked.keys()) this.#hello(peerId)
    this.#wake()
  }

  // ---- time

  /** Looks at everything regularly, as long as there is anything to look at. */
  #wake(): void {
    const needed = !this.#closed && this.#hasToLook()
    if (needed && !this.#timer) {
      this.#timer = setInterval(() => this.#tick(), limits.tickMs)
      this.#timer.unref()
    } else if (!needed) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  #hasToLook(): boolean {
    // While it reads what is stored.
    if (!this.#replica) return false
    const { raft, entries } = this.#replica
    if (this.#linked.size > 0 || raft.config.voters.length > 1 || entries.detached > 0) return true
    // Leases end, though nobody is there whom they could be renewed with.
    return this.#holder.size > 0 && !this.#alone
  }

  #tick(): void {
    this.#replica.tick()
    this.#holder.tick()
    this.#leader?.tick()
    const now = performance.now()
    if (this.#leader && now - this.#votersAt >= limits.votersMs) {
      this.#votersAt = now
      this.#chooseVoters(now)
    }
    this.#wake()
  }

  // ---- who votes

  /** What is known of the members has changed. */
  membersChanged(): void {
    this.#members.clear()
    for (const member of this.#mesh?.members() ?? []) {
      this.#members.set(member.peerId, member)
      const isGone = member.state === 'dead' || member.state === 'left'
      if (isGone) this.#replica.raft.leaderGone(member.peerId, performance.now())
    }
    this.#leader?.look()
  }

  #chooseVoters(now: number): void {
    const { raft } = this.#replica
    if (!raft.mayChange) return
    const { self, durable } = this.#options
    const own = { peerId: self.peerId, since: self.incarnation, durable, leaving: this.#leaving }
    const members = candidates(raft, { own, members: this.#members.values(), linked: this.#linked, now })
    const step = nextStep(self.peerId, raft.config, members)
    if (!step) return
    this.#options.log(`names: ${step.kind} ${step.peer}`)
    if (step.kind === 'transfer') raft.transfer(step.peer, now)
    else raft.change(step, now)
    this.#replica.pump()
  }

  get #alone(): boolean {
    const { voters } = this.#replica.raft.config
    return this.#replica.leads && voters.length === 1
  }

  #renewAlone(holds: readonly (readonly [number, number])[]): Renewed {
    const renewed: number[] = []
    const stale: number[] = []
    for (const [id, epoch] of holds) (this.#replica.entries.get(id)?.epoch === epoch ? renewed : stale).push(id)
    void this.#leader?.renew({ do: 'renew', run: this.#options.self, holds }).catch(() => undefined)
    return { renewed, stale }
  }

  // ---- the leader's part

  #newLeader(): Leader {
    const { self, log } = this.#options
    const leader: Leader = new Leader({
      self,
      now: () => performance.now(),
      entries: () => this.#replica.entries,
      propose: (command, request = this.#requestId()) => this.#replica.propose(request, command),
      read: () => this.#replica.read(),
      member: peerId => this.#members.get(peerId),
      host: () => this.#host,
      offer: entry => {
        if (entry.holder?.peerId !== self.peerId) this.#say(entry.holder?.peerId ?? '', { is: 'host', entry })
        else this.#holder.offered(entry)
      },
      stop: (entry, why) => this.#stopAt(entry, why),
      log,
    })
    leader.stirred()
    // Whose owners or hosts are over by now, of what was decided before.
    this.#replica.read().then(
      () => leader.look(),
      () => undefined,
    )
    return leader
  }

  async #stopAt(entry: Entry, why: string): Promise<boolean> {
    const run = entry.owner ?? entry.holder
    if (!run) return true
    if (run.peerId === this.#options.self.peerId) {
      this.#holder.stop(entry, why)
      return true
    }
    if (this.#linked.get(run.peerId)?.incarnation !== run.incarnation) return false
    const q = this.#nextStop++
    return await new Promise(resolve => {
      const end = (stopped: boolean): void => {
        clearTimeout(timer)
        this.#stops.delete(q)
        resolve(stopped)
      }
      const timer = setTimeout(() => end(false), limits.stopMs)
      this.#stops.set(q, end)
      this.#say(run.peerId, { is: 'stop', q, entry, why })
    })
  }

  async #answer(from: string, { q, hops, request }: Extract<Said, { is: 'request' }>): Promise<void> {
    let answer: Answer | undefined
    const { leader } = this.#known
    try {
      if (this.#replica.leads) answer = { value: await this.#here(request) }
      else if (hops > 1 && leader !== undefined && leader !== from && this.#linked.has(leader))
        answer = await this.#requests.send(leader, request, hops - 1, answerMs(request))
    } catch (error) {
      if (!(error instanceof NotLeader)) answer = { refused: (error as Error).message }
    }
    this.#say(from, { is: 'answer', q, answer: answer ?? { known: this.#known } })
  }

  /** At the leader. Null: there is none. Rejects with NotLeader. */
  async #here(request: Request): Promise<unknown> {
    const replica = this.#replica
    switch (request.do) {
      case 'propose': {
        const outcome = await replica.propose(request.request, request.command)
        if ('refused' in outcome) throw new Error(outcome.refused)
        const entry = 'won' in outcome ? replica.entries.get(outcome.id) : undefined
        return { outcome, entry: entry && withoutSpec(entry) } satisfies Claimed
      }
      case 'renew':
        if (!this.#leader) throw new NotLeader()
        return await this.#leader.renew(request)
      case 'kill':
        if (!this.#leader) throw new NotLeader()
        return await this.#leader.kill(request)
      default:
        await replica.read()
        return this.#look(request)
    }
  }

  #look(request: Question): unknown {
    const { entries } = this.#replica
    if (request.do === 'entries') return [...entries.all()].map(withoutSpec)
    if (request.do === 'endedEntries') return entries.endedEntries
    const entry = request.do === 'lookup' ? entries.named(request.namespace, request.name) : entries.get(request.id)
    if (entry) return withoutSpec(entry)
    const ended = request.do === 'locate' ? entries.ended(request.id) : undefined
    return ended === undefined ? null : { ended }
  }

  // ---- Directory

  #requestId(): string {
    const { peerId, incarnation } = this.#options.self
    return `${peerId}/${incarnation}/${this.#nextRequest++}`
  }

  async #propose(command: Command): Promise<Claimed> {
    const answer = await this.#requests.ask({ do: 'propose', request: this.#requestId(), command })
    this.#wake()
    return answer as Claimed
  }

  async #applies(command: Command): Promise<boolean> {
    const { outcome } = await this.#propose(command)
    return 'ok' in outcome && outcome.ok
  }

  async claim(claim: Claim): Promise<{ won: boolean; entry: Entry }> {
    checkClaim(claim)
    const { self } = this.#options
    for (;;) {
      const since = performance.now()
      const { outcome, entry } = await this.#propose({ do: 'claim', ...claim })
      const { won, id } = outcome as Extract<Outcome, { won: boolean }>
      // Whose it was is gone again.
      if (!won && !entry) continue
      const found = entry ?? entryOf(id, claim)
      const { owner } = found
      if (won && owner?.peerId === self.peerId && owner.incarnation === self.incarnation)
        this.#holder.owns(found, since)
      this.#wake()
      return { won, entry: found }
    }
  }

  async #read(request: Question, sure = false): Promise<unknown> {
    return await this.#requests.ask(request, limits.requestMs, waitedMs => {
      if (sure || this.#replica.isBlank || !this.#votersAreGone(waitedMs)) return undefined
      return this.#look(request)
    })
  }

  /** Nobody can change anything now, as far as can be known: who is merely not met yet is waited for. */
  #votersAreGone(waitedMs: number): boolean {
    const { voters } = this.#known
    const gone = voters.filter(peer => {
      if (peer === this.#options.self.peerId) return false
      const state = this.#members.get(peer)?.state
      if (state === 'dead' || state === 'left') return true
      return waitedMs >= limits.copyMs && !this.#linked.has(peer)
    })
    return gone.length >= voters.length / 2
  }

  async lookup(namespace: string, name: string, sure = false): Promise<Entry | undefined> {
    const found = (await this.#read({ do: 'lookup', namespace, name }, sure)) as Entry | null
    if (found) this.#saw(found)
    return found ?? undefined
  }

  async locate(id: number): Promise<Entry | { readonly ended: string } | undefined> {
    const found = (await this.#read({ do: 'locate', id })) as Entry | { ended: string } | null
    // From a copy, and older than what was said before: where it is now is not known.
    if (found && !('ended' in found) && found.epoch < (this.#seen.get(id) ?? 0)) return undefined
    if (found && !('ended' in found)) this.#saw(found)
    return found ?? undefined
  }

  #saw({ id, epoch }: Entry): void {
    this.#seen.delete(id)
    this.#seen.set(id, epoch)
    if (this.#seen.size > limits.entriesMax) this.#seen.delete(this.#seen.keys().next().value as number)
  }

  async free(id: number): Promise<void> {
    const epoch = this.#holder.epochOf(id)
    const reason = 'it was freed'
    if (epoch === undefined) {
      await this.kill(id, false, reason)
      return
    }
    this.#holder.over(id, epoch, { reason, mayRestart: false })
    await this.#tell(id, { do: 'free', id, reason })
    this.#holder.forget(id)
  }

  async alive(id: number, epoch: number, token: number, data?: string): Promise<boolean> {
    this.#holder.begun(id, epoch, { token, data })
    const applies = await this.#tell(id, { do: 'alive', id, epoch, token, data })
    this.#holder.begun(id, epoch, undefined)
    return applies
  }

  /** Where it fails, it is said again with the next renewal, until it is known. */
  async #tell(id: number, command: Command): Promise<boolean> {
    this.#telling.add(id)
    try {
      return await this.#applies(command)
    } finally {
      this.#telling.delete(id)
    }
  }

  async ended(id: number, epoch: number, reason: string, mayRestart: boolean, free?: boolean): Promise<boolean> {
    const over = { reason: reason.slice(0, limits.reasonCharactersMax), mayRestart, free }
    this.#holder.over(id, epoch, over)
    const applies = await this.#tell(id, { do: 'ended', id, epoch, ...over })
    if ((this.#holder.epochOf(id) ?? Number.POSITIVE_INFINITY) <= epoch) this.#holder.forget(id)
    return applies
  }

  async checkpoint(id: number, epoch: number, value: string): Promise<boolean> {
    if (value.length > limits.checkpointCharactersMax)
      throw invalid('checkpoint', `${value.length} characters`, `at most ${limits.checkpointCharactersMax}`)
    return await this.#applies({ do: 'checkpoint', id, epoch, value })
  }

  holds(id: number, epoch: number): boolean {
    return this.#holder.holds(id, epoch)
  }

  async kill(id: number, restart: boolean, reason: string): Promise<boolean> {
    const said = reason.slice(0, limits.reasonCharactersMax)
    return (await this.#requests.ask({ do: 'kill', request: this.#requestId(), id, restart, reason: said })) === true
  }

  async entries(): Promise<Entry[]> {
    return (await this.#read({ do: 'entries' })) as Entry[]
  }

  async endedEntries(): Promise<EndedEntry[]> {
    return (await this.#read({ do: 'endedEntries' })) as EndedEntry[]
  }

  /** As the command line lists them. */
  async rows(): Promise<NameRow[]> {
    const all = await this.entries()
    return all.map(({ id, namespace, name, kind, epoch, state, owner, holder, restarts, restartsLeft, reason }) => {
      const at = (owner ?? holder)?.peerId
      return {
        id,
        namespace,
        name,
        kind,
        epoch,
        state,
        ...(at === undefined ? {} : { holder: at }),
        restarts,
        restartsLeft,
        ...(reason === undefined ? {} : { reason }),
      }
    })
  }

  get status(): NamesStatus {
    const { voters, leader, term, generation } = this.#known
    const { learners } = this.#replica.raft.config
    const copied = this.#replica.isBlank ? null : this.#replica.entries.size
    return {
      voters: [...voters],
      learners: [...learners],
      copied,
      leader: leader ?? null,
      term,
      generation: generation.n,
    }
  }

  /**
   * This peer alone decides from now on, from what it knows; the old voters are refused when they come back. Rejects where a
   * majority of them answers: what they know would be lost for nothing.
   */
  async recover(): Promise<NamesStatus> {
    if (await this.#answers())
      throw invalid('recover', 'names that can be changed', 'only where no majority of those who decide is reached')
    await this.#replica.recover(randomBytes(6).toString('hex'), this.#known.generation.n)
    this.#replica.tick()
    for (const peerId of this.#linked.keys()) this.#hello(peerId)
    return this.status
  }

  async #answers(): Promise<boolean> {
    try {
      await this.#requests.ask({ do: 'locate', id: 0 }, limits.recoverMs)
      return true
    } catch {
      return false
    }
  }

  async leave(): Promise<void> {
    this.#leaving = true
    const { peerId } = this.#options.self
    for (const other of this.#linked.keys()) this.#hello(other)
    const until = performance.now() + limits.leaveMs
    while (!this.#closed && performance.now() < until && this.#linked.size > 0) {
      // Nobody could take it over.
      if (!this.#known.voters.includes(peerId)) return
      if (![...this.#linked.keys()].some(other => this.#mayTakeOver(other))) return
      await new Promise(resolve => setTimeout(resolve, limits.tickMs))
    }
  }

  #mayTakeOver(peerId: string): boolean {
    const member = this.#members.get(peerId)
    const linked = this.#linked.get(peerId)
    return member?.state === 'alive' && !member.closed && linked !== undefined && !linked.leaving
  }

  close(): void {
    this.#closed = true
    this.#leader?.end()
    clearInterval(this.#timer)
    this.#requests.close()
    this.#replica.close()
  }
}
