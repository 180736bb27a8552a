import type { Kind } from './kinds.ts'
import { limits } from './limits.ts'
import type { Demand, ResourceMap, ResourceTable } from './resources.ts'

/** One bundle of a placement group. */
export interface BundleName {
  readonly group: string
  readonly index: number
}

/** What tasks draw from: a peer's resources, or a bundle of them. */
export interface Supply {
  fits(demand: Demand): boolean
  take(demand: Demand): void
  give(demand: Demand): void
}

/** What a bundle of a placement group has reserved at this peer, and what of it is free. Amounts as in the peer's table. */
export class BundleTable implements Supply {
  readonly demand: Demand
  readonly #peer: ResourceTable
  /** By index of the resource. */
  readonly #free: number[] = []
  readonly #taken: number[] = []
  #closed = false
  /** What is meant to be taken of it in one round of dealing. */
  #planned: number[] = []
  #round = 0

  constructor(demand: Demand, peer: ResourceTable) {
    this.demand = demand
    this.#peer = peer
    for (const { index, units } of demand) {
      this.#free[index] = units
      this.#taken[index] = 0
    }
  }

  /** Nothing new starts in it; what was suspended goes on with what the peer has. */
  get closed(): boolean {
    return this.#closed
  }

  fits(demand: Demand): boolean {
    if (this.#closed) return this.#peer.fits(demand)
    return demand.every(({ index, units }) => (this.#free[index] ?? 0) >= units)
  }

  take(demand: Demand): void {
    if (this.#closed) this.#peer.reserve(demand)
    for (const { index, units } of demand) {
      this.#free[index] -= units
      this.#taken[index] += units
    }
  }

  /** Means to take this much in a round of dealing, if there is room beside what else is meant to be taken in it. */
  plan(demand: Demand, round: number): boolean {
    if (round !== this.#round) this.#planned = []
    this.#round = round
    const planned = this.#planned
    const fits = demand.every(({ index, units }) => (this.#free[index] ?? 0) - (planned[index] ?? 0) >= units)
    if (this.#closed || !fits) return false
    for (const { index, units } of demand) planned[index] = (planned[index] ?? 0) + units
    return true
  }

  /** What runs when the bundle is let go gives back to the peer. */
  give(demand: Demand): void {
    for (const { index, units } of demand) {
      this.#taken[index] -= units
      this.#free[index] += units
    }
    if (this.#closed) this.#peer.unreserve(demand)
  }

  /** The resource that a request waits for, or undefined. */
  short(demand: Demand): string | undefined {
    const short = demand.find(({ index, units }) => (this.#free[index] ?? 0) < units)
    return short && this.#peer.nameOf(short.index)
  }

  /** Reserves nothing any more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#peer.unreserve(this.demand.map(({ index }) => ({ index, units: this.#free[index] })))
  }

  /** Tasks that drew from it are still here. */
  get used(): boolean {
    return this.demand.some(({ index }) => this.#taken[index] > 0)
  }
}

/** Where nothing is reserved yet. */
export const noBundle: Supply = {
  fits: () => false,
  take: () => undefined,
  give: () => undefined,
}

interface Reserved {
  readonly table: BundleTable
  readonly group: string
  /** The peer that owns the group, or -1 for this one. */
  readonly owner: number
  readonly round: number
  /** Not yet to be used, and given up then; undefined: committed. */
  expiresAt: number | undefined
}

/** The bundles that are reserved at this peer, in two steps: what is prepared and not committed in time is free again. */
export class Bundles {
  readonly #resources: ResourceTable
  readonly #reserved = new Map<string, Reserved>()
  readonly #kinds = new Map<string, Kind[]>()
  /** Closed ones whose tasks have not ended yet. */
  readonly #closed = new Map<string, BundleTable>()

  constructor(resources: ResourceTable) {
    this.#resources = resources
  }

  /** Takes what these bundles of a group ask for, all or nothing. */
  prepare(
    from: { owner: number; group: string; round: number },
    wanted: readonly (readonly [index: number, resources: ResourceMap])[],
    now: number,
  ): boolean {
    const taken: [string, Reserved][] = []
    for (const [index, resources] of wanted) {
      const name = nameOf({ group: from.group, index })
      const old = this.#reserved.get(name)
      // Of an attempt that nobody knows of any more; what its tasks use has to come back first.
      if (old && old.owner === from.owner && old.round < from.round) this.#let(name, old)
      const demand = this.#resources.demand(resources)
      const isFree = !this.#reserved.has(name) && !this.#closed.get(name)?.used
      if (!isFree || !this.#resources.reserve(demand)) {
        for (const [, { table }] of taken) table.close()
        return false
      }
      const table = new BundleTable(demand, this.#resources)
      taken.push([name, { ...from, table, expiresAt: now + limits.bundlePreparedMs }])
    }
    for (const [name, reserved] of taken) this.#reserved.set(name, reserved)
    return true
  }

  /** What was prepared is the group's from now on. False: it has expired. */
  commit(group: string, round: number): boolean {
    let found = false
    for (const [name, reserved] of this.#reserved) {
      if (reserved.group !== group || reserved.round !== round) continue
      found = true
      reserved.expiresAt = undefined
      for (const kind of this.#kinds.get(name) ?? []) kind.reserved = reserved.table
    }
    return found
  }

  /** A group's bundles here are free: those of one attempt, some by their indices, or all. */
  release(group: string, which: { round?: number; indices?: readonly number[] } = {}): void {
    const { round, indices } = which
    const names = indices && new Set(indices.map(index => nameOf({ group, index })))
    for (const [name, reserved] of this.#reserved) {
      if (reserved.group !== group || (round !== undefined && reserved.round !== round)) continue
      if (names === undefined || names.has(name)) this.#let(name, reserved)
    }
  }

  /** The owner of groups is gone. */
  releaseOf(owner: number): void {
    for (const [name, reserved] of this.#reserved) if (reserved.owner === owner) this.#let(name, reserved)
  }

  /** Gives back what was prepared and not committed in time. */
  expire(now: number): void {
    for (const [name, reserved] of this.#reserved)
      if (reserved.expiresAt !== undefined && reserved.expiresAt <= now) this.#let(name, reserved)
  }

  #let(name: string, { table }: Reserved): void {
    this.#reserved.delete(name)
    table.close()
    if (table.used) this.#closed.set(name, table)
    else this.#closed.delete(name)
  }

  /** Tasks of this kind draw from their bundle, once it is here. */
  attach(kind: Kind): void {
    if (!kind.bundle) return
    const name = nameOf(kind.bundle)
    const kinds = this.#kinds.get(name)
    if (kinds) kinds.push(kind)
    else this.#kinds.set(name, [kind])
    const reserved = this.#reserved.get(name)
    if (reserved?.expiresAt === undefined) kind.reserved = reserved?.table
  }

  /** The bundle, where it is here and may be used. */
  get(bundle: BundleName): BundleTable | undefined {
    const reserved = this.#reserved.get(nameOf(bundle))
    return reserved?.expiresAt === undefined ? reserved?.table : undefined
  }

  get count(): number {
    return this.#reserved.size
  }
}

function nameOf({ group, index }: BundleName): string {
  return `${group}/${index}`
}
