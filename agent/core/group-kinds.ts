import type { Bundles } from './bundles.ts'
import type { Failure } from './failures.ts'
import type { Kind } from './kinds.ts'
import { limits } from './limits.ts'
import type { ResourceMap, ResourceTable } from './resources.ts'

/** What the owner of a placement group tells those who use it. */
export interface GroupView {
  state: 'waiting' | 'placed' | 'removed'
  /** The peer of each bundle; null: it is not reserved anywhere now. */
  peers: readonly (string | null)[]
  /** Why it waits, or was removed. */
  reason?: string | undefined
  /** What of it no peer could ever give, however long it waits. */
  impossible?: Kind['impossible']
}

interface Group {
  readonly bundles: readonly Bundle[]
  view: GroupView | undefined
  readonly kinds: Set<Kind>
  /** Of kinds that may use any bundle: those they fit into, and their parts, one a bundle, made at the first use. */
  readonly open: Map<Kind, { fitting: readonly number[]; asks: string; parts: (Kind | undefined)[] }>
}

interface Bundle {
  readonly resources: ResourceMap
  /** In units, by index of the resource: what it has, and what this peer's tasks use of it at another peer. */
  readonly has: readonly (number | undefined)[]
  readonly used: number[]
  outstanding: number
}

/** What the kinds of groups need of their peer's owner. */
export interface GroupKindsHost {
  readonly bundles: Bundles
  readonly resources: ResourceTable
  ownPeer(): string
  /** Decides anew where a kind may run. */
  place(kind: Kind): void
  /** Tasks that wait can never run: told when their time is over. */
  impossible(kind: Kind): void
  /** A task belongs to this part of its kind from now on. */
  assign(row: number, part: Kind): void
  /** What waits for a part waits for any bundle again, before others. */
  takeBack(part: Kind): void
  /** Kinds with tasks that wait. */
  waiting(): readonly Kind[]
  /** Gives what waits for a part to the peer that has its bundle. */
  grantAll(part: Kind): void
  fail(kinds: ReadonlySet<Kind>, failure: (kind: Kind) => Failure): void
}

/**
 * The kinds of this peer's tasks that run in placement groups, whoever owns those: each draws from one bundle, at the peer that
 * has it. Of a kind that may use any bundle the tasks wait in one queue, and go to a bundle when that has room for one.
 */
export class GroupKinds {
  readonly #host: GroupKindsHost
  readonly #groups = new Map<string, Group>()
  #round = 0
  /** Makes the part of a kind that uses one bundle. */
  partOf: (kind: Kind, index: number) => Kind = () => {
    throw new Error('a kind in a placement group, and nobody who makes its parts')
  }

  /** Called before the tasks of a group that is gone fail: what else runs in it ends too. */
  onRemoved: (group: string, kinds: ReadonlySet<Kind>, reason: string) => void = () => undefined

  constructor(host: GroupKindsHost) {
    this.#host = host
  }

  /** A kind whose tasks run in a group, of which these bundles are known. */
  add(kind: Kind, resources: readonly ResourceMap[]): void {
    const { bundle } = kind
    if (!bundle) return
    let group = this.#groups.get(bundle.group)
    if (!group) {
      group = { bundles: resources.map(one => this.#bundle(one)), view: undefined, kinds: new Set(), open: new Map() }
      this.#groups.set(bundle.group, group)
    }
    kind.here = false
    group.kinds.add(kind)
    const asked = this.#host.resources.named(kind.demand)
    const has = group.bundles.map(one => one.resources)
    const wanted = bundle.index < 0 ? [...has.keys()] : [bundle.index]
    const fitting = wanted.filter(index => lacking(asked, has[index] ?? {}) === undefined)
    if (fitting.length === 0) kind.refused = noBundle(kind.name, asked, wanted, has)
    else if (bundle.index < 0) group.open.set(kind, { fitting, asks: JSON.stringify(kind.demand), parts: [] })
    else this.#host.bundles.attach(kind)
    this.#apply(kind, group)
  }

  #bundle(resources: ResourceMap): Bundle {
    const has: number[] = []
    for (const { index, units } of this.#host.resources.demand(resources)) has[index] = units
    return { resources, has, used: [], outstanding: 0 }
  }

  /** The owner of a group says what has become of it. */
  view(name: string, view: GroupView): void {
    const group = this.#groups.get(name)
    if (!group) return
    group.view = view
    if (view.state === 'removed') {
      this.#remove(name, group, view.reason ?? 'it was removed')
      return
    }
    for (const kind of group.kinds) this.#apply(kind, group)
  }

  #remove(name: string, group: Group, reason: string): void {
    const failure = (kind: Kind): Failure => ({ kind: 'group-removed', name: kind.name, group: name, reason })
    for (const kind of group.kinds) kind.refused = failure(kind)
    this.onRemoved(name, group.kinds, reason)
    this.#host.fail(group.kinds, failure)
    // What comes later finds the view, and needs nothing else.
    group.kinds.clear()
    group.open.clear()
  }

  #apply(kind: Kind, group: Group): void {
    const { view } = group
    const index = kind.bundle?.index ?? -1
    if (view?.state === 'removed') {
      const { group: name = '' } = kind.bundle ?? {}
      kind.refused = { kind: 'group-removed', name: kind.name, group: name, reason: view.reason ?? 'it was removed' }
      return
    }
    const isPlaced = index < 0 ? view?.state === 'placed' : typeof view?.peers[index] === 'string'
    kind.bundleAt = view?.peers[index] ?? undefined
    kind.waitsFor = isPlaced ? undefined : `waits for its placement group: ${view?.reason ?? 'it is being placed'}`
    const was = kind.impossible
    kind.impossible = isPlaced ? undefined : view?.impossible
    if (kind.impossible && !was && kind.ready.count > 0) this.#host.impossible(kind)
    if (index >= 0) this.#host.place(kind)
    // Another bundle will do.
    if (kind.anyOf && !isPlaced && kind.ready.count > 0) this.#host.takeBack(kind)
  }

  /** Tasks wait for whichever bundle has room. */
  get waits(): boolean {
    for (const { bundle, anyOf, ready } of this.#host.waiting())
      if (ready.count > 0 && bundle && (bundle.index < 0 || anyOf)) return true
    return false
  }

  /** Gives tasks to the bundles that have room for them, to one after the other. */
  deal(): void {
    this.#round++
    // What was meant for a bundle here and has found no room after all may go to another.
    for (const part of [...this.#host.waiting()]) if (part.anyOf && part.ready.count > 0) this.#host.takeBack(part)
    /** What has found no room in this round: others that ask for the same need not look. */
    const full = new Set<string>()
    for (const kind of [...this.#host.waiting()]) {
      const group = kind.bundle && kind.bundle.index < 0 ? this.#groups.get(kind.bundle.group) : undefined
      const open = group?.open.get(kind)
      if (!group || !open || kind.ready.count === 0) continue
      const asks = `${kind.bundle?.group} ${open.asks}`
      if (full.has(asks)) continue
      const share = Math.ceil(kind.ready.count / open.fitting.length)
      for (const index of open.fitting) {
        const at = group.view?.peers[index]
        if (typeof at !== 'string') continue
        if (at === this.#host.ownPeer()) this.#dealHere(kind, index, group)
        else this.#dealAway(kind, index, group, share)
        if (kind.ready.count === 0) break
      }
      if (kind.ready.count > 0) full.add(asks)
    }
  }

  /** As many as have room now: the scheduler puts them in order with what else waits for this bundle. */
  #dealHere(kind: Kind, index: number, group: Group): void {
    const table = this.#host.bundles.get({ group: kind.bundle?.group ?? '', index })
    while (kind.ready.count > 0 && table?.plan(kind.demand, this.#round))
      this.#host.assign(kind.ready.shift(), this.#part(kind, index, group))
  }

  #dealAway(kind: Kind, index: number, group: Group, share: number): void {
    const room = this.#roomAt(group.bundles[index], kind)
    // Of what is sent ahead each bundle gets its share.
    const count = Math.min(room.slots + room.ahead, Math.max(room.slots, share), kind.ready.count)
    if (count <= 0) return
    const part = this.#part(kind, index, group)
    for (let n = count; n > 0; n--) this.#host.assign(kind.ready.shift(), part)
    this.#host.grantAll(part)
  }

  #part(kind: Kind, index: number, group: Group): Kind {
    const parts = group.open.get(kind)?.parts ?? []
    let part = parts[index]
    if (!part) {
      part = this.partOf(kind, index)
      part.anyOf = kind
      part.here = false
      parts[index] = part
      group.kinds.add(part)
      this.#host.bundles.attach(part)
      this.#apply(part, group)
    }
    part.meanMs = kind.meanMs
    part.awaits ||= kind.awaits
    return part
  }

  /** A task of a kind was given to the peer that has its bundle, or is there no more. */
  used(kind: Kind, change: 1 | -1): void {
    const bundle = this.#bundleOf(kind)
    if (!bundle) return
    bundle.outstanding += change
    for (const { index, units } of kind.demand) bundle.used[index] = (bundle.used[index] ?? 0) + change * units
  }

  #bundleOf({ bundle }: Kind): Bundle | undefined {
    return bundle && this.#groups.get(bundle.group)?.bundles[bundle.index]
  }

  /** How many tasks more of a kind can be given to its bundle at another peer. */
  roomAway(kind: Kind): number {
    const bundle = this.#bundleOf(kind)
    if (!bundle) return 0
    const { slots, ahead } = this.#roomAt(bundle, kind)
    return slots + ahead
  }

  /** What could begin there at once; and short tasks that are sent ahead, so that the bundle never waits for the next. */
  #roomAt({ has, used, outstanding }: Bundle, { demand, meanMs, awaits }: Kind): { slots: number; ahead: number } {
    let slots: number = limits.grantAheadTasksMax
    let ever: number = limits.grantAheadTasksMax
    for (const { index, units } of demand) {
      const all = has[index] ?? 0
      slots = Math.min(slots, Math.floor((all - (used[index] ?? 0)) / units))
      ever = Math.min(ever, Math.floor(all / units))
    }
    slots = Math.max(0, slots)
    if (!(meanMs < limits.grantAheadMs) || awaits) return { slots, ahead: 0 }
    const most = Math.ceil((limits.grantAheadMs / Math.max(meanMs, 0.001)) * ever)
    return { slots, ahead: Math.max(0, Math.min(limits.grantAheadTasksMax, most) - outstanding - slots) }
  }
}

/** The resource of which a bundle has less than is asked for. */
function lacking(asked: ResourceMap, has: ResourceMap): string | undefined {
  return Object.keys(asked).find(name => (asked[name] ?? 0) > (has[name] ?? 0))
}

/** Resources as users write them: { cpus: 2, gpus: 1 } */
export function resourcesText(resources: ResourceMap): string {
  const named = Object.entries(resources).filter(([, amount]) => amount > 0)
  return named.length === 0 ? '{}' : `{ ${named.map(([name, amount]) => `${name}: ${amount}`).join(', ')} }`
}

const BUNDLES_NAMED = 8

function noBundle(
  name: string,
  asked: ResourceMap,
  wanted: readonly number[],
  resources: readonly ResourceMap[],
): Failure {
  const said = wanted.slice(0, BUNDLES_NAMED).map(index => `bundle ${index} ${resourcesText(resources[index] ?? {})}`)
  if (wanted.length > BUNDLES_NAMED) said.push(`and ${wanted.length - BUNDLES_NAMED} more`)
  // What none has enough of; where each has too little of something else, all of it.
  const short = Object.keys(asked).find(one =>
    wanted.every(index => (asked[one] ?? 0) > (resources[index]?.[one] ?? 0)),
  )
  const requested = short === undefined ? resourcesText(asked) : String(asked[short])
  return { kind: 'no-bundle', name, resource: short ?? 'resources', requested, has: said.join(', ') }
}
