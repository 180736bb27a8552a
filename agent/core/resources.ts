import { limits } from './limits.ts'

/** One resource of a request: its index and its amount in units. */
export interface Amount {
  index: number
  units: number
}

/** A request, the same object for every task of a function. */
export type Demand = readonly Amount[]

/** Amounts by name as users see them. */
export type ResourceMap = Record<string, number>

const NAMES = ['cpus', 'gpus', 'memoryBytes'] as const
/** Index of `cpus`, `gpus` and `memoryBytes` in every vector. */
export const CPUS = 0
export const GPUS = 1
export const MEMORY = 2

/**
 * What a peer has and what of it is free, in whole units (cpus, gpus and custom resources in 1/10,000; memory in bytes), so
 * that a thousand takes and gives of fractions end at exactly what there was.
 */
export class ResourceTable {
  readonly #index = new Map<string, number>()
  readonly #names: string[] = []
  #total: number[] = []
  #free: number[] = []
  /** Of what is not free: reserved for placement groups. */
  readonly #reserved: number[] = []
  /** Of what is not free: kept by actors that live here and by tasks that await something. */
  readonly #kept: number[] = []

  constructor(total: ResourceMap) {
    for (const name of NAMES) this.#add(name)
    for (const [name, amount] of Object.entries(total)) {
      const at = this.#add(name)
      this.#total[at] = this.#free[at] = toUnits(name, amount)
    }
  }

  #add(name: string): number {
    let at = this.#index.get(name)
    if (at === undefined) {
      at = this.#names.length
      this.#index.set(name, at)
      this.#names.push(name)
      this.#total.push(0)
      this.#free.push(0)
      this.#reserved.push(0)
      this.#kept.push(0)
    }
    return at
  }

  /** A request for these amounts. Names this peer has none of are known from then on, with a total of 0. */
  demand(amounts: ResourceMap): Demand {
    return Object.entries(amounts)
      .filter(([, amount]) => amount > 0)
      .map(([name, amount]) => ({ index: this.#add(name), units: toUnits(name, amount) }))
  }

  /** How many GPUs there are. */
  get gpus(): number {
    return this.#total[GPUS] / limits.unitsPerResource
  }

  fits(demand: Demand): boolean {
    for (let i = 0; i < demand.length; i++) if (this.#free[demand[i].index] < demand[i].units) return false
    return true
  }

  take(demand: Demand): void {
    for (let i = 0; i < demand.length; i++) this.#free[demand[i].index] -= demand[i].units
  }

  give(demand: Demand): void {
    for (let i = 0; i < demand.length; i++) {
      const { index, units } = demand[i]
      this.#free[index] += units
      if (this.#free[index] > this.#total[index])
        throw new Error(`more ${this.#names[index]} given back than there are`)
    }
  }

  /** Takes it away for a placement group, if it is free. */
  reserve(demand: Demand): boolean {
    if (!this.fits(demand)) return false
    this.take(demand)
    for (const { index, units } of demand) this.#reserved[index] += units
    return true
  }

  unreserve(demand: Demand): void {
    this.give(demand)
    for (const { index, units } of demand) this.#reserved[index] -= units
  }

  /** Of what was taken: no task that runs gives it back by its end. */
  keep(demand: Demand): void {
    for (const { index, units } of demand) this.#kept[index] += units
  }

  unkeep(demand: Demand): void {
    for (const { index, units } of demand) this.#kept[index] -= units
  }

  /** Whether waiting for the tasks that run would give enough: no placement group has it, and nobody keeps it. */
  couldFit(demand: Demand): boolean {
    for (let i = 0; i < demand.length; i++) {
      const { index, units } = demand[i]
      if (this.#total[index] - this.#reserved[index] - this.#kept[index] < units) return false
    }
    return true
  }

  /** Whether less of a resource is free than is asked for. */
  isShort({ index, units }: Amount): boolean {
    return this.#free[index] < units
  }

  /** The resource of which this peer could never have enough, or undefined. */
  lacking(demand: Demand): { resource: string; requested: number; has: number } | undefined {
    for (const { index, units } of demand) {
      if (this.#total[index] < units) {
        const resource = this.#names[index]
        return { resource, requested: fromUnits(resource, units), has: fromUnits(resource, this.#total[index]) }
      }
    }
    return undefined
  }

  /** The resource that a request waits for now, or undefined. */
  short(demand: Demand): string | undefined {
    for (const { index, units } of demand) if (this.#free[index] < units) return this.#names[index]
    return undefined
  }

  /** How many whole CPUs there are, at least one: the measure of how many threads make sense. */
  get threadsWanted(): number {
    return Math.max(1, Math.ceil(this.#total[CPUS] / limits.unitsPerResource))
  }

  total(): ResourceMap {
    return this.#map(this.#total)
  }

  available(): ResourceMap {
    return this.#map(this.#free)
  }

  nameOf(index: number): string {
    return this.#names[index]
  }

  /** Units as users count them. */
  amountOf(index: number, units: number): number {
    return fromUnits(this.#names[index], units)
  }

  named(demand: Demand): ResourceMap {
    const map: ResourceMap = { cpus: 0, gpus: 0, memoryBytes: 0 }
    for (const { index, units } of demand) map[this.#names[index]] = fromUnits(this.#names[index], units)
    return map
  }

  #map(units: number[]): ResourceMap {
    const map: ResourceMap = {}
    for (let i = 0; i < units.length; i++) {
      if (i < NAMES.length || this.#total[i] > 0) map[this.#names[i]] = fromUnits(this.#names[i], units[i])
    }
    return map
  }
}

function toUnits(name: string, amount: number): number {
  return name === 'memoryBytes' ? Math.ceil(amount) : Math.round(amount * limits.unitsPerResource)
}

function fromUnits(name: string, units: number): number {
  return name === 'memoryBytes' ? units : units / limits.unitsPerResource
}
