import type { Command, Outcome } from './commands.ts'
import type { Entries } from './entries.ts'
import { limits } from './limits.ts'
import type { Member } from './mesh.ts'
import { NotLeader } from './replica.ts'
import type { DirectoryHost, Entry, PeerRun } from './types.ts'
import type { Renewed, Request } from './wire.ts'

/** What a leader needs of its directory. */
export interface LeaderPort {
  readonly self: PeerRun
  now(): number
  entries(): Entries
  /** `request`: whose outcome it is; a new one of this peer's own by default. */
  propose(command: Command, request?: string): Promise<Outcome>
  /** What was true until now can be read. */
  read(): Promise<void>
  member(peerId: string): Member | undefined
  host(): DirectoryHost
  /** To a holder: it is placed there. */
  offer(entry: Entry): void
  /** Resolves with true when the holder has stopped it. */
  stop(entry: Entry, why: string): Promise<boolean>
  log(line: string): void
}

/** The last renewals of one run of a peer. */
interface Lessee {
  renewedAt: number
  /** What it has said it holds: [id, epoch]. */
  holds: Map<number, number>
}

type Verdict = 'runs' | 'expired' | { readonly over: string }

/** What the leader does besides deciding (protocols §5): keeps the leases, and finds hosts for detached entries. One a lead. */
export class Leader {
  readonly #port: LeaderPort
  /** Since when renewals are waited for: its lead, or the last time that this peer itself stood still. */
  #since: number
  #lookedAt: number
  readonly #lessees = new Map<string, Lessee>()
  /** Entries that something is being done with: their leases are not renewed meanwhile. */
  readonly #busy = new Set<number>()
  readonly #over = new Set<string>()
  /** Entries that were placed and have not lived since: in which epoch, how many hosts in a row could not begin them. */
  readonly #placings = new Map<number, { epoch: number; failed: number; notBefore: number }>()
  #placedAt = Number.NEGATIVE_INFINITY
  #ended = false
  #soon = false

  constructor(port: LeaderPort) {
    this.#port = port
    this.#since = port.now()
    this.#lookedAt = this.#since
  }

  end(): void {
    this.#ended = true
  }

  // ---- leases

  /** A peer renews what it holds. It may rely on it only when a majority has said that this peer still leads. */
  async renew({ run, holds }: Extract<Request, { do: 'renew' }>): Promise<Renewed> {
    const key = nameOf(run)
    const at = this.#port.now()
    if (!this.#over.has(key)) {
      let lessee = this.#lessees.get(key)
      if (!lessee) {
        lessee = { renewedAt: at, holds: new Map() }
        this.#lessees.set(key, lessee)
      }
      lessee.renewedAt = at
      lessee.holds = new Map(holds)
    }
    await this.#port.read()
    if (this.#ended) throw new NotLeader()
    const renewed: number[] = []
    const stale: number[] = []
    for (const [id, epoch] of holds) {
      const entry = this.#port.entries().get(id)
      const of = entry?.owner ?? entry?.holder
      const is = entry?.epoch === epoch && of?.peerId === run.peerId && of.incarnation === run.incarnation
      if (!is) stale.push(id)
      else if (!this.#busy.has(id) && !this.#over.has(key)) renewed.push(id)
    }
    return { renewed, stale }
  }

  /** Milliseconds since the last renewal of a run; of a new leader since it leads. */
  #unrenewed(run: PeerRun): number {
    return this.#port.now() - Math.max(this.#since, this.#lessees.get(nameOf(run))?.renewedAt ?? 0)
  }

  /** Beyond doubt: confirmed dead, left, or started anew. */
  #isOver(run: PeerRun): string | undefined {
    if (run.peerId === this.#port.self.peerId)
      return run.incarnation < this.#port.self.incarnation ? 'its peer was started anew' : undefined
    const member = this.#port.member(run.peerId)
    if (!member) return undefined
    if (member.incarnation > run.incarnation) return 'its peer was started anew'
    if (member.incarnation < run.incarnation) return undefined
    if (member.state === 'left') return 'its peer has left the mesh'
    return member.state === 'dead' && member.confirmed ? 'its peer has died' : undefined
  }

  #mayLive(run: PeerRun): boolean {
    if (run.peerId === this.#port.self.peerId) return true
    const member = this.#port.member(run.peerId)
    return member?.incarnation === run.incarnation && (member.state === 'alive' || member.state === 'suspect')
  }

  // ---- turns

  /** Something has changed: what is to be placed is placed at once. */
  stirred(): void {
    if (this.#soon) return
    this.#soon = true
    setImmediate(() => {
      this.#soon = false
      if (!this.#ended) this.#place()
    })
  }

  tick(): void {
    if (this.#port.now() - this.#placedAt < limits.placeMs) return
    this.look()
    this.#place()
  }

  /** Whose leases are over. */
  look(): void {
    if (this.#ended) return
    const now = this.#port.now()
    // This process stood still: renewals of that time are still to be read.
    if (now - this.#lookedAt > limits.renewMs) this.#since = now
    this.#lookedAt = now
    const verdicts = new Map<string, Verdict>()
    for (const entry of [...this.#port.entries().all()]) {
      const run = entry.owner ?? entry.holder
      if (!run || this.#busy.has(entry.id)) continue
      const key = nameOf(run)
      let verdict = verdicts.get(key)
      if (!verdict) {
        verdict = this.#verdict(run)
        verdicts.set(key, verdict)
      }
      if (verdict !== 'runs') this.#expire(entry, run, verdict)
    }
  }

  /** `expired`: its leases are over, and it may live nevertheless. */
  #verdict(run: PeerRun): Verdict {
    const over = this.#isOver(run)
    if (over !== undefined) return { over }
    if (this.#unrenewed(run) < limits.expireMs) return 'runs'
    return this.#mayLive(run) ? 'expired' : { over: 'its peer was not heard of any more' }
  }

  #expire(entry: Entry, run: PeerRun, verdict: Exclude<Verdict, 'runs'>): void {
    if (verdict !== 'expired') {
      this.#goneRun(run, verdict.over)
      return
    }
    // An owned name stays its owner's for as long as that may live.
    if (entry.owner) return
    const { id, epoch } = entry
    const reason = 'its peer did not renew its lease'
    void this.#do(
      id,
      entry.state === 'alive' ? { do: 'ended', id, epoch, reason, mayRestart: true } : { do: 'unplace', id, epoch },
    )
  }

  #goneRun(run: PeerRun, reason: string): void {
    const key = nameOf(run)
    if (this.#over.has(key)) return
    this.#over.add(key)
    this.#lessees.delete(key)
    this.#port.propose({ do: 'gone', ...run, reason }).then(
      () => this.stirred(),
      () => this.#over.delete(key),
    )
  }

  async #do(id: number, command: Command): Promise<boolean> {
    this.#busy.add(id)
    try {
      const outcome = await this.#port.propose(command)
      this.stirred()
      return 'ok' in outcome && outcome.ok
    } catch {
      // Another leads: it does the same.
      return false
    } finally {
      this.#busy.delete(id)
    }
  }

  #place(): void {
    this.#placedAt = this.#port.now()
    for (const entry of [...this.#port.entries().all()]) {
      if (entry.kind !== 'detached' || this.#busy.has(entry.id)) continue
      const { holder } = entry
      if (entry.state === 'alive') this.#placings.delete(entry.id)
      if (!holder) {
        if (this.#mayBegin(entry)) this.#choose(entry)
      } else if (this.#lessees.get(nameOf(holder))?.holds.get(entry.id) !== entry.epoch) this.#port.offer(entry)
    }
    for (const id of this.#placings.keys()) if (!this.#port.entries().get(id)) this.#placings.delete(id)
  }

  /** One that its hosts cannot begin is tried again and again, ever more slowly. */
  #mayBegin({ id, epoch }: Entry): boolean {
    const placing = this.#placings.get(id)
    if (placing?.epoch !== epoch) return true
    if (placing.notBefore === Number.POSITIVE_INFINITY) {
      const waitMs = placing.failed === 0 ? 0 : limits.beginAgainMs * 2 ** (placing.failed - 1)
      placing.notBefore = this.#port.now() + Math.min(waitMs, limits.beginAgainMaxMs)
      placing.failed++
    }
    return this.#port.now() >= placing.notBefore
  }

  #choose(entry: Entry): void {
    let holder: PeerRun | undefined
    try {
      holder = this.#port.host().choose(entry)
    } catch (error) {
      this.#port.log(`names: no host was chosen for ${entry.name}: ${(error as Error).stack}`)
    }
    if (!holder || this.#isOver(holder) !== undefined || this.#over.has(nameOf(holder))) return
    // Its lease runs from here; it has renewed it itself before it hosts anything.
    const key = nameOf(holder)
    const lessee = this.#lessees.get(key) ?? { renewedAt: 0, holds: new Map() }
    lessee.renewedAt = Math.max(lessee.renewedAt, this.#port.now())
    this.#lessees.set(key, lessee)
    const { id, epoch } = entry
    const failed = this.#placings.get(id)?.failed ?? 0
    this.#placings.set(id, { epoch: epoch + 1, failed, notBefore: Number.POSITIVE_INFINITY })
    void this.#do(id, { do: 'place', id, epoch, holder: { peerId: holder.peerId, incarnation: holder.incarnation } })
  }

  // ---- kill

  /** The holder stops it, or its lease runs out; then it is freed or begun anew. */
  async kill({ request, id, restart, reason }: Extract<Request, { do: 'kill' }>): Promise<boolean> {
    await this.#port.read()
    while (this.#busy.has(id) && !this.#ended) await new Promise(resolve => setTimeout(resolve, limits.tickMs))
    const entries = this.#port.entries()
    // Asked again, because the answer was lost.
    const before = entries.outcomeOf(request)
    if (before) return 'ok' in before && before.ok
    const entry = entries.get(id)
    if (!entry) return false
    // It is being begun anew as it is.
    if (restart && entry.kind === 'detached' && !entry.holder) return true
    this.#busy.add(id)
    try {
      const run = entry.owner ?? entry.holder
      if (run && !(await this.#port.stop(entry, reason)) && entry.holder) await this.#leaseOver(entry.holder)
      if (this.#ended) throw new NotLeader()
      const { epoch } = entry
      const command: Command =
        restart && entry.holder ? { do: 'ended', id, epoch, reason, mayRestart: true } : { do: 'free', id, reason }
      await this.#port.propose(command, request)
      this.stirred()
      return true
    } finally {
      this.#busy.delete(id)
    }
  }

  async #leaseOver(run: PeerRun): Promise<void> {
    // Other entries of the run may be renewed meanwhile; this one is not.
    const until = this.#port.now() + limits.expireMs
    while (!this.#ended && this.#isOver(run) === undefined && this.#port.now() < until)
      await new Promise(resolve => setTimeout(resolve, limits.tickMs))
  }
}

function nameOf({ peerId, incarnation }: PeerRun): string {
  return `${peerId}/${incarnation}`
}
