import { keyOf } from './clients.ts'
import { limits } from './limits.ts'
import type { Objects } from './objects.ts'
import { type Rows, state } from './rows.ts'

/** What replication has done by its shell. */
export interface ReplicaEffects {
  /** Asks a peer to keep a copy; `kept` or `notKept` follows. `order`: who follows whom, should this peer die. */
  keep(peer: number, row: number, order: readonly number[]): void
  /** A copy is needed no more, of an object of this peer's or of one that it has taken over. */
  unkeep(peer: number, client: number, number: number): void
  /** This peer has taken over: `settled(token)` after a while. */
  succeeded(token: number): void
  /** Another peer is to take over what this one has a copy of: `passedOver(token, peer)` if that has none. */
  follow(token: number, peer: number): void
}

/** What became of an object whose owner died, as one of its successors knows it. */
export type Succession = { is: 'nothing' } | { is: 'not yet' } | { is: 'here'; row: number }

/**
 * Objects that survive their owner (protocols §2, tier `replicated`): two other peers keep a copy each. When the owner is
 * confirmed dead, the first of them that lives puts the value anew, as its own, and tells whoever asks under which name; a
 * copy that is missing is made at another peer.
 */
export class Replicas {
  readonly #rows: Rows
  readonly #objects: Objects
  readonly #effects: ReplicaEffects
  /** Peers that may keep copies, in the order of preference. */
  readonly #candidates: () => number[]
  readonly #newClient: () => number
  /** Rows of this peer's own objects that are replicated. */
  readonly #protected = new Set<number>()
  /** Rows of copies that this peer keeps for others. */
  readonly #kept = new Set<number>()
  /** What this peer put anew, by the old key. */
  readonly #successors = new Map<number, number>()
  readonly #waiting = new Map<number, (() => void)[]>()
  /** Who could not keep a copy, of objects of this peer's that wait for theirs. */
  readonly #refused = new Map<number, Set<number>>()
  #client = -1
  #number = 1

  constructor(parts: {
    rows: Rows
    objects: Objects
    effects: ReplicaEffects
    candidates: () => number[]
    newClient: () => number
  }) {
    this.#rows = parts.rows
    this.#objects = parts.objects
    this.#effects = parts.effects
    this.#candidates = parts.candidates
    this.#newClient = parts.newClient
    parts.objects.onFreed = row => this.#freed(row)
  }

  // ---- at the owner

  /** An object of this peer's is to survive it. Resolves when as many copies as there can be are there. */
  protect(row: number): Promise<void> {
    const extra = this.#rows.more(row)
    extra.replicas ??= new Map()
    this.#protected.add(row)
    this.#fill(row)
    return new Promise(resolve => {
      const token = this.#rows.token(row)
      const waiting = this.#waiting.get(token) ?? []
      waiting.push(resolve)
      this.#waiting.set(token, waiting)
      this.#settle(row)
    })
  }

  /** Asks for the copies that are missing. `anew`: who follows whom has changed, which those who have one are told. */
  #fill(row: number, anew = false): void {
    const replicas = this.#rows.more(row).replicas as Map<number, boolean>
    const missing = limits.replicas - replicas.size
    if (missing <= 0) return
    const refused = this.#refused.get(this.#rows.token(row))
    const fresh = this.#candidates()
      .filter(peer => !replicas.has(peer) && !refused?.has(peer))
      .slice(0, missing)
    if (fresh.length === 0 && !anew) return
    for (const peer of fresh) replicas.set(peer, false)
    // The others learn the new order with it.
    for (const peer of replicas.keys()) this.#effects.keep(peer, row, [...replicas.keys()])
  }

  kept(token: number, peer: number): void {
    const row = this.#rows.rowOf(token)
    const replicas = row < 0 ? undefined : this.#rows.more(row).replicas
    if (!replicas?.has(peer)) return
    replicas.set(peer, true)
    this.#settle(row)
  }

  /** It has no room for it, or is gone: another is asked, and nobody waits for it to take over. */
  notKept(token: number, peer: number): void {
    const row = this.#rows.rowOf(token)
    if (row < 0 || !this.#rows.more(row).replicas?.delete(peer)) return
    const refused = this.#refused.get(token) ?? new Set()
    this.#refused.set(token, refused.add(peer))
    this.#fill(row, true)
    this.#settle(row)
  }

  #settle(row: number): void {
    const token = this.#rows.token(row)
    const waiting = this.#waiting.get(token)
    const replicas = this.#rows.more(row).replicas
    if (!waiting || !replicas || [...replicas.values()].includes(false)) return
    this.#waiting.delete(token)
    this.#refused.delete(token)
    for (const resolve of waiting) resolve()
  }

  #freed(row: number): void {
    const rows = this.#rows
    if (this.#protected.delete(row)) {
      for (const peer of rows.more(row).replicas?.keys() ?? [])
        this.#effects.unkeep(peer, rows.client[row], rows.number[row])
      const token = rows.token(row)
      this.#refused.delete(token)
      for (const resolve of this.#waiting.get(token) ?? []) resolve()
      this.#waiting.delete(token)
    }
    const old = rows.extra[row]?.succeeds
    if (old !== undefined) this.#successors.delete(old)
  }

  // ---- at a successor

  /** A copy is kept for another peer. Its bytes come here; they count as asked for until they are let go. */
  keepFor(peer: number, row: number, order: readonly number[]): void {
    const extra = this.#rows.more(row)
    if (!extra.keptFor) {
      this.#objects.hold(row)
      this.#kept.add(row)
    }
    extra.keptFor = { authority: peer, order: [...order] }
    this.#objects.spilling.reconsider(row)
  }

  unkeep(peer: number, client: number, number: number): void {
    const row = this.#objects.shared(client, number)
    const extra = row < 0 ? undefined : this.#rows.extra[row]
    if (extra?.keptFor?.authority === peer) this.#release(row)
  }

  #release(row: number): void {
    this.#kept.delete(row)
    this.#rows.more(row).keptFor = undefined
    this.#objects.spilling.reconsider(row)
    this.#objects.letGo(row)
  }

  /** What this peer knows of an object whose owner is, or may be, dead. */
  successionOf(client: number, number: number): Succession {
    const row = this.#successors.get(keyOf(client, number))
    if (row !== undefined) return { is: 'here', row }
    const old = this.#objects.shared(client, number)
    return old >= 0 && this.#rows.extra[old]?.keptFor ? { is: 'not yet' } : { is: 'nothing' }
  }

  /** Another peer is gone: copies that it had are made elsewhere, what it owned is taken over by whoever is next. */
  peerGone(peer: number, isLinked: (peer: number) => boolean): void {
    for (const row of this.#protected) {
      const replicas = this.#rows.more(row).replicas
      if (!replicas?.delete(peer)) continue
      this.#fill(row)
      this.#settle(row)
    }
    for (const row of [...this.#kept]) {
      const extra = this.#rows.more(row)
      if (extra.keptFor?.authority === peer) this.#next(row, isLinked)
    }
  }

  /** One that was to take over has no copy, or not a whole one: whoever is next does. */
  passedOver(token: number, peer: number, isLinked: (peer: number) => boolean): void {
    const row = this.#rows.rowOf(token)
    const keptFor = row < 0 ? undefined : this.#rows.extra[row]?.keptFor
    if (keptFor?.authority !== peer) return
    keptFor.passed = [...(keptFor.passed ?? []), peer]
    this.#next(row, isLinked)
  }

  #next(row: number, isLinked: (peer: number) => boolean): void {
    const { keptFor } = this.#rows.more(row)
    if (!keptFor) return
    // -1 is this peer. One before it that lives takes over, and says so by asking for a copy itself.
    const next = keptFor.order.find(one => one === -1 || (isLinked(one) && !keptFor.passed?.includes(one)))
    if (next === undefined) this.#release(row)
    else if (next >= 0) {
      keptFor.authority = next
      this.#effects.follow(this.#rows.token(row), next)
    } else this.#takeOver(row)
  }

  /** Puts the value anew. The new row is held until those who had the old one have found it (`settled`). */
  #takeOver(row: number): void {
    const rows = this.#rows
    const objects = this.#objects
    const old = rows.more(row)
    const here = objects.isHere(row)
    if (rows.state[row] !== state.ready && !here) {
      this.#release(row)
      return
    }
    if (this.#client < 0) this.#client = this.#newClient()
    const fresh = rows.add(state.ready, this.#client, -1, this.#number++, -1)
    objects.hold(fresh)
    const extra = rows.more(fresh)
    extra.bytes = old.bytes
    extra.succeeds = keyOf(rows.client[row], rows.number[row])
    const keepers = (old.keptFor?.order ?? []).filter(peer => peer >= 0)
    extra.formerly = { client: rows.client[row], number: rows.number[row], keepers }
    if (old.value) extra.value = old.value
    else if (old.sharesWith !== undefined) {
      extra.sharesWith = objects.place(row)
      objects.hold(extra.sharesWith)
    } else if (here) objects.give(row, fresh)
    if (old.holds) {
      for (const held of old.holds) objects.hold(held)
      extra.holds = [...old.holds]
    }
    objects.publish(fresh)
    this.#successors.set(extra.succeeds, fresh)
    extra.replicas = new Map()
    this.#protected.add(fresh)
    objects.adopt(row, fresh)
    this.#release(row)
    this.#fill(fresh)
    this.#effects.succeeded(rows.token(fresh))
  }

  /** Everybody who had the old one has had time to find the new: the other copies of the old one are needed no more. */
  settled(token: number): void {
    const row = this.#rows.rowOf(token)
    if (row < 0) return
    const { formerly } = this.#rows.more(row)
    if (formerly) for (const peer of formerly.keepers) this.#effects.unkeep(peer, formerly.client, formerly.number)
    this.#objects.letGo(row)
  }

  /** A peer has come: copies that could not be made before are made there. */
  peerCame(): void {
    for (const row of this.#protected) {
      const token = this.#rows.token(row)
      if (!this.#waiting.has(token)) this.#refused.delete(token)
      this.#fill(row)
    }
  }
}
