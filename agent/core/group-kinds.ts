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
  readonly resources: readonly ResourceMap[]
  view: GroupView | undefined
  readonly kinds: Kind[]
  /** Of kinds that may use any bundle: their parts, one a bundle, made at the first use. */
  readonly parts: Map<Kind, (Kind | undefined)[]>
  /** Of those kinds: the bundles they fit into. */
  readonly fitting: Map<Kind, readonly number[]>
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
  assign(row: number, kind: Kind): void
  fail(kinds: ReadonlySet<Kind>, failure: (kind: Kind) => Failure): void
}

/**
 * The kinds of this peer's tasks that run in placement groups, whoever owns those: each draws from one bundle, at the peer that
 * has it. Of a kind that may use any bundle the tasks wait in one queue, and go to a bundle when that has room for one.
 */
export class GroupKinds {
  readonly #host: GroupKindsHost
  readonly #groups = new Map<string, Group>()
  /** Kinds that may use any bundle of their groups. */
  #open: Kind[] = []
  /** Makes the part of a kind that uses one bundle. */
  partOf: (kind: Kind, index: number) => Kind = () => {
    throw new Error('a kind in a placement group, and nobody who makes its parts')
  }

  constructor(host: GroupKindsHost) {
    this.#host = host
  }

  /** A kind whose tasks run in a group, of which these bundles are known. */
  add(kind: Kind, resources: readonly ResourceMap[]): void {
    const { bundle } = kind
    if (!bundle) return
    let group = this.#groups.get(bundle.group)
    if (!group) {
      group = { resources, view: undefined, kinds: [], parts: new Map(), fitting: new Map() }
      this.#groups.set(bundle.group, group)
    }
    kind.here = false
    group.kinds.push(kind)
    const asked = this.#host.resources.named(kind.demand)
    const wanted = bundle.index < 0 ? [...group.resources.keys()] : [bundle.index]
    const fitting = wanted.filter(index => lacking(asked, group.resources[index] ?? {}) === undefined)
    if (fitting.length === 0) kind.refused = noBundle(kind.name, asked, wanted, group.resources)
    else if (bundle.index < 0) {
      group.fitting.set(kind, fitting)
      this.#open.push(kind)
    } else this.#host.bundles.attach(kind)
    this.#apply(kind, group)
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
    this.#open = this.#open.filter(kind => !group.kinds.includes(kind))
    this.#host.fail(new Set(group.kinds), failure)
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
    if (kind.anyOf && !isPlaced) while (kind.ready.count > 0) this.#host.assign(kind.ready.shift(), kind.anyOf)
  }

  /** Tasks wait for whichever bundle has room. */
  get waits(): boolean {
    for (const kind of this.#open) if (kind.ready.count > 0) return true
    return false
  }

  /** Gives tasks to the bundles that have room for them, to one after the other. */
  deal(): void {
    for (const kind of this.#open) {
      const group = this.#groups.get(kind.bundle?.group ?? '')
      if (kind.ready.count === 0 || !group) continue
      for (const index of group.fitting.get(kind) ?? []) {
        if (typeof group.view?.peers[index] !== 'string') continue
        const part = this.#part(kind, index, group)
        for (let room = this.#room(part); room > 0 && kind.ready.count > 0; room--)
          this.#host.assign(kind.ready.shift(), part)
        if (kind.ready.count === 0) break
      }
    }
  }

  #part(kind: Kind, index: number, group: Group): Kind {
    let parts = group.parts.get(kind)
    if (!parts) {
      parts = []
      group.parts.set(kind, parts)
    }
    let part = parts[index]
    if (!part) {
      part = this.partOf(kind, index)
      part.anyOf = kind
      part.here = false
      parts[index] = part
      group.kinds.push(part)
      this.#host.bundles.attach(part)
      this.#apply(part, group)
    }
    return part
  }

  /** How many tasks more of a part its bundle could begin now; those that are queued for it counted. */
  #room(part: Kind): number {
    if (!part.bundle) return 0
    if (part.bundleAt !== this.#host.ownPeer()) return this.roomAway(part) - part.ready.count
    const slots = this.#host.bundles.get(part.bundle)?.slots(part.demand) ?? 0
    if (slots <= 0) return 0
    // Others of its bundle that are about to begin count as much as it does.
    const queued = this.#host.bundles.kindsOf(part.bundle).reduce((sum, kind) => sum + kind.ready.count, 0)
    return slots - queued
  }

  /** How many tasks more of a kind can be given to its bundle at another peer. */
  roomAway(kind: Kind): number {
    const { bundle } = kind
    const group = bundle && this.#groups.get(bundle.group)
    if (!bundle || !group) return 0
    const free = { ...group.resources[bundle.index] }
    let outstanding = 0
    for (const other of this.#host.bundles.kindsOf(bundle)) {
      let count = 0
      for (const n of other.granted.values()) count += n
      if (count === 0) continue
      outstanding += other === kind ? count : 0
      for (const [name, amount] of Object.entries(this.#host.resources.named(other.demand)))
        free[name] = (free[name] ?? 0) - amount * count
    }
    let slots: number = limits.grantAheadTasksMax
    let ever: number = limits.grantAheadTasksMax
    for (const [name, amount] of Object.entries(this.#host.resources.named(kind.demand))) {
      if (amount === 0) continue
      slots = Math.min(slots, Math.floor(((free[name] ?? 0) + 1e-9) / amount))
      ever = Math.min(ever, Math.floor(((group.resources[bundle.index]?.[name] ?? 0) + 1e-9) / amount))
    }
    // Short tasks are sent ahead, so that the bundle never waits for the next.
    if (!(kind.meanMs < limits.grantAheadMs) || kind.awaits) return Math.max(0, slots)
    const ahead = Math.ceil((limits.grantAheadMs / Math.max(kind.meanMs, 0.001)) * ever)
    return Math.max(0, slots, Math.min(limits.grantAheadTasksMax, ahead) - outstanding)
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
