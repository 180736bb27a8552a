import type { Proposal } from '../../../agent/directory/commands.ts'
import { Entries } from '../../../agent/directory/entries.ts'
import { limits } from '../../../agent/directory/limits.ts'
import { type Envelope, type LogEntry, Raft, type Ready, type Snapshot } from '../../../agent/directory/raft/index.ts'

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = a
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Disk {
  term: number
  vote: string | undefined
  commit: number
  snapshot: Snapshot | undefined
  entries: LogEntry[]
}

interface Node {
  readonly id: string
  disk: Disk
  raft: Raft | undefined
  entries: Entries
  applied: number
  /** Counts its starts: what belongs to an earlier one is dropped. */
  life: number
  busy: boolean
  /** What waits for its outcome, by request. */
  waiting: Map<string, (outcome: { index: number; won?: boolean; ok?: boolean; id?: number }) => void>
  reads: Map<number, (index: number, node: Node) => void>
}

export interface Weather {
  readonly drop: number
  readonly delayMs: number
  /** Chance that a message comes a second time. */
  readonly twice: number
}

const start: Snapshot = { index: 1, term: 1, config: { voters: ['a'], learners: [] }, data: '' }

/** A whole group in one process, on simulated time, network and disks; every step checks what Raft promises. */
export class Group {
  readonly random: () => number
  readonly nodes = new Map<string, Node>()
  now = 0
  weather: Weather = { drop: 0, delayMs: 5, twice: 0 }
  /** Pairs that do not hear each other. */
  readonly #cut = new Set<string>()
  #events: { at: number; seq: number; run: () => void }[] = []
  #seq = 0
  readonly #leaders = new Map<number, string>()
  readonly #carriedOut = new Map<number, string>()
  #read = 0
  /** Of the operations that were answered, the last one's place in the log. */
  answeredIndex = 0

  constructor(seed: number, ids: readonly string[]) {
    this.random = randomFrom(seed)
    for (const id of ids) {
      const disk: Disk =
        id === 'a'
          ? { term: 1, vote: undefined, commit: 1, snapshot: start, entries: [] }
          : { term: 0, vote: undefined, commit: 0, snapshot: undefined, entries: [] }
      const node: Node = {
        id,
        disk,
        raft: undefined,
        entries: new Entries(0),
        applied: 0,
        life: 0,
        busy: false,
        waiting: new Map(),
        reads: new Map(),
      }
      this.nodes.set(id, node)
      this.boot(id)
    }
  }

  at(delay: number, run: () => void): void {
    this.#events.push({ at: this.now + delay, seq: this.#seq++, run })
  }

  /** Runs simulated time. */
  run(ms: number): void {
    const end = this.now + ms
    for (;;) {
      let next = -1
      for (let i = 0; i < this.#events.length; i++) {
        const one = this.#events[i]
        const best = this.#events[next]
        if (one.at <= end && (!best || one.at < best.at || (one.at === best.at && one.seq < best.seq))) next = i
      }
      if (next < 0) break
      const [event] = this.#events.splice(next, 1)
      this.now = event.at
      event.run()
    }
    this.now = end
    this.#matches()
  }

  // ---- nodes

  boot(id: string): void {
    const node = this.nodes.get(id) as Node
    if (node.raft) return
    const { term, vote, commit, snapshot, entries } = node.disk
    node.life++
    node.busy = false
    node.entries = new Entries(0)
    if (snapshot && snapshot.data !== '') node.entries.restore(snapshot.data)
    node.applied = snapshot?.index ?? 0
    node.waiting.clear()
    node.reads.clear()
    node.raft = new Raft({
      id,
      persisted: { hard: { term, vote, commit }, snapshot, entries },
      random: this.random,
      now: this.now,
    })
    this.#tick(node, node.life)
  }

  crash(id: string): void {
    const node = this.nodes.get(id) as Node
    node.raft = undefined
    node.life++
    node.busy = false
  }

  #tick(node: Node, life: number): void {
    if (node.life !== life || !node.raft) return
    node.raft.tick(this.now)
    this.#work(node)
    this.at(40 + this.random() * 20, () => this.#tick(node, life))
  }

  cut(a: string, b: string): void {
    this.#cut.add(`${a} ${b}`)
    this.#cut.add(`${b} ${a}`)
  }

  heal(): void {
    this.#cut.clear()
  }

  // ---- what a shell does

  #work(node: Node): void {
    const { raft, life } = node
    if (!raft || node.busy || !raft.hasReady) return
    const ready = raft.take(this.now)
    if (raft.role === 'leader') {
      const known = this.#leaders.get(raft.term)
      if (known !== undefined && known !== node.id) throw new Error(`two leaders in term ${raft.term}`)
      this.#leaders.set(raft.term, node.id)
    }
    for (const envelope of ready.early) this.#send(node.id, envelope)
    const writes = ready.hard !== undefined || ready.snapshot !== undefined || ready.entries.length > 0
    node.busy = true
    this.at(writes ? this.random() * 8 : 0, () => {
      // A crash in between: the disk has it, or it has not.
      if (node.life !== life) {
        if (writes && !node.raft && this.random() < 0.5) keep(node.disk, ready)
        return
      }
      keep(node.disk, ready)
      node.busy = false
      const last = ready.entries.at(-1)
      if (last) raft.kept(last.index, last.term)
      else if (ready.snapshot) raft.kept(ready.snapshot.index, ready.snapshot.term)
      for (const envelope of ready.messages) this.#send(node.id, envelope)
      if (ready.snapshot) {
        node.entries.restore(ready.snapshot.data)
        node.applied = ready.snapshot.index
      }
      for (const entry of ready.committed) this.#carryOut(node, entry)
      if (this.random() < 0.5) node.disk.commit = ready.commit
      for (const read of ready.reads) {
        node.reads.get(read)?.(node.applied, node)
        node.reads.delete(read)
      }
      for (const read of ready.refused) node.reads.delete(read)
      if (raft.log.entries.length > 60 && raft.applied > raft.log.snapshotIndex && this.random() < 0.3) {
        const snapshot = raft.compact(node.entries.image())
        node.disk.snapshot = snapshot
        node.disk.entries = node.disk.entries.filter(({ index }) => index > snapshot.index)
      }
      this.#work(node)
    })
  }

  #carryOut(node: Node, entry: LogEntry): void {
    if (entry.index !== node.applied + 1) throw new Error(`${node.id} carries out ${entry.index} after ${node.applied}`)
    node.applied = entry.index
    const text = `${entry.term} ${entry.command ?? JSON.stringify(entry.config ?? null)}`
    const known = this.#carriedOut.get(entry.index)
    if (known !== undefined && known !== text) throw new Error(`entry ${entry.index} is ${known} and ${text}`)
    this.#carriedOut.set(entry.index, text)
    if (entry.command === undefined) return
    const proposal = JSON.parse(entry.command) as Proposal
    const outcome = node.entries.apply(entry.index, proposal)
    node.waiting.get(proposal.request)?.({ index: entry.index, ...outcome })
    node.waiting.delete(proposal.request)
  }

  #send(from: string, { to, message }: Envelope): void {
    const { drop, delayMs, twice } = this.weather
    const text = JSON.stringify(message)
    for (let copies = this.random() < twice ? 2 : 1; copies > 0; copies--) {
      if (this.random() < drop) continue
      this.at(0.2 + this.random() * delayMs, () => {
        const node = this.nodes.get(to)
        if (!node?.raft || this.#cut.has(`${from} ${to}`)) return
        node.raft.receive(from, JSON.parse(text), this.now)
        this.#work(node)
      })
    }
  }

  // ---- what clients do

  propose(
    id: string,
    proposal: Proposal,
    done: (outcome: { index: number; won?: boolean; id?: number }) => void,
  ): void {
    const node = this.nodes.get(id) as Node
    if (node.raft?.propose(JSON.stringify(proposal), this.now) === undefined) return
    node.waiting.set(proposal.request, outcome => {
      this.answeredIndex = Math.max(this.answeredIndex, outcome.index)
      done(outcome)
    })
    this.#work(node)
  }

  /** `done` with the node whose state answers it. */
  read(id: string, done: (node: Node) => void): void {
    const node = this.nodes.get(id) as Node
    if (!node.raft) return
    const before = this.answeredIndex
    const read = this.#read++
    node.reads.set(read, (index, from) => {
      if (index < before) throw new Error(`${id} reads at ${index} what was answered at ${before} before`)
      done(from)
    })
    node.raft.read(read)
    this.#work(node)
  }

  change(id: string, change: Parameters<Raft['change']>[0]): boolean {
    const node = this.nodes.get(id) as Node
    const made = node.raft?.change(change, this.now) ?? false
    this.#work(node)
    return made
  }

  transfer(id: string, to: string): void {
    const node = this.nodes.get(id) as Node
    node.raft?.transfer(to, this.now)
    this.#work(node)
  }

  /** One is told that its leader is gone. */
  leaderGone(id: string): void {
    const node = this.nodes.get(id) as Node
    node.raft?.leaderGone(node.raft.leader ?? '', this.now)
  }

  /** Everybody who believes that it leads. */
  leaders(): string[] {
    return [...this.nodes.values()].filter(node => node.raft?.role === 'leader').map(({ id }) => id)
  }

  leader(): Node | undefined {
    let found: Node | undefined
    for (const node of this.nodes.values())
      if (node.raft?.role === 'leader' && (!found?.raft || node.raft.term > found.raft.term)) found = node
    return found
  }

  // ---- what must hold

  /** Two logs that have the same term at one place are the same up to there. */
  #matches(): void {
    const logs = [...this.nodes.values()].filter(node => node.raft).map(node => (node.raft as Raft).log)
    for (const one of logs) {
      for (const other of logs) {
        if (one === other) continue
        let same = false
        for (let index = Math.min(one.lastIndex, other.lastIndex); ; index--) {
          const a = one.termAt(index)
          const b = other.termAt(index)
          if (a === undefined || b === undefined) break
          if (a === b) same = true
          else if (same) throw new Error(`two logs meet again after entry ${index}`)
          if (same && index > one.snapshotIndex && index > other.snapshotIndex) {
            const [x] = one.slice(index, index + 1)
            const [y] = other.slice(index, index + 1)
            if (x.command !== y.command) throw new Error(`entry ${index} of one term differs`)
          }
        }
      }
    }
  }
}

function keep(disk: Disk, { hard, snapshot, entries }: Ready): void {
  if (hard) Object.assign(disk, hard)
  if (snapshot) Object.assign(disk, { snapshot, entries: [] })
  if (entries.length > 0) disk.entries = [...disk.entries.filter(({ index }) => index < entries[0].index), ...entries]
}

export const electionMs = limits.electionMs
