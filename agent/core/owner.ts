import { type ActorPart, Actors } from './actors.ts'
import { Bundles } from './bundles.ts'
import { type Client, clientMax, numberMax } from './clients.ts'
import { Exchange, type ExchangeEffects } from './exchange.ts'
import { type Failure, reasonOf, type ThreadEnd, workerFailure } from './failures.ts'
import { GroupKinds } from './group-kinds.ts'
import { History } from './history.ts'
import { type Kind, ownPool, sharedPool } from './kinds.ts'
import { limits } from './limits.ts'
import { Lineage } from './lineage.ts'
import { type Bytes, type ObjectEffects, Objects } from './objects.ts'
import { PeerTable } from './peers.ts'
import { type Phase, Phases } from './phases.ts'
import { type Produced, ProductTable } from './products.ts'
import { type ReplicaEffects, Replicas } from './replicas.ts'
import type { ResourceTable } from './resources.ts'
import { type Attempt, type Location, Rows, state } from './rows.ts'
import { Scheduler, type SchedulerEffects } from './scheduler.ts'
import { type Memory, noMemory } from './spilling.ts'
import { Staging } from './staging.ts'

/** What the cores have done by their shell. */
export interface Effects extends SchedulerEffects, ObjectEffects, ExchangeEffects, ReplicaEffects {
  /** Asks the client of a task for the value of its dependency, which had been delivered. */
  need(client: number, slot: number, dependency: number): void
  /** Calls `timeUp(token, why)` after a while. */
  timer(token: number, delayMs: number, why: TimerReason): void
  /** Tells a worker to stop an attempt. `leaves`: a call does not count from then on, though it may go on. */
  abort(thread: number, token: number, leaves: boolean): void
  /** A guest has come to its end: its home is told. */
  answer(row: number, end: GuestEnd, from: Bytes): void
  /** A guest's stored result: its home is told where it is. */
  answerStored(row: number, end: GuestEnd, bytes: number): void
  /** A guest was stopped, since this peer is drained: its home runs it elsewhere. */
  evict(peer: number, token: number): void
  /** A guest found no place here, or its arguments could not be had: it goes back. */
  giveUp(peer: number, token: number): void
  /** A task that was granted is wanted no more. */
  cancel(peer: number, row: number): void
  /** Tells a worker, or the peer that runs it, how many items of a generator have been taken; -1: it is to end. */
  credit(thread: number, token: number, read: number): void
  creditAt(peer: number, row: number, read: number): void
  /** Tells a client of the next item of a stream that it reads, and of the stream's end. */
  item(client: number, slot: number, row: number): void
  streamEnded(client: number, slot: number, count: number, failed: boolean): void
  /** A product of a guest: its home is told. `kept`: the row that has it here, or -1. */
  answerProduct(row: number, product: GuestProduct): void
  /** The same for a task that was cancelled: it is told, and stopped only where that is forced. */
  stop(peer: number, row: number, how: Cancelling): void
  /** Whether a session with a peer is open. */
  reaches(peer: number): boolean
  /** Sends a call to the worker in which its actor lives. */
  runCall(thread: number, row: number, actor: number): void
  /** A call that was given up holds its thread: it is stopped, and if that cannot be, its thread is ended. */
  stopCall(thread: number, token: number): void
  /** A call that was given up has left its thread. */
  callLeft(thread: number): void
  /** Tells a worker that an actor in it is over. */
  dismiss(thread: number, token: number): void
  /** The peer that hosts an actor for this one is to end it. */
  endActor(location: Location, reason: string): void
  /** An actor that was hosted here for another peer is no more. */
  actorLost(row: number, reason: string, mayRestart: boolean, free: boolean): void
  /** An actor of this peer's wants its name: `named`, `unnamed` or `continueIn` follows. */
  claimName(row: number): void
  /** An actor that is here for the directory lives, is no more (`error`: that with which it could not be made), has saved its state. */
  detachedMade(row: number): void
  detachedLost(row: number, reason: string, mayRestart: boolean, error?: Uint8Array): void
  detachedSaved(row: number): void
  /** An actor that is hosted here has saved its state: its home is told. */
  actorSaved(row: number, value: Uint8Array, holds: readonly number[]): void
  /** A call was sent here, and its actor is not here: its caller asks where it is. */
  notHere(peer: number, token: number): void
}

/** What a guest gives besides its result, for its home. */
export interface GuestProduct {
  index: number
  failed: boolean
  /** A small value; of a stored one nothing. */
  from: Bytes | undefined
  bytes: number
  /** The row that keeps it here, or what it names; -1: nothing has to be kept. */
  kept: number
  holds: readonly number[]
}

/** How a guest's attempt ended, for its home. */
export interface GuestEnd {
  failed: boolean
  /** Of a class that `retryErrors` names. */
  retry: boolean
  /** What ended was not the function's own doing: a thread that died. */
  system: boolean
  /** Of a call: its actor is not here any more. */
  lost?: boolean
  thread: number
  startedAt: number
  endedAt: number
  error: string | undefined
  /** Rows that the value names. */
  holds: readonly number[]
}

/** How a granted attempt ended, as the peer says that ran it. */
export interface GrantEnd {
  attempt: number
  failed: boolean
  retry: boolean
  system: boolean
  lost: boolean
  startedAt: number
  endedAt: number
  error: string | undefined
  /** Where it ran; the same object for all of one worker. */
  at: NonNullable<Attempt['at']>
  /** Names inside the value. */
  contained: readonly number[]
}

/** A task that another peer grants to this one. */
export interface Guest {
  /** The client at its home that submitted it, as this peer knows it, and its number there. */
  client: number
  number: number
  kind: number
  job: number
  attempt: number
  depth: number
  home: { peer: number; token: number }
  /** Rows of the dependencies, or their small values. */
  dependencies: readonly number[]
  values: readonly (Uint8Array | undefined)[]
  contained: readonly number[]
  /** Of a call: its actor here, in which incarnation, and who makes it. */
  actor?: { token: number; epoch: number; caller: number }
  /** Of an actor: what it had saved, and what that names. */
  saved?: { value: Uint8Array; contained: readonly number[] }
  /** Of an actor: it may be made anew after this. */
  movable?: boolean
}

/** An actor that the directory places here. */
export interface DetachedActor {
  client: number
  number: number
  kind: number
  job: number
  epoch: number
  restarts: number
  /** It may be begun anew elsewhere. */
  movable: boolean
  /** Of each dependency its value, or its key {client, number}. */
  dependencies: readonly (Uint8Array | readonly number[])[]
  contained: readonly number[]
  saved?: { value: Uint8Array; contained: readonly number[] }
}

/** How a task is cancelled. */
export interface Cancelling {
  /** What runs and does not stop by itself is stopped, with its thread or process. */
  readonly force: boolean
  /** What it has submitted is cancelled too. */
  readonly recursive: boolean
}

export type TimerReason = 'infeasible' | 'timeout' | 'grace' | 'restart' | 'look'

/** A task as its record says it. */
export interface Submission {
  slot: number
  number: number
  kind: number
  /** Token of the task that submits it, or -1. */
  parent: number
  /** Pairs of slot and low word of the number. */
  dependencies: readonly number[]
  /** Pairs of client and number: refs inside the arguments. */
  contained: readonly number[]
  /** Slots of its parts, whose numbers follow its own. */
  parts?: readonly number[]
  /** Of a call: the slot of its actor, else -1. */
  actor?: number
}

/** An attempt that was given up while its thread still works on it. */
interface Ghost {
  kind: Kind
  thread: number
  gpus: readonly number[] | undefined
  /** Of a call: the row of its actor's instance, and its own then. */
  actor: number
  row: number
}

const programOver = { kind: 'actor-died', reason: 'the program that made it has ended' } as const
const drained = 'its peer was drained'

const jobOver: Failure = { kind: 'lost', reason: 'the program that submitted it has ended' }

/**
 * The owner of tasks and objects (protocols §2) and their scheduler (§1) on one peer. Pure: it is told what clients, workers
 * and the clock say, and has everything done by `effects`.
 */
export class Owner {
  readonly rows = new Rows()
  readonly clients = new Map<number, Client>()
  readonly kinds: (Kind | undefined)[] = []
  readonly history = new History(limits.finishedTasksMax)
  readonly phases = new Phases(limits.phasesMax)
  readonly resources: ResourceTable
  readonly objects: Objects
  readonly lineage: Lineage
  readonly scheduler: Scheduler
  readonly peers: PeerTable
  readonly exchange: Exchange
  readonly replicas: Replicas
  readonly products: ProductTable
  readonly staging: Staging
  readonly actors: Actors
  readonly bundles: Bundles
  readonly groups: GroupKinds
  readonly #effects: Effects
  #nextClient = 1
  /** Of the last ones, by when they ended. */
  readonly #endedJobs = new Set<number>()
  /** One object for all: a task that ends allocates nothing here. */
  readonly #ended = {
    failed: false,
    startedAt: 0.5,
    endedAt: 0.5,
    error: undefined as string | undefined,
    /** Where it ran, if not here. */
    at: undefined as Attempt['at'],
  }
  readonly #ghosts = new Map<number, Ghost>()

  constructor(resources: ResourceTable, effects: Effects, memory: Memory = noMemory) {
    this.resources = resources
    this.#effects = effects
    this.peers = new PeerTable(() => this.newClientId())
    this.bundles = new Bundles(resources)
    this.objects = new Objects({ rows: this.rows, clients: this.clients, peers: this.peers, effects, memory })
    this.objects.onNoRoom = (token, error) => this.#noRoom(token, error)
    this.lineage = new Lineage(this.rows, this.objects, {
      queue: row => this.#queue(row, this.#kind(row)),
      failLike: (row, dependency) => this.#failLike(row, dependency),
      missed: (task, index) => this.products.missed(task, index),
    })
    this.objects.onAvailable = (token, row) => this.#dependencyThere(token, row)
    this.staging = new Staging(this.objects, effects, this.phases)
    this.actors = new Actors({
      rows: this.rows,
      objects: this.objects,
      kinds: this.kinds,
      effects: {
        run: (thread, row, actor) => {
          this.rows.startedAt[row] = this.#now
          effects.runCall(thread, row, actor)
        },
        grant: (peer, row) => {
          this.rows.state[row] = state.granted
          this.rows.peer[row] = peer
          effects.grant(peer, row)
        },
        reaches: peer => effects.reaches(peer),
        timer: (token, delayMs) => effects.timer(token, delayMs, 'look'),
        failLike: (row, on) => {
          const owner = this.rows.extra[on]?.ownerGone
          if (owner === undefined || this.actors.resolve(this.rows.actor[row]) !== on) this.#failLike(row, on)
          else
            this.#failTask(row, { kind: 'actor-died', reason: `the peer of its owner, ${owner}, is gone` }, this.#now)
        },
        again: (row, reason) => this.#callLost(row, reason, this.#now),
        givenUp: actor => [...this.#ghosts].filter(([, ghost]) => ghost.actor === actor).map(([token]) => token),
        dismiss: (thread, token) => effects.dismiss(thread, token),
        endThread: thread => this.scheduler.endThread(thread),
        uninstall: ({ thread, kind, gpus }) => this.scheduler.uninstalled(thread, kind, gpus, this.#now),
        endAt: (location, reason) => effects.endActor(location, reason),
      },
    })
    this.objects.onActorUnheld = row => this.#abandonActor(row)
    this.scheduler = new Scheduler({
      rows: this.rows,
      resources,
      kinds: this.kinds,
      effects: this.staging.around(effects),
    })
    this.exchange = new Exchange({
      rows: this.rows,
      resources,
      kinds: this.kinds,
      scheduler: this.scheduler,
      effects,
      impossible: kind => this.#becameImpossible(kind),
      regather: kind => this.#regather(kind),
      bundles: {
        roomAway: kind => this.groups.roomAway(kind),
        used: (kind, change) => this.groups.used(kind, change),
      },
    })
    this.groups = new GroupKinds({
      bundles: this.bundles,
      resources,
      ownPeer: () => this.exchange.self.peerId,
      place: kind => this.exchange.place(kind),
      impossible: kind => this.#becameImpossible(kind),
      assign: (row, kind) => this.#assign(row, kind),
      takeBack: part => this.#takeBackPart(part),
      waiting: () => this.scheduler.waitingKinds,
      grantAll: part => this.exchange.grantAll(part),
      fail: (kinds, failure) => this.#failKinds(kinds, failure),
    })
    this.groups.onRemoved = (group, kinds, reason) => this.#groupRemoved(group, kinds, reason)
    this.replicas = new Replicas({
      rows: this.rows,
      objects: this.objects,
      effects,
      candidates: () => this.exchange.takers,
      newClient: () => this.newClientId(),
    })
    this.products = new ProductTable({
      rows: this.rows,
      objects: this.objects,
      lineage: this.lineage,
      effects: {
        item: (client, slot, row) => effects.item(client, slot, row),
        streamEnded: (client, slot, count, failed) => effects.streamEnded(client, slot, count, failed),
        credit: (row, read) => this.#credit(row, read),
      },
      newClient: () => this.newClientId(),
    })
  }

  /** One more client, of this peer or of another. */
  newClientId(): number {
    if (this.#nextClient > clientMax) throw new RangeError(`this agent has had ${clientMax} clients: start it again`)
    return this.#nextClient++
  }

  #now = 0
  /** Actors that are made anew now are not begun before this. */
  restartAt = 0

  /** Does what can be done now: here first, then with others. */
  schedule(now: number): void {
    this.#now = now
    this.objects.spilling.advance(now)
    if (this.groups.waits) {
      this.scheduler.settle()
      this.groups.deal()
    }
    this.exchange.deal(now)
    this.scheduler.schedule(now)
    const unfit = this.staging.advance()
    if (unfit.length > 0) {
      for (const row of unfit) this.#putBack(row, now)
      this.scheduler.schedule(now)
    }
    this.exchange.share(now)
  }

  /** A task that was given its place, and whose arguments are not here any more: it waits for them again. */
  #putBack(row: number, now: number): void {
    this.#vacate(row, now)
    this.#queue(row, this.#kind(row))
  }

  #vacate(row: number, now: number): void {
    const { rows } = this
    const extra = rows.more(row)
    this.scheduler.vacate(rows.thread[row], this.#kind(row), now, extra.gpus)
    delete extra.gpus
    rows.thread[row] = -1
  }

  #kind(row: number): Kind {
    return this.kinds[this.rows.kind[row]] as Kind
  }

  // ---- tasks

  /** A new task. Its arguments lie in `from`. */
  submit(client: Client, task: Submission, from: Bytes, now: number): void {
    const { rows } = this
    if (task.number > numberMax) throw new RangeError('a task number out of range')
    const kind = this.kinds[task.kind]
    if (!kind) throw new Error(`no function ${task.kind}`)
    const row = rows.add(state.waiting, client.id, task.slot, task.number, task.kind)
    rows.holders[row] = 1
    rows.retries[row] = kind.retries
    rows.submittedAt[row] = now
    client.map(task.slot, row)
    this.#descend(row, client, task.parent)
    if (kind.returns !== 1) this.products.begin(row, task.parts ?? [], kind.returns === 0)
    this.#keepArguments(row, from)
    if (task.contained.length > 0) {
      const held = this.objects.rowsOfKeys(task.contained)
      for (const one of held) this.objects.hold(one)
      rows.more(row).holds = held
    }
    if (kind.actor) this.actors.expect(row)
    else if (kind.call && !this.#callOf(row, client, task)) return
    // A worker that is being ended may have said it before it was.
    if (this.#endedJobs.has(rows.job[row])) this.#failTask(row, jobOver, now)
    else if (task.dependencies.length === 0 || this.#depend(row, client, task.dependencies)) this.#queue(row, kind)
    else if (kind.call && rows.state[row] === state.waiting) {
      this.actors.waits(row)
      this.actors.look(row)
    }
  }

  /** A call: of which actor, and who makes it. False: of none. */
  #callOf(row: number, client: Client, task: Submission): boolean {
    const { rows } = this
    const actor = client.row(task.actor ?? -1)
    if (actor < 0) {
      this.#failTask(row, { kind: 'actor-died', reason: 'its handle was released here' })
      return false
    }
    const extra = rows.more(row)
    this.objects.hold(actor)
    const part = this.actors.called(row, actor, client, task.parent >= 0 ? rows.rowOf(task.parent) : -1)
    if (extra.holds) extra.holds.push(actor)
    else if (task.dependencies.length > 0) extra.holds = [actor]
    else {
      // Most calls hold nothing else: one list serves them all.
      part.alone ??= [actor]
      extra.holds = part.alone
    }
    return true
  }

  /** The job of what a client does now: a worker's is that of the tasks on its thread. */
  jobOf(client: Client): number {
    return client.thread < 0 ? client.job : Math.max(0, this.scheduler.threads.get(client.thread)?.job ?? 0)
  }

  #descend(row: number, client: Client, parentToken: number): void {
    const { rows } = this
    rows.job[row] = this.jobOf(client)
    const parent = parentToken >= 0 ? rows.rowOf(parentToken) : -1
    if (parent < 0) return
    rows.parent[row] = parentToken
    rows.depth[row] = Math.min(rows.depth[parent] + 1, 0xffff)
    rows.job[row] = rows.job[parent]
  }

  #keepArguments(row: number, from: Bytes): void {
    const { rows } = this
    rows.argumentBytes[row] = from.bytes
    if (from.bytes > limits.rowArgumentBytes) {
      rows.more(row).arguments = from.u8.slice(from.at, from.at + from.bytes)
      return
    }
    const to = row * limits.rowArgumentBytes
    for (let i = 0; i < from.bytes; i++) rows.arguments[to + i] = from.u8[from.at + i]
  }

  /** Notes what a task waits for. Whether it waits for nothing (any more). */
  #depend(row: number, client: Client, dependencies: readonly number[]): boolean {
    const { rows } = this
    const extra = rows.more(row)
    const count = dependencies.length / 2
    const on = new Int32Array(count).fill(-1)
    extra.dependencies = on
    extra.values = new Array(count)
    extra.holds ??= []
    const { holds } = extra
    let failed = -1
    for (let i = 0; i < count; i++) {
      const there = client.row(dependencies[2 * i])
      if (there < 0 || (rows.number[there] | 0) !== dependencies[2 * i + 1]) {
        extra.missing++
        this.#effects.need(client.id, rows.slot[row], i)
        continue
      }
      on[i] = there
      holds.push(there)
      this.objects.hold(there)
      if (rows.state[there] === state.failed) failed = there
      else if (!this.objects.settled(there)) {
        extra.missing++
        this.objects.awaitFor(there, rows.token(row))
      }
    }
    if (failed >= 0) {
      this.#failLike(row, failed)
      return false
    }
    return extra.missing === 0
  }

  #dependencyThere(token: number, dependency: number): void {
    const { rows } = this
    const row = rows.rowOf(token)
    if (row < 0 || rows.state[row] !== state.waiting) return
    if (rows.state[dependency] === state.failed) {
      this.#failLike(row, dependency)
      return
    }
    if (--rows.more(row).missing === 0) this.#gotArguments(row)
  }

  /** What was awaited is there. */
  #gotArguments(row: number): void {
    const extra = this.rows.more(row)
    const { since, bytes } = extra.gathering ?? { since: this.rows.submittedAt[row], bytes: 0 }
    extra.gathering = undefined
    this.notePhase(row, bytes > 0 ? 'fetch' : 'wait', { startedAt: since, bytes })
    this.#queue(row, this.#kind(row))
  }

  /** For the timeline. */
  notePhase(row: number, phase: Phase, what: { startedAt: number; endedAt?: number; bytes?: number }): void {
    const { client, number, attempt } = this.rows
    this.phases.add({ client: client[row], number: number[row], attempt: attempt[row] }, phase, what)
  }

  /** The client's answer to `need`. */
  supply(client: Client, slot: number, dependency: number, failed: boolean, from: Bytes): void {
    const { rows } = this
    const row = client.row(slot)
    const extra = row < 0 ? undefined : rows.extra[row]
    if (!extra?.values || rows.state[row] !== state.waiting) return
    const value = from.u8.slice(from.at, from.at + from.bytes)
    if (failed) {
      this.#finish(row, true, { u8: value, at: 0, bytes: value.length }, undefined, 'its dependency failed')
      return
    }
    extra.values[dependency] = value
    if (--extra.missing === 0) this.#gotArguments(row)
  }

  #failLike(row: number, dependency: number): void {
    const value = this.rows.extra[dependency]?.value as Uint8Array
    this.#finish(row, true, { u8: value, at: 0, bytes: value.length }, undefined, 'its dependency failed')
  }

  #queue(row: number, kind: Kind): void {
    if (kind.refused) {
      this.#failTask(row, kind.refused)
      return
    }
    if (kind.call) {
      this.actors.ready(row)
      return
    }
    if (kind.actor?.name !== undefined && !kind.guest && !this.#isNamed(row)) return
    if (kind.actor && this.restartAt > this.#now) {
      this.rows.state[row] = state.waiting
      const { actor: part } = this.rows.more(row)
      if (part) part.reason = 'waits until the one before it has stopped for certain'
      this.#effects.timer(this.rows.token(row), this.restartAt - this.#now, 'restart')
      return
    }
    // Which of a group's bundles it is to use is decided when one has room.
    if (kind.anyOf) this.rows.kind[row] = kind.anyOf.index
    this.#assign(row, kind.anyOf ?? kind)
  }

  /** A task is of this kind from now on, and ready to run. */
  #assign(row: number, kind: Kind): void {
    this.rows.kind[row] = kind.index
    // Arguments that are at other peers: the task goes to them, or they come here.
    if (this.rows.extra[row]?.dependencies && !this.#gathered(row, kind)) return
    this.scheduler.enqueue(row)
    if (kind.impossible) this.#effects.timer(this.rows.token(row), kind.infeasibleTimeoutMs, 'infeasible')
  }

  /** Whether all arguments are here, or need not be: the task runs elsewhere. */
  #gathered(row: number, kind: Kind): boolean {
    const { rows, objects } = this
    const extra = rows.more(row)
    const away: number[] = []
    let missing = 0
    for (const on of extra.dependencies as Int32Array) {
      if (on < 0) continue
      objects.checkPlace(on)
      if (rows.state[on] === state.failed) {
        this.#failLike(row, on)
        return false
      }
      if (!objects.settled(on)) {
        // It was there, was lost with a peer, and is being made again.
        missing++
        rows.state[row] = state.waiting
        objects.awaitFor(on, rows.token(row))
      } else if (rows.state[on] === state.remote && !objects.isHere(on)) away.push(on)
    }
    if (missing > 0) {
      extra.missing = missing
      extra.gathering = { since: this.phases.clock(), bytes: 0 }
      return false
    }
    if (away.length === 0 || (!kind.here && !kind.guest && !kind.placement.spread)) return true
    const peer = this.exchange.drawnTo(row, away, this.#now)
    if (peer >= 0) {
      this.exchange.grant(peer, row)
      return false
    }
    extra.missing = away.length
    rows.state[row] = state.waiting
    const gathering = { since: this.phases.clock(), bytes: 0 }
    extra.gathering = gathering
    for (const on of away) {
      const other = rows.more(on)
      gathering.bytes += other.bytes
      other.waiters ??= []
      other.waiters.push(rows.token(row))
      objects.pull(on)
    }
    return false
  }

  /** An argument does not fit in here. */
  #noRoom(token: number, error: Uint8Array): void {
    const row = this.rows.rowOf(token)
    if (row < 0) return
    if (this.staging.revoke(row)) this.#vacate(row, this.#now)
    else if (this.rows.state[row] !== state.waiting) return
    this.#finish(row, true, { u8: error, at: 0, bytes: error.length }, undefined, 'no room for an argument')
  }

  /** Tasks that were to run elsewhere may run here now: their arguments come here first. */
  #regather(kind: Kind): void {
    const { rows } = this
    const some = new Set<number>()
    for (const row of kind.ready.rows()) if (rows.extra[row]?.dependencies) some.add(row)
    if (some.size === 0) return
    this.scheduler.remove(row => some.has(row))
    for (const row of some) this.#queue(row, kind)
  }

  #takeBackPart(part: Kind): void {
    const rows = [...part.ready.rows()]
    part.ready.remove(() => true)
    for (const row of rows.reverse()) {
      this.rows.kind[row] = part.anyOf?.index ?? part.index
      this.scheduler.again(row)
    }
  }

  /** Every task of these kinds that is not over fails. */
  #failKinds(kinds: ReadonlySet<Kind>, failure: (kind: Kind) => Failure): void {
    const { rows } = this
    for (let row = 0; row < rows.capacity; row++) {
      const at = rows.state[row]
      if (at === state.free || at >= state.ready || rows.kind[row] < 0) continue
      const kind = this.#kind(row)
      if (!kinds.has(kind)) continue
      this.#stop(row, this.#now)
      if (rows.state[row] !== state.free) this.#failTask(row, failure(kind))
    }
  }

  #becameImpossible(kind: Kind): void {
    for (const row of kind.ready.rows()) {
      this.#effects.timer(this.rows.token(row), kind.infeasibleTimeoutMs, 'infeasible')
    }
  }

  // ---- tasks at other peers

  /** Another peer grants a task to this one. The row of a generator, else -1. */
  host(guest: Guest, from: Bytes, now: number): number {
    // Calls of an actor that is still here are taken.
    if (this.exchange.self.closed && !guest.actor) {
      this.#effects.giveUp(guest.home.peer, guest.home.token)
      return -1
    }
    const row = this.#host(guest, from, now)
    return this.kinds[guest.kind]?.returns === 0 ? row : -1
  }

  #host(guest: Guest, from: Bytes, now: number): number {
    const { rows, objects } = this
    const kind = this.kinds[guest.kind]
    if (!kind) throw new Error(`no function ${guest.kind}`)
    const row = rows.add(state.waiting, guest.client, -1, guest.number, guest.kind)
    rows.holders[row] = 1
    rows.submittedAt[row] = now
    rows.job[row] = guest.job
    rows.attempt[row] = guest.attempt
    rows.depth[row] = guest.depth
    this.#keepArguments(row, from)
    const extra = rows.more(row)
    extra.home = guest.home
    const holds = objects.rowsOfKeys(guest.contained)
    for (const on of guest.dependencies) if (on >= 0) holds.push(on)
    const actor = guest.actor ? rows.rowOf(guest.actor.token) : -1
    if (guest.actor && actor >= 0) holds.push(actor)
    for (const one of holds) objects.hold(one)
    extra.holds = holds
    this.exchange.guestCame(guest.home.peer, kind)
    if (kind.actor) this.actors.expect(row, guest.movable)
    if (guest.saved) this.#keepSaved(row, guest.saved.value, guest.saved.contained)
    if (guest.actor) {
      if (!this.actors.takes(actor, guest.actor.epoch)) {
        this.#effects.notHere(guest.home.peer, guest.home.token)
        this.#dropGuest(row)
        return row
      }
      this.actors.calledFrom(row, actor, guest.home.peer, guest.actor.caller)
    }
    const { dependencies } = guest
    if (dependencies.length > 0) {
      extra.dependencies = Int32Array.from(dependencies)
      extra.values = [...guest.values]
      for (const on of dependencies) {
        if (on < 0) continue
        if (rows.state[on] === state.failed) {
          this.#failLike(row, on)
          return row
        }
        if (objects.settled(on)) continue
        extra.missing++
        objects.awaitFor(on, rows.token(row))
      }
      if (extra.missing > 0) {
        if (kind.call) this.actors.waits(row)
        return row
      }
    }
    this.#queue(row, kind)
    return row
  }

  /** Whether a peer runs this attempt of a task. False: it is another's by now, or has been given up. */
  isGranted(row: number, peer: number, attempt: number): boolean {
    const { rows } = this
    return row >= 0 && rows.state[row] === state.granted && rows.peer[row] === peer && rows.attempt[row] === attempt
  }

  /** Its value came with the answer. */
  grantDone(row: number, peer: number, end: GrantEnd, from: Bytes): void {
    if (this.#mayRunAgain(row, peer, end)) return
    this.#finish(row, end.failed, from, this.#contained(end.contained), end.error, end.endedAt)
  }

  /** Its value stays there. */
  grantStored(row: number, peer: number, end: GrantEnd, location: Location, bytes: number): void {
    this.#mayRunAgain(row, peer, end)
    this.#remember(row, false, end.endedAt, undefined)
    const extra = this.rows.more(row)
    // Should the value be lost with that peer, this was an attempt before the next.
    extra.attempts ??= []
    extra.attempts.push({ thread: -1, startedAt: end.startedAt, endedAt: end.endedAt, at: end.at })
    const { holds: old } = extra
    const holds = this.#contained(end.contained)
    if (holds) for (const held of holds) this.objects.hold(held)
    extra.holds = holds
    this.hold(row)
    this.objects.settleRemote(row, bytes, [location])
    // It runs again, should that peer be lost with the value.
    if (this.#mayRunLater(row)) this.lineage.keep(row, old ?? [])
    else if (old) for (const held of old) this.objects.letGo(held)
    this.objects.letGo(row)
  }

  /** Whether a task whose value is lost could make it again: calls only where they may be made twice. */
  #mayRunLater(row: number): boolean {
    return this.rows.actor[row] < 0 || this.rows.retries[row] !== 0
  }

  hold(row: number): void {
    this.objects.hold(row)
  }

  // ---- what tasks give besides their results

  /** A worker says that there is one more. */
  product(
    token: number,
    thread: number,
    product: { index: number; failed: boolean; offset: number; bytes: number; contained: readonly number[] },
    from: Bytes,
  ): void {
    const { rows, objects } = this
    const row = rows.rowOf(token)
    const { index, failed, offset, bytes } = product
    const current = row >= 0 && rows.thread[row] === thread && !this.#ghosts.has(token)
    const holds = current ? this.#contained(product.contained) : undefined
    let taken = false
    if (current && rows.extra[row]?.home) taken = this.#guestProduct(row, product, from, holds ?? [])
    else if (current) {
      const what: Produced = offset >= 0 ? { is: 'stored', offset, bytes } : { is: 'value', from, failed }
      taken = this.products.produced(row, index, what, holds)
    }
    if (!taken && offset >= 0) objects.spilling.free(offset)
  }

  #guestProduct(
    task: number,
    { index, failed, offset, bytes }: { index: number; failed: boolean; offset: number; bytes: number },
    from: Bytes,
    holds: readonly number[],
  ): boolean {
    const { rows, objects } = this
    let kept = -1
    if (offset >= 0 || holds.length > 0) {
      // Its home frees it by its token.
      kept = rows.add(state.ready, rows.client[task], -1, rows.number[task], -1)
      rows.holders[kept] = 1
      const extra = rows.more(kept)
      extra.home = { peer: rows.more(task).home?.peer ?? -1, token: -1 }
      for (const held of holds) objects.hold(held)
      extra.holds = [...holds]
      if (offset >= 0) {
        extra.bytes = bytes
        objects.spilling.placed(kept, offset)
      }
    }
    this.#effects.answerProduct(task, { index, failed, from: offset < 0 ? from : undefined, bytes, kept, holds })
    return true
  }

  /** The peer that runs a granted task (`isGranted`) says that there is one more. False: it is not needed, and may go there. */
  grantProduct(row: number, index: number, what: Produced, contained: readonly number[]): boolean {
    const holds = this.#contained(contained)
    const taken = this.products.produced(row, index, what, holds)
    // What it names may have been met here for the first time.
    if (!taken && holds) for (const held of holds) this.objects.sweep(held)
    return taken
  }

  /** How many items of a generator that is about to run count as taken. */
  creditOf(row: number): number {
    const extra = this.rows.extra[row]
    if (extra?.products) return extra.products.isStream ? this.products.credit(extra.products) : 0
    return extra?.credit ?? 0
  }

  #credit(row: number, read: number): void {
    const { rows } = this
    const at = rows.state[row]
    if (at === state.granted) {
      this.#effects.creditAt(rows.peer[row], row, read)
      return
    }
    const isOnThread = at >= state.running && at <= state.resuming
    if (isOnThread && !(read < 0 && this.#takeBack(row, this.#now))) {
      this.#effects.credit(rows.thread[row], rows.token(row), read)
      return
    }
    if (read >= 0 || at >= state.ready) return
    // It has not begun, and need not.
    if (at === state.queued) this.scheduler.remove(one => one === row)
    this.#failTask(row, { kind: 'cancelled', name: this.#kind(row).name }, this.#now)
  }

  /** The home of a guest that is a generator says how many of its items were taken. */
  creditGuest(row: number, read: number): void {
    if (this.rows.state[row] >= state.ready) return
    this.rows.more(row).credit = read
    this.#credit(row, read)
  }

  #mayRunAgain(row: number, peer: number, end: GrantEnd): boolean {
    const { rows } = this
    const kind = this.#kind(row)
    this.#ungrant(peer, row, end.failed ? undefined : end.endedAt - end.startedAt, end.lost)
    const { startedAt, endedAt, error, at } = end
    const mayRun = (end.failed && (end.retry || end.system)) || this.products.of(row)?.restarts === true
    if (mayRun && rows.retries[row] !== 0) {
      this.#again(row, { thread: -1, startedAt, endedAt, at, ...(error ? { error } : {}) }, true, kind)
      return true
    }
    rows.startedAt[row] = startedAt
    this.#ended.at = at
    return false
  }

  /** A peer has a task no more. `lost`: nor the actor whose call it is. */
  #ungrant(peer: number, row: number, durationMs: number | undefined, lost = false): void {
    if (this.rows.actor[row] < 0) this.exchange.ungrant(peer, row, durationMs)
    else this.actors.back(row, lost)
  }

  /** A task that was to be granted cannot travel. */
  cannotGrant(row: number, peer: number, reason: string): void {
    const { rows } = this
    if (rows.state[row] !== state.granted || rows.peer[row] !== peer) return
    this.#ungrant(peer, row, undefined)
    this.#failTask(row, { kind: 'lost', reason })
  }

  /** A peer gives a granted task back: it has not begun. */
  returned(row: number, peer: number, lost = false): void {
    const { rows } = this
    if (row < 0 || rows.state[row] !== state.granted || rows.peer[row] !== peer) return
    rows.state[row] = state.waiting
    rows.peer[row] = -1
    const products = this.products.of(row)
    if (products) products.restarts = false
    if (rows.actor[row] < 0) {
      this.#ungrant(peer, row, undefined)
      this.#queue(row, this.#kind(row))
      return
    }
    // Its place before those that were made after it, before these may go on.
    if (lost) this.actors.lost(row)
    this.#queue(row, this.#kind(row))
    this.#ungrant(peer, row, undefined, lost)
  }

  /** The home of a guest wants it no more. */
  endGuest(row: number, now: number): void {
    const { rows } = this
    if (rows.state[row] >= state.ready) {
      this.objects.letGo(row)
      return
    }
    this.#stop(row, now)
    this.#dropGuest(row)
  }

  /** Frees a guest that has not come to an end. */
  #dropGuest(row: number): void {
    const { rows } = this
    const extra = rows.more(row)
    const holds = extra.holds
    extra.holds = undefined
    this.exchange.guestWent(extra.home?.peer ?? -1, this.#kind(row))
    this.actors.unqueue(row)
    rows.state[row] = state.failed
    this.objects.letGo(row)
    if (holds) for (const held of holds) this.objects.letGo(held)
  }

  /** Guests that have waited too long for a place go back. */
  returnStale(now: number): void {
    for (const kind of this.scheduler.waitingKinds) {
      if (!kind.guest || kind.ready.count === 0) continue
      const stale = new Set<number>()
      for (const row of kind.ready.rows()) if (now - this.rows.submittedAt[row] > limits.guestPatienceMs) stale.add(row)
      if (stale.size === 0) continue
      this.scheduler.remove(row => stale.has(row))
      for (const row of stale) {
        const home = this.rows.extra[row]?.home
        if (home) this.#effects.giveUp(home.peer, home.token)
        this.#dropGuest(row)
      }
    }
  }

  /** This peer takes no work any more: guests that have not begun go back. */
  returnGuests(now: number): void {
    const { rows } = this
    for (let row = 0; row < rows.capacity; row++) {
      const at = rows.state[row]
      const home = at === state.free || at > state.running ? undefined : rows.extra[row]?.home
      // A call waits for its actor, wherever that goes.
      if (!home || rows.actor[row] >= 0) continue
      if (at === state.queued) this.scheduler.remove(one => one === row)
      if (at === state.running && !this.#takeBack(row, now)) continue
      this.#effects.giveUp(home.peer, home.token)
      this.#dropGuest(row)
    }
  }

  /** What runs here is stopped, and runs again elsewhere, where it can; what it has submitted is not needed any more. */
  evict(now: number): void {
    const { rows } = this
    for (const row of [...this.liveTasks()]) {
      const at = rows.state[row]
      const kind = rows.kind[row] < 0 ? undefined : this.#kind(row)
      // A call ends with its actor, and is made again only if it may be.
      if (at < state.running || at > state.resuming || !kind || kind.call) continue
      const home = rows.extra[row]?.home
      // Nobody else could run it: it goes on.
      if (!home && kind.here) continue
      for (const child of [...this.#childrenOf(row)]) this.cancel(child, { force: true, recursive: true }, now)
      const attempt = { thread: rows.thread[row], startedAt: rows.startedAt[row], endedAt: now, error: drained }
      this.#stop(row, now)
      if (!home) this.#again(row, attempt, false)
      else {
        this.#effects.evict(home.peer, home.token)
        this.#dropGuest(row)
      }
    }
  }

  /** A peer that is drained has stopped a granted task: it runs elsewhere, and no retry is used up. */
  evicted(row: number, peer: number, now: number): void {
    const { rows } = this
    if (row < 0 || rows.state[row] !== state.granted || rows.peer[row] !== peer) return
    this.#ungrant(peer, row, undefined)
    const at = { peerId: this.peers.get(peer).peerId, workerId: '', pid: 0 }
    this.#again(row, { thread: -1, startedAt: rows.startedAt[row], endedAt: now, error: drained, at }, false)
  }

  /** Another peer is gone: what it ran for this one runs elsewhere, what it had here ends. */
  peerGone(peer: number, now: number): void {
    const { rows } = this
    this.#now = now
    const { peerId } = this.peers.get(peer)
    this.exchange.peerGone(peer)
    this.replicas.peerGone(peer, other => this.exchange.isKnown(other))
    this.objects.peerGone(peer, peerId)
    const calls: number[] = []
    for (let row = 0; row < rows.capacity; row++) {
      if (rows.state[row] === state.free) continue
      const extra = rows.extra[row]
      if (extra?.home?.peer === peer) {
        // An actor ends with the peer of its owner, whoever's calls it has.
        if (extra.actor?.instance) this.endHosted(row, `the peer of its owner, ${peerId}, is gone`, now)
        else this.endGuest(row, now)
        continue
      }
      if (rows.state[row] !== state.granted || rows.peer[row] !== peer) continue
      const kind = this.#kind(row)
      if (kind.call) {
        calls.push(row)
        continue
      }
      this.exchange.ungrant(peer, row, undefined)
      const attempt: Attempt = {
        thread: -1,
        startedAt: rows.startedAt[row],
        endedAt: now,
        error: `peer ${peerId} was lost`,
        at: { peerId, workerId: '', pid: 0 },
      }
      if (rows.retries[row] !== 0) this.#again(row, attempt, true, kind)
      else {
        const extra = rows.more(row)
        extra.attempts ??= []
        extra.attempts.push(attempt)
        const { name } = kind
        const failure: Failure = kind.actor
          ? { kind: 'actor-died', name, reason: `its peer ${peerId} was lost` }
          : { kind: 'peer-died', name, peerId }
        this.#failTask(row, failure, now)
      }
    }
    calls.sort((a, b) => rows.number[a] - rows.number[b])
    for (const row of calls) this.#callLost(row, `its peer ${peerId} was lost`, now)
  }

  /**
   * Cancels a task and, where that is asked for, what it has submitted. Gives the peers that have to hear of it. What is
   * finished stays as it is.
   */
  cancel(task: number, how: Cancelling, now: number): Set<number> {
    const { rows } = this
    const peers = new Set<number>()
    // One of several values stands for all.
    const open = [rows.extra[task]?.madeBy?.task ?? task]
    for (let row = open.pop(); row !== undefined; row = open.pop()) {
      const at = rows.state[row]
      if (rows.kind[row] < 0 || at === state.free || at >= state.ready) continue
      if (at === state.granted) peers.add(rows.peer[row])
      const begun = this.#stop(row, now, how)
      // What has never run has submitted nothing; what runs elsewhere has done so there.
      if (how.recursive && (begun || rows.attempt[row] > 0)) open.push(...this.#childrenOf(row))
      if (rows.extra[row]?.home) this.#dropGuest(row)
      else this.#failTask(row, { kind: 'cancelled', name: this.#kind(row).name }, now)
    }
    return peers
  }

  *#childrenOf(parent: number): Iterable<number> {
    const { rows } = this
    const token = rows.token(parent)
    for (let row = 0; row < rows.capacity; row++) {
      const at = rows.state[row]
      if (at !== state.free && at < state.ready && rows.kind[row] >= 0 && rows.parent[row] === token) yield row
    }
  }

  /** Takes a task from where it waits or runs. Whether it may have begun here. */
  #stop(row: number, now: number, how?: Cancelling): boolean {
    const { rows } = this
    const at = rows.state[row]
    const isCall = rows.actor[row] >= 0
    if (at === state.queued && !isCall) this.scheduler.remove(one => one === row)
    else if (at === state.granted) {
      const peer = rows.peer[row]
      if (how) this.#effects.stop(peer, row, how)
      else this.#effects.cancel(peer, row)
      this.#ungrant(peer, row, undefined)
    } else if (at >= state.running && at <= state.resuming) {
      if (this.#takeBack(row, now)) return false
      this.#giveUp(row, now, isCall ? false : (how?.force ?? true))
      return true
    }
    return false
  }

  /** What was sent ahead to its thread and has not begun is simply taken back. False: it has. */
  #takeBack(row: number, now: number): boolean {
    const { rows } = this
    if (rows.state[row] !== state.running || !this.#effects.revoke(rows.thread[row], row)) return false
    if (rows.actor[row] >= 0) this.actors.left(row)
    else this.scheduler.vacate(rows.thread[row], this.#kind(row), now, rows.extra[row]?.gpus)
    return true
  }

  /** An attempt began: for those with a limit on their time. */
  started(token: number, now: number): void {
    const row = this.rows.rowOf(token)
    if (row < 0 || this.rows.state[row] !== state.running) return
    const kind = this.#kind(row)
    this.rows.startedAt[row] = now
    if (kind.timed) this.#effects.timer(token, kind.timeoutMs, 'timeout')
  }

  /** An attempt ended by itself. */
  done(token: number, thread: number, end: TaskEnd, from: Bytes, now: number): void {
    const { rows } = this
    const ghost = this.#ghosts.get(token)
    const row = rows.rowOf(token)
    if (row < 0 || rows.thread[row] !== thread || ghost) {
      if (ghost) this.#endGhost(token, ghost, now)
      // An actor that was given up while it was made has been made all the same.
      if (ghost?.kind.actor && !end.failed) {
        if (this.#isShared(thread)) this.#effects.dismiss(thread, token)
        else this.scheduler.endThread(thread)
      }
      if (end.offset >= 0) this.objects.spilling.free(end.offset)
      return
    }
    const kind = this.#kind(row)
    if (kind.actor && !end.failed) {
      this.#actorMade(row, thread, now)
      return
    }
    const suspended = rows.state[row] === state.suspended || rows.state[row] === state.resuming
    if (kind.call) {
      this.actors.left(row)
      if (end.blocked) this.#blocks(row, end.endedAt - end.startedAt)
    } else if (suspended) this.scheduler.drop(row, now)
    else this.scheduler.ended(row, end.endedAt - end.startedAt, end.awaited, now)
    const part = kind.actor && end.error !== undefined ? rows.extra[row]?.actor : undefined
    if (part) part.reason = end.error
    if (part && end.retry) part.lostEarly = true
    const mayRun = (end.failed && end.retry) || this.products.of(row)?.restarts === true
    if (mayRun && rows.retries[row] !== 0) {
      this.#again(row, { thread, startedAt: end.startedAt, endedAt: end.endedAt, error: end.error }, true)
      return
    }
    rows.startedAt[row] = end.startedAt
    if (rows.extra[row]?.home) {
      const { failed, retry, startedAt, endedAt, error } = end
      const holds = this.#contained(end.contained) ?? []
      this.#endGuest(row, { failed, retry, system: false, thread, startedAt, endedAt, error, holds }, from, end)
      return
    }
    if (end.offset >= 0) {
      this.#remember(row, false, end.endedAt, undefined)
      // It may be lost on disk; others may need it when it has been let go here, to make again what they lost.
      const kept = this.#mayLose && this.#mayRunLater(row) ? (rows.more(row).holds ?? []) : undefined
      if (kept) this.objects.hold(row)
      this.objects.completeStored(row, end.offset, end.bytes, this.#contained(end.contained), kept !== undefined)
      if (kept) {
        this.lineage.keep(row, kept)
        this.objects.letGo(row)
      }
      return
    }
    this.#finish(row, end.failed, from, this.#contained(end.contained), end.error, end.endedAt)
  }

  #endGuest(row: number, end: GuestEnd, from: Bytes, stored?: { offset: number; bytes: number }): void {
    const { rows, objects } = this
    const extra = rows.more(row)
    const old = extra.holds
    this.exchange.guestWent(extra.home?.peer ?? -1, this.#kind(row))
    this.actors.unqueue(row)
    for (const held of end.holds) objects.hold(held)
    extra.holds = end.holds.length > 0 ? [...end.holds] : undefined
    extra.arguments = undefined
    extra.dependencies = undefined
    extra.values = undefined
    if (stored && stored.offset >= 0) {
      rows.state[row] = state.ready
      extra.bytes = stored.bytes
      this.objects.spilling.placed(row, stored.offset)
      this.#effects.answerStored(row, end, stored.bytes)
    } else {
      rows.state[row] = end.failed ? state.failed : state.ready
      this.#effects.answer(row, end, from)
      // What it names is held until its home has registered that.
      if (end.holds.length === 0) objects.letGo(row)
    }
    if (old) for (const held of old) objects.letGo(held)
  }

  #contained(keys: readonly number[]): number[] | undefined {
    return keys.length > 0 ? this.objects.rowsOfKeys(keys) : undefined
  }

  #finish(row: number, failed: boolean, from: Bytes, holds: number[] | undefined, error?: string, endedAt = 0): void {
    const part = this.rows.extra[row]?.actor
    if (part && error !== undefined) part.reason ??= error
    if (this.rows.extra[row]?.home) {
      const { startedAt, thread } = this.rows
      const end = {
        failed,
        retry: false,
        system: false,
        thread: thread[row],
        startedAt: startedAt[row],
        endedAt,
        error,
      }
      this.#endGuest(row, { ...end, holds: holds ?? [] }, from)
      return
    }
    this.#remember(row, failed, endedAt, error)
    if (part?.detached) {
      // It could not be made: the directory is told why.
      part.detached = false
      const value = from.u8.slice(from.at, from.at + from.bytes)
      this.#effects.detachedLost(row, part.reason ?? 'it could not be made', part.lostEarly === true, value)
      this.objects.complete(row, failed, { u8: value, at: 0, bytes: value.length }, holds)
      this.objects.letGo(row)
      return
    }
    const products = this.products.of(row)
    if (products) this.#finishProducts(row, failed, from)
    else this.objects.complete(row, failed, from, holds)
  }

  #finishProducts(row: number, failed: boolean, from: Bytes): void {
    const { rows, objects } = this
    const isStream = this.products.of(row)?.isStream === true
    const value = from.u8.slice(from.at, from.at + from.bytes)
    // What it gave may be lost, or read again.
    const mayLose = isStream || this.#mayLose
    const kept = !failed && mayLose && this.#mayRunLater(row) ? (rows.more(row).holds ?? []) : undefined
    objects.hold(row)
    objects.complete(row, failed, { u8: value, at: 0, bytes: value.length }, undefined, kept !== undefined)
    if (kept) this.lineage.keep(row, kept)
    this.products.ended(row, failed, value)
    objects.letGo(row)
  }

  /** Whether stored values can be lost: with a peer, or on disk. */
  get #mayLose(): boolean {
    return this.exchange.open || this.objects.spilling.memory.capacityBytes > 0
  }

  #remember(row: number, failed: boolean, endedAt: number, error: string | undefined): void {
    const { rows } = this
    if (rows.kind[row] < 0) return
    if (rows.actor[row] >= 0) this.actors.ended(row)
    // An actor is no task that has run.
    else if (this.#kind(row).actor) return
    const end = this.#ended
    const startedAt = rows.thread[row] >= 0 || end.at ? rows.startedAt[row] : 0
    end.failed = failed
    end.startedAt = startedAt
    end.endedAt = endedAt
    end.error = error
    this.history.add(rows, row, this.#kind(row), end)
    end.at = undefined
  }

  /** Runs a task again; its arguments are held until it is committed. */
  #again(row: number, attempt: Attempt | undefined, usesRetry: boolean, kind = this.#kind(row)): void {
    const { rows } = this
    if (attempt) {
      const extra = rows.more(row)
      extra.attempts ??= []
      extra.attempts.push(attempt)
    }
    if (usesRetry && rows.retries[row] > 0) rows.retries[row]--
    const products = this.products.of(row)
    if (products) {
      products.given = 0
      products.restarts = false
    }
    // A guest's attempts are counted by its home.
    if (!rows.extra[row]?.home) rows.attempt[row]++
    rows.thread[row] = -1
    rows.peer[row] = -1
    this.#queue(row, kind)
  }

  // ---- time, threads, ends

  timeUp(token: number, why: TimerReason, now: number): void {
    if (why === 'grace') {
      const ghost = this.#ghosts.get(token)
      if (!ghost) return
      if (ghost.actor < 0 && !this.#isShared(ghost.thread)) this.#effects.endThread(ghost.thread)
      else this.#effects.stopCall(ghost.thread, token)
      return
    }
    const row = this.rows.rowOf(token)
    if (row < 0) return
    if (why === 'look') {
      this.#now = now
      this.actors.lookAgain(row)
      return
    }
    const kind = this.#kind(row)
    if (why === 'restart') {
      this.#now = now
      if (this.rows.state[row] === state.waiting) this.#queue(row, kind)
      return
    }
    if (why === 'infeasible') {
      if (this.rows.state[row] !== state.queued || !kind.impossible) return
      this.scheduler.remove(one => one === row)
      this.#failTask(row, {
        kind: 'infeasible',
        name: kind.name,
        ...kind.impossible,
        timeoutMs: kind.infeasibleTimeoutMs,
      })
      return
    }
    if (this.rows.state[row] < state.running || this.rows.state[row] > state.resuming) return
    // The time of an attempt before this one.
    if (now - this.rows.startedAt[row] < kind.timeoutMs - limits.timerSlackMs) return
    this.#giveUp(row, now, true)
    this.#failTask(row, { kind: 'timeout', name: kind.name, timeoutMs: kind.timeoutMs }, now)
  }

  #failTask(row: number, failure: Failure, endedAt = 0): void {
    const part = this.rows.extra[row]?.actor
    if (part && this.rows.kind[row] >= 0) part.reason = reasonOf(failure)
    const value = failure.kind === 'code' ? failure.bytes : this.#effects.encode(failure, row)
    const error = failure.kind === 'timeout' ? `ran past ${failure.timeoutMs} ms` : failure.kind
    const isSystem = failure.kind === 'worker-died' || failure.kind === 'out-of-memory' || part?.lostEarly === true
    if (isSystem && this.rows.extra[row]?.home) {
      const { startedAt, thread } = this.rows
      const end = { failed: true, retry: false, system: true, thread: thread[row], startedAt: startedAt[row], endedAt }
      const reason = failure.kind === 'worker-died' ? failure.reason : reasonOf(failure)
      this.#endGuest(row, { ...end, error: reason, holds: [] }, { u8: value, at: 0, bytes: value.length })
      return
    }
    this.#finish(row, true, { u8: value, at: 0, bytes: value.length }, undefined, error, endedAt)
  }

  /** Stops waiting for a running attempt: told to stop; with `force` its thread is ended if it does not. */
  #giveUp(row: number, now: number, force: boolean): void {
    const { rows } = this
    const thread = rows.thread[row]
    const token = rows.token(row)
    if (rows.state[row] !== state.running) {
      this.scheduler.drop(row, now)
      this.#effects.abort(thread, token, force)
      return
    }
    const isCall = rows.actor[row] >= 0
    const actor = isCall ? this.objects.place(this.actors.resolve(rows.actor[row])) : -1
    this.#ghosts.set(token, { kind: this.#kind(row), thread, gpus: rows.extra[row]?.gpus, actor, row })
    this.#effects.abort(thread, token, force)
    if (!force) return
    const isMaker = this.#kind(row).actor !== undefined && this.#isShared(thread)
    const graceMs = isCall ? limits.callGraceMs : isMaker ? limits.makerGraceMs : limits.abortGraceMs
    this.#effects.timer(token, graceMs, 'grace')
  }

  /** An attempt that was given up has left its worker, which has nothing more to say of it. */
  skipped(token: number, thread: number, now: number): void {
    const ghost = this.#ghosts.get(token)
    if (ghost?.thread !== thread) return
    this.#endGhost(token, ghost, now)
    if (ghost.kind.actor && !this.#isShared(thread)) this.scheduler.endThread(thread)
  }

  /**
   * Whether what holds a thread, where that is not known, can be nobody's but those that have to leave it: the call `given`, or -1
   * for actors that are over, had calls that had begun; and nobody else has.
   */
  isAlone(thread: number, given: number, hasBegun: (row: number) => boolean): boolean {
    const { rows, objects, actors } = this
    const actor = this.#ghosts.get(given)?.actor ?? -1
    if (given >= 0 ? actor < 0 : !actors.haveCalls(thread)) return false
    for (let row = 0; row < rows.capacity; row++) {
      const at = rows.state[row]
      if (at < state.running || at > state.resuming || rows.thread[row] !== thread || !hasBegun(row)) continue
      const mine = actor >= 0 && rows.actor[row] >= 0 && objects.place(actors.resolve(rows.actor[row])) === actor
      if (!mine) return false
    }
    return true
  }

  /** Whether several actors live in a thread. */
  #isShared(thread: number): boolean {
    return this.scheduler.threads.get(thread)?.pool === sharedPool
  }

  #endGhost(token: number, ghost: Ghost, now: number): void {
    this.#ghosts.delete(token)
    if (ghost.actor >= 0) {
      this.actors.ghostLeft(ghost.actor, ghost.thread, ghost.kind)
      this.#effects.callLeft(ghost.thread)
    } else this.scheduler.vacate(ghost.thread, ghost.kind, now, ghost.gpus)
  }

  /** Whether a thread is to be ended because of a task that was given up, and that task's name. */
  stoppedOn(thread: number): string | undefined {
    for (const ghost of this.#ghosts.values()) if (ghost.thread === thread) return ghost.kind.name
    return this.actors.overstays(thread)
  }

  /** A worker thread is gone, with everything that ran on it. */
  threadEnded(thread: number, end: ThreadEnd, now: number): void {
    const { rows } = this
    for (const [token, ghost] of this.#ghosts) {
      if (ghost.thread !== thread) continue
      end.stoppedTask ??= ghost.kind.name
      this.#ghosts.delete(token)
      if (ghost.gpus) this.scheduler.giveGpus(ghost.gpus, ghost.kind)
    }
    const { begun, ahead } = this.scheduler.threadEnded(thread)
    const lived = this.actors.threadEnded(thread)
    const calls = new Set([...begun, ...ahead].filter(row => rows.actor[row] >= 0))
    for (const row of ahead) if (!calls.has(row)) this.scheduler.again(row)
    const culprit = end.culprit >= 0 ? rows.rowOf(end.culprit) : -1
    const known = end.stoppedTask !== undefined || culprit >= 0
    const why = (actor: number): string => this.#deathOn(actor, end, culprit)
    for (const row of ahead) if (calls.has(row)) this.#callUnsent(row)
    for (const row of begun) {
      if (calls.has(row)) continue
      const kind = this.#kind(row)
      const innocent = known && row !== culprit
      const attempt = { thread, startedAt: rows.startedAt[row], endedAt: now, error: end.reason }
      const mayRun = innocent ? kind.retries !== 0 : rows.retries[row] !== 0
      if (mayRun) {
        this.#again(row, attempt, !innocent)
        continue
      }
      const stoppedTask = innocent
        ? (end.stoppedTask ?? (culprit >= 0 ? this.#kind(culprit).name : undefined))
        : undefined
      rows.thread[row] = thread
      if (kind.actor) {
        const part = rows.more(row).actor
        if (part) part.lostEarly = true
        this.#failTask(row, { kind: 'actor-died', name: kind.name, reason: why(row) }, now)
      } else this.#failTask(row, workerFailure(kind.name, end, stoppedTask), now)
    }
    const begunCalls = begun.filter(row => calls.has(row)).sort((a, b) => rows.number[a] - rows.number[b])
    for (const row of begunCalls) this.#callLost(row, why(this.actors.resolve(rows.actor[row])), now)
    for (const row of lived) this.#actorLost(row, why(row), true)
    this.actors.advanceRequeued()
  }

  /** The code of a function cannot be loaded at this peer: its task fails. */
  codeFailed(token: number, thread: number, bytes: Uint8Array, now: number): void {
    const row = this.rows.rowOf(token)
    if (row < 0 || this.rows.thread[row] !== thread) return
    this.scheduler.ended(row, 0, false, now)
    this.#failTask(row, { kind: 'code', bytes })
  }

  /** A job is over: nothing of it starts any more, what runs is stopped; finished objects live on while others hold them. */
  endJob(job: number, now: number): void {
    const { rows } = this
    this.#endedJobs.add(job)
    for (const oldest of this.#endedJobs) {
      if (this.#endedJobs.size <= limits.endedJobsKept) break
      this.#endedJobs.delete(oldest)
    }
    const mine = (row: number): boolean => rows.job[row] === job && rows.kind[row] >= 0
    const unstarted: number[] = []
    const running: number[] = []
    for (let row = 0; row < rows.capacity; row++) {
      const at = rows.state[row]
      if (at === state.free || at >= state.ready || !mine(row)) continue
      if (at >= state.granted) running.push(row)
      else unstarted.push(row)
    }
    if (unstarted.length > 0) {
      const set = new Set(unstarted)
      this.scheduler.remove(row => set.has(row))
    }
    for (const row of running) this.#stop(row, now)
    for (const row of [...unstarted, ...running]) {
      if (rows.state[row] === state.free) continue
      if (rows.extra[row]?.home) this.#dropGuest(row)
      else this.#failTask(row, this.#kind(row).actor ? programOver : jobOver, now)
    }
    this.actors.endMany(() => {
      for (const row of [...this.actors.known]) {
        const extra = rows.extra[row]
        if (rows.job[row] !== job || extra?.home || extra?.actor?.detached || rows.state[row] === state.failed) continue
        this.endActor(row, programOver.reason, now)
      }
    })
    this.scheduler.jobEnded(job)
  }

  // ---- actors

  /** Whether an actor has its name. If not, it waits for it. */
  #isNamed(row: number): boolean {
    const part = this.rows.extra[row]?.actor
    if (!part || part.named) return true
    this.rows.state[row] = state.waiting
    part.reason = 'waits for its name'
    this.#effects.claimName(row)
    return false
  }

  /** An actor has got its name. */
  named(row: number): void {
    const part = this.rows.more(row).actor
    if (!part || this.rows.state[row] !== state.waiting) return
    part.named = true
    part.reason = undefined
    this.#queue(row, this.#kind(row))
  }

  /** It has not. */
  unnamed(row: number, failure: Failure): void {
    if (this.rows.state[row] === state.waiting) this.#failTask(row, failure, this.#now)
  }

  /** A handle is of another actor than its own: that which has the name. */
  continueIn(row: number, target: number): void {
    const extra = this.rows.more(row)
    this.objects.hold(target)
    extra.alias = target
    this.#forgetMaking(row)
    this.objects.lives(row)
  }

  /** The owner of an actor says that its handles are of another. */
  continuesIn(row: number, client: number, number: number): void {
    if (this.rows.state[row] !== state.expected) return
    const target = this.objects.rowOfKey(client, number)
    if (target < 0) this.objects.fail(row, { kind: 'actor-died', reason: 'it is over' })
    else {
      this.objects.hold(target)
      this.rows.more(row).alias = target
      this.objects.lives(row)
    }
  }

  /** The encoded arguments of a task. */
  argumentsOf(row: number): Uint8Array {
    const { rows } = this
    const from = row * limits.rowArgumentBytes
    return rows.extra[row]?.arguments ?? rows.arguments.slice(from, from + rows.argumentBytes[row])
  }

  /** The directory places an actor here: it is made of what that keeps. */
  makeDetached(made: DetachedActor, from: Uint8Array, now: number): number {
    const { rows, objects } = this
    const row = rows.add(state.waiting, made.client, -1, made.number, made.kind)
    rows.holders[row] = 1
    rows.submittedAt[row] = now
    rows.job[row] = made.job
    rows.attempt[row] = made.epoch
    rows.retries[row] = 0
    this.#keepArguments(row, { u8: from, at: 0, bytes: from.length })
    this.actors.expect(row)
    const extra = rows.more(row)
    const part = extra.actor as ActorPart
    part.named = true
    part.detached = true
    part.restarts = made.restarts
    part.movable = made.movable
    const holds = objects.rowsOfKeys(made.contained)
    const on = made.dependencies.map(one => (one instanceof Uint8Array ? -1 : (objects.rowsOfKeys(one)[0] ?? -2)))
    for (const there of on) if (there >= 0) holds.push(there)
    for (const held of holds) objects.hold(held)
    extra.holds = holds
    if (made.saved) this.#keepSaved(row, made.saved.value, made.saved.contained)
    if (on.length > 0) {
      extra.dependencies = Int32Array.from(on)
      extra.values = made.dependencies.map(one => (one instanceof Uint8Array ? one : undefined))
      for (const there of on) {
        if (there === -2) {
          this.#failTask(row, { kind: 'actor-died', reason: 'an argument of its constructor is lost' }, now)
          return row
        }
        if (there < 0 || objects.settled(there)) continue
        extra.missing++
        objects.awaitFor(there, rows.token(row))
      }
    }
    if (extra.missing === 0) this.#queue(row, this.#kind(row))
    return row
  }

  /** The directory has placed it elsewhere, or nowhere: it ends here. */
  endDetached(row: number, reason: string, now: number): void {
    if (this.rows.state[row] === state.free || this.rows.state[row] === state.failed) return
    this.objects.hold(row)
    const part = this.rows.more(row).actor
    if (part) part.detached = false
    if (this.rows.state[row] >= state.ready) {
      this.actors.stop(row, reason)
      this.objects.ends(row, { kind: 'actor-died', name: this.#kind(row).name, reason })
    } else {
      this.#stop(row, now)
      this.#failTask(row, { kind: 'actor-died', name: this.#kind(row).name, reason }, now)
    }
    this.objects.letGo(row)
    this.objects.letGo(row)
  }

  /** An actor has been made by a worker of this peer. */
  #actorMade(row: number, thread: number, now: number): void {
    const { rows } = this
    const kind = this.#kind(row)
    const extra = rows.more(row)
    const { gpus, home } = extra
    if (gpus) extra.gpus = undefined
    this.scheduler.installed(row, now)
    this.actors.alive(row, { thread, kind, gpus, shares: this.#isShared(thread) })
    if (home) {
      this.exchange.guestWent(home.peer, kind)
      rows.state[row] = state.ready
      const end = { failed: false, retry: false, system: false, startedAt: now, endedAt: now, error: undefined }
      this.#effects.answerStored(row, { ...end, thread, holds: [] }, rows.attempt[row])
      this.#forgetMaking(row)
      return
    }
    // How it was made is kept as long as it may be made anew.
    this.objects.hold(row)
    if (rows.retries[row] !== 0) this.lineage.keep(row, extra.holds ?? [])
    else this.#forgetMaking(row)
    if (extra.holds) extra.holds = undefined
    this.objects.lives(row)
    if (extra.actor?.detached) this.#effects.detachedMade(row)
    this.objects.letGo(row)
  }

  #forgetMaking(row: number): void {
    const extra = this.rows.more(row)
    const { holds } = extra
    // What it never had it is not given: there are many of them.
    if (holds) extra.holds = undefined
    if (extra.arguments) extra.arguments = undefined
    if (extra.dependencies) extra.dependencies = undefined
    if (extra.values) extra.values = undefined
    if (holds) for (const held of holds) this.objects.letGo(held)
  }

  /** Nobody holds an actor that has not begun to live: it need not. */
  #abandonActor(row: number): void {
    this.objects.hold(row)
    this.#stop(row, this.#now)
    this.#failTask(row, { kind: 'actor-died', reason: 'nobody had a handle of it any more' }, this.#now)
    this.objects.letGo(row)
  }

  /** An actor that lived here, or at another peer for this one, is no more. */
  #actorLost(row: number, reason: string, mayRestart: boolean, free = false): void {
    const { rows } = this
    const extra = rows.more(row)
    if (extra.home) {
      this.#effects.actorLost(row, reason, mayRestart, free)
      rows.state[row] = state.failed
      this.#returnCalls(row)
      this.objects.letGo(row)
      return
    }
    const part = extra.actor
    if (!part) return
    part.reason = reason
    this.objects.hold(row)
    if (part.detached) {
      part.detached = false
      this.#effects.detachedLost(row, reason, mayRestart)
      this.objects.ends(row, { kind: 'actor-died', name: this.#kind(row).name, reason })
      this.objects.letGo(row)
      this.objects.letGo(row)
      return
    }
    const obstacle = mayRestart ? this.lineage.makeAgain(row, reason) : 'it is not to be made anew'
    if (obstacle !== undefined) this.objects.ends(row, { kind: 'actor-died', name: this.#kind(row).name, reason })
    this.objects.letGo(row)
  }

  /** The peer that hosted an actor for this one says that it is no more. `free`: to make it anew costs no restart. */
  hostedLost(row: number, peer: number, reason: string, mayRestart: boolean, free = false): void {
    const { rows } = this
    const extra = row < 0 ? undefined : rows.extra[row]
    if (!extra?.actor || rows.state[row] !== state.remote || extra.locations?.[0]?.peer !== peer) return
    extra.locations = undefined
    if (free && rows.retries[row] > 0) rows.retries[row]++
    this.#actorLost(row, reason, mayRestart)
  }

  /** Whether a row of this peer's is an actor that has restarts left. */
  mayRestart(row: number): boolean {
    return this.rows.retries[row] !== 0 && this.#kind(row).actor !== undefined
  }

  /** Whether an actor that lives here may be made anew elsewhere, as far as is known here. */
  mayMove(row: number): boolean {
    const { rows } = this
    const { home, actor } = rows.more(row)
    if (actor?.detached || home) return actor?.movable === true
    return rows.retries[row] !== 0
  }

  /** An actor that lives here goes on at another peer: it costs none of its restarts. */
  moveActor(row: number, reason: string): void {
    const { rows } = this
    this.objects.hold(row)
    this.actors.stop(row, reason)
    this.#returnCalls(row)
    if (rows.retries[row] > 0) rows.retries[row]++
    this.#actorLost(row, reason, true, true)
    this.objects.letGo(row)
  }

  /** An actor that lives here, of whoever, is over. */
  expelActor(row: number, reason: string): void {
    this.objects.hold(row)
    this.actors.stop(row, reason)
    this.#actorLost(row, reason, false)
    this.objects.letGo(row)
  }

  /** A placement group is gone: so are the actors that live in it. */
  #groupRemoved(group: string, kinds: ReadonlySet<Kind>, reason: string): void {
    const { rows } = this
    for (const row of [...this.actors.known]) {
      const kind = this.#kind(row)
      const inGroup = kinds.has(kind) || (kind.bundle?.group === group && !kind.guest)
      if (!inGroup || rows.extra[row]?.home || rows.state[row] < state.ready || rows.state[row] === state.failed)
        continue
      this.objects.hold(row)
      this.actors.stop(row, `its placement group was removed: ${reason}`)
      const part = rows.more(row).actor
      if (part) part.reason = `its placement group was removed: ${reason}`
      this.objects.ends(row, { kind: 'group-removed', name: kind.name, group, reason })
      this.objects.letGo(row)
    }
  }

  /** Ends an actor of this peer's, whatever it does. `restart`: it is made anew, if it may. */
  endActor(row: number, reason: string, now: number, restart = false): void {
    const { rows } = this
    if (rows.state[row] === state.failed || rows.state[row] === state.free) return
    const lives = rows.state[row] >= state.ready
    this.objects.hold(row)
    if (lives) {
      this.actors.stop(row, reason)
      this.#actorLost(row, reason, restart)
    } else if (!restart) {
      this.#stop(row, now)
      this.#failTask(row, { kind: 'actor-died', name: this.#kind(row).name, reason }, now)
    }
    this.objects.letGo(row)
  }

  /** An actor that lives here has ended itself. */
  actorLeft(token: number, thread: number, how: { exit: boolean; code: number }, now: number): void {
    const row = this.rows.rowOf(token)
    if (row < 0 || this.rows.thread[row] !== thread) return
    const reason = how.exit ? `it called process.exit(${how.code})` : 'it ended itself by exitActor()'
    if (!this.actors.on(thread).has(row)) {
      if (this.rows.state[row] !== state.running) return
      this.scheduler.ended(row, 0, false, now)
      this.#failTask(row, { kind: 'actor-died', name: this.#kind(row).name, reason }, now)
      return
    }
    this.actors.stop(row, reason)
    this.#actorLost(row, reason, how.exit)
  }

  /** A hosted actor is to end: its home says so. */
  endHosted(row: number, reason: string, now: number): void {
    if (this.rows.state[row] < state.ready) {
      this.#stop(row, now)
      this.#dropGuest(row)
      return
    }
    this.actors.stop(row, reason)
    this.#returnCalls(row)
    this.objects.letGo(row)
  }

  /** Calls of other peers that wait for an actor which lives here no more go back: its owner says where it is. */
  #returnCalls(actor: number): void {
    for (const row of this.actors.takeGuests(actor)) {
      const home = this.rows.extra[row]?.home
      if (home) this.#effects.notHere(home.peer, home.token)
      this.#dropGuest(row)
    }
  }

  /** An actor that lives here has saved its state. */
  actorSaved(token: number, thread: number, value: Uint8Array, contained: readonly number[]): void {
    const row = this.rows.rowOf(token)
    if (row < 0 || !this.actors.on(thread).has(row)) return
    this.#keepSaved(row, value, contained)
    if (this.rows.extra[row]?.actor?.detached) this.#effects.detachedSaved(row)
    if (this.rows.extra[row]?.home)
      this.#effects.actorSaved(row, value, this.rows.extra[row]?.actor?.saved?.holds ?? [])
  }

  /** The peer that hosts an actor for this one says what it has saved. */
  hostedSaved(row: number, peer: number, value: Uint8Array, contained: readonly number[]): void {
    if (row < 0 || this.rows.extra[row]?.locations?.[0]?.peer !== peer) return
    this.#keepSaved(row, value, contained)
  }

  #keepSaved(row: number, value: Uint8Array, contained: readonly number[]): void {
    const part = this.rows.extra[row]?.actor
    if (!part) return
    const holds = this.objects.rowsOfKeys(contained)
    for (const held of holds) this.objects.hold(held)
    const old = part.saved?.holds ?? []
    part.saved = { value, holds }
    for (const held of old) this.objects.letGo(held)
  }

  /** A call that had begun was lost with its actor: made again, if it may, or it fails. Whether it had begun. */
  #callLost(row: number, reason: string, now: number): boolean {
    const { rows } = this
    const at = rows.state[row]
    const kind = this.#kind(row)
    if (at === state.queued || (at === state.running && this.#effects.revoke(rows.thread[row], row))) {
      this.#callUnsent(row)
      return false
    }
    const extra = rows.more(row)
    const peerId = at === state.granted ? this.peers.get(rows.peer[row]).peerId : undefined
    const attempt: Attempt = {
      thread: rows.thread[row],
      startedAt: rows.startedAt[row],
      endedAt: now,
      error: reason,
      ...(peerId === undefined ? {} : { at: { peerId, workerId: '', pid: 0 } }),
    }
    if (extra.home) {
      const value = this.#effects.encode({ kind: 'actor-died', reason }, row)
      const { startedAt, thread } = rows
      const end = { failed: true, retry: false, system: true, lost: true, thread: thread[row], error: reason }
      const from = { u8: value, at: 0, bytes: value.length }
      this.#endGuest(row, { ...end, startedAt: startedAt[row], endedAt: now, holds: [] }, from)
      return true
    }
    const mayRun = rows.retries[row] !== 0
    const peer = rows.peer[row]
    if (at === state.granted) {
      this.actors.lost(row)
      if (!mayRun) this.#ungrant(peer, row, undefined, true)
    }
    if (mayRun) {
      this.#again(row, attempt, true, kind)
      if (at === state.granted) this.#ungrant(peer, row, undefined, true)
    } else {
      extra.attempts ??= []
      extra.attempts.push(attempt)
      this.#failTask(row, { kind: 'actor-died', reason }, now)
    }
    return true
  }

  /** A call that had not begun has its place among those that wait again. */
  #callUnsent(row: number): void {
    const { rows } = this
    const home = rows.extra[row]?.home
    rows.thread[row] = -1
    if (home) {
      this.#effects.notHere(home.peer, home.token)
      this.#dropGuest(row)
    } else this.actors.ready(row)
  }

  /** Why an actor died whose worker ended. */
  #deathOn(actor: number, end: ThreadEnd, culprit: number): string {
    const { rows } = this
    const mine =
      culprit >= 0 &&
      (culprit === actor || (rows.actor[culprit] >= 0 && this.actors.resolve(rows.actor[culprit]) === actor))
    const what = end.isProcess ? 'process' : 'thread'
    if (end.outOfMemory)
      return `it took ${end.outOfMemory.usedBytes} bytes of memory, more than its ${end.outOfMemory.limitBytes}`
    const how = end.signal ? `signal ${end.signal}` : end.reason
    const by = end.stoppedTask ?? (culprit >= 0 && !mine ? this.#kind(culprit).name : undefined)
    const because = by === undefined ? how : `${how}, because of ${by}, which ran on it`
    return `its ${what} ended: ${because}`
  }

  /** Called for a method that held a shared thread. */
  onBlocked: (row: number, durationMs: number) => void = () => undefined

  /** A call held its thread for so long that others waited: later instances of its class have threads of their own. */
  #blocks(row: number, durationMs: number): void {
    const place = this.objects.place(this.actors.resolve(this.rows.actor[row]))
    const instance = this.rows.extra[place]?.actor?.instance
    if (!instance || instance.kind.pool !== sharedPool) return
    instance.kind.pool = ownPool
    this.onBlocked(row, Math.round(durationMs))
  }

  /** Tasks that are not finished, from row `from` on. */
  *liveTasks(from = 0): Iterable<number> {
    const { rows } = this
    for (let row = from; row < rows.capacity; row++) {
      if (rows.state[row] >= state.waiting && rows.state[row] <= state.resuming && rows.kind[row] >= 0) yield row
    }
  }

  /** Whether any task is not finished. */
  get busy(): boolean {
    for (const _ of this.liveTasks()) return true
    return this.#ghosts.size > 0
  }

  /** Whether any task runs here, or waits for this peer alone. */
  get busyHere(): boolean {
    const { rows } = this
    for (const row of this.liveTasks()) {
      const at = rows.state[row]
      if (at >= state.running || (at === state.queued && this.#kind(row).here)) return true
    }
    return this.#ghosts.size > 0
  }

  /** A client is gone. */
  detach(client: Client): void {
    this.clients.delete(client.id)
    this.products.readerGone(client.id)
    this.objects.detach(client)
  }
}

/** How an attempt ended, as its record says it. */
export interface TaskEnd {
  failed: boolean
  retry: boolean
  awaited: boolean
  /** Place in the store, or -1. */
  offset: number
  bytes: number
  contained: readonly number[]
  startedAt: number
  endedAt: number
  /** For people: the error in a line. */
  error: string | undefined
  /** It held its thread for long. */
  blocked?: boolean
}
