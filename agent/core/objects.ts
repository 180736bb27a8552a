import { type Client, keyOf } from './clients.ts'
import type { Failure } from './failures.ts'
import { limits } from './limits.ts'
import type { PeerTable } from './peers.ts'
import { type Location, type Rows, state } from './rows.ts'
import { type Memory, Spilling } from './spilling.ts'

/** Bytes somewhere: in a record, or in memory of their own. */
export interface Bytes {
  u8: Uint8Array
  at: number
  bytes: number
}

/** What the owner's core has done by its shell. */
export interface ObjectEffects {
  /** A small value for a client's slot. `kept`: the slot goes on naming the object. */
  result(client: number, slot: number, failed: boolean, kept: boolean, from: Bytes): void
  /** A value that lies in the store. */
  stored(client: number, slot: number, bytes: number): void
  /** Frees a place in the store. */
  free(offset: number): void
  /** A ref of another owner is held here from now on: its owner is told. */
  borrow(row: number): void
  /** Nobody here holds it any more. */
  giveBack(client: number, number: number): void
  /** Asks its owner for the value of a borrowed object; `settle` follows. */
  want(row: number): void
  /** Tells a peer that asked what has come of an object. */
  tell(peer: number, row: number): void
  /** Fetches the bytes of a value that is elsewhere; `arrived` or `unreachable` follows. */
  pull(row: number): void
  /** The copy that a peer keeps for this one is needed no more. */
  dropAt(location: Location): void
  /** A copy that nobody needs now, and perhaps somebody soon: `lingered(token)` after a while. */
  linger(token: number): void
  /** What a client asked to be fetched is here, or cannot come: the error as a value. */
  fetched(client: number, slot: number): void
  unfetched(client: number, slot: number, error: Uint8Array): void
  /** What it asked to be fetched is small, and no longer in the store. */
  inlined(client: number, slot: number, value: Uint8Array): void
  /** The error that users see, encoded as a value. */
  encode(failure: Failure, row: number): Uint8Array
}

/**
 * Values and who holds them (protocols §2). A row lives while somebody holds it: its client's slot, borrowers' slots, tasks
 * whose arguments name it, objects inside whose value it is. A small result that nobody else knows of is never kept: it is
 * delivered into its client's ref and its row is dropped.
 */
export class Objects {
  readonly rows: Rows
  readonly clients: Map<number, Client>
  readonly peers: PeerTable
  readonly spilling: Spilling
  readonly #effects: ObjectEffects
  readonly #byKey = new Map<number, number>()
  /** Called for rows that waited for one that is there now. */
  onAvailable: (waiterToken: number, row: number) => void = () => undefined

  constructor(parts: {
    rows: Rows
    clients: Map<number, Client>
    peers: PeerTable
    effects: ObjectEffects
    memory: Memory
  }) {
    this.rows = parts.rows
    this.clients = parts.clients
    this.peers = parts.peers
    this.#effects = parts.effects
    this.spilling = new Spilling({
      rows: parts.rows,
      memory: parts.memory,
      host: {
        arrived: (row, offset) => this.arrived(row, offset, undefined),
        noRoom: (row, error) => this.noRoom(row, error),
        unreadable: (row, reason) => this.#unreadable(row, reason),
        free: offset => this.#effects.free(offset),
      },
    })
  }

  /** The row of an object that its client has shared, or -1. */
  shared(client: number, number: number): number {
    return this.#byKey.get(keyOf(client, number)) ?? -1
  }

  hold(row: number): void {
    this.rows.holders[row]++
  }

  /** One holder less; the last one takes the row with it. */
  letGo(row: number): void {
    this.rows.holders[row]--
    this.sweep(row)
  }

  readonly #toSweep: number[] = []
  #sweeping = false

  /** Frees a row that nobody holds, reads or computes, and what it alone held: a chain of any length without recursion. */
  sweep(row: number): void {
    this.#toSweep.push(row)
    if (this.#sweeping) return
    this.#sweeping = true
    try {
      for (let next = this.#toSweep.pop(); next !== undefined; next = this.#toSweep.pop()) this.#sweepOne(next)
    } finally {
      this.#sweeping = false
    }
  }

  #sweepOne(row: number): void {
    const { rows } = this
    const extra = rows.extra[row]
    if (extra?.actor && rows.state[row] < state.ready && rows.kind[row] >= 0 && rows.holders[row] === 0) {
      this.onActorUnheld(row)
      return
    }
    const products = extra?.products
    if (products?.isStream) {
      const others = products.live + products.idle + (extra?.lineageHolders ?? 0)
      if (rows.holders[row] <= others) this.onUnwatched(row)
    }
    if (rows.state[row] < state.ready) return
    const kept = extra?.keptFor ? 1 : 0
    if (rows.holders[row] > (extra?.lineageHolders ?? 0) + kept || (extra && extra.pins > 0)) return
    if (extra && kept === 1) {
      // Nobody needs it but its owner, should that die: that alone must not keep it alive.
      if (!extra.unregistered) this.#effects.giveBack(rows.client[row], rows.number[row])
      extra.unregistered = true
      return
    }
    if (rows.holders[row] > 0) {
      this.#letValueGo(row)
      return
    }
    const borrowed = rows.kind[row] < 0 && rows.shared[row] === 1 && this.isForeign(row)
    const fetched = borrowed && extra?.sharesWith === undefined && this.isHere(row)
    if (fetched && extra && extra.bytes >= limits.lingerBytesMin && !extra.wanted) {
      // Fetched for a task that is over: the next one may want the same.
      extra.wanted = true
      this.hold(row)
      this.#effects.linger(rows.token(row))
      return
    }
    if (rows.shared[row]) this.#byKey.delete(keyOf(rows.client[row], rows.number[row]))
    const holds = extra?.holds
    if (borrowed) {
      if (rows.state[row] !== state.gone && !extra?.unregistered)
        this.#effects.giveBack(rows.client[row], rows.number[row])
    } else if (extra?.locations) for (const location of extra.locations) this.#effects.dropAt(location)
    const sharesWith = extra?.sharesWith
    const alias = extra?.alias
    const madeBy = extra?.madeBy
    if (extra && (extra.offset >= 0 || extra.disk !== undefined)) this.spilling.drop(row)
    this.forgetLineage(row)
    if (extra) this.onFreed(row)
    if (extra?.actor) this.onActorFreed(row)
    rows.remove(row)
    if (madeBy) this.onProductFreed(row, madeBy)
    if (alias !== undefined) this.letGo(alias)
    if (sharesWith !== undefined) this.letGo(sharesWith)
    if (holds) for (const held of holds) this.letGo(held)
  }

  // ---- lineage

  /** Called for a row that stands for an actor: where it is, or that it is no more, is known. */
  onActorSettled: (row: number) => void = () => undefined
  /** Called for one that is about to be removed, or that only lineage holds. */
  onActorFreed: (row: number) => void = () => undefined
  /** Called for one that nobody holds, and which has not begun to live. */
  onActorUnheld: (row: number) => void = () => undefined

  /** Called for a task's product that is gone. */
  onProductFreed: (row: number, madeBy: { task: number; index: number }) => void = () => undefined
  /** Called for a stream that nobody holds but its own items. */
  onUnwatched: (row: number) => void = () => undefined
  /** Why a value cannot be made again; undefined: it is being made. */
  onGone: (row: number, reason: string) => string | undefined = () => 'it is not known how it was made'
  /** Called for rows whose lineage is about to be forgotten. */
  onForgotten: (row: number) => void = () => undefined

  /** A task that held this row needs it now only to run again. */
  holdForLineage(row: number): void {
    this.rows.more(row).lineageHolders++
    this.sweep(row)
  }

  /** A task will not run again: what it would need is let go. */
  forgetLineage(row: number): void {
    const extra = this.rows.extra[row]
    const lineage = extra?.lineage
    if (!lineage) return
    this.onForgotten(row)
    const { needed } = extra
    extra.lineage = undefined
    if (needed) extra.needed = undefined
    for (const held of lineage) {
      this.rows.more(held).lineageHolders--
      this.letGo(held)
    }
    if (needed) for (const held of needed) this.letGo(held)
  }

  /** Only lineage holds the row: stored bytes go, here and elsewhere. Small values and failures stay, they cost less. */
  #letValueGo(row: number): void {
    const { rows } = this
    const extra = rows.more(row)
    const at = rows.state[row]
    const stored = at === state.ready && this.isHere(row)
    const foreign = this.isForeign(row)
    const goes = stored || at === state.remote || (foreign && at === state.expected)
    if (!goes || extra.pulling) return
    if (extra.actor) this.onActorFreed(row)
    const { holds, sharesWith, locations } = extra
    if (sharesWith === undefined && !extra.actor) this.spilling.drop(row)
    rows.state[row] = state.gone
    extra.holds = undefined
    extra.sharesWith = undefined
    extra.locations = undefined
    if (foreign) this.#effects.giveBack(rows.client[row], rows.number[row])
    else if (locations) for (const location of locations) this.#effects.dropAt(location)
    if (sharesWith !== undefined) this.letGo(sharesWith)
    if (holds) for (const held of holds) this.letGo(held)
  }

  /** A ref of another owner that was let go is needed again. */
  borrowAgain(row: number): void {
    this.rows.state[row] = state.expected
    this.rows.more(row).wanted = false
    this.#effects.borrow(row)
  }

  /** What was let go is needed again. */
  needAgain(row: number): void {
    this.#revive(row)
  }

  /** An actor of this peer's lives here. */
  lives(row: number): void {
    const { waiters, subscribers } = this.rows.more(row)
    this.rows.state[row] = state.ready
    this.#available(row, waiters, subscribers)
    this.sweep(row)
  }

  /** An actor of this peer's is no more. */
  ends(row: number, failure: Failure): void {
    if (this.rows.state[row] !== state.failed) this.#end(row, failure)
    this.forgetLineage(row)
    this.sweep(row)
  }

  /** Somebody holds it again: its value is made, or it fails. */
  #revive(row: number): void {
    if (this.rows.state[row] !== state.gone) return
    if (this.isForeign(row)) {
      this.borrowAgain(row)
      return
    }
    const reason = 'it is needed again'
    const obstacle = this.onGone(row, reason)
    if (obstacle !== undefined) this.fail(row, { kind: 'lost', reason: `${reason}, and ${obstacle}` })
  }

  /** A client's own object, which is not a task's result. */
  add(client: Client, slot: number, number: number): number {
    const { rows } = this
    const expected = this.shared(client.id, number)
    const row = expected >= 0 ? expected : rows.add(state.expected, client.id, slot, number, -1)
    if (rows.state[row] !== state.expected) throw new Error(`object ${client.id}/${number} is there already`)
    rows.slot[row] = slot
    client.map(slot, row)
    this.hold(row)
    return row
  }

  /** The value of an object that is no task's result. */
  supply(row: number, failed: boolean, from: Bytes, holds: number[]): void {
    if (!failed) this.rows.slot[row] = -1 // its client has the value already
    this.complete(row, failed, from, holds)
  }

  /** The client names this object to others from now on. */
  share(client: Client, slot: number, number: number): void {
    const { rows } = this
    let row = client.row(slot)
    if (row < 0 || rows.number[row] !== number || rows.client[row] !== client.id) {
      // Delivered before the client said so: it sends the value back when it sees that the result was not kept.
      if (this.shared(client.id, number) >= 0) return
      row = rows.add(state.expected, client.id, -1, number, -1)
    }
    if (rows.shared[row]) return
    rows.shared[row] = 1
    this.#byKey.set(keyOf(client.id, number), row)
  }

  /** A ref that came to this client inside a value. */
  borrow(client: Client, slot: number, owner: number, number: number): void {
    let row = this.rowOfKey(owner, number)
    if (row < 0) {
      row = this.rows.add(state.expected, owner, -1, number, -1)
      this.fail(row, { kind: 'lost', reason: 'nobody here holds it any more' })
    }
    client.map(slot, row)
    this.hold(row)
    this.#revive(row)
  }

  release(client: Client, slot: number): void {
    const row = client.unmap(slot)
    if (row < 0) return
    if (this.rows.client[row] === client.id && this.rows.slot[row] === slot) this.rows.slot[row] = -1
    this.letGo(row)
  }

  /** Tells a borrower when the object is there, at once if it is. */
  subscribe(client: Client, slot: number): void {
    const row = client.row(slot)
    if (row < 0) return
    if (this.settled(row)) this.#tell(row, client.id, slot)
    else {
      const extra = this.rows.more(row)
      extra.subscribers ??= []
      extra.subscribers.push({ client: client.id, slot })
      this.#want(row)
    }
  }

  #tell(row: number, client: number, slot: number): void {
    const extra = this.rows.more(row)
    const { value } = extra
    if (!value) this.#effects.stored(client, slot, extra.bytes)
    else {
      const from = { u8: value, at: 0, bytes: value.length }
      this.#effects.result(client, slot, this.rows.state[row] === state.failed, true, from)
    }
  }

  /** The rows that keys name; keys of what is gone are left out. */
  rowsOfKeys(keys: readonly number[]): number[] {
    const found: number[] = []
    for (let i = 0; i < keys.length; i += 2) {
      const row = this.rowOfKey(keys[i], keys[i + 1])
      if (row >= 0) found.push(row)
    }
    return found
  }

  /**
   * A value is there: delivered, and kept only if somebody needs it here. Its row may be gone afterwards. `keeps`: what its task
   * needed goes on being held, for its lineage.
   */
  complete(row: number, failed: boolean, from: Bytes, holds: number[] | undefined, keeps = false): void {
    const { rows } = this
    const extra = rows.extra[row]
    const slot = rows.slot[row]
    const contains = holds !== undefined && holds.length > 0
    const waiters = extra?.waiters
    const subscribers = extra?.subscribers
    if (extra) extra.locations = undefined
    const told = extra?.told === true || extra?.actor !== undefined
    const kept = told || contains || rows.shared[row] === 1 || extra?.products?.isStream === true
    if (contains) for (const held of holds) this.hold(held)
    if (slot >= 0 && !told) {
      this.#effects.result(rows.client[row], slot, failed, kept, from)
      if (!kept) {
        this.clients.get(rows.client[row])?.unmap(slot)
        rows.slot[row] = -1
        rows.holders[row]--
      }
    }
    const old = extra?.holds
    rows.state[row] = failed ? state.failed : state.ready
    if (extra) {
      extra.holds = contains ? holds : undefined
      if (!keeps) {
        extra.arguments = undefined
        extra.dependencies = undefined
        extra.values = undefined
      }
    } else if (contains) rows.more(row).holds = holds
    if (rows.holders[row] > 0) {
      const more = rows.more(row)
      more.value = from.u8.slice(from.at, from.at + from.bytes)
      more.bytes = from.bytes
      this.#available(row, waiters, subscribers)
      this.#serve(row)
    }
    this.forgetLineage(row)
    if (old && !keeps) for (const held of old) this.letGo(held)
    this.sweep(row)
  }

  /** The value lies in the store. `keeps`: what its task needed goes on being held, for its lineage. */
  completeStored(row: number, offset: number, bytes: number, holds: number[] | undefined, keeps = false): void {
    const { rows } = this
    const extra = rows.more(row)
    const { waiters, subscribers, holds: old } = extra
    if (holds) for (const held of holds) this.hold(held)
    extra.holds = holds
    extra.bytes = bytes
    extra.value = undefined
    this.spilling.placed(row, offset)
    if (!keeps) {
      extra.arguments = undefined
      extra.dependencies = undefined
      extra.values = undefined
    }
    rows.state[row] = state.ready
    this.#tellStored(row, bytes)
    this.#available(row, waiters, subscribers)
    this.#serve(row)
    if (old && !keeps) for (const held of old) this.letGo(held)
    this.sweep(row)
  }

  /** Tells its client, who waits for it: for what it put itself it does not. */
  #tellStored(row: number, bytes: number): void {
    const { client, slot, kind } = this.rows
    const extra = this.rows.more(row)
    if (slot[row] < 0 || extra.told || extra.actor || (kind[row] < 0 && extra.madeBy === undefined)) return
    extra.told = true
    this.#effects.stored(client[row], slot[row], bytes)
  }

  #available(
    row: number,
    waiters: number[] | undefined,
    subscribers: { client: number; slot: number }[] | undefined,
  ): void {
    const extra = this.rows.more(row)
    if (waiters) extra.waiters = undefined
    if (subscribers) extra.subscribers = undefined
    // Held meanwhile: a waiter that fails lets go of this row.
    this.hold(row)
    if (subscribers) {
      for (const { client, slot } of subscribers) {
        if (this.clients.get(client)?.row(slot) === row) this.#tell(row, client, slot)
      }
    }
    if (waiters) {
      for (const waiter of waiters) {
        this.hold(row)
        this.#toTell.push(waiter, row)
      }
    }
    const { wanters } = extra
    if (wanters) extra.wanters = undefined
    if (wanters) for (const peer of wanters) this.#effects.tell(peer, row)
    if (extra.followers) this.#tellFollowers(row)
    if (extra.actor) this.onActorSettled(row)
    this.rows.holders[row]--
    this.#tellWaiters()
  }

  /** Tasks to be told of a value, each with the row of that. */
  #toTell: number[] = []
  #telling = false

  /** A task that fails with its argument tells those that wait for it: a chain of any length without recursion. */
  #tellWaiters(): void {
    if (this.#telling) return
    this.#telling = true
    try {
      for (let i = 0; i < this.#toTell.length; i += 2) {
        const row = this.#toTell[i + 1]
        this.onAvailable(this.#toTell[i], row)
        this.letGo(row)
      }
    } finally {
      this.#toTell = []
      this.#telling = false
    }
  }

  // ---- values at other peers

  /** Others name this object by its key from now on. */
  publish(row: number): void {
    const { rows } = this
    if (rows.shared[row]) return
    const key = keyOf(rows.client[row], rows.number[row])
    // A guest's result is its home's: it is known there by that name, and here by its token.
    if (this.#byKey.has(key) || rows.extra[row]?.home) return
    rows.shared[row] = 1
    this.#byKey.set(key, row)
  }

  /** Whether its owner is another peer. */
  isForeign(row: number): boolean {
    return this.peers.homeOf(this.rows.client[row]) !== undefined
  }

  /** Its value, or its failure, is known. */
  settled(row: number): boolean {
    const at = this.rows.state[row]
    return at === state.ready || at === state.failed || at === state.remote
  }

  /** The row of an object by its name: that of another owner is borrowed. -1: one of this peer's that is gone. */
  rowOfKey(client: number, number: number): number {
    const known = this.shared(client, number)
    if (known >= 0) {
      this.#revive(known)
      this.#register(known)
    }
    if (known >= 0 || this.peers.homeOf(client) === undefined) return known
    const { rows } = this
    const row = rows.add(state.expected, client, -1, number, -1)
    rows.shared[row] = 1
    this.#byKey.set(keyOf(client, number), row)
    this.#effects.borrow(row)
    return row
  }

  /** The row of another owner's object of which a copy is to be kept: that alone does not borrow it. */
  rowToKeep(client: number, number: number): number {
    const known = this.shared(client, number)
    if (known >= 0) return known
    const { rows } = this
    const row = rows.add(state.expected, client, -1, number, -1)
    rows.shared[row] = 1
    rows.more(row).unregistered = true
    this.#byKey.set(keyOf(client, number), row)
    return row
  }

  #register(row: number): void {
    const extra = this.rows.extra[row]
    if (!extra?.unregistered) return
    extra.unregistered = false
    this.#effects.borrow(row)
  }

  #want(row: number): void {
    if (this.rows.state[row] !== state.expected) return
    const home = this.peers.homeOf(this.rows.client[row])
    const extra = this.rows.more(row)
    if (!home || extra.wanted) return
    if (extra.alias !== undefined) {
      this.#follow(row)
      return
    }
    if (this.#gone.has(home.peer)) {
      this.onOrphan(row, home.peer)
      return
    }
    extra.wanted = true
    this.#effects.want(row)
  }

  /** Asks the owner for the value, if it is not known. */
  ask(row: number): void {
    this.#want(row)
  }

  /** What its owner said is out of date. */
  askAgain(row: number): void {
    const extra = this.rows.extra[row]
    if (!extra?.wanted || this.rows.state[row] !== state.expected) return
    extra.wanted = false
    this.#want(row)
  }

  /** A task waits for this row. */
  awaitFor(row: number, waiterToken: number): void {
    const extra = this.rows.more(row)
    extra.waiters ??= []
    extra.waiters.push(waiterToken)
    this.#want(row)
  }

  /** Another peer holds a ref to an object of this one. False: it is gone. */
  lend(client: number, number: number, peer: number): boolean {
    const row = this.shared(client, number)
    if (row < 0) return false
    const extra = this.rows.more(row)
    extra.borrowers ??= new Set()
    if (extra.borrowers.has(peer)) return true
    extra.borrowers.add(peer)
    this.hold(row)
    this.#revive(row)
    return true
  }

  /** It lets go of it. */
  handedBack(client: number, number: number, peer: number): void {
    const row = this.shared(client, number)
    if (row >= 0 && this.rows.extra[row]?.borrowers?.delete(peer)) this.letGo(row)
  }

  /** A borrower asks for the value: told now, or when it is there. */
  wantedBy(client: number, number: number, peer: number): boolean {
    const row = this.shared(client, number)
    if (row < 0) return false
    if (this.settled(row)) this.#effects.tell(peer, row)
    else {
      const extra = this.rows.more(row)
      extra.wanters ??= []
      extra.wanters.push(peer)
    }
    return true
  }

  /** The owner says what has come of a borrowed object: a small value, or an error. */
  settle(row: number, failed: boolean, from: Bytes, holds: number[] | undefined): void {
    if (this.rows.state[row] === state.expected) this.complete(row, failed, from, holds)
  }

  /** A value is there whose bytes are at other peers. `here`: the row that has them, where this peer is among them. */
  settleRemote(row: number, bytes: number, locations: Location[], here = -1): void {
    const { rows } = this
    const extra = rows.more(row)
    const { waiters, subscribers } = extra
    extra.bytes = bytes
    extra.locations = locations
    if (here >= 0) {
      this.hold(here)
      extra.sharesWith = here
      rows.state[row] = state.ready
    } else rows.state[row] = state.remote
    this.#tellStored(row, bytes)
    const { fetchers } = extra
    this.#available(row, waiters, subscribers)
    // Asked for before it was lost and made again.
    if (fetchers && here < 0) this.pull(row)
    else this.#serve(row)
    this.sweep(row)
  }

  /** Those who wait for bytes that are here now. */
  #serve(row: number): void {
    const extra = this.rows.extra[row]
    if (!extra?.fetchers || this.rows.state[row] === state.free) return
    const { fetchers, value } = extra
    extra.fetchers = undefined
    for (const { client, slot } of fetchers) {
      if (value && this.rows.state[row] === state.failed) this.#effects.unfetched(client, slot, value)
      else if (value) this.#effects.inlined(client, slot, value)
      else this.#effects.fetched(client, slot)
    }
  }

  /** Whether a value's bytes are here. If not, they are fetched, and the client is told. */
  fetch(row: number, client: number, slot: number): boolean {
    const { rows } = this
    const extra = rows.more(row)
    if (rows.state[row] === state.failed) {
      this.#effects.unfetched(client, slot, extra.value as Uint8Array)
      return false
    }
    this.checkPlace(row)
    const place = this.place(row)
    const there = rows.more(place)
    if (there.offset >= 0) return true
    if (there.value) {
      // It was stored before it was lost, and is small now that it was made again.
      this.#effects.inlined(client, slot, there.value)
      return false
    }
    there.fetchers ??= []
    there.fetchers.push({ client, slot })
    if (rows.state[place] === state.remote) this.pull(place)
    else this.#want(place)
    return false
  }

  /** Where the row that had the bytes has lost them, they are where others say. */
  checkPlace(row: number): void {
    const { rows } = this
    const extra = rows.extra[row]
    const place = extra?.sharesWith
    if (!extra || place === undefined || this.isHere(row)) return
    extra.sharesWith = undefined
    extra.wanted = false
    if (extra.locations && extra.locations.length > 0) rows.state[row] = state.remote
    else if (this.isForeign(row)) rows.state[row] = state.expected
    else this.#lose(row, 'its bytes on disk could not be read')
    this.letGo(place)
  }

  /** The row that has the bytes of this one: itself, mostly. */
  place(row: number): number {
    const { extra } = this.rows
    let at = row
    for (let next = extra[at]?.sharesWith; next !== undefined; next = extra[at]?.sharesWith) at = next
    return at
  }

  /** Whether this peer has its stored value, in the store or on disk. */
  isHere(row: number): boolean {
    const extra = this.rows.extra[this.place(row)]
    return extra !== undefined && (extra.offset >= 0 || extra.disk !== undefined || extra.actor?.instance !== undefined)
  }

  /** Fetches the bytes of a remote value, once. `urgent`: for what has begun. */
  pull(row: number, urgent = false): void {
    const extra = this.rows.more(row)
    if (extra.pulling || this.rows.state[row] !== state.remote) return
    extra.pulling = true
    this.hold(row)
    if (extra.disk === undefined) this.#effects.pull(row)
    else this.spilling.restore(row, urgent)
  }

  /** What was on disk is no good: another copy, or the value is lost. */
  #unreadable(row: number, reason: string): void {
    const extra = this.rows.more(row)
    if (!extra.pulling) this.hold(row)
    if (extra.offset >= 0) {
      this.spilling.reconsider(row)
      this.letGo(row)
      return
    }
    // Who asked for another object whose bytes were this one's asks for those elsewhere.
    const others = (extra.fetchers ?? []).filter(({ client, slot }) => this.clients.get(client)?.row(slot) !== row)
    if (others.length > 0) extra.fetchers = extra.fetchers?.filter(one => !others.includes(one))
    this.unreachable(row, -1, reason)
    for (const { client, slot } of others) {
      const asked = this.clients.get(client)?.row(slot) ?? -1
      if (asked >= 0 && this.fetch(asked, client, slot)) this.#effects.fetched(client, slot)
    }
  }

  /** The bytes of a row, which are here, become another's; it looks at them there, and so does who waits for them. */
  give(row: number, to: number): void {
    const { rows } = this
    const from = rows.more(row)
    const into = rows.more(to)
    rows.state[to] = rows.state[row]
    this.spilling.move(row, to)
    from.sharesWith = to
    this.hold(to)
    if (from.pins > 0) {
      into.pins++
      this.spilling.remove(to)
    }
    if (rows.state[row] === state.remote) {
      rows.state[row] = state.ready
      into.fetchers = from.fetchers
      into.waiters = from.waiters
      from.fetchers = undefined
      from.waiters = undefined
      if (from.pulling) {
        into.pulling = true
        from.pulling = false
        this.hold(to)
        this.letGo(row)
      }
    }
    if (from.followers) this.#tellFollowers(row)
  }

  /** The bytes have arrived. */
  arrived(row: number, offset: number, holds: number[] | undefined): void {
    const { rows } = this
    const extra = rows.more(row)
    extra.pulling = false
    if (rows.state[row] !== state.remote) {
      this.spilling.free(offset)
      this.letGo(row)
      return
    }
    rows.state[row] = state.ready
    this.spilling.placed(row, offset)
    if (holds && !extra.holds) {
      for (const held of holds) this.hold(held)
      extra.holds = holds
    }
    const { fetchers, waiters } = extra
    extra.fetchers = undefined
    extra.waiters = undefined
    if (fetchers) for (const { client, slot } of fetchers) this.#effects.fetched(client, slot)
    if (waiters) for (const waiter of waiters) this.onAvailable(waiter, row)
    if (extra.followers) this.#tellFollowers(row)
    this.letGo(row)
  }

  /** A copy cannot be had. Another is tried; where there is none, the owner is asked again, or the object is lost. */
  unreachable(row: number, peer: number, reason: string): void {
    const { rows } = this
    const extra = rows.more(row)
    extra.pulling = false
    extra.locations = extra.locations?.filter(location => location.peer !== peer)
    if (rows.state[row] === state.remote) {
      if (extra.locations && extra.locations.length > 0) this.pull(row)
      else if (this.isForeign(row) && rows.shared[row]) {
        rows.state[row] = state.expected
        extra.wanted = false
        // Those who wait go on waiting, for what the owner says now.
        if (extra.fetchers || extra.waiters) this.#want(row)
      } else this.#lose(row, reason)
    }
    this.letGo(row)
  }

  // ---- objects of dead owners

  /** Called for a row that is about to be removed. */
  onFreed: (row: number) => void = () => undefined

  /** Called for a borrowed row whose owner is dead: `adopt` or `orphaned` follows. */
  onOrphan: (row: number, peer: number) => void = (row, peer) => this.orphaned(row, peer)

  /** Nobody continues it. What is here stays; what is not cannot be had any more. */
  orphaned(row: number, peer: number): void {
    const at = this.rows.state[row]
    const { peerId } = this.peers.get(peer)
    if (at === state.expected || at === state.remote) this.rows.more(row).ownerGone = peerId
    if (at === state.expected) this.fail(row, { kind: 'owner-died', peerId })
    else if (at === state.remote && !this.rows.more(row).pulling) this.#end(row, { kind: 'owner-died', peerId })
  }

  /** Another object continues it. */
  adopt(row: number, target: number): void {
    const extra = this.rows.more(row)
    if (extra.alias !== undefined) return
    this.hold(target)
    extra.alias = target
    if (this.rows.state[row] === state.expected || this.rows.state[row] === state.remote) this.#follow(row)
  }

  /** Waits for the value of the object that continues this one. */
  #follow(row: number): void {
    const { rows } = this
    const target = rows.more(row).alias as number
    rows.state[row] = state.expected
    rows.more(row).wanted = true
    if (rows.state[target] === state.ready || rows.state[target] === state.failed) {
      this.#take(row, target)
      return
    }
    const extra = rows.more(target)
    extra.followers ??= []
    if (!extra.followers.includes(row)) {
      extra.followers.push(row)
      this.hold(row)
    }
    if (rows.state[target] === state.remote) this.pull(target)
    else this.#want(target)
  }

  #take(row: number, target: number): void {
    const from = this.rows.more(target)
    if (from.value) {
      const { value } = from
      const failed = this.rows.state[target] === state.failed
      this.complete(row, failed, { u8: value, at: 0, bytes: value.length }, from.holds && [...from.holds])
    } else this.settleRemote(row, from.bytes, [], target)
  }

  #tellFollowers(target: number): void {
    const { followers } = this.rows.more(target)
    if (!followers) return
    this.rows.more(target).followers = undefined
    if (this.rows.state[target] === state.remote) {
      this.rows.more(target).followers = followers
      this.pull(target)
      return
    }
    for (const row of followers) {
      if (this.rows.state[row] === state.expected) this.#take(row, target)
      this.letGo(row)
    }
  }

  #lose(row: number, reason: string): void {
    // Made again, as far back as needed; who waits for it goes on waiting.
    const obstacle = this.onGone(row, reason)
    if (obstacle === undefined) return
    const part = this.rows.extra[row]?.actor
    if (part) {
      part.reason = reason
      this.#end(row, { kind: 'actor-died', reason })
      this.forgetLineage(row)
    } else this.#end(row, { kind: 'lost', reason: `${reason}, and ${obstacle}` })
  }

  /** A value that was there, elsewhere, will not be had any more. */
  #end(row: number, failure: Failure): void {
    const { rows } = this
    const extra = rows.more(row)
    const { waiters, subscribers, fetchers } = extra
    const value = this.#effects.encode(failure, row)
    extra.value = value
    extra.bytes = value.length
    extra.fetchers = undefined
    rows.state[row] = state.failed
    if (fetchers) for (const { client, slot } of fetchers) this.#effects.unfetched(client, slot, value)
    this.#available(row, waiters, subscribers)
  }

  /** There was no room for the bytes: those who asked are told why; the value stays where it is. */
  noRoom(row: number, error: Uint8Array): void {
    const extra = this.rows.more(row)
    extra.pulling = false
    const { fetchers, waiters } = extra
    extra.fetchers = undefined
    extra.waiters = undefined
    if (fetchers) for (const { client, slot } of fetchers) this.#effects.unfetched(client, slot, error)
    if (waiters) for (const waiter of waiters) this.onNoRoom(waiter, error)
    this.letGo(row)
  }

  /** Called for tasks whose argument found no room here. */
  onNoRoom: (waiterToken: number, error: Uint8Array) => void = () => undefined

  /** A copy has waited long enough for somebody to need it. */
  lingered(token: number): void {
    const row = this.rows.rowOf(token)
    if (row >= 0) this.letGo(row)
  }

  /** Peers (each one incarnation) whose objects nobody can tell of any more. */
  readonly #gone = new Set<number>()

  /**
   * Another peer is gone, with the copies that it had and the objects that it owned. Its holds go later, so that what it passed
   * on can be registered (`forgetBorrower`).
   */
  peerGone(peer: number, peerId: string): void {
    const { rows } = this
    const lost: number[] = []
    const orphans: number[] = []
    this.#gone.add(peer)
    for (let row = 0; row < rows.capacity; row++) {
      if (rows.state[row] === state.free) continue
      const extra = rows.extra[row]
      if (rows.kind[row] < 0 && rows.shared[row] && this.peers.homeOf(rows.client[row])?.peer === peer) {
        orphans.push(rows.token(row))
        continue
      }
      if (!extra?.locations?.some(location => location.peer === peer)) continue
      extra.locations = extra.locations.filter(location => location.peer !== peer)
      if (extra.locations.length > 0 || extra.pulling || extra.disk !== undefined) continue
      if (rows.state[row] !== state.remote) continue
      if (this.isForeign(row)) {
        rows.state[row] = state.expected
        extra.wanted = false
      } else {
        this.hold(row)
        lost.push(row)
      }
    }
    // All of them are known to be lost before the first is made again: one may need another.
    for (const row of lost) {
      if (rows.state[row] === state.remote)
        this.#lose(
          row,
          rows.extra[row]?.actor ? `its peer ${peerId} was lost` : `the peer that had it, ${peerId}, is gone`,
        )
      this.letGo(row)
    }
    for (const token of orphans) {
      const row = rows.rowOf(token)
      if (row >= 0) this.onOrphan(row, peer)
    }
  }

  /** The same start of a peer that was taken for dead is back: what it owns can be asked for again. */
  peerBack(peer: number): void {
    this.#gone.delete(peer)
  }

  forgetBorrower(peer: number): void {
    const { rows } = this
    for (let row = 0; row < rows.capacity; row++) {
      if (rows.state[row] !== state.free && rows.extra[row]?.borrowers?.delete(peer)) this.letGo(row)
    }
  }

  fail(row: number, failure: Failure): void {
    const value = failure.kind === 'code' ? failure.bytes : this.#effects.encode(failure, row)
    this.complete(row, true, { u8: value, at: 0, bytes: value.length }, undefined)
  }

  /**
   * Somebody reads the stored value, which is in the store: it stays where it is until `unpin`. `view`: for as long as the reader
   * likes; others are done with it soon.
   */
  pin(row: number, view = false): { offset: number; bytes: number; token: number } {
    const place = this.place(row)
    const extra = this.rows.more(place)
    if (extra.pins++ === 0) this.spilling.remove(place)
    if (!view) this.spilling.passingPins++
    return { offset: extra.offset, bytes: extra.bytes, token: this.rows.token(place) }
  }

  unpin(token: number, view = false): void {
    const row = this.rows.rowOf(token)
    if (row < 0) return
    const extra = this.rows.extra[row]
    if (!extra || extra.pins === 0) return
    if (!view) this.spilling.passingPins--
    if (--extra.pins > 0) return
    if (extra.sharesWith !== undefined) this.unpin(this.rows.token(extra.sharesWith), true)
    else this.spilling.add(row)
    this.sweep(row)
  }

  /** A client is gone: what it held is let go, what it alone had is lost. */
  detach(client: Client): void {
    for (const { slot } of [...client.slots()]) this.release(client, slot)
    for (const row of [...this.#byKey.values()]) {
      if (this.rows.client[row] === client.id && this.rows.state[row] === state.expected) {
        this.fail(row, { kind: 'lost', reason: 'the program that had it has ended' })
      }
    }
  }
}
