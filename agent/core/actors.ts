import type { Client } from './clients.ts'
import { DeadActors } from './dead-actors.ts'
import type { ActorKind, Kind } from './kinds.ts'
import { limits } from './limits.ts'
import type { Objects } from './objects.ts'
import { type Location, type Rows, state } from './rows.ts'

/** What a row that stands for an actor has besides: one of this peer's, one that lives here for another, or a borrowed one. */
export interface ActorPart {
  /** Of one that lives here. */
  instance?: Instance | undefined
  /** Calls that wait, by who makes them; each in the order of their numbers. */
  queues?: Map<number, number[]> | undefined
  /** Calls of this peer's programs that have not ended. */
  pending: number
  /** It alone: what a call holds that names nothing else. Not to be changed. */
  alone?: number[]
  /** How often it was made anew. */
  restarts: number
  /** Why it is no more, or what it waits for. */
  reason?: string | undefined
  /** It is looked for again after a while. */
  looking?: boolean
  /** Its queues are gone through. */
  advancing?: boolean
  /** It has its name, or needs none. */
  named?: boolean
  /** Of one that lives here for others: it may be made anew elsewhere. */
  movable?: boolean
  /** It is about to move: calls wait, for a while. */
  moving?: boolean
  /** It lives here for the directory, which says what becomes of it. */
  detached?: boolean
  /** It was lost before it lived, by what is no fault of its own. */
  lostEarly?: boolean
  /** It is known to be over. */
  buried?: boolean
  /** What it saved last, and what that holds. */
  saved?: { value: Uint8Array; holds: readonly number[] } | undefined
  /** Calls of this peer's programs that other peers have. */
  granted: number
  /** Where it was last heard of is not where it is: calls wait until those that were sent there have come back, and its owner has said where it is. */
  stale?: boolean
}

/** An actor that lives in a worker of this peer. */
export interface Instance {
  readonly thread: number
  readonly kind: Kind
  readonly gpus: readonly number[] | undefined
  /** Calls that were sent and have not ended: in all, and by group; those of the default group are the rest. */
  calls: number
  sent: Map<string, number> | undefined
  /** Calls whose turn it is, and which wait until their group has fewer, by group. */
  held: Map<string, number[]> | undefined
  /** It shares its worker with others. */
  readonly shares: boolean
  /** Calls of it that had begun when it was told that it is over. */
  had?: ReadonlySet<number>
  /** Its worker was told that it is over. */
  ending: boolean
}

/** What the core of actors has done by the owner and its shell. */
export interface ActorEffects {
  /** Sends a call to the worker in which its actor lives. */
  run(thread: number, row: number, actor: number): void
  /** Grants a call to the peer where its actor lives. */
  grant(peer: number, row: number): void
  /** Whether that peer is linked. */
  reaches(peer: number): boolean
  /** Calls `lookAgain` after a while. */
  timer(token: number, delayMs: number): void
  /** A call fails like its actor. */
  failLike(row: number, actor: number): void
  /** A call that was sent is to be made again. Whether it had begun. */
  again(row: number, reason: string): boolean
  /** Tokens of calls of an actor that were given up and have not left its worker. */
  givenUp(actor: number): readonly number[]
  /** Tells a worker that an actor in it is over: `dismissed` follows. */
  dismiss(thread: number, token: number): void
  endThread(thread: number): void
  /** Nothing of it runs any more: what it was granted is free. */
  uninstall(instance: Instance): void
  /** The peer that hosts an actor for this one is to end it. */
  endAt(location: Location, reason: string): void
}

/** The caller whose calls are those of another peer's caller. */
const PEER_CALLERS = 2 ** 41

/**
 * Actors (api.md §5). A row stands for an actor as another stands for an object: who holds it keeps the actor alive, where it
 * lives is its location, a restart is what lineage is for values. This core keeps the order of each caller's calls, finds where
 * they go, and ends what nobody holds. Pure.
 */
export class Actors {
  readonly #rows: Rows
  readonly #objects: Objects
  readonly #kinds: readonly (Kind | undefined)[]
  readonly #effects: ActorEffects
  /** Those of this peer's that are over. */
  readonly dead = new DeadActors()
  /** Instances in each worker: the rows that stand for them. */
  readonly #onThread = new Map<number, Set<number>>()

  constructor(parts: {
    rows: Rows
    objects: Objects
    kinds: readonly (Kind | undefined)[]
    effects: ActorEffects
  }) {
    this.#rows = parts.rows
    this.#objects = parts.objects
    this.#kinds = parts.kinds
    this.#effects = parts.effects
    this.#objects.onActorSettled = row => this.#settled(row)
    this.#objects.onActorFreed = row => this.#freed(row)
  }

  #part(row: number): ActorPart {
    const extra = this.#rows.more(row)
    extra.actor ??= { pending: 0, restarts: 0, granted: 0 }
    return extra.actor
  }

  #kind(row: number): Kind {
    return this.#kinds[this.#rows.kind[row]] as Kind
  }

  // ---- making

  /** A row is going to be an actor. `movable`: of another peer's, that may be made anew elsewhere. */
  expect(row: number, movable = false): void {
    const part = this.#part(row)
    if (movable) part.movable = true
  }

  /** It lives, in a worker of this peer. */
  alive(row: number, at: Pick<Instance, 'thread' | 'kind' | 'gpus' | 'shares'>): void {
    const { thread } = at
    const part = this.#part(row)
    part.instance = { ...at, calls: 0, sent: undefined, held: undefined, ending: false }
    this.#rows.more(row).bytes = this.#rows.attempt[row]
    if (part.reason !== undefined) part.reason = undefined
    if (part.moving) part.moving = false
    let there = this.#onThread.get(thread)
    if (!there) {
      there = new Set()
      this.#onThread.set(thread, there)
    }
    there.add(row)
  }

  /** Whether an actor lives here under this row, in this incarnation, and is not about to move. */
  isHere(row: number, epoch: number): boolean {
    return this.takes(row, epoch) && !this.#rows.extra[row]?.actor?.moving
  }

  /** Whether calls of an actor may come here: one that is about to move may have yet to take them. */
  takes(row: number, epoch: number): boolean {
    const extra = row < 0 ? undefined : this.#rows.extra[row]
    return extra?.actor?.instance?.ending === false && extra.bytes === epoch
  }

  /** Every actor that lives here. */
  *instances(): Iterable<{ row: number; part: ActorPart; instance: Instance }> {
    for (const there of [...this.#onThread.values()]) {
      for (const row of [...there]) {
        const part = this.#rows.extra[row]?.actor
        if (part?.instance) yield { row, part, instance: part.instance }
      }
    }
  }

  /** Actors that live here for other peers: for whom, and in which workers. */
  *hosted(): Iterable<{ peer: number; thread: number }> {
    for (const [thread, there] of this.#onThread) {
      for (const row of there) {
        const home = this.#rows.extra[row]?.home
        if (home) {
          // Those in one thread are of one job, and so of one owner.
          yield { peer: home.peer, thread }
          break
        }
      }
    }
  }

  /** Rows of the actors in a worker. */
  on(thread: number): ReadonlySet<number> {
    return this.#onThread.get(thread) ?? none
  }

  // ---- calls

  /** A call of a client's: who makes it, and of which actor. Its actor is held until it ends. */
  called(row: number, actor: number, client: Client, parent: number): ActorPart {
    const rows = this.#rows
    rows.actor[row] = actor
    const part = this.#part(actor)
    part.pending++
    if (parent < 0) rows.caller[row] = -1 - client.id
    else {
      const caller = rows.actor[parent] < 0 ? -1 : this.#objects.place(rows.actor[parent])
      rows.caller[row] = caller < 0 ? rows.token(parent) : 2 ** 40 + rows.token(caller)
    }
    return part
  }

  /** A call that another peer sends. */
  calledFrom(row: number, actor: number, peer: number, caller: number): void {
    this.#rows.actor[row] = actor
    this.#part(actor)
    this.#rows.caller[row] = ((peer % 2047) + 1) * PEER_CALLERS + caller
  }

  /** A call whose arguments are there: it goes when those before it have gone, and its actor is found. */
  ready(row: number): void {
    const rows = this.#rows
    rows.state[row] = state.waiting
    const actor = rows.actor[row]
    const part = this.#part(actor)
    const queue = part.queues?.get(rows.caller[row])
    const token = rows.token(row)
    if (!queue) {
      if (this.#dispatch(row, actor)) return
      part.queues ??= new Map()
      part.queues.set(rows.caller[row], [token])
      return
    }
    if (!queue.includes(token)) this.#insert(queue, row)
    this.#advance(actor, part, rows.caller[row])
  }

  /** A call whose arguments are not there yet has its place. */
  waits(row: number): void {
    const rows = this.#rows
    const part = this.#part(rows.actor[row])
    part.queues ??= new Map()
    const queue = part.queues.get(rows.caller[row])
    if (queue) this.#insert(queue, row)
    else part.queues.set(rows.caller[row], [rows.token(row)])
  }

  /** The actor of a call that waits may be over: then that waits for no argument. */
  look(row: number): void {
    const actor = this.#rows.actor[row]
    if (this.#rows.state[this.resolve(actor)] === state.failed)
      this.#advance(actor, this.#part(actor), this.#rows.caller[row])
  }

  /** By number: one that is made again goes before those that were made after it. */
  #insert(queue: number[], row: number): void {
    const rows = this.#rows
    let at = queue.length
    for (; at > 0; at--) {
      const before = rows.rowOf(queue[at - 1])
      if (before >= 0 && rows.number[before] < rows.number[row]) break
    }
    if (at === queue.length) queue.push(rows.token(row))
    else queue.splice(at, 0, rows.token(row))
  }

  #advance(actor: number, part: ActorPart, caller: number): void {
    const rows = this.#rows
    const queue = part.queues?.get(caller)
    if (!queue || part.advancing) return
    part.advancing = true
    let done = 0
    for (; done < queue.length; done++) {
      const row = rows.rowOf(queue[done])
      if (row < 0 || rows.state[row] !== state.waiting) continue
      const lacks = (rows.extra[row]?.missing ?? 0) > 0 && rows.state[this.resolve(actor)] !== state.failed
      if (lacks || !this.#dispatch(row, actor)) break
    }
    part.advancing = false
    if (done === queue.length) part.queues?.delete(caller)
    else if (done > 0) queue.splice(0, done)
  }

  /** Its place is known, or it is no more: those that wait go. */
  #settled(actor: number): void {
    const part = this.#rows.extra[actor]?.actor
    if (!part) return
    if (part.stale && part.granted === 0) part.stale = false
    if (this.#rows.state[actor] === state.failed) this.#bury(actor, part)
    else if (part.buried) part.buried = false
    this.#objects.hold(actor)
    this.#advanceAll(actor, part)
    for (const named of [...(this.#followers.get(actor) ?? [])]) {
      const following = this.#rows.extra[named]?.actor
      if (following) this.#advanceAll(named, following)
    }
    this.#objects.letGo(actor)
  }

  #advanceAll(actor: number, part: ActorPart): void {
    for (const caller of [...(part.queues?.keys() ?? [])]) this.#advance(actor, part, caller)
  }

  /** The row that says where an actor is: another one where this continues in that. */
  resolve(actor: number): number {
    const { extra } = this.#rows
    let at = actor
    for (let next = extra[at]?.alias; next !== undefined; next = extra[at]?.alias) at = next
    return at
  }

  /** Sends a call where its actor lives. False: that is not known yet. */
  #dispatch(row: number, named: number): boolean {
    const rows = this.#rows
    const objects = this.#objects
    const actor = this.resolve(named)
    if (actor !== named) this.#follow(named, actor)
    objects.checkPlace(actor)
    const at = rows.state[actor]
    if (at === state.failed) {
      this.#effects.failLike(row, actor)
      return true
    }
    const place = objects.place(actor)
    const instance = rows.extra[place]?.actor?.instance
    if (instance) {
      if (instance.ending || rows.extra[place]?.actor?.moving || !this.#gathered(row)) return false
      this.#send(row, place, instance)
      return true
    }
    const location = rows.extra[actor]?.locations?.[0]
    const part = this.#part(actor)
    if (part.stale || part.looking) return false
    if (at === state.remote && location) {
      if (!this.#effects.reaches(location.peer)) {
        this.#lookLater(actor, part)
        return false
      }
      part.granted++
      this.#effects.grant(location.peer, row)
      return true
    }
    if (at === state.gone) objects.needAgain(actor)
    objects.ask(actor)
    return false
  }

  /** The peer where an actor lives is not linked: not yet, or it is gone, which its owner is about to notice. */
  #lookLater(actor: number, part: ActorPart, delayMs: number = limits.lookAgainMs): void {
    if (part.looking) return
    part.looking = true
    this.#effects.timer(this.#rows.token(actor), delayMs)
  }

  /** Time to look again. */
  lookAgain(actor: number): void {
    const part = this.#rows.extra[actor]?.actor
    if (!part) return
    part.looking = false
    const location = this.#rows.extra[actor]?.locations?.[0]
    if (location && !this.#effects.reaches(location.peer)) this.#forgetPlace(actor)
    this.#settled(actor)
  }

  /** Those that were about to move have yet to stay: calls that wait for that go to them. */
  stay(actors: ReadonlySet<number>): void {
    const rows = this.#rows
    for (const row of actors) {
      const part = rows.extra[row]?.actor
      if (part) part.moving = false
    }
    for (let named = 0; named < rows.capacity; named++) {
      const waiting = rows.state[named] === state.free ? undefined : rows.extra[named]?.actor
      if (waiting?.queues && actors.has(this.#objects.place(this.resolve(named)))) this.#advanceAll(named, waiting)
    }
  }

  /** What waits for an actor that goes on in another row waits for that. */
  #follow(named: number, actor: number): void {
    const followers = this.#followers.get(actor)
    if (followers) followers.add(named)
    else this.#followers.set(actor, new Set([named]))
  }

  readonly #followers = new Map<number, Set<number>>()

  /** Where a call goes that is granted: what its actor is called there, and in which incarnation. */
  target(row: number): { token: number; epoch: number; caller: number } {
    const rows = this.#rows
    const actor = this.resolve(rows.actor[row])
    const location = rows.extra[actor]?.locations?.[0]
    return { token: location?.token ?? -1, epoch: rows.extra[actor]?.bytes ?? 0, caller: rows.caller[row] }
  }

  /** Whether all stored arguments are in the store here; what is not is fetched. */
  #gathered(row: number): boolean {
    const rows = this.#rows
    const objects = this.#objects
    const extra = rows.extra[row]
    if (!extra?.dependencies) return true
    let missing = 0
    for (const on of new Set(extra.dependencies)) {
      if (on < 0) continue
      objects.checkPlace(on)
      if (rows.state[on] === state.failed) {
        this.#effects.failLike(row, on)
        return false
      }
      if (!objects.settled(on)) {
        missing++
        objects.awaitFor(on, rows.token(row))
        continue
      }
      if (rows.extra[on]?.value) continue
      const place = objects.place(on)
      const there = rows.more(place)
      if (there.offset >= 0) continue
      missing++
      there.waiters ??= []
      there.waiters.push(rows.token(row))
      objects.pull(place, true)
    }
    extra.missing = missing
    return missing === 0
  }

  /** The group in which a call runs. */
  #groupOf(row: number, { kind }: Instance): string {
    return groupOf(this.#kind(row), kind.actor as ActorKind)
  }

  #send(row: number, actor: number, instance: Instance): void {
    const group = this.#groupOf(row, instance)
    const sent = sentOf(instance, group)
    const { maxConcurrency, groups } = instance.kind.actor as ActorKind
    const limit = (group === '' ? maxConcurrency : (groups[group] ?? maxConcurrency)) + limits.callsAhead
    if (sent >= limit) {
      instance.held ??= new Map()
      const held = instance.held.get(group)
      if (held) held.push(this.#rows.token(row))
      else instance.held.set(group, [this.#rows.token(row)])
      this.#rows.state[row] = state.queued
      return
    }
    instance.calls++
    if (group !== '') {
      instance.sent ??= new Map()
      instance.sent.set(group, sent + 1)
    }
    this.#sendNow(row, actor, instance)
  }

  #sendNow(row: number, actor: number, { thread }: Instance): void {
    const rows = this.#rows
    rows.state[row] = state.running
    rows.thread[row] = thread
    for (const on of rows.extra[row]?.dependencies ?? []) {
      if (on >= 0 && !rows.extra[on]?.value) this.#objects.pin(this.#objects.place(on), this.views(row))
    }
    this.#effects.run(thread, row, rows.token(actor))
  }

  /** Whether a method reads its arguments in place. */
  views: (row: number) => boolean = () => false

  /** A call that was sent to a worker of this peer has ended there, or was taken back: another has its turn. */
  left(row: number): void {
    const named = this.#rows.actor[row]
    if (named >= 0) this.leftOf(this.#objects.place(this.resolve(named)), row)
  }

  leftOf(actor: number, row: number): void {
    const instance = this.#rows.extra[actor]?.actor?.instance
    if (!instance || instance.thread !== this.#rows.thread[row]) return
    this.#leftGroup(actor, instance, this.#groupOf(row, instance))
  }

  #leftGroup(actor: number, instance: Instance, group: string): void {
    const rows = this.#rows
    const held = instance.held?.get(group)
    for (let token = held?.shift(); token !== undefined; token = held?.shift()) {
      const next = rows.rowOf(token)
      if (next < 0 || rows.state[next] !== state.queued || rows.actor[next] < 0) continue
      this.#sendNow(next, actor, instance)
      return
    }
    instance.calls--
    if (group !== '') instance.sent?.set(group, (instance.sent.get(group) ?? 1) - 1)
  }

  /** A call that was given up has left its worker. */
  ghostLeft(actor: number, thread: number, kind: Kind): void {
    const instance = this.#rows.extra[actor]?.actor?.instance
    if (instance?.thread !== thread) return
    this.#leftGroup(actor, instance, groupOf(kind, instance.kind.actor as ActorKind))
  }

  /** A call has come to its end, as its client sees it. */
  ended(row: number): void {
    const actor = this.#rows.actor[row]
    const part = actor < 0 ? undefined : this.#rows.extra[actor]?.actor
    if (part && part.pending > 0) part.pending--
    this.unqueue(row)
  }

  /** A call that is over waits for nothing: those behind it go. */
  unqueue(row: number): void {
    const rows = this.#rows
    const actor = rows.actor[row]
    const part = actor < 0 || rows.state[row] !== state.waiting ? undefined : rows.extra[actor]?.actor
    const queue = part?.queues?.get(rows.caller[row])
    if (!part || !queue || part.advancing) return
    const at = queue.indexOf(rows.token(row))
    if (at >= 0) queue.splice(at, 1)
    this.#advance(actor, part, rows.caller[row])
  }

  /** Calls that wait for an actor which lives here no more: of other peers'. */
  takeGuests(actor: number): number[] {
    const rows = this.#rows
    const queues = rows.extra[actor]?.actor?.queues
    const taken: number[] = []
    for (const [caller, queue] of queues ?? []) {
      const others = queue.filter(token => {
        const row = rows.rowOf(token)
        const isGuest = row >= 0 && rows.extra[row]?.home !== undefined
        if (isGuest && rows.state[row] === state.waiting) taken.push(row)
        return !isGuest
      })
      if (others.length > 0) queues?.set(caller, others)
      else queues?.delete(caller)
    }
    return taken
  }

  /** A call's actor is not where the call was sent: nothing goes there until all that was sent has come back. */
  lost(row: number): void {
    this.#part(this.resolve(this.#rows.actor[row])).stale = true
  }

  /** A call that another peer had came back from it, however. `lost`: there is no such actor there any more. */
  back(row: number, lost: boolean): void {
    const rows = this.#rows
    const actor = this.resolve(rows.actor[row])
    const part = this.#part(actor)
    if (part.granted > 0) part.granted--
    if (lost) part.stale = true
    if (!part.stale || part.granted > 0) return
    // All have come back: the owner says where it is now. It may not know yet.
    part.stale = false
    this.#forgetPlace(actor)
    if (rows.state[actor] === state.expected && part.queues) this.#lookLater(actor, part, limits.strayMs)
    else this.#settled(actor)
  }

  #forgetPlace(actor: number): void {
    const rows = this.#rows
    const extra = rows.more(actor)
    if (rows.state[actor] !== state.remote || !this.#objects.isForeign(actor)) return
    extra.locations = undefined
    extra.wanted = false
    rows.state[actor] = state.expected
  }

  // ---- ends

  /** Takes an actor of this peer's own from where it is. What comes next is the caller's to say. */
  stop(row: number, reason: string): void {
    const rows = this.#rows
    const extra = rows.more(row)
    if (extra.actor?.instance) this.#endInstance(row, reason)
    const { locations } = extra
    extra.locations = undefined
    for (const location of locations ?? []) this.#effects.endAt(location, reason)
  }

  /** Nobody holds it any more. */
  #freed(row: number): void {
    const part = this.#rows.extra[row]?.actor
    if (part) this.#bury(row, part)
    const followed = this.#rows.extra[row]?.alias
    if (followed !== undefined) this.#followers.get(followed)?.delete(row)
    if (part?.instance) this.#endInstance(row, 'nobody had a handle of it any more')
    const holds = part?.saved?.holds
    if (part) part.saved = undefined
    for (const held of holds ?? []) this.#objects.letGo(held)
  }

  /** One of this peer's is over: the state shows it for a while, its name is free. */
  #bury(row: number, part: ActorPart): void {
    const { kind, extra, client, number, job } = this.#rows
    if (part.buried || kind[row] < 0 || extra[row]?.home || extra[row]?.alias !== undefined) return
    // Of a detached one the directory says when it is over.
    if (this.#objects.isForeign(row)) return
    part.buried = true
    const reason = part.reason ?? 'nobody had a handle of it any more'
    const { restarts } = part
    this.dead.add({ client: client[row], number: number[row], kind: kind[row], job: job[row], restarts, reason })
    this.onOver(row)
  }

  /** Called for an actor of this peer's that is over. */
  onOver: (row: number) => void = () => undefined

  /** Ends an actor that lives here: calls that are there fail or go back, and its worker is told. */
  #endInstance(row: number, reason: string): void {
    const part = this.#part(row)
    const { instance } = part
    if (!instance) return
    const { thread } = instance
    part.instance = undefined
    this.#onThread.get(thread)?.delete(row)
    if (instance.calls > 0) this.#endCalls(row, instance, reason)
    if (instance.shares) {
      const token = this.#rows.token(row)
      this.#dismissing.set(token, instance)
      this.#effects.dismiss(thread, token)
      return
    }
    this.#effects.uninstall(instance)
    this.#effects.endThread(thread)
  }

  /** Instances whose workers have been told that they are over, by token. */
  readonly #dismissing = new Map<number, Instance>()

  /** A worker says that nothing of an actor runs there any more. */
  dismissed(token: number): void {
    const instance = this.#dismissing.get(token)
    if (!instance) return
    this.#dismissing.delete(token)
    this.#effects.uninstall(instance)
  }

  /** Which of the actors that have yet to leave a thread was told first, by its token. */
  firstDismissed(thread: number): number | undefined {
    for (const [token, instance] of this.#dismissing) if (instance.thread === thread) return token
    return undefined
  }

  /** Whether a call is one that an actor had when it was told to leave a thread. */
  isOfDismissed(thread: number, call: number): boolean {
    for (const { thread: on, had } of this.#dismissing.values()) if (on === thread && had?.has(call)) return true
    return false
  }

  /** Whether actors that are to leave a thread had calls that had begun. */
  haveCalls(thread: number): boolean {
    for (const { thread: on, had } of this.#dismissing.values()) if (on === thread && had?.size) return true
    return false
  }

  /** An actor that has had its time to leave a thread, by the name of its class. */
  overstays(thread: number): string | undefined {
    for (const { thread: on, kind } of this.#dismissing.values()) if (on === thread) return kind.name
    return undefined
  }

  /** Calls that were sent to an instance that is no more. */
  #endCalls(actor: number, instance: Instance, reason: string): void {
    const rows = this.#rows
    const mine: number[] = []
    for (const row of this.#byActor ? (this.#byActor.get(actor) ?? none) : this.#calls()) {
      if (rows.actor[row] < 0) continue
      const at = rows.state[row]
      const sent = at >= state.running && at <= state.resuming && rows.thread[row] === instance.thread
      if (!sent && at !== state.queued) continue
      if (this.#objects.place(this.resolve(rows.actor[row])) === actor) mine.push(row)
    }
    mine.sort((a, b) => rows.number[a] - rows.number[b])
    const had = new Set(this.#effects.givenUp(actor))
    instance.had = had
    for (const row of mine) {
      const token = rows.token(row)
      if (this.#effects.again(row, reason)) had.add(token)
    }
  }

  /** Calls of each actor that lives here, while many of those end. */
  #byActor: Map<number, Set<number>> | undefined;

  *#calls(): Iterable<number> {
    const rows = this.#rows
    for (let row = 0; row < rows.capacity; row++) {
      if (rows.actor[row] >= 0 && rows.state[row] >= state.queued && rows.state[row] <= state.resuming) yield row
    }
  }

  /** Ends many: what each has to end is looked for once. */
  endMany(end: () => void): void {
    this.#byActor = new Map()
    for (const row of this.#calls()) {
      const place = this.#objects.place(this.resolve(this.#rows.actor[row]))
      const there = this.#byActor.get(place)
      if (there) there.add(row)
      else this.#byActor.set(place, new Set([row]))
    }
    try {
      end()
    } finally {
      this.#byActor = undefined
    }
  }

  /** A worker ended under the actors that lived in it: their rows, which live here no more. */
  threadEnded(thread: number): number[] {
    const there = [...(this.#onThread.get(thread) ?? [])]
    this.#onThread.delete(thread)
    for (const [token, instance] of this.#dismissing) {
      if (instance.thread !== thread) continue
      this.#dismissing.delete(token)
      this.#effects.uninstall(instance)
    }
    for (const row of there) {
      const part = this.#part(row)
      if (!part.instance) continue
      const { instance } = part
      this.#requeueHeld(instance)
      part.instance = undefined
      this.#effects.uninstall(instance)
    }
    return there
  }

  /** Calls that were not sent yet have their places among those that wait again. */
  #requeueHeld({ held }: Instance): void {
    const rows = this.#rows
    for (const tokens of held?.values() ?? []) {
      for (const token of tokens.splice(0)) {
        const row = rows.rowOf(token)
        if (row < 0 || rows.state[row] !== state.queued) continue
        rows.state[row] = state.waiting
        this.waits(row)
        this.#requeued.add(rows.actor[row])
      }
    }
  }

  /** Actors whose calls wait again. */
  readonly #requeued = new Set<number>()

  /** Calls that wait again since their actor's worker ended look for where that is now. */
  advanceRequeued(): void {
    const actors = [...this.#requeued]
    this.#requeued.clear()
    for (const actor of actors) {
      const part = this.#rows.extra[actor]?.actor
      if (part) this.#advanceAll(actor, part)
    }
  }

  /** Rows of actors that this peer owns or hosts. */
  get known(): Iterable<number> {
    return this.#all()
  }

  *#all(): Iterable<number> {
    const rows = this.#rows
    for (let row = 0; row < rows.capacity; row++) {
      if (rows.state[row] !== state.free && rows.extra[row]?.actor && rows.kind[row] >= 0) yield row
    }
  }
}

/** Calls of a group that were sent and have not ended. */
function sentOf({ calls, sent }: Instance, group: string): number {
  if (group !== '') return sent?.get(group) ?? 0
  let others = 0
  if (sent) for (const count of sent.values()) others += count
  return calls - others
}

const none: ReadonlySet<number> = new Set()

/** The group that a call names, or its method's; a method may be called as one that every object has. */
function groupOf({ call }: Kind, { methodGroups }: ActorKind): string {
  if (call?.group !== undefined) return call.group
  return call && Object.hasOwn(methodGroups, call.method) ? methodGroups[call.method] : ''
}
