import type { Command, Outcome, Proposal } from './commands.ts'
import { Entries, type EntriesEvents } from './entries.ts'
import { compareGenerations, type Generation, type Known } from './knowledge.ts'
import { limits } from './limits.ts'
import { type LogEntry, type Message, Raft, type Ready } from './raft/index.ts'
import { nothingStored, type Storage, type Stored } from './storage.ts'

/** It does not lead, or not any more: another may know more. */
export class NotLeader extends Error {}

export interface ReplicaOptions {
  readonly peerId: string
  readonly storage: Storage
  random(): number
  /** Milliseconds of a clock that never goes back. */
  now(): number
  send(to: string, generation: Generation, message: Message): void
  readonly events: EntriesEvents
  /** Who decides, or who leads, has changed. */
  changed(): void
  log(line: string): void
}

interface Waiting {
  readonly promise: Promise<Outcome>
  resolve(outcome: Outcome): void
  reject(error: Error): void
}

/** How long a write that failed is waited with. */
const WRITE_AGAIN_MS = 1000

/** One peer's copy of the directory: the Raft core with its disk, and the state machine. */
export class Replica {
  readonly #options: ReplicaOptions
  #generation: Generation
  #raft: Raft
  #entries: Entries
  readonly #waiting = new Map<string, Waiting>()
  readonly #reads = new Map<number, { resolve(): void; reject(error: Error): void }>()
  #nextRead = 1
  #busy = false
  #imageCharacters = 0
  #said = ''
  #closed = false

  constructor(options: ReplicaOptions) {
    this.#options = options
    const stored = options.storage.load() ?? nothingStored
    this.#generation = stored.generation
    this.#raft = this.#raftOf(stored)
    this.#entries = this.#entriesOf(stored)
  }

  #raftOf(persisted: Stored): Raft {
    const { peerId: id, random, now } = this.#options
    return new Raft({ id, persisted, random, now: now() })
  }

  #entriesOf({ generation, snapshot }: Stored): Entries {
    const entries = new Entries(Math.max(0, generation.n), this.#options.events)
    if (snapshot) {
      entries.restore(snapshot.data)
      this.#imageCharacters = snapshot.data.length
    }
    return entries
  }

  get entries(): Entries {
    return this.#entries
  }

  get raft(): Raft {
    return this.#raft
  }

  get generation(): Generation {
    return this.#generation
  }

  /** It takes part in a group, or has. */
  get isBlank(): boolean {
    return this.#raft.config.voters.length === 0
  }

  get leads(): boolean {
    return this.#raft.role === 'leader'
  }

  get known(): Known {
    const { term, config, leader, log } = this.#raft
    return { generation: this.#generation, term, configIndex: log.configIndex, voters: config.voters, leader }
  }

  // ---- generations

  /** This peer is the first of a group: it alone decides, about nothing yet. */
  found(by: string): void {
    void this.#begin({
      generation: { n: 0, by },
      hard: { term: 1, vote: undefined },
      snapshot: {
        index: 1,
        term: 1,
        config: { voters: [this.#options.peerId], learners: [] },
        data: '',
      },
      entries: [],
    })
  }

  /** The voters are lost: this peer alone decides, from what it knows, in a generation of its own. */
  async recover(by: string, atLeast: number): Promise<void> {
    const { log, term } = this.#raft
    for (const entry of log.slice(this.#raft.applied + 1, log.lastIndex + 1)) this.#carryOut(entry)
    await this.#begin({
      generation: { n: Math.max(this.#generation.n, atLeast, 0) + 1, by },
      hard: { term: term + 1, vote: undefined },
      snapshot: {
        index: log.lastIndex + 1,
        term: term + 1,
        config: { voters: [this.#options.peerId], learners: [] },
        data: this.#entries.image(),
      },
      entries: [],
    })
  }

  /** A later group is there: what this peer had of an earlier one does not count. */
  adopt(generation: Generation): void {
    if (compareGenerations(generation, this.#generation) <= 0) return
    if (this.#generation.n >= 0)
      this.#options.log(
        `names: generation ${generation.n} has begun: what was known of ${this.#generation.n} is dropped`,
      )
    void this.#begin({ ...nothingStored, generation })
  }

  async #begin(stored: Stored): Promise<void> {
    this.#failWaiting()
    const before = this.#entries
    this.#generation = stored.generation
    this.#raft = this.#raftOf(stored)
    this.#entries = this.#entriesOf(stored)
    for (const entry of before.all())
      if (!this.#entries.get(entry.id)) this.#options.events.ended?.(entry, 'other voters have taken over')
    await this.#written(() => this.#options.storage.replace(stored), this.#raft)
  }

  // ---- questions

  /** At the leader: resolves when it is carried out. Rejects with NotLeader, and may come to pass nevertheless. */
  async propose(request: string, command: Command): Promise<Outcome> {
    const before = this.#waiting.get(request)
    if (before) return await before.promise
    const proposal: Proposal = { request, at: Date.now(), command }
    if (this.#raft.propose(JSON.stringify(proposal), this.#options.now()) === undefined) throw new NotLeader()
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    this.#waiting.set(request, { promise, resolve, reject })
    this.pump()
    return await promise
  }

  /** Resolves when what was true at the call, or later, can be read from `entries`. Rejects with NotLeader. */
  async read(): Promise<void> {
    if (!this.leads) throw new NotLeader()
    const read = this.#nextRead++
    await new Promise<void>((resolve, reject) => {
      this.#reads.set(read, { resolve, reject })
      this.#raft.read(read)
      this.pump()
    })
  }

  receive(from: string, generation: Generation, message: Message): void {
    this.adopt(generation)
    this.#raft.receive(from, message, this.#options.now())
    this.pump()
  }

  tick(): void {
    this.#raft.tick(this.#options.now())
    this.pump()
  }

  // ---- effects

  /** Carries out what the core has decided, in its order: what is written is written before what rests on it leaves. */
  pump(): void {
    while (!this.#busy && !this.#closed && this.#raft.hasReady) {
      const raft = this.#raft
      const ready = raft.take(this.#options.now())
      this.#send(ready.early)
      const writes = ready.hard !== undefined || ready.snapshot !== undefined || ready.entries.length > 0
      const written = writes ? this.#options.storage.keep(ready) : undefined
      if (written !== undefined) void this.#written(() => written, raft, ready)
      else this.#finish(raft, ready)
    }
    this.#tell()
  }

  /** Waits for the disk. A write that fails is tried again: until then this peer is silent, as if it were not there. */
  async #written(write: () => Promise<void> | undefined, raft: Raft, ready?: Ready): Promise<void> {
    this.#busy = true
    for (let first = true; ; first = false) {
      try {
        // What failed half-way is written anew as a whole.
        await (first ? write() : this.#options.storage.replace(this.#all()))
        break
      } catch (error) {
        this.#options.log(`names: ${(error as Error).message}`)
        await new Promise(resolve => setTimeout(resolve, WRITE_AGAIN_MS).unref())
        if (this.#closed) return
      }
    }
    if (raft !== this.#raft) return
    this.#busy = false
    if (ready) this.#finish(raft, ready)
    this.pump()
  }

  #all(): Stored {
    const { term, vote, commit, log } = this.#raft
    return { generation: this.#generation, hard: { term, vote, commit }, snapshot: log.snapshot, entries: log.entries }
  }

  #finish(raft: Raft, { entries, snapshot, messages, committed, commit, reads, refused }: Ready): void {
    const last = entries.at(-1) ?? snapshot
    if (last) raft.kept(last.index, last.term)
    this.#send(messages)
    if (snapshot) {
      this.#entries.restore(snapshot.data)
      this.#imageCharacters = snapshot.data.length
    }
    for (const entry of committed) this.#carryOut(entry)
    if (committed.length > 0) this.#options.storage.note(commit)
    for (const read of reads) this.#reads.get(read)?.resolve()
    for (const read of refused) this.#reads.get(read)?.reject(new NotLeader())
    for (const read of [...reads, ...refused]) this.#reads.delete(read)
    if (!this.leads && this.#waiting.size > 0) this.#failWaiting()
    this.#compact()
  }

  #send(envelopes: Ready['messages']): void {
    for (const { to, message } of envelopes) this.#options.send(to, this.#generation, message)
  }

  #carryOut(entry: LogEntry): void {
    if (entry.command === undefined) return
    const proposal = JSON.parse(entry.command) as Proposal
    const outcome = this.#entries.apply(entry.index, proposal)
    this.#waiting.get(proposal.request)?.resolve(outcome)
    this.#waiting.delete(proposal.request)
  }

  #failWaiting(): void {
    for (const { reject } of [...this.#waiting.values(), ...this.#reads.values()]) reject(new NotLeader())
    this.#waiting.clear()
    this.#reads.clear()
  }

  #compact(): void {
    const { log } = this.#raft
    if (this.#raft.applied <= log.snapshotIndex) return
    const bytesMax = Math.max(limits.logBytesMax, 2 * this.#imageCharacters)
    if (log.entries.length <= limits.logEntriesMax && log.bytes <= bytesMax) return
    const { data } = this.#raft.compact(this.#entries.image())
    this.#imageCharacters = data.length
    const written = this.#options.storage.replace(this.#all())
    if (written !== undefined) void this.#written(() => written, this.#raft)
  }

  #tell(): void {
    const said = `${this.#generation.n} ${this.#raft.term} ${this.#raft.leader} ${this.#raft.log.configIndex}`
    if (said === this.#said) return
    this.#said = said
    this.#options.changed()
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#failWaiting()
    this.#options.storage.close()
  }
}
