import type { ResourceMap } from './resources.ts'

export type Strategy = 'pack' | 'spread' | 'strict-pack' | 'strict-spread'

/** A peer that bundles could be reserved at, and what is there. */
export interface Room {
  readonly peerId: string
  readonly free: ResourceMap
}

/** What is to be placed, and where those bundles are that stay where they are. */
export interface BundlesWanted {
  readonly bundles: readonly ResourceMap[]
  readonly strategy: Strategy
  /** By bundle: the peer that has it already. */
  readonly kept: readonly (string | undefined)[]
}

/** Orders of bundles that are tried before one fits nowhere: packing is hard, and the first that comes to mind mostly does. */
const TRIES = 8
/** Of groups and meshes that are large, once: so many pairs of a bundle and a peer. */
const TRIED_MAX = 10_000

/**
 * A peer for each bundle that has none yet, by the group's strategy; or the first bundle for which there is no room. `rooms` in
 * order of preference; `random` from 0 to 1.
 */
export function placeBundles(
  wanted: BundlesWanted,
  rooms: readonly Room[],
  random: () => number,
): { peers: string[] } | { stuck: number } {
  const { bundles, strategy, kept } = wanted
  const missing = [...bundles.keys()].filter(index => kept[index] === undefined)
  if (missing.length === 0) return { peers: kept as string[] }
  if (strategy === 'strict-pack') return onOne(wanted, rooms, missing)
  if (strategy === 'strict-spread') return apart(wanted, rooms, missing)
  if (strategy === 'spread' && bundles.length <= rooms.length) {
    const found = apart(wanted, rooms, missing)
    if ('peers' in found) return found
  }
  let stuck = missing[0]
  const order = [...missing].sort((a, b) => weight(bundles[b], rooms) - weight(bundles[a], rooms))
  const tries = bundles.length * rooms.length > TRIED_MAX ? 1 : TRIES
  for (let attempt = 0; attempt < tries; attempt++) {
    const found = strategy === 'pack' ? packed(wanted, rooms, order) : spread(wanted, rooms, order)
    if ('peers' in found) return found
    if (attempt === 0) stuck = found.stuck
    shuffle(order, random)
  }
  return { stuck }
}

function fits(free: ResourceMap, bundle: ResourceMap): boolean {
  for (const name in bundle) if (bundle[name] > (free[name] ?? 0) + 1e-9) return false
  return true
}

function minus(free: ResourceMap, bundle: ResourceMap): ResourceMap {
  const left = { ...free }
  for (const name in bundle) left[name] = (left[name] ?? 0) - bundle[name]
  return left
}

/** How hard a bundle is to place: its largest part of what all peers have of something. */
function weight(bundle: ResourceMap, rooms: readonly Room[]): number {
  let most = 0
  for (const name in bundle) {
    const there = rooms.reduce((sum, { free }) => sum + (free[name] ?? 0), 0)
    most = Math.max(most, there > 0 ? bundle[name] / there : Number.POSITIVE_INFINITY)
  }
  return most
}

function shuffle(list: number[], random: () => number): void {
  for (let i = list.length - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1))
    ;[list[i], list[other]] = [list[other], list[i]]
  }
}

function onOne({ bundles, kept }: BundlesWanted, rooms: readonly Room[], missing: readonly number[]) {
  const where = kept.find(peer => peer !== undefined)
  let stuck = missing[0]
  for (const { peerId, free } of rooms) {
    if (where !== undefined && peerId !== where) continue
    let left = free
    const out = missing.find(index => {
      if (!fits(left, bundles[index])) return true
      left = minus(left, bundles[index])
      return false
    })
    if (out === undefined) return { peers: bundles.map((_, index) => kept[index] ?? peerId) }
    stuck = Math.max(stuck, out)
  }
  return { stuck }
}

/** Each on a peer of its own: a matching, by augmenting paths. */
function apart({ bundles, kept }: BundlesWanted, rooms: readonly Room[], missing: readonly number[]) {
  const taken = new Set(kept.filter(peer => peer !== undefined))
  const open = rooms.filter(({ peerId }) => !taken.has(peerId))
  const bundleAt: (number | undefined)[] = open.map(() => undefined)
  const place = (index: number, seen: Set<number>): boolean => {
    const empty = open.findIndex(({ free }, at) => bundleAt[at] === undefined && fits(free, bundles[index]))
    if (empty >= 0) {
      bundleAt[empty] = index
      return true
    }
    for (let at = 0; at < open.length; at++) {
      if (seen.has(at) || !fits(open[at].free, bundles[index])) continue
      seen.add(at)
      if (!place(bundleAt[at] as number, seen)) continue
      bundleAt[at] = index
      return true
    }
    return false
  }
  for (const index of missing) if (!place(index, new Set())) return { stuck: index }
  const peers = [...kept]
  for (const [at, index] of bundleAt.entries()) if (index !== undefined) peers[index] = open[at].peerId
  return { peers: peers as string[] }
}

/** On as few as possible: each on the first that has room, those first that have some of the group, then those that take most. */
function packed({ bundles, kept }: BundlesWanted, rooms: readonly Room[], order: readonly number[]) {
  const peers = [...kept]
  const begun = new Set(kept)
  const open = rooms
    .map(({ peerId, free }) => ({ peerId, free, takes: takes(free, bundles, order), begun: begun.has(peerId) ? 1 : 0 }))
    .sort((a, b) => b.begun - a.begun || b.takes - a.takes)
  for (const index of order) {
    const room = open.find(({ free }) => fits(free, bundles[index]))
    if (room === undefined) return { stuck: index }
    room.free = minus(room.free, bundles[index])
    peers[index] = room.peerId
  }
  return { peers: peers as string[] }
}

/** How many of them a peer could have. */
function takes(free: ResourceMap, bundles: readonly ResourceMap[], order: readonly number[]): number {
  let left = free
  let count = 0
  for (const index of order) {
    if (!fits(left, bundles[index])) continue
    left = minus(left, bundles[index])
    count++
  }
  return count
}

/** Each on the peer that has the fewest of the group so far. */
function spread({ bundles, kept }: BundlesWanted, rooms: readonly Room[], order: readonly number[]) {
  const peers = [...kept]
  const open = rooms.map(({ peerId, free }) => ({ peerId, free, count: kept.filter(peer => peer === peerId).length }))
  for (const index of order) {
    let best: (typeof open)[number] | undefined
    for (const room of open) {
      if (fits(room.free, bundles[index]) && (best === undefined || room.count < best.count)) best = room
    }
    if (best === undefined) return { stuck: index }
    best.free = minus(best.free, bundles[index])
    best.count++
    peers[index] = best.peerId
  }
  return { peers: peers as string[] }
}
