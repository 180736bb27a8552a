import {
  GetTimeoutError,
  InfeasibleError,
  InvalidOptionError,
  PlacementGroupRemovedError,
} from '../../wire/errors/index.ts'
import { type OwnerId, ownerOfGroup } from '../../wire/ids.ts'
import type { GroupRequest } from '../../wire/records.ts'
import {
  type Client,
  limits as coreLimits,
  type GroupRoom,
  type GroupView,
  Kind,
  PlacementGroups,
  type ResourceMap,
} from '../core/index.ts'
import { bundlesFrom, groupFrom, indicesFrom, roundFrom, viewFrom } from './group-messages.ts'
import { limits } from './limits.ts'
import type { PeerParts } from './parts.ts'

/** What groups need of their peer. */
export interface GroupsHost {
  readonly own: OwnerId
  /** Asks another peer; rejects where that is gone. */
  ask(peer: number, method: string, params: unknown): Promise<unknown>
  linked(): Iterable<{ peerId: string; index: number }>
  /** Peers that take bundles, this one first. */
  rooms(): readonly GroupRoom[]
  /** Something was decided outside a turn. */
  stirred(): void
}

/** A group that this peer's programs use, and who waits for what becomes of it. */
interface Watched {
  view: GroupView | undefined
  readonly waiters: Set<() => void>
}

/**
 * Placement groups between peers. The peer whose program made a group owns it (core: `PlacementGroups`): it has others reserve
 * bundles, and tells everybody who uses the group where these are. Whoever uses it asks once, and is told of every change.
 */
export class Groups {
  readonly #parts: PeerParts
  readonly #host: GroupsHost
  readonly #owned: PlacementGroups
  readonly #watched = new Map<string, Watched>()
  /** Other peers that use this one's groups. */
  readonly #users = new Map<string, Set<number>>()
  /** What is being told to others because of a call that waits for that. */
  #telling: Promise<unknown>[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(parts: PeerParts, host: GroupsHost) {
    this.#parts = parts
    this.#host = host
    this.#owned = new PlacementGroups({
      rooms: () => host.rooms(),
      prepare: (peerId, group, round, bundles) => this.#prepare(peerId, group, round, bundles),
      commit: (peerId, group, round) => this.#commit(peerId, group, round),
      release: (peerId, group, which) => this.#release(peerId, group, which),
      changed: group => this.#changed(group),
      random: Math.random,
    })
    parts.owner.groups.partOf = (kind, index) => this.#partOf(kind, index)
  }

  get owned(): PlacementGroups {
    return this.#owned
  }

  #isOwn({ peerId, incarnation }: OwnerId): boolean {
    return peerId === this.#host.own.peerId && incarnation === this.#host.own.incarnation
  }

  // ---- programs of this peer

  /** What a program of this peer asks of a group. */
  async byClient(method: string, params: unknown, client: Client): Promise<unknown> {
    if (method === 'group-make') return this.#make(params as GroupRequest, client)
    const { id, timeoutMs } = params as { id: string; timeoutMs?: number }
    switch (method) {
      case 'group-ready':
        return await this.#ready(id, timeoutMs)
      case 'group-peers':
        return await this.#peersOf(id)
      case 'group-remove':
        return await this.#remove(id)
      default:
        throw new Error(`no question of a group: ${method}`)
    }
  }

  #make({ id, name, strategy, bundles, detached }: GroupRequest, client: Client): null {
    const owner = ownerOfGroup(id)
    if (!owner || !this.#isOwn(owner)) throw new Error(`a group of another peer's: ${id}`)
    if (this.#owned.size >= coreLimits.groupsMax) {
      const allowed = `one of at most ${coreLimits.groupsMax} groups of a peer: remove some`
      throw new InvalidOptionError(
        `placementGroup: there are ${this.#owned.size} groups already; it must be ${allowed}`,
        {
          option: 'bundles',
          value: bundles.length,
          allowed,
        },
      )
    }
    const { owner: core, now } = this.#parts
    this.#owned.make({ id, name, strategy, bundles, detached, job: core.jobOf(client) }, now())
    this.#advance()
    return null
  }

  /** A program of this peer has functions that run in a group. */
  use(id: string): void {
    const { view } = this.#watch(id)
    if (view) this.#parts.owner.groups.view(id, view)
  }

  #watch(id: string): Watched {
    const known = this.#watched.get(id)
    if (known) return known
    const watched: Watched = { view: undefined, waiters: new Set() }
    this.#watched.set(id, watched)
    const owner = ownerOfGroup(id)
    if (owner && this.#isOwn(owner)) watched.view = this.#owned.view(id)
    else if (owner) void this.#askFor(id, owner)
    else watched.view = { state: 'removed', peers: [], reason: 'it is no group' }
    return watched
  }

  async #askFor(id: string, owner: OwnerId): Promise<void> {
    const { index } = this.#parts.owner.peers.of(owner.peerId, owner.incarnation)
    let view: GroupView = { state: 'removed', peers: [], reason: `its owner is gone: ${owner.peerId}` }
    try {
      view = viewFrom(await this.#askLinked(index, 'group-watch', { group: id }))
    } catch {
      // Who does not answer is gone, and its groups with it.
    }
    this.#viewIs(id, view)
    this.#host.stirred()
  }

  /** A peer that is not linked may be met within a moment. */
  async #askLinked(index: number, method: string, params: unknown): Promise<unknown> {
    const isLinked = (): boolean => [...this.#host.linked()].some(peer => peer.index === index)
    for (const until = performance.now() + limits.strangerMs; !isLinked() && performance.now() < until; )
      await new Promise(resolve => setTimeout(resolve, limits.relinkMs))
    const answer = this.#host.ask(index, method, params)
    this.#host.stirred()
    return await answer
  }

  #viewIs(id: string, view: GroupView): void {
    const watched = this.#watched.get(id)
    if (!watched) return
    watched.view = view
    // Nothing changes any more: who asks again is told the same by its owner.
    if (view.state === 'removed') this.#watched.delete(id)
    this.#parts.owner.groups.view(id, view)
    for (const wake of [...watched.waiters]) wake()
  }

  /** Resolves when the bundles are reserved. */
  async #ready(id: string, timeoutMs: number | undefined): Promise<null> {
    const watched = this.#watch(id)
    const { promise, resolve, reject } = Promise.withResolvers<null>()
    let infeasible: NodeJS.Timeout | undefined
    const look = (): void => {
      const { view } = watched
      if (view?.state === 'placed') resolve(null)
      else if (view?.state === 'removed') reject(removed(id, view))
      if (view?.impossible)
        infeasible ??= setTimeout(() => reject(impossible(id, watched)), coreLimits.groupInfeasibleMs)
      else {
        clearTimeout(infeasible)
        infeasible = undefined
      }
    }
    const late =
      timeoutMs === undefined ? undefined : setTimeout(() => reject(notReady(id, watched, timeoutMs)), timeoutMs)
    watched.waiters.add(look)
    look()
    try {
      return await promise
    } finally {
      watched.waiters.delete(look)
      clearTimeout(late)
      clearTimeout(infeasible)
    }
  }

  async #peersOf(id: string): Promise<readonly (string | null)[]> {
    const watched = this.#watch(id)
    if (!watched.view) {
      await new Promise<void>(resolve => {
        const look = (): void => {
          watched.waiters.delete(look)
          resolve()
        }
        watched.waiters.add(look)
      })
    }
    const { view } = watched
    if (view?.state === 'removed') throw removed(id, view)
    return view?.peers ?? []
  }

  async #remove(id: string): Promise<null> {
    const owner = ownerOfGroup(id)
    if (!owner) return null
    if (this.#isOwn(owner)) {
      this.#telling = []
      this.#owned.remove(id)
      const told = this.#telling
      this.#host.stirred()
      await Promise.allSettled(told)
      return null
    }
    const { index } = this.#parts.owner.peers.of(owner.peerId, owner.incarnation)
    // With its owner it is gone, too.
    await this.#askLinked(index, 'group-remove', { group: id }).catch(() => undefined)
    return null
  }

  /** The part of a kind that may use any bundle which uses this one. */
  #partOf(kind: Kind, index: number): Kind {
    const { owner, specs, kindJobs } = this.#parts
    const group = kind.bundle?.group ?? ''
    const at = owner.kinds.length
    const part = new Kind(at, owner.rows, { ...kind.spec, bundle: { group, index } })
    owner.kinds.push(part)
    specs.push({ ...specs[kind.index], placement: { group: { id: group, bundle: index, bundles: [] } } })
    kindJobs.push(kindJobs[kind.index])
    return part
  }

  // ---- as the owner of groups

  /** Tries what can be placed now, and again when something may have changed. */
  #advance(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const { now } = this.#parts
    const next = this.#owned.advance(now())
    if (next === undefined) return
    this.#timer = setTimeout(
      () => {
        this.#advance()
        this.#host.stirred()
      },
      Math.max(1, next - now()),
    )
    this.#timer.unref()
  }

  #indexOf(peerId: string): number {
    for (const peer of this.#host.linked()) if (peer.peerId === peerId) return peer.index
    return -1
  }

  /** Tells a peer, or this one, what the groups of this one want of it. */
  async #tell(peerId: string, method: string, params: object): Promise<boolean> {
    if (peerId === this.#host.own.peerId) {
      // Never within the decision that it follows from.
      await undefined
      const done = this.#reserve(method, params, -1)
      this.#host.stirred()
      return done
    }
    const told = this.#host.ask(this.#indexOf(peerId), method, params)
    return (await told.catch(() => false)) === true
  }

  #prepare(peerId: string, group: string, round: number, bundles: readonly (readonly [number, ResourceMap])[]): void {
    void this.#tell(peerId, 'group-prepare', { group, round, bundles }).then(ok => {
      this.#owned.prepared(group, round, peerId, ok, this.#parts.now())
      this.#settled()
    })
  }

  #commit(peerId: string, group: string, round: number): void {
    void this.#tell(peerId, 'group-commit', { group, round }).then(ok => {
      this.#owned.committed(group, round, peerId, ok, this.#parts.now())
      this.#settled()
    })
  }

  #release(peerId: string, group: string, which: { round?: number; indices?: readonly number[] }): void {
    this.#telling.push(this.#tell(peerId, 'group-release', { group, ...which }))
  }

  #changed(group: string): void {
    const view = this.#owned.view(group)
    const users = this.#users.get(group) ?? []
    for (const peer of users)
      this.#telling.push(this.#host.ask(peer, 'group-view', { group, view }).catch(() => undefined))
    if (view.state === 'removed') this.#users.delete(group)
    this.#viewIs(group, view)
  }

  #settled(): void {
    this.#telling = []
    this.#advance()
    this.#host.stirred()
  }

  // ---- as a peer that has bundles, or uses groups of others

  /** What another peer says or asks of groups. */
  async byPeer(method: string, params: unknown, peer: number): Promise<unknown> {
    const group = groupFrom(params)
    switch (method) {
      case 'group-watch': {
        const view = this.#owned.view(group)
        if (view.state === 'removed') return view
        const users = this.#users.get(group)
        if (users) users.add(peer)
        else this.#users.set(group, new Set([peer]))
        return view
      }
      case 'group-remove':
        return await this.#remove(group)
      case 'group-view':
        this.#viewIs(group, viewFrom((params as { view?: unknown }).view))
        this.#host.stirred()
        return null
      default: {
        const done = this.#reserve(method, params, peer)
        this.#host.stirred()
        return done
      }
    }
  }

  /** Does what the owner of a group wants of this peer; -1: that is itself. */
  #reserve(method: string, params: unknown, owner: number): boolean {
    const { owner: core, now } = this.#parts
    const group = groupFrom(params)
    switch (method) {
      case 'group-prepare': {
        if (core.exchange.self.closed) return false
        const round = roundFrom(params)
        if (!core.bundles.prepare({ owner, group, round }, bundlesFrom(params), now())) return false
        setTimeout(() => {
          core.bundles.expire(now())
          this.#host.stirred()
        }, coreLimits.bundlePreparedMs + 1).unref()
        return true
      }
      case 'group-commit':
        return core.bundles.commit(group, roundFrom(params))
      case 'group-release': {
        const { round, indices } = params as { round?: unknown; indices?: unknown }
        core.bundles.release(group, {
          ...(round === undefined ? {} : { round: roundFrom(params) }),
          ...(indices === undefined ? {} : { indices: indicesFrom(indices) }),
        })
        return true
      }
      default:
        throw new Error(`this agent answers other peers no '${method}'`)
    }
  }

  // ---- peers and jobs

  /** Peers have come or changed, this one among them. */
  peersChanged(): void {
    if (this.#owned.size === 0) return
    this.#owned.peersChanged(this.#parts.now())
    this.#settled()
  }

  peerGone(peerId: string, incarnation: number): void {
    const { owner } = this.#parts
    const { index } = owner.peers.of(peerId, incarnation)
    owner.bundles.releaseOf(index)
    for (const users of this.#users.values()) users.delete(index)
    const reason = `its owner is gone: ${peerId}`
    for (const id of [...this.#watched.keys()]) {
      const of = ownerOfGroup(id)
      if (of?.peerId === peerId && of.incarnation === incarnation)
        this.#viewIs(id, { state: 'removed', peers: [], reason })
    }
    this.peersChanged()
  }

  jobEnded(job: number): void {
    this.#owned.jobEnded(job)
    this.#settled()
  }

  close(): void {
    clearTimeout(this.#timer)
  }
}

function removed(id: string, { reason = 'it was removed' }: GroupView): PlacementGroupRemovedError {
  return new PlacementGroupRemovedError(`the placement group is gone: ${reason} (${id})`, { groupId: id, reason })
}

function impossible(id: string, { view }: Watched): InfeasibleError {
  const { resource = 'room', requested = '', has = '' } = view?.impossible ?? {}
  const message = `the placement group asks for ${requested} ${resource}, and no peer could ever give it: the mesh has ${has}. Ask for less, or start a peer that has it (${id})`
  return new InfeasibleError(message, { resource, requested, has })
}

function notReady(id: string, { view }: Watched, timeoutMs: number): GetTimeoutError {
  const reason = view?.reason ?? 'its owner has not answered'
  return new GetTimeoutError(`the placement group is not ready after ${timeoutMs} ms: ${reason} (${id})`, { timeoutMs })
}
