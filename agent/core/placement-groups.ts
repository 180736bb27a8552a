import { placeBundles, type Strategy } from './bundle-placing.ts'
import { type GroupView, resourcesText } from './group-kinds.ts'
import { limits } from './limits.ts'
import type { ResourceMap } from './resources.ts'

/** A placement group as its program asks for it. */
export interface GroupSpec {
  readonly id: string
  readonly name: string | undefined
  readonly strategy: Strategy
  readonly bundles: readonly ResourceMap[]
  /** It ends with this job. */
  readonly job: number
  /** Unless it outlives it. */
  readonly detached: boolean
}

/** A peer at which bundles could be reserved: what it has, and what of it was free when it last said so. */
export interface GroupRoom {
  readonly peerId: string
  readonly free: ResourceMap
  readonly totals: ResourceMap
}

/** What placing groups needs of its shell. */
export interface GroupEffects {
  /** Peers that take bundles, the preferred ones first. */
  rooms(): readonly GroupRoom[]
  /** Has a peer take these bundles tentatively: `prepared` follows. */
  prepare(peerId: string, group: string, round: number, bundles: readonly (readonly [number, ResourceMap])[]): void
  /** `committed` follows. */
  commit(peerId: string, group: string, round: number): void
  /** Gives back what one attempt took there, or these bundles. */
  release(peerId: string, group: string, which: { round?: number; indices?: readonly number[] }): void
  /** Those who use it are told. */
  changed(group: string): void
  /** From 0 to 1. */
  random(): number
}

type Phase =
  | { readonly is: 'waiting'; readonly retryAt: number; readonly reason: string }
  | {
      readonly is: 'preparing' | 'committing'
      readonly round: number
      /** By bundle; only those that had no place before are asked for. */
      readonly peers: readonly string[]
      readonly asked: ReadonlySet<string>
      /** Peers that have not answered. */
      readonly open: Set<string>
    }
  | { readonly is: 'placed' }

interface Group {
  readonly spec: GroupSpec
  /** By bundle. */
  peers: (string | undefined)[]
  phase: Phase
  round: number
  backOffMs: number
  impossible: GroupView['impossible']
}

const placing = 'it is being placed'

/**
 * The placement groups that this peer owns: each is reserved whole or not at all, in two steps at the peers that were chosen.
 * What is refused is given back everywhere and tried again after a while, a random one, so that of two groups that compete one
 * comes first. Bundles that are lost with a peer, or at one that is leaving, are reserved elsewhere. Pure: events by methods,
 * effects out, time as a parameter.
 */
export class PlacementGroups {
  readonly #effects: GroupEffects
  readonly #groups = new Map<string, Group>()
  /** Attempts have numbers of their own, so that a peer knows of which one it is told. */
  #round = 0

  constructor(effects: GroupEffects) {
    this.#effects = effects
  }

  get size(): number {
    return this.#groups.size
  }

  make(spec: GroupSpec, now: number): void {
    if (this.#groups.has(spec.id)) return
    this.#groups.set(spec.id, {
      spec,
      peers: spec.bundles.map(() => undefined),
      phase: { is: 'waiting', retryAt: now, reason: placing },
      round: 0,
      backOffMs: limits.groupRetryMinMs,
      impossible: undefined,
    })
  }

  spec(id: string): GroupSpec | undefined {
    return this.#groups.get(id)?.spec
  }

  /** What those who use it are told. A group that is not known was removed. */
  view(id: string): GroupView {
    const group = this.#groups.get(id)
    if (!group) return { state: 'removed', peers: [] }
    const { phase, impossible } = group
    const peers = group.peers.map(peer => peer ?? null)
    if (phase.is === 'placed') return { state: 'placed', peers }
    return { state: 'waiting', peers, reason: phase.is === 'waiting' ? phase.reason : placing, impossible }
  }

  /** Groups that are not reserved, for people. */
  *waiting(): Iterable<{ spec: GroupSpec; reason: string }> {
    for (const { spec, phase } of this.#groups.values())
      if (phase.is !== 'placed') yield { spec, reason: phase.is === 'waiting' ? phase.reason : placing }
  }

  remove(id: string): void {
    const group = this.#groups.get(id)
    if (!group) return
    this.#groups.delete(id)
    const peers = new Set(group.peers)
    if (group.phase.is === 'preparing' || group.phase.is === 'committing')
      for (const peer of group.phase.asked) peers.add(peer)
    for (const peer of peers) if (peer !== undefined) this.#effects.release(peer, id, {})
    this.#effects.changed(id)
  }

  /** The program that made them has ended. */
  jobEnded(job: number): void {
    for (const [id, { spec }] of [...this.#groups]) if (spec.job === job && !spec.detached) this.remove(id)
  }

  // ---- placing

  /** Tries what is due. When it wants to be called again; undefined: only after an event. */
  advance(now: number): number | undefined {
    let next: number | undefined
    for (const group of this.#groups.values()) {
      if (group.phase.is === 'waiting' && group.phase.retryAt <= now) this.#attempt(group, now)
      if (group.phase.is === 'waiting') next = Math.min(next ?? Number.POSITIVE_INFINITY, group.phase.retryAt)
    }
    return next
  }

  #attempt(group: Group, now: number): void {
    const { spec, peers: kept } = group
    const wanted = { bundles: spec.bundles, strategy: spec.strategy, kept }
    const rooms = this.#effects.rooms()
    const random = (): number => this.#effects.random()
    const found = placeBundles(wanted, this.#unpromised(rooms), random)
    if ('stuck' in found) {
      const all = rooms.map(({ peerId, totals }) => ({ peerId, free: this.#withoutKept(group, peerId, totals) }))
      const ever = placeBundles(wanted, all, random)
      group.impossible = 'stuck' in ever ? why(spec, rooms, ever.stuck) : undefined
      this.#wait(group, now, reasonOf(spec, found.stuck, group.impossible))
      return
    }
    group.impossible = undefined
    const byPeer = new Map<string, [number, ResourceMap][]>()
    for (const [index, peer] of found.peers.entries()) {
      if (kept[index] !== undefined) continue
      const list = byPeer.get(peer)
      if (list) list.push([index, spec.bundles[index]])
      else byPeer.set(peer, [[index, spec.bundles[index]]])
    }
    const round = ++this.#round
    group.round = round
    const asked = new Set(byPeer.keys())
    group.phase = { is: 'preparing', round, peers: found.peers, asked, open: new Set(asked) }
    for (const [peer, bundles] of byPeer) this.#effects.prepare(peer, spec.id, round, bundles)
  }

  /** What is free, without what was just asked for: two groups of this peer's need not compete. */
  #unpromised(rooms: readonly GroupRoom[]): { peerId: string; free: ResourceMap }[] {
    const free = new Map(rooms.map(room => [room.peerId, { ...room.free }]))
    for (const { spec, phase, peers } of this.#groups.values()) {
      if (phase.is !== 'preparing') continue
      for (const [index, peer] of phase.peers.entries()) {
        const there = free.get(peer)
        if (!there || peers[index] !== undefined || !phase.open.has(peer)) continue
        for (const name in spec.bundles[index]) there[name] = (there[name] ?? 0) - spec.bundles[index][name]
      }
    }
    return [...free].map(([peerId, left]) => ({ peerId, free: left }))
  }

  /** What a peer could give beside the bundles that stay there. */
  #withoutKept({ spec, peers }: Group, peerId: string, totals: ResourceMap): ResourceMap {
    const left = { ...totals }
    for (const [index, peer] of peers.entries()) {
      if (peer !== peerId) continue
      for (const name in spec.bundles[index]) left[name] = (left[name] ?? 0) - spec.bundles[index][name]
    }
    return left
  }

  #wait(group: Group, now: number, reason: string): void {
    const was = group.phase.is === 'waiting' ? group.phase.reason : undefined
    const pause = group.impossible ? limits.groupImpossibleMs : group.backOffMs
    const retryAt = now + pause * (1 + this.#effects.random())
    group.backOffMs = Math.min(limits.groupRetryMaxMs, 2 * group.backOffMs)
    group.phase = { is: 'waiting', retryAt, reason }
    if (was !== reason) this.#effects.changed(group.spec.id)
  }

  /** A peer's answer to `prepare`. */
  prepared(id: string, round: number, peerId: string, ok: boolean, now: number): void {
    const group = this.#current(id, round, 'preparing')
    if (group?.phase.is !== 'preparing' || !group.phase.open.delete(peerId)) return
    if (!ok) {
      this.#giveUp(group, now)
      return
    }
    if (group.phase.open.size > 0) return
    const { peers, asked } = group.phase
    group.phase = { is: 'committing', round, peers, asked, open: new Set(asked) }
    for (const peer of asked) this.#effects.commit(peer, id, round)
  }

  /** A peer's answer to `commit`. */
  committed(id: string, round: number, peerId: string, ok: boolean, now: number): void {
    const group = this.#current(id, round, 'committing')
    if (group?.phase.is !== 'committing' || !group.phase.open.delete(peerId)) return
    if (!ok) {
      this.#giveUp(group, now)
      return
    }
    if (group.phase.open.size > 0) return
    group.peers = [...group.phase.peers]
    group.phase = { is: 'placed' }
    group.backOffMs = limits.groupRetryMinMs
    this.#effects.changed(id)
  }

  #current(id: string, round: number, is: Phase['is']): Group | undefined {
    const group = this.#groups.get(id)
    return group?.phase.is === is && group.round === round ? group : undefined
  }

  /** Not all of it could be had: nothing of this attempt is kept. */
  #giveUp(group: Group, now: number): void {
    const { phase, spec } = group
    if (phase.is !== 'preparing' && phase.is !== 'committing') return
    for (const peer of phase.asked) this.#effects.release(peer, spec.id, { round: phase.round })
    this.#wait(group, now, 'others were faster where it was to be placed; it is tried again')
  }

  // ---- peers

  /** Peers have come or gone, or have more room: what waits is tried soon, what stands at a peer that takes nothing moves. */
  peersChanged(now: number): void {
    const open = new Set(this.#effects.rooms().map(({ peerId }) => peerId))
    for (const group of this.#groups.values()) {
      const { phase } = group
      const isAway = (peer: string | undefined): boolean => peer !== undefined && !open.has(peer)
      if ((phase.is === 'preparing' || phase.is === 'committing') && [...phase.asked].some(isAway))
        this.#giveUp(group, now)
      if (group.peers.some(isAway)) this.#lose(group, isAway, now)
      if (group.phase.is === 'waiting') {
        group.backOffMs = limits.groupRetryMinMs
        group.phase = { ...group.phase, retryAt: now }
      }
    }
  }

  #lose(group: Group, isAway: (peer: string | undefined) => boolean, now: number): void {
    const { spec, phase } = group
    const indices = [...group.peers.keys()].filter(index => isAway(group.peers[index]))
    // At a peer that is leaving what runs goes on; at one that is gone nobody hears of it.
    for (const peer of new Set(indices.map(index => group.peers[index] as string)))
      this.#effects.release(peer, spec.id, { indices })
    if (phase.is === 'preparing' || phase.is === 'committing') this.#giveUp(group, now)
    for (const index of indices) group.peers[index] = undefined
    group.phase = { is: 'waiting', retryAt: now, reason: 'a peer that had a part of it is gone, or is leaving' }
    this.#effects.changed(spec.id)
  }
}

function reasonOf(spec: GroupSpec, stuck: number, impossible: GroupView['impossible']): string {
  if (impossible)
    return `it asks for ${impossible.requested} ${impossible.resource}, and the mesh has ${impossible.has}`
  const bundle = `bundle ${stuck} ${resourcesText(spec.bundles[stuck])}`
  return `no peer has room for ${bundle} now (${spec.strategy})`
}

/** Why no mesh like this one could ever hold a group. */
function why(
  { bundles, strategy }: GroupSpec,
  rooms: readonly GroupRoom[],
  stuck: number,
): NonNullable<GroupView['impossible']> {
  const fits = (totals: ResourceMap, bundle: ResourceMap): boolean =>
    Object.keys(bundle).every(name => bundle[name] <= (totals[name] ?? 0))
  const alone = bundles.findIndex(bundle => !rooms.some(({ totals }) => fits(totals, bundle)))
  if (alone >= 0) {
    for (const [name, amount] of Object.entries(bundles[alone])) {
      const most = Math.max(0, ...rooms.map(({ totals }) => totals[name] ?? 0))
      if (amount > most) return { resource: `${name} in bundle ${alone}`, requested: String(amount), has: String(most) }
    }
    const requested = resourcesText(bundles[alone])
    return { resource: `on one peer, in bundle ${alone}`, requested, has: 'none with all of it' }
  }
  const all: ResourceMap = {}
  for (const bundle of bundles) for (const name in bundle) all[name] = (all[name] ?? 0) + bundle[name]
  const named = (amounts: ResourceMap): ResourceMap =>
    Object.fromEntries(Object.keys(all).map(name => [name, amounts[name] ?? 0]))
  if (strategy === 'strict-spread') {
    const resource = `peers for ${bundles.length} bundles (strict-spread), bundle ${stuck} among them`
    return { resource, requested: String(bundles.length), has: `${rooms.length} that take any` }
  }
  if (strategy === 'strict-pack') {
    const has = rooms.map(({ totals }) => resourcesText(named(totals))).join(', ')
    return { resource: 'on one peer for all its bundles (strict-pack)', requested: resourcesText(all), has }
  }
  const sum: ResourceMap = {}
  for (const { totals } of rooms) for (const name in named(totals)) sum[name] = (sum[name] ?? 0) + (totals[name] ?? 0)
  return { resource: 'in all its bundles', requested: resourcesText(all), has: `${resourcesText(sum)} in all` }
}
