import { type Kind, labelFits } from './kinds.ts'
import { limits } from './limits.ts'
import { CPUS, type ResourceMap, type ResourceTable } from './resources.ts'
import { type Rows, state } from './rows.ts'
import type { Scheduler } from './scheduler.ts'

/** What the exchange has done by its shell. */
export interface ExchangeEffects {
  /** Gives a task to a peer that asked for work. */
  grant(peer: number, row: number): void
  /** Tells a peer what could be taken over from it now: free resources, and how much of its own is here. */
  park(peer: number, room: Room): void
  /** Says that there is work here that would fit there. */
  offer(peer: number): void
}

/**
 * What a peer says when it parks: what the other may use there, what its own tasks use already included. So it changes only
 * when something else does, and needs not be said again for each task.
 */
export interface Room {
  free: ResourceMap
}

/** What is known of another peer for sharing work with it. */
export interface PeerOffer {
  peerId: string
  totals: ResourceMap
  labels: Record<string, string>
  /** It takes no work: a driver, or one that is leaving. */
  closed: boolean
}

/** Bundles of placement groups at other peers, as far as this peer's tasks use them. */
export interface BundleUse {
  /** How many tasks more of a kind its bundle can be given. */
  roomAway(kind: Kind): number
  used(kind: Kind, change: 1 | -1): void
}

interface Other {
  readonly index: number
  offer: PeerOffer
  room: Room | undefined
  roomAt: number
  /** Tasks of this peer that it has, and of which kinds. */
  outstanding: number
  readonly granted: Set<Kind>
  /** Tasks of it that this peer has, in all and by kind. */
  guests: number
  readonly guestKinds: Map<Kind, number>
  /** When it last gave this peer work, or said that it has some. */
  suppliedAt: number
  /** What it was told last. */
  told: string
  toldAt: number
  /** It has said that it has work, and has had no answer. */
  asked: boolean
}

/**
 * Work between peers (protocols §1: offer, park, grant). Pull only: a task moves to a peer that has said what is free there.
 * Here first: what does not start here at once is given to those that are parked, a part of it at a time, so that others
 * that ask get some too. Pure: events by methods, time as a parameter, randomness by `random`.
 */
export class Exchange {
  readonly #rows: Rows
  readonly #resources: ResourceTable
  readonly #kinds: readonly (Kind | undefined)[]
  readonly #scheduler: Scheduler
  readonly #effects: ExchangeEffects
  readonly #impossible: (kind: Kind) => void
  readonly #regather: (kind: Kind) => void
  readonly #bundles: BundleUse
  readonly #others = new Map<number, Other>()
  /** Of this peer. */
  self: PeerOffer = { peerId: '', totals: {}, labels: {}, closed: false }
  /** From 0 to 1. */
  random: () => number = () => 0.5
  /** Work of others is taken. */
  open = false
  #dealt = 0
  #offeredAt = Number.NEGATIVE_INFINITY
  #backOffMs: number = limits.offerMinMs
  /** Who could do what waits here, and has not said what is free there. */
  readonly #offers = new Set<Other>()
  /** Peers at which this one parks besides its suppliers, for a while. */
  #friends: number[] = []
  #friendsAt = Number.NEGATIVE_INFINITY
  #idleSince = Number.NEGATIVE_INFINITY

  constructor(parts: {
    rows: Rows
    resources: ResourceTable
    kinds: readonly (Kind | undefined)[]
    scheduler: Scheduler
    effects: ExchangeEffects
    impossible: (kind: Kind) => void
    regather: (kind: Kind) => void
    bundles: BundleUse
  }) {
    this.#rows = parts.rows
    this.#resources = parts.resources
    this.#kinds = parts.kinds
    this.#scheduler = parts.scheduler
    this.#effects = parts.effects
    this.#impossible = parts.impossible
    this.#regather = parts.regather
    this.#bundles = parts.bundles
  }

  // ---- peers

  /** A peer is there, or what is known of it has changed. */
  peerIs(index: number, offer: PeerOffer): void {
    const known = this.#others.get(index)
    if (known) known.offer = offer
    else {
      this.#others.set(index, {
        index,
        offer,
        room: undefined,
        roomAt: 0,
        outstanding: 0,
        granted: new Set(),
        guests: 0,
        guestKinds: new Map(),
        suppliedAt: 0,
        told: '',
        toldAt: 0,
        asked: false,
      })
    }
    this.reconsider()
  }

  peerGone(index: number): void {
    const other = this.#others.get(index)
    if (other) this.#offers.delete(other)
    this.#others.delete(index)
    for (const kind of this.#kinds) kind?.granted.delete(index)
    this.reconsider()
  }

  /** A peer says what is free there. */
  parked(index: number, room: Room, now: number): void {
    const other = this.#others.get(index)
    if (!other) return
    other.room = room
    other.roomAt = now
    if ((room.free.cpus ?? 0) > 0) this.#backOffMs = limits.offerMinMs
  }

  /** A peer has work for this one. */
  offered(index: number, now: number): void {
    const other = this.#others.get(index)
    if (!other) return
    other.suppliedAt = now
    other.told = ''
    other.asked = true
  }

  guestCame(index: number, kind: Kind): void {
    const other = this.#others.get(index)
    if (!other) return
    other.guests++
    other.guestKinds.set(kind, (other.guestKinds.get(kind) ?? 0) + 1)
  }

  guestWent(index: number, kind: Kind): void {
    const other = this.#others.get(index)
    if (!other) return
    other.guests--
    const left = (other.guestKinds.get(kind) ?? 1) - 1
    if (left > 0) other.guestKinds.set(kind, left)
    else other.guestKinds.delete(kind)
  }

  /** Tasks of another peer that this one has. */
  /** Peers that take work, in a random order. */
  get takers(): number[] {
    return [...this.#others.values()]
      .filter(({ offer }) => !offer.closed)
      .map(({ index }) => ({ index, at: this.random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ index }) => index)
  }

  isKnown(index: number): boolean {
    return this.#others.has(index)
  }

  guestsOf(index: number): number {
    return this.#others.get(index)?.guests ?? 0
  }

  /** A task that was granted came back, ended, or is lost. */
  ungrant(index: number, row: number, durationMs: number | undefined): void {
    const kind = this.#kinds[this.#rows.kind[row]] as Kind
    if (kind.call) return
    const other = this.#others.get(index)
    if (other) other.outstanding--
    if (kind.bundle) this.#bundles.used(kind, -1)
    const count = (kind.granted.get(index) ?? 1) - 1
    if (count > 0) kind.granted.set(index, count)
    else {
      kind.granted.delete(index)
      other?.granted.delete(kind)
    }
    if (durationMs !== undefined) kind.ran(durationMs)
    if (durationMs !== undefined) kind.anyOf?.ran(durationMs)
  }

  // ---- who fits

  /** Whether a peer could ever run tasks of a kind. */
  #fits(kind: Kind, offer: PeerOffer): boolean {
    if (kind.bundle) return offer.peerId === kind.bundleAt
    // An actor without CPUs of its own is placed where there are some.
    if (kind.actor && kind.cpuUnits === 0 && !((offer.totals.cpus ?? 0) > 0)) return false
    for (const [name, amount] of Object.entries(this.#resources.named(kind.demand))) {
      if (amount > 0 && (offer.totals[name] ?? 0) < amount) return false
    }
    return true
  }

  #placed(kind: Kind, offer: PeerOffer): boolean {
    const { peer, labels } = kind.placement
    if (peer !== undefined && peer !== offer.peerId) return false
    for (const [label, rule] of Object.entries(labels ?? {})) if (!labelFits(offer.labels[label], rule)) return false
    return true
  }

  /** Decides anew for every kind where it may run: peers have come, gone or changed. */
  reconsider(): void {
    for (const kind of this.#kinds) if (kind) this.place(kind)
  }

  /** Decides for a kind whether its tasks may run here, and whether anybody could run them at all. */
  place(kind: Kind): void {
    if (kind.guest || kind.call || kind.pinned) return
    if (kind.bundle) {
      const { here } = kind
      kind.here = this.self.peerId === kind.bundleAt
      kind.refills = kind.here
      if (kind.here && !here && kind.ready.count > 0) this.#regather(kind)
      return
    }
    const { soft, spread } = kind.placement
    // A peer that is drained is none for what is bound to it.
    const isBound = this.self.closed && !soft && kind.placement.peer === this.self.peerId
    const selfFits = !isBound && this.#fits(kind, this.self)
    const others = [...this.#others.values()].filter(({ offer }) => !offer.closed && this.#fits(kind, offer))
    const leaves = this.self.closed && soft && others.length > 0
    const selfPlaced = !leaves && this.#placed(kind, this.self)
    const placedElsewhere = others.some(({ offer }) => this.#placed(kind, offer))
    // A soft wish counts as long as somebody can meet it.
    const wish = !soft || placedElsewhere || (selfFits && selfPlaced)
    const wasHere = kind.here
    kind.here =
      !(this.self.closed && others.length > 0 && (wish ? placedElsewhere : true)) &&
      selfFits &&
      (wish ? selfPlaced : true) &&
      !(spread && others.length > 0)
    kind.refills = kind.here || (spread && !this.self.closed)
    const could = (selfFits && (!wish || selfPlaced)) || (wish ? placedElsewhere : others.length > 0)
    const was = kind.impossible
    kind.impossible = could ? undefined : this.#why(kind)
    if (kind.impossible && !was && kind.ready.count > 0) this.#impossible(kind)
    if (kind.here && !wasHere && kind.ready.count > 0) this.#regather(kind)
  }

  #why(kind: Kind): NonNullable<Kind['impossible']> {
    const all = [this.self, ...[...this.#others.values()].map(({ offer }) => offer)].filter(offer => !offer.closed)
    const { peer, labels } = kind.placement
    if (peer !== undefined && !all.some(offer => offer.peerId === peer)) {
      return { resource: 'peer', requested: peer, has: all.map(offer => offer.peerId).join(', ') }
    }
    const fitting = all.filter(offer => peer === undefined || offer.peerId === peer)
    for (const [label, rule] of Object.entries(labels ?? {})) {
      if (fitting.some(offer => labelFits(offer.labels[label], rule))) continue
      const has = [...new Set(fitting.map(offer => offer.labels[label]).filter(value => value !== undefined))]
      return { resource: `label ${label}`, requested: JSON.stringify(rule), has: has.join(', ') || 'no such label' }
    }
    for (const [name, amount] of Object.entries(this.#resources.named(kind.demand))) {
      const most = Math.max(
        0,
        ...fitting.filter(offer => this.#placed(kind, offer)).map(offer => offer.totals[name] ?? 0),
      )
      if (amount > most) return { resource: name, requested: String(amount), has: String(most) }
    }
    if (kind.actor && kind.cpuUnits === 0 && !fitting.some(offer => (offer.totals.cpus ?? 0) > 0))
      return { resource: 'cpus', requested: 'some', has: '0' }
    return {
      resource: 'a peer with all of it',
      requested: JSON.stringify(this.#resources.named(kind.demand)),
      has: 'none',
    }
  }

  /**
   * Where one task of a kind could be begun now: at this peer ('self') or at another, where the most is free of what it asks for, and
   * of equals the most CPUs. Where its wish is soft, elsewhere if need be.
   */
  choose(kind: Kind): number | 'self' | undefined {
    const all: { at: number | 'self'; offer: PeerOffer; free: ResourceMap }[] = [
      { at: 'self', offer: this.self, free: this.#resources.available() },
      ...[...this.#others.values()].map(({ index, offer, room }) => ({
        at: index,
        offer,
        free: room?.free ?? offer.totals,
      })),
    ]
    const fitting = all.filter(({ offer }) => !offer.closed && this.#fits(kind, offer))
    const placed = fitting.filter(({ offer }) => this.#placed(kind, offer))
    const wanted = this.#resources.named(kind.demand)
    const hasRoom = ({ free }: { free: ResourceMap }): boolean =>
      Object.entries(wanted).every(([name, amount]) => amount === 0 || (free[name] ?? 0) >= amount)
    let candidates = placed.filter(hasRoom)
    if (candidates.length === 0 && kind.placement.soft) candidates = fitting.filter(hasRoom)
    candidates.sort((a, b) => (b.free.cpus ?? 0) - (a.free.cpus ?? 0) || (this.random() < 0.5 ? -1 : 1))
    return candidates[0]?.at
  }

  /** Others that may run tasks of a kind. */
  #candidates(kind: Kind): Other[] {
    const { soft } = kind.placement
    const fitting = [...this.#others.values()].filter(({ offer }) => !offer.closed && this.#fits(kind, offer))
    const placed = fitting.filter(({ offer }) => this.#placed(kind, offer))
    if (placed.length > 0) return placed
    if (!soft || (!this.self.closed && this.#placed(kind, this.self))) return []
    return fitting
  }

  /** How many tasks of a kind a peer can be given now. */
  #canTake(kind: Kind, other: Other, now: number): number {
    if (kind.bundle) return this.#bundles.roomAway(kind)
    const { room } = other
    if (!room || (now - other.roomAt > limits.parkedMs && other.outstanding === 0)) return 0
    const used = this.#usedAt(other)
    let slots = Number.POSITIVE_INFINITY
    let slotsEver = Number.POSITIVE_INFINITY
    for (const { index, units } of kind.demand) {
      if (units <= 0) continue
      const name = this.#resources.nameOf(index)
      const amount = this.#resources.amountOf(index, units)
      slots = Math.min(slots, Math.floor(((room.free[name] ?? 0) - (used.get(index) ?? 0) + 1e-9) / amount))
      slotsEver = Math.min(slotsEver, Math.floor(((other.offer.totals[name] ?? 0) + 1e-9) / amount))
    }
    if (slots === Number.POSITIVE_INFINITY) slots = limits.grantAheadTasksMax
    // Short tasks are sent ahead, so that the peer never waits for the next.
    if (
      !(kind.meanMs < limits.grantAheadMs) ||
      kind.awaits ||
      (slots <= 0 && (kind.granted.get(other.index) ?? 0) === 0)
    )
      return Math.max(0, slots)
    const ever = Math.min(slotsEver, limits.grantAheadTasksMax)
    const ahead = Math.min(
      limits.grantAheadTasksMax,
      Math.ceil((limits.grantAheadMs / Math.max(kind.meanMs, 0.001)) * ever),
    )
    return Math.max(0, slots, ahead - other.outstanding)
  }

  /** What this peer's own tasks take at another, by resource. */
  #usedAt(other: Other): Map<number, number> {
    const used = new Map<number, number>()
    for (const kind of other.granted) {
      // Its bundle is not part of what is free there.
      if (kind.bundle) continue
      const count = kind.granted.get(other.index) ?? 0
      for (const { index, units } of kind.demand)
        used.set(index, (used.get(index) ?? 0) + count * this.#resources.amountOf(index, units))
    }
    return used
  }

  // ---- sharing

  /** Kinds that are dealt out: each task to the peer, this one included, that has the fewest of them for its size. */
  deal(now: number): void {
    if (this.#others.size === 0) return
    for (const kind of [...this.#scheduler.waitingKinds]) {
      if (!kind.placement.spread || kind.guest || kind.here || kind.ready.count === 0) continue
      const others = this.#candidates(kind)
      const selfCan = !this.self.closed && this.#fits(kind, this.self)
      while (kind.ready.count > 0) {
        let best: Other | 'self' | undefined
        let least = Number.POSITIVE_INFINITY
        if (selfCan && this.#resources.fits(kind.demand)) {
          best = 'self'
          least = this.#share(
            kind,
            kind.lanes.reduce((sum, lane) => sum + lane.width, 0),
            this.self,
          )
        }
        for (const other of others) {
          if (this.#couldTake(kind, other, now) < 1) continue
          const share = this.#share(kind, kind.granted.get(other.index) ?? 0, other.offer) + this.#dealtTie(other)
          if (share < least) {
            best = other
            least = share
          }
        }
        if (best === undefined) break
        if (best !== 'self') this.#grantNext(kind, best)
        else if (!this.#scheduler.placeOne(kind, now)) break
      }
      if (kind.ready.count > 0) this.#willOffer(others, now)
    }
  }

  /** As `#canTake`; a peer that has said nothing is thought to be free: what it cannot begin comes back. */
  #couldTake(kind: Kind, other: Other, now: number): number {
    if (other.room && now - other.roomAt <= limits.parkedMs) return this.#canTake(kind, other, now)
    let slots = Number.POSITIVE_INFINITY
    for (const [name, amount] of Object.entries(this.#resources.named(kind.demand))) {
      if (amount > 0) slots = Math.min(slots, Math.floor(((other.offer.totals[name] ?? 0) + 1e-9) / amount))
    }
    return Math.min(slots, limits.grantAheadTasksMax) - other.outstanding
  }

  /** Of equals, another one each time. */
  #dealtTie(other: Other): number {
    return ((other.index + this.#dealt) % 7) * 1e-6
  }

  #share(kind: Kind, count: number, offer: PeerOffer): number {
    const cpus =
      kind.cpuUnits > 0
        ? Math.max(1, Math.floor((offer.totals.cpus ?? 1) / (kind.cpuUnits / limits.unitsPerResource)))
        : 1
    return count / cpus
  }

  #grantNext(kind: Kind, other: Other): void {
    this.#dealt++
    this.grant(other.index, kind.ready.shift())
  }

  /** Gives a task to a peer. */
  grant(index: number, row: number): void {
    const kind = this.#kinds[this.#rows.kind[row]] as Kind
    const other = this.#others.get(index)
    if (!other) return
    this.#rows.state[row] = state.granted
    this.#rows.peer[row] = index
    other.outstanding++
    kind.granted.set(index, (kind.granted.get(index) ?? 0) + 1)
    other.granted.add(kind)
    if (kind.bundle) this.#bundles.used(kind, 1)
    this.#effects.grant(index, row)
  }

  /** Gives every task of a kind to the peer that has its bundle. */
  grantAll(kind: Kind): void {
    const [other] = this.#candidates(kind)
    while (other && kind.ready.count > 0) this.#grantNext(kind, other)
  }

  /** After this peer has started what it can: the rest is given to those who asked. */
  share(now: number): void {
    if (this.#others.size > 0) {
      for (const kind of [...this.#scheduler.waitingKinds]) {
        if (
          kind.guest ||
          kind.pinned ||
          kind.impossible ||
          kind.ready.count === 0 ||
          (kind.placement.spread && !kind.here)
        )
          continue
        this.#shareKind(kind, now)
      }
      this.#offer(now)
    }
    this.#tellRoom(now)
  }

  #shareKind(kind: Kind, now: number): void {
    const others = this.#candidates(kind)
    if (others.length === 0) return
    if (kind.here && this.#waitHere(kind) < limits.moveMs) return
    const peers = kind.here ? Math.min(others.length + 1, 64) : 1
    // Who has the most room first.
    const asked = others
      .map(other => ({ other, can: this.#canTake(kind, other, now) }))
      .filter(({ can }) => can > 0)
      .sort((a, b) => b.can - a.can || a.other.outstanding - b.other.outstanding)
    for (const { other, can } of asked) {
      const part = kind.here ? Math.max(1, Math.floor(kind.ready.count / (2 * peers))) : kind.ready.count
      // Of what runs as long as here only as much as it can begin at once; a batch never holds more than its share.
      for (let n = Math.min(can, part); n > 0 && kind.ready.count > 0; n--) this.#grantNext(kind, other)
    }
    // Another round where each got one only, and there is more to begin at once.
    if (
      kind.ready.count > 0 &&
      asked.some(({ other }) => this.#canTake(kind, other, now) > 0) &&
      kind.meanMs >= limits.grantAheadMs
    ) {
      for (const { other } of asked) {
        for (let n = this.#canTake(kind, other, now); n > 0 && kind.ready.count > 0; n--) this.#grantNext(kind, other)
      }
    }
    if (kind.ready.count > 0 && !kind.bundle) this.#willOffer(others, now)
  }

  /** How long the last of a kind would wait here. */
  #waitHere(kind: Kind): number {
    return (kind.ready.count * kind.expectedMs) / Math.max(1, kind.lanes.length)
  }

  /** Nobody has asked for work that is here: those who could do it are to be told. */
  #willOffer(others: readonly Other[], now: number): void {
    if (now - this.#offeredAt < this.#backOffMs) return
    for (const other of others) if (!other.room || now - other.roomAt > limits.parkedMs) this.#offers.add(other)
  }

  /** A few of them are, less and less often; of all kinds together, so that none of them takes every turn. */
  #offer(now: number): void {
    if (this.#offers.size === 0) return
    const others = [...this.#offers]
    this.#offers.clear()
    const from = Math.floor(this.random() * others.length)
    for (let i = 0; i < others.length && i < limits.offersAtOnce; i++)
      this.#effects.offer(others[(from + i) % others.length].index)
    this.#offeredAt = now
    this.#backOffMs = Math.min(limits.offerMaxMs, this.#backOffMs * 2)
  }

  /** The peer that a task should run on because of what it reads: one that has most of it and room. -1: none. */
  drawnTo(row: number, away: readonly number[], now: number): number {
    const kind = this.#kinds[this.#rows.kind[row]] as Kind
    if (kind.guest) return -1
    const bytes = new Map<number, number>()
    for (const on of away) {
      const extra = this.#rows.extra[on]
      for (const { peer } of extra?.locations ?? []) bytes.set(peer, (bytes.get(peer) ?? 0) + (extra?.bytes ?? 0))
    }
    let best = -1
    let most: number = limits.localityBytesMin
    for (const other of this.#candidates(kind)) {
      const there = bytes.get(other.index) ?? 0
      if (there < most || !other.room) continue
      if (this.#canTake(kind, other, now) > 0) {
        best = other.index
        most = there
      }
    }
    return best
  }

  // ---- asking for work

  /**
   * Tells others what is free here. Those whose tasks are here hear of every change; the others, whether there is room at
   * all, when that changes and every second while there is.
   */
  #tellRoom(now: number): void {
    if (this.#others.size === 0) return
    const free = this.#spare()
    const idle = (free.cpus ?? 0) > 0
    if (!idle) this.#idleSince = now
    // A gap between two tasks is no idleness: who supplies this peer fills it sooner than others could.
    const settled = now - this.#idleSince >= limits.idleMs
    for (const other of this.#targets(now)) {
      if (idle && !settled && other.guests === 0 && !other.asked) continue
      const again = idle && now - other.toldAt > limits.parkedMs / 2
      // Who has given work lately hears of amounts: what its own tasks use is its own, so they seldom change.
      const exact = other.guests > 0 || (other.told.startsWith('{') && !again)
      const room: Room = { free: exact ? this.#withOwn(free, other) : free }
      const says = exact ? JSON.stringify(room.free) : idle ? 'idle' : ''
      if (says === other.told && !again) continue
      other.asked = false
      other.told = says
      other.toldAt = now
      this.#effects.park(other.index, room)
    }
  }

  /** What is free here and not waited for by this peer's own tasks; of what only the end of an actor gives, none is kept for them. */
  #spare(): ResourceMap {
    if (!this.open) return {}
    const waitedFor: string[] = []
    for (const kind of this.#scheduler.waitingKinds) {
      if (!kind.here || kind.ready.count === 0 || kind.guest || kind.bundle) continue
      if (!this.#resources.couldFit(kind.demand)) continue
      const short = kind.demand.filter(amount => this.#resources.isShort(amount))
      if (short.length === 0 || short.some(({ index }) => index === CPUS)) return {}
      for (const { index } of short) waitedFor.push(this.#resources.nameOf(index))
    }
    const free = this.#resources.available()
    for (const name of waitedFor) free[name] = 0
    return free
  }

  /** What is free, and what the tasks of one peer that have begun here use. */
  #withOwn(free: ResourceMap, other: Other): ResourceMap {
    const all = { ...free }
    for (const [kind, count] of other.guestKinds) {
      if (kind.bundle) continue
      const begun = count - kind.ready.count
      for (const { index, units } of kind.demand) {
        const name = this.#resources.nameOf(index)
        all[name] = Math.round(((all[name] ?? 0) + begun * this.#resources.amountOf(index, units)) * 1e4) / 1e4
      }
    }
    return all
  }

  #targets(now: number): Other[] {
    const all = [...this.#others.values()]
    if (all.length <= 5) return all
    if (now - this.#friendsAt > limits.friendsMs) {
      this.#friendsAt = now
      this.#friends = [0, 1, 2].map(() => all[Math.floor(this.random() * all.length)].index)
    }
    // Where its tasks are, where it was told something that may be true no more, and who supplied last.
    const chosen = new Set(
      all.filter(other => other.guests > 0 || (other.told !== '' && now - other.toldAt < limits.parkedMs)),
    )
    const suppliers = all.filter(other => other.suppliedAt > 0).sort((a, b) => b.suppliedAt - a.suppliedAt)
    for (const other of suppliers.slice(0, 2)) chosen.add(other)
    for (const index of this.#friends) {
      const other = this.#others.get(index)
      if (other) chosen.add(other)
    }
    return [...chosen]
  }

  /** What is known of others, for people. */
  *peers(): Iterable<{ index: number; offer: PeerOffer }> {
    for (const { index, offer } of this.#others.values()) yield { index, offer }
  }
}
