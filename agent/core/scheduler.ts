import { noBundle, type Supply } from './bundles.ts'
import { Gpus } from './gpus.ts'
import { type Kind, ownPool, sharedPool } from './kinds.ts'
import { limits } from './limits.ts'
import { Processes } from './processes.ts'
import type { Demand, ResourceTable } from './resources.ts'
import { type Rows, state } from './rows.ts'
import { chooseThread } from './thread-choice.ts'
import { closeLane, type Lane, Thread } from './threads.ts'

/** What the scheduler has done by its shell. */
export interface SchedulerEffects {
  /** `pool`: '' for a thread, else a process for what this names. */
  startThread(thread: number, pool: string): void
  endThread(thread: number): void
  /** Sends a task to a thread; `width` of its kind may run there at a time. */
  run(thread: number, row: number, width: number): void
  /** Takes back a task that was sent ahead. False if it has begun. */
  revoke(thread: number, row: number): boolean
  /** A suspended task has its resources and its thread again. */
  resume(thread: number, row: number): void
}

/** By index of the resource: the kind for which nobody behind it takes of that. */
type Held = (Kind | undefined)[]

/**
 * Which task runs where and when, on one peer (protocols §1): resources, priorities, round robin over kinds, children of
 * waiting tasks first, threads. Pure: events in by its methods, effects out by `effects`, time as a parameter.
 */
export class Scheduler {
  readonly #rows: Rows
  readonly #resources: ResourceTable
  readonly #effects: SchedulerEffects
  readonly #kinds: readonly (Kind | undefined)[]
  readonly #gpus: Gpus
  readonly threads = new Map<number, Thread>()
  readonly #threadList: Thread[] = []
  /** Kinds with tasks in their queues. */
  #active: Kind[] = []
  #dirty: Lane[] = []
  #resuming: number[] = []
  #turn = 0
  /** Kinds that the last `schedule` held back, and for whom; undefined: none. */
  #behind: Map<Kind, Kind> | undefined
  #nextThread = 1
  readonly #processes: Processes
  suspended = 0

  constructor(parts: {
    rows: Rows
    resources: ResourceTable
    kinds: readonly (Kind | undefined)[]
    effects: SchedulerEffects
  }) {
    this.#rows = parts.rows
    this.#resources = parts.resources
    this.#kinds = parts.kinds
    this.#effects = parts.effects
    this.#gpus = new Gpus(parts.resources.gpus)
    this.#processes = new Processes(this.#threadList, {
      start: (pool, now) => this.startThread(now, pool),
      end: thread => this.endThread(thread.id),
    })
  }

  #kind(row: number): Kind {
    return this.#kinds[this.#rows.kind[row]] as Kind
  }

  /** What the tasks of a kind draw from. */
  #supply(kind: Kind): Supply {
    return kind.bundle === undefined ? this.#resources : (kind.reserved ?? noBundle)
  }

  /** A task whose dependencies are there. */
  enqueue(row: number): void {
    const kind = this.#kind(row)
    this.#rows.state[row] = state.queued
    this.#activate(kind)
    kind.ready.push(row)
  }

  #requeue(row: number): void {
    const kind = this.#kind(row)
    this.#rows.state[row] = state.queued
    this.#rows.thread[row] = -1
    this.#activate(kind)
    kind.ready.unshift(row)
  }

  #activate(kind: Kind): void {
    if (kind.active) return
    kind.active = true
    this.#active.push(kind)
  }

  /** Takes tasks out of the queues. */
  remove(taken: (row: number) => boolean): void {
    for (const kind of this.#active) kind.ready.remove(taken)
    this.#resuming = this.#resuming.filter(row => !taken(row))
  }

  /** An attempt ended on its thread. `awaited`: it has been suspended at least once. */
  ended(row: number, durationMs: number, awaited: boolean, now: number): void {
    const kind = this.#kind(row)
    if (awaited) kind.awaits = true
    else {
      kind.ran(durationMs)
      kind.anyOf?.ran(durationMs)
    }
    this.#returnGpus(row, kind)
    this.#leave(row, now)
  }

  giveGpus(gpus: readonly number[], kind: Kind): void {
    this.#gpus.give(gpus, kind.gpuUnits)
  }

  #returnGpus(row: number, kind: Kind): void {
    if (kind.gpuUnits === 0) return
    const extra = this.#rows.extra[row]
    if (!extra?.gpus) return
    this.#gpus.give(extra.gpus, kind.gpuUnits)
    extra.gpus = undefined
  }

  /** What was sent to a thread is there no more: its lane has room. */
  #leave(row: number, now: number): void {
    const thread = this.threads.get(this.#rows.thread[row])
    if (!thread) return
    if (this.#rows.state[row] === state.suspended || this.#rows.state[row] === state.resuming) {
      thread.suspended--
      this.suspended--
      this.#giveKept(this.#kind(row))
      this.#touch(thread, now)
      return
    }
    const lane = thread.laneOf(this.#kind(row))
    if (lane) this.#free(lane, thread, now)
  }

  /** Room in a lane whose task was given up before it ended. */
  vacate(id: number, kind: Kind, now: number, gpus?: readonly number[]): void {
    if (gpus) this.giveGpus(gpus, kind)
    const thread = this.threads.get(id)
    const lane = thread?.laneOf(kind)
    if (thread && lane) this.#free(lane, thread, now)
  }

  #free(lane: Lane, thread: Thread, now: number): void {
    lane.sent--
    lane.progressAt = now
    thread.usedAt = now
    if (!lane.dirty) {
      lane.dirty = true
      this.#dirty.push(lane)
    }
  }

  #touch(thread: Thread, now: number): void {
    thread.usedAt = now
    if (!thread.busy) thread.job = -1
  }

  /** A running task awaits something of the mesh: its resources are free meanwhile. */
  suspend(row: number, now: number): void {
    const kind = this.#kind(row)
    const thread = this.threads.get(this.#rows.thread[row])
    if (!thread || this.#rows.state[row] !== state.running) return
    kind.awaits = true
    const lane = thread.laneOf(kind)
    if (kind.keeps && lane) {
      lane.sent--
      lane.width--
      this.#supply(kind).give(kind.cpuDemand)
      this.#exit(thread, kind)
      if (lane.width === 0) closeLane(lane)
    } else this.#leave(row, now)
    if (kind.keeps) this.#keep(kind, kind.keptDemand)
    this.#rows.state[row] = state.suspended
    thread.suspended++
    this.suspended++
  }

  /** What stays taken until its holder goes on or is over, which may depend on whatever waits here: nobody waits for that alone. */
  #keep(kind: Kind, demand: Demand): void {
    if (kind.bundle === undefined) this.#resources.keep(demand)
  }

  #unkeep(kind: Kind, demand: Demand): void {
    if (kind.bundle === undefined) this.#resources.unkeep(demand)
  }

  /** A suspended task is over. */
  #giveKept(kind: Kind): void {
    if (!kind.keeps) return
    this.#unkeep(kind, kind.keptDemand)
    this.#supply(kind).give(kind.keptDemand)
  }

  /** What it awaited is there. */
  resume(row: number): void {
    if (this.#rows.state[row] !== state.suspended) return
    this.#rows.state[row] = state.resuming
    this.#resuming.push(row)
  }

  /** A suspended task that ended without going on (its thread stopped it). */
  drop(row: number, now: number): void {
    if (this.#rows.state[row] === state.resuming) this.#resuming = this.#resuming.filter(one => one !== row)
    this.#returnGpus(row, this.#kind(row))
    this.#leave(row, now)
  }

  /** What has ended gives back what it had. */
  settle(): void {
    if (this.#dirty.length > 0) this.#settleLanes()
  }

  /** Does what can be done now. To be called once after a batch of events. */
  schedule(now: number): void {
    this.settle()
    this.#behind = undefined
    if (this.#resuming.length > 0) this.#resumeWaiting(now)
    if (this.#active.length === 0) return
    this.#dropInactive()
    if (this.#active.length === 0) return
    const only = this.#active.length === 1 ? this.#active[0] : this.#onlyOne()
    if (only) this.#placeAll(only, now)
    else {
      this.#order(now)
      while (this.#placeOneOfEach(now));
    }
    this.#sendAhead(only !== undefined)
  }

  /** Whether tasks of a kind wait, and the ends of those that run could make room for one. */
  #couldRun(kind: Kind): boolean {
    return kind.ready.count > 0 && (kind.bundle !== undefined || this.#resources.couldFit(kind.demand))
  }

  /** The kind beside which there are only such as wait for what actors keep; undefined: there are more, or none. */
  #onlyOne(): Kind | undefined {
    let only: Kind | undefined
    for (const kind of this.#active) {
      if (!this.#couldRun(kind)) continue
      if (only !== undefined) return undefined
      only = kind
    }
    return only
  }

  #dropInactive(): void {
    let kept = 0
    for (const kind of this.#active) {
      if (kind.ready.count > 0) this.#active[kept++] = kind
      else kind.active = false
    }
    this.#active.length = kept
  }

  /** As many of a kind as find room, where no other could. */
  #placeAll(kind: Kind, now: number): void {
    if (!kind.here) return
    while (kind.ready.count > 0 && !this.#enoughAhead(kind) && this.#place(kind, now));
  }

  /** One more of each kind in turn. False: none has found room. */
  #placeOneOfEach(now: number): boolean {
    let placed = false
    let held: Held | undefined
    this.#behind = undefined
    for (const kind of this.#active) {
      if (!kind.here || kind.ready.count === 0) continue
      if ((held !== undefined && this.#isBehind(kind, held)) || this.#enoughAhead(kind)) continue
      if (this.#place(kind, now)) placed = true
      else if (this.#holdsBack(kind, now)) held = this.#hold(kind, held)
    }
    return placed
  }

  /** Higher priority first, then what waits longest beyond the ageing time, then depth, then round robin. */
  #order(now: number): void {
    const aged = (kind: Kind): number => (now - this.#rows.submittedAt[kind.ready.peek()] > limits.ageingMs ? 1 : 0)
    this.#active.sort(
      (a, b) =>
        b.priority - a.priority || b.ready.deepest - a.ready.deepest || aged(b) - aged(a) || a.served - b.served,
    )
  }

  /**
   * A request that has waited for long lets nothing behind it take what it is short of. Only where tasks that run give it back:
   * for what an actor, a task that awaits or a placement group has it may wait for ever, or for one of those behind it.
   */
  #holdsBack(kind: Kind, now: number): boolean {
    // Who draws from a bundle keeps nobody else waiting.
    if (kind.bundle !== undefined || now - this.#rows.submittedAt[kind.ready.peek()] <= limits.ageingMs) return false
    return this.#resources.couldFit(kind.demand)
  }

  #hold(kind: Kind, held: Held = []): Held {
    for (const amount of kind.demand) if (this.#resources.isShort(amount)) held[amount.index] ??= kind
    return held
  }

  #isBehind(kind: Kind, held: Held): boolean {
    if (kind.bundle !== undefined) return false
    for (const { index } of kind.demand) {
      const first = held[index]
      if (first === undefined) continue
      this.#behind ??= new Map()
      this.#behind.set(kind, first)
      return true
    }
    return false
  }

  /** Few short tasks: the lanes that exist take them sooner than another thread wakes up. */
  #enoughAhead(kind: Kind): boolean {
    if (kind.lanes.length === 0) return false
    const ahead = kind.runAhead()
    return ahead > 1 && kind.ready.count * kind.meanMs < 0.05 && kind.lanes.some(lane => lane.sent < ahead)
  }

  /** Runs the next task of a kind where there is room for it. */
  #place(kind: Kind, now: number): boolean {
    const supply = this.#supply(kind)
    if (!supply.fits(kind.demand) || kind.reserved?.closed) return false
    const row = kind.ready.peek()
    if (this.suspended >= limits.suspendedMax && this.#rows.depth[row] === 0) return false
    const job = this.#rows.job[row]
    const parentThread = this.#parentThread(row)
    const pool = this.#poolOf(kind)
    const thread = chooseThread(this.#threadList, {
      kind,
      pool,
      job,
      parentThread,
      mayStart: this.#mayStart(kind, pool, job, parentThread),
    })
    const room = thread === undefined && kind.isProcess && this.#processes.makeRoom()
    if (thread === undefined && !room) return false
    const chosen = thread === undefined || thread === 'new' ? this.startThread(now, pool) : thread
    if (kind.actor) this.#settleIn(chosen, pool)
    kind.ready.shift()
    kind.served = ++this.#turn
    supply.take(kind.demand)
    if (kind.gpuUnits > 0) this.#rows.more(row).gpus = this.#gpus.take(kind.gpuUnits)
    const lane = chosen.lane(kind, now)
    lane.width++
    this.#enter(chosen, kind)
    this.#send(lane, row, now)
    return true
  }

  /** A worker that an actor comes to: from then on it is for actors. */
  #settleIn(thread: Thread, pool: string): void {
    if (!thread.isProcess) thread.pool = pool
    if (pool !== sharedPool) thread.owned = true
  }

  /** An actor has been made on a worker: it stays there, and keeps what it was granted. */
  installed(row: number, now: number): void {
    const kind = this.#kind(row)
    const thread = this.threads.get(this.#rows.thread[row])
    const lane = thread?.laneOf(kind)
    if (!thread || !lane) return
    thread.actors++
    this.#keep(kind, kind.demand)
    lane.sent--
    lane.width--
    lane.progressAt = now
    this.#exit(thread, kind)
    this.#touch(thread, now)
    if (lane.width === 0 && !lane.dirty) closeLane(lane)
  }

  /** It is no more, and neither is what it was granted taken. Its worker may be gone, too. */
  uninstalled(id: number, kind: Kind, gpus: readonly number[] | undefined, now: number): void {
    this.#unkeep(kind, kind.demand)
    this.#supply(kind).give(kind.demand)
    if (gpus) this.giveGpus(gpus, kind)
    const thread = this.threads.get(id)
    if (!thread) return
    thread.actors--
    this.#touch(thread, now)
  }

  /** Where one of a kind goes. Actors whose class holds threads have some of their own; beyond those they share all the same. */
  #poolOf({ pool, actor }: Kind): string {
    if (pool !== ownPool || !actor?.shares) return pool
    let own = 0
    for (const thread of this.#threadList) if (thread.pool === ownPool) own++
    return own < this.#resources.threadsWanted * limits.threadsPerCpu ? pool : sharedPool
  }

  /** Whether there may be one more worker for a task. Threads and processes have a bound each; an actor's own have none. */
  #mayStart(kind: Kind, pool: string, job: number, parentThread: number): boolean {
    if (pool === ownPool || (kind.actor && kind.isProcess)) return true
    if (pool === sharedPool) {
      // Of each job: jobs share no threads.
      let shared = 0
      for (const thread of this.#threadList) if (thread.pool === sharedPool && thread.job === job) shared++
      return shared < this.#resources.threadsWanted * limits.sharedThreadsPerCpu
    }
    const wanted = this.#resources.threadsWanted * limits.threadsPerCpu
    if (this.#count(kind.isProcess) < wanted) return true
    // A parent waits where its child cannot run: the child is never held back by that.
    return parentThread >= 0 && (kind.alone || this.threads.get(parentThread)?.pool !== kind.pool)
  }

  #count(isProcess: boolean): number {
    let count = 0
    for (const thread of this.#threadList)
      if (thread.isProcess === isProcess && !thread.owned && !thread.pool.startsWith('@')) count++
    return count
  }

  /** Kinds with tasks that wait, whether they could run here or not. */
  get waitingKinds(): readonly Kind[] {
    return this.#active
  }

  /** Runs the next task of a kind here, if there is room for it. */
  placeOne(kind: Kind, now: number): boolean {
    return kind.ready.count > 0 && this.#place(kind, now)
  }

  /** The thread of the nearest task above one, by its ancestors, if that is suspended there. What runs in actors has its own threads. */
  #parentThread(row: number): number {
    const rows = this.#rows
    let at = rows.rowOf(rows.parent[row])
    while (at >= 0 && rows.actor[at] >= 0) at = rows.rowOf(rows.parent[at])
    return at >= 0 && rows.state[at] >= state.suspended && rows.state[at] <= state.resuming ? rows.thread[at] : -1
  }

  #enter(thread: Thread, kind: Kind): void {
    thread.load += kind.cpuUnits
    thread.running++
    if (kind.exclusive) thread.exclusive++
  }

  #exit(thread: Thread, kind: Kind): void {
    thread.load -= kind.cpuUnits
    thread.running--
    if (thread.exclusive > 0 && kind.exclusive) thread.exclusive--
    if (!thread.busy) thread.job = -1
  }

  #send(lane: Lane, row: number, now: number): void {
    const { thread } = lane
    if (lane.sent === 0) lane.progressAt = now
    lane.sent++
    thread.job = this.#rows.job[row]
    if (thread.isProcess) this.#processes.used(thread, thread.job, now)
    thread.usedAt = now
    this.#rows.state[row] = state.running
    this.#rows.thread[row] = thread.id
    this.#rows.startedAt[row] = now
    this.#effects.run(thread.id, row, lane.width)
  }

  /** Fills the lanes of short tasks; where others wait too, only a little, so that all get their turns. */
  #sendAhead(alone: boolean): void {
    for (const kind of this.#active) {
      const ahead = kind.runAhead()
      if (ahead === 1 || !kind.here || kind.ready.count === 0 || kind.lanes.length === 0) continue
      // A lane that is filled again and again never gives back what it has: not beside one that has none.
      if (this.#behind?.get(kind)?.lanes.length === 0) continue
      const share = Math.ceil(kind.ready.count / kind.lanes.length)
      for (const lane of kind.lanes) {
        if (lane.width === 0 || lane.thread.state !== 'live') continue
        const job = lane.thread.job
        let room = Math.min(alone ? ahead : Math.min(ahead, 8), lane.sent + share) - lane.sent
        for (; room > 0 && kind.ready.count > 0; room--) {
          if (this.#rows.job[kind.ready.peek()] !== job) break
          this.#send(lane, kind.ready.shift(), lane.progressAt)
        }
      }
    }
  }

  /** Lanes in which tasks ended: refilled where nobody else waits, else their resources are given back. */
  #settleLanes(): void {
    const dirty = this.#dirty
    this.#dirty = []
    for (const lane of dirty) {
      lane.dirty = false
      const { kind, thread } = lane
      const alone = this.#resuming.length === 0 && this.#active.every(one => one === kind || !this.#couldRun(one))
      while (lane.sent < lane.width) {
        if (
          alone &&
          !kind.keeps &&
          kind.refills &&
          !kind.reserved?.closed &&
          thread.state === 'live' &&
          kind.ready.count > 0 &&
          this.#rows.job[kind.ready.peek()] === thread.job
        ) {
          this.#send(lane, kind.ready.shift(), lane.progressAt)
          continue
        }
        lane.width--
        this.#supply(kind).give(kind.demand)
        this.#exit(thread, kind)
      }
      if (lane.width === 0) closeLane(lane)
    }
  }

  #resumeWaiting(now: number): void {
    let waiting = 0
    for (const row of this.#resuming) {
      const kind = this.#kind(row)
      const thread = this.threads.get(this.#rows.thread[row])
      if (!thread || this.#rows.state[row] !== state.resuming) continue
      const room = thread.load === 0 || thread.load + kind.cpuUnits <= limits.unitsPerResource || kind.cpuUnits === 0
      if (!room || !this.#supply(kind).fits(kind.cpuDemand)) {
        this.#resuming[waiting++] = row
        continue
      }
      this.#supply(kind).take(kind.cpuDemand)
      if (kind.keeps) this.#unkeep(kind, kind.keptDemand)
      thread.suspended--
      this.suspended--
      const lane = thread.lane(kind, now)
      lane.width++
      lane.sent++
      lane.progressAt = now
      this.#enter(thread, kind)
      thread.job = this.#rows.job[row]
      this.#rows.state[row] = state.running
      this.#effects.resume(thread.id, row)
    }
    this.#resuming.length = waiting
  }

  startThread(now: number, pool = ''): Thread {
    const thread = new Thread(this.#nextThread++, now, pool)
    this.threads.set(thread.id, thread)
    this.#threadList.push(thread)
    this.#effects.startThread(thread.id, pool)
    return thread
  }

  /** No more work for this thread; what runs on it goes on until `threadEnded`. */
  retire(id: number): void {
    const thread = this.threads.get(id)
    if (!thread) return
    thread.state = 'ending'
    this.#forget(thread)
  }

  #forget(thread: Thread): void {
    const at = this.#threadList.indexOf(thread)
    if (at >= 0) this.#threadList.splice(at, 1)
  }

  /** A thread is gone. Gives the rows that were on it, begun or not, with their resources given back. */
  threadEnded(id: number): { begun: number[]; ahead: number[] } {
    const thread = this.threads.get(id)
    const begun: number[] = []
    const ahead: number[] = []
    if (!thread) return { begun, ahead }
    const rows = this.#rows
    for (let row = 0; row < rows.capacity; row++) {
      if (rows.thread[row] !== id || rows.state[row] < state.running || rows.state[row] > state.resuming) continue
      this.#returnGpus(row, this.#kind(row))
      if (rows.state[row] === state.running) (this.#effects.revoke(id, row) ? ahead : begun).push(row)
      else {
        this.suspended--
        this.#giveKept(this.#kind(row))
        begun.push(row)
      }
      rows.thread[row] = -1
    }
    this.#resuming = this.#resuming.filter(row => rows.thread[row] !== -1)
    for (const lane of thread.lanes) {
      for (; lane.width > 0; lane.width--) this.#supply(lane.kind).give(lane.kind.demand)
      const at = lane.kind.lanes.indexOf(lane)
      if (at >= 0) lane.kind.lanes.splice(at, 1)
    }
    this.#dirty = this.#dirty.filter(lane => lane.thread !== thread)
    this.#forget(thread)
    this.threads.delete(id)
    return { begun, ahead }
  }

  /** Runs again what a thread that is gone had not begun. */
  again(row: number): void {
    this.#requeue(row)
  }

  /**
   * To be called about every 10 ms while something was sent ahead: takes back what waits behind a task that turned out
   * long. Says whether it wants to be called again.
   */
  unstick(now: number): boolean {
    let more = false
    for (const thread of this.#threadList) {
      for (const lane of thread.lanes) {
        if (lane.sent <= lane.width) continue
        if (now - lane.progressAt < limits.stuckAfterMs) {
          more = true
          continue
        }
        this.#takeBack(lane, now)
      }
    }
    return more
  }

  #takeBack(lane: Lane, now: number): void {
    const rows = this.#rows
    lane.kind.ran(Math.max(now - lane.progressAt, limits.shortTaskMs * 8))
    for (let row = rows.capacity - 1; row >= 0 && lane.sent > lane.width; row--) {
      if (rows.state[row] !== state.running || rows.thread[row] !== lane.thread.id) continue
      if (rows.kind[row] !== lane.kind.index || !this.#effects.revoke(lane.thread.id, row)) continue
      lane.sent--
      this.#requeue(row)
    }
    lane.progressAt = now
  }

  /** Whether anything was sent ahead. */
  get sentAhead(): boolean {
    for (const thread of this.#threadList) for (const lane of thread.lanes) if (lane.sent > lane.width) return true
    return false
  }

  /** Ends threads that have been idle for long. */
  endIdle(now: number): void {
    for (const thread of [...this.#threadList]) {
      if (thread.busy || this.#processes.isSpare(thread)) continue
      if (!thread.over && now - thread.usedAt < limits.threadIdleMs) continue
      this.endThread(thread.id)
    }
    this.#processes.keep(now)
  }

  endThread(id: number): void {
    this.retire(id)
    this.#effects.endThread(id)
  }

  /** A job has declared functions for processes of this pool, or may have more of them: one is kept ready. */
  expectProcesses(pool: string, job: number, now: number): void {
    this.#processes.expect(pool, job, now)
  }

  /** A job is over: its processes serve nobody else. */
  jobEnded(job: number): void {
    this.#processes.jobEnded(job)
  }

  /** Why a queued task waits, in words. */
  reason(row: number): string {
    const kind = this.#kind(row)
    if (kind.impossible) {
      const { resource, requested, has } = kind.impossible
      return `no peer has ${requested} ${resource}: the mesh has ${has}`
    }
    if (kind.bundle) {
      if (kind.waitsFor !== undefined) return kind.waitsFor
      const lacking = kind.reserved?.short(kind.demand)
      return lacking ? `waits for ${lacking} of its bundle` : 'waits for room in a bundle of its placement group'
    }
    const short = this.#resources.short(kind.demand)
    if (short) return `waits for ${short}`
    const first = this.#behind?.get(kind)
    const lacking = first && this.#resources.short(first.demand)
    if (lacking) return `waits behind ${first.name}, which waits for ${lacking}`
    if (this.suspended >= limits.suspendedMax)
      return `waits until fewer than ${limits.suspendedMax} tasks are suspended`
    return kind.isProcess ? 'waits for a process' : 'waits for a thread'
  }

  /** Requests that wait, by reason. */
  *waiting(): Iterable<{ kind: Kind; count: number; reason: string }> {
    for (const kind of this.#active) {
      if (kind.ready.count > 0) yield { kind, count: kind.ready.count, reason: this.reason(kind.ready.peek()) }
    }
  }
}
