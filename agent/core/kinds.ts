import type { BundleName, BundleTable } from './bundles.ts'
import type { Failure } from './failures.ts'
import { limits } from './limits.ts'
import { ReadyQueue } from './ready-queue.ts'
import { CPUS, type Demand, GPUS, MEMORY } from './resources.ts'
import type { Rows } from './rows.ts'
import type { Lane } from './threads.ts'

/** What the scheduler knows of one function with its options: the tasks of one kind are alike to it. */
export class Kind {
  readonly index: number
  readonly spec: KindSpec
  readonly name: string
  readonly demand: Demand
  readonly cpuUnits: number
  readonly gpuUnits: number
  /** What a task gives back while it awaits, and what it keeps: GPUs, memory, resources of one's own. */
  readonly cpuDemand: Demand
  readonly keptDemand: Demand
  readonly priority: number
  readonly timeoutMs: number
  readonly retries: number
  readonly infeasibleTimeoutMs: number
  /** How many values a task of it gives; 0: those of a generator. */
  readonly returns: number
  readonly ready: ReadyQueue
  readonly lanes: Lane[] = []
  /** Moving average of the run time; NaN before the first. */
  meanMs = Number.NaN
  /** Tasks of it have awaited something of the mesh: none is sent ahead. */
  awaits = false
  /** It has blocked its thread for long: it wants one of its own. */
  blocks = false
  /** Its queue is, or was a moment ago, not empty. */
  active = false
  /** Turn of the round robin in which it was last served. */
  served = 0
  /** Tasks of it may be started here by the scheduler: this peer fits, and they are not dealt out among peers one by one. */
  here = true
  /** What one of its tasks leaves on a thread here may be taken by the next. */
  refills = true
  /** Where its tasks may run. */
  readonly placement: Placement
  /** The workers that may run it: '' is threads, '@…' threads of actors, anything else names processes that are alike (see `poolOf`). */
  pool: string
  /** One attempt at a time on its worker: the memory of the whole process is limited. */
  readonly alone: boolean
  /** Its tasks were granted to this peer by another: they go no further. */
  readonly guest: boolean
  /** It runs here or nowhere: who says so is not this peer. */
  readonly pinned: boolean
  /** The peer that granted them, or -1. */
  readonly home: number
  /** Tasks of it at each peer. */
  readonly granted = new Map<number, number>()
  /** Of a class: how its instances, which are actors, live. */
  readonly actor: ActorKind | undefined
  /** Of a method of actors. */
  readonly call: CallKind | undefined
  /** Why no task of it can run anywhere, ever. */
  impossible: { resource: string; requested: string; has: string } | undefined
  /** What it draws from instead of the peer's resources: a bundle of a placement group; index -1: whichever has room. */
  readonly bundle: BundleName | undefined
  /** That bundle, where it is, or was last, at this peer. */
  reserved: BundleTable | undefined
  /** The peer that has the bundle now. */
  bundleAt: string | undefined
  /** Why its tasks wait for the group. */
  waitsFor: string | undefined
  /** Of one bundle's part of a kind that may use any: that kind, in whose queue its tasks wait. */
  anyOf: Kind | undefined
  /** Every task of it fails at once. */
  refused: Failure | undefined

  constructor(index: number, rows: Rows, spec: KindSpec) {
    this.index = index
    this.spec = spec
    this.name = spec.name
    this.demand = spec.demand
    this.cpuDemand = spec.demand.filter(({ index }) => index === CPUS)
    this.keptDemand = spec.demand.filter(({ index }) => index !== CPUS)
    this.cpuUnits = unitsOf(spec.demand, CPUS)
    this.gpuUnits = unitsOf(spec.demand, GPUS)
    this.priority = spec.priority
    this.timeoutMs = spec.timeoutMs
    this.retries = spec.retries
    this.infeasibleTimeoutMs = spec.infeasibleTimeoutMs
    this.returns = spec.returns ?? 1
    this.placement = spec.placement ?? pack
    this.pool = spec.pool ?? ''
    this.actor = spec.actor
    this.call = spec.call
    this.alone = this.isProcess && (spec.actor !== undefined || spec.demand.some(({ index }) => index === MEMORY))
    this.bundle = spec.bundle
    this.guest = spec.home !== undefined
    this.home = spec.home ?? -1
    this.pinned = spec.pinned === true
    this.ready = new ReadyQueue(rows)
  }

  get isProcess(): boolean {
    return isProcessPool(this.pool)
  }

  get timed(): boolean {
    return this.timeoutMs > 0
  }

  /** Wants a thread of its own when one is free (protocols §1, Threads). */
  get exclusive(): boolean {
    return this.timeoutMs > 0 || this.blocks
  }

  /** Each of its tasks has what it was granted to itself: none takes over what another had. */
  get keeps(): boolean {
    return this.keptDemand.length > 0
  }

  /** How many tasks may be sent to one lane at once: enough to fill `runAheadMs`, one where run times are unknown or long. */
  runAhead(): number {
    if (this.awaits || this.keeps || this.timeoutMs > 0 || !(this.meanMs < limits.shortTaskMs)) return 1
    // What was sent to a process cannot be taken back.
    if (this.pool !== '' || this.actor) return 1
    return Math.max(1, Math.min(limits.runAheadTasksMax, Math.floor(limits.runAheadMs / Math.max(this.meanMs, 0.0005))))
  }

  ran(durationMs: number): void {
    if (Number.isNaN(this.meanMs)) this.meanMs = durationMs
    // A sudden long one counts at once: what is queued behind it must not be sent ahead again.
    else this.meanMs += (durationMs - this.meanMs) * (durationMs > 4 * this.meanMs ? 0.5 : 0.1)
    if (durationMs > limits.blockingTaskMs && this.cpuUnits === 0) this.blocks = true
  }

  get expectedMs(): number {
    return Number.isNaN(this.meanMs) ? limits.unknownTaskMs : this.meanMs
  }
}

export interface KindSpec {
  name: string
  demand: Demand
  priority: number
  timeoutMs: number
  retries: number
  infeasibleTimeoutMs: number
  /** Default 1. */
  returns?: number
  placement?: Placement
  /** Default: threads. */
  pool?: string
  /** Default: none. */
  bundle?: BundleName | undefined
  /** Of a guest: the peer that grants it. */
  home?: number
  pinned?: boolean
  actor?: ActorKind | undefined
  call?: CallKind | undefined
}

/** What the cores know of a class of actors. */
export interface ActorKind {
  readonly className: string
  /** Calls that run at a time: of the default group, and of others. */
  readonly maxConcurrency: number
  readonly groups: Readonly<Record<string, number>>
  readonly methodGroups: Readonly<Record<string, string>>
  /** Its instances live beside others in one thread, unless they have been seen to block it. */
  readonly shares: boolean
  readonly detached: boolean
  readonly name?: string | undefined
  readonly namespace?: string | undefined
  readonly getIfExists?: boolean | undefined
}

/** What the cores know of a method of actors. */
export interface CallKind {
  readonly method: string
  /** Left out: the one that the class says. */
  readonly group?: string | undefined
}

/** Threads in which actors live that share them. */
export const sharedPool = '@shared'
/** A thread for one actor. */
export const ownPool = '@own'

/** Whether the workers of a pool are processes. */
export function isProcessPool(pool: string): boolean {
  return pool !== '' && !pool.startsWith('@')
}

/** Where the tasks of a kind may run; `soft`: only if such a peer is there. */
export interface Placement {
  /** Dealt out among all peers, rather than filled from here. */
  spread: boolean
  peer?: string
  labels?: Record<string, LabelRule>
  soft: boolean
}

/** A rule about one label, as users write it. */
export type LabelRule = string | { in: string[] } | { notIn: string[] } | { exists: boolean }

const pack: Placement = { spread: false, soft: false }

/** Whether a peer's labels fit a rule; `notIn` fits peers without the label too. */
export function labelFits(value: string | undefined, rule: LabelRule): boolean {
  if (typeof rule === 'string') return value === rule
  if ('in' in rule) return value !== undefined && rule.in.includes(value)
  if ('notIn' in rule) return value === undefined || !rule.notIn.includes(value)
  return (value !== undefined) === rule.exists
}

function unitsOf(demand: Demand, index: number): number {
  return demand.find(amount => amount.index === index)?.units ?? 0
}
