import { taskIdText } from '../../wire/ids.ts'
import type { ActorSpec, FunctionSpec } from '../../wire/records.ts'
import { type ActorPart, type Failure, Kind, type KindSpec, type Location, reasonOf, state } from '../core/index.ts'
import type { Claim, Directory, DirectoryHost, EndedEntry, Entry, OpenDirectory, PeerRun } from '../directory/index.ts'
import { failureValue } from './failure-values.ts'
import type { JobName } from './job-names.ts'
import { limits } from './limits.ts'
import type { PeerParts } from './parts.ts'
import { placementOf } from './placement.ts'
import { actorOf, poolOf } from './pools.ts'
import type { Row } from './row-pages.ts'

/** The owner of detached actors, as refs name it: no peer, the directory. */
export const namesOwner = { peerId: '@names', incarnation: 0 } as const

/** How often a detached actor that has no place is looked for. */
const LOOK_MS = 100
/** How often the directory is asked which of them are over, of those whose arguments this peer holds. */
const OVER_MS = 2000
/** How often a name is looked for whose claim was not answered. */
const UNCLAIM_MS = 1000
/** After the death of a peer, when it is looked which detached actors had lived there. */
const JOBS_MS = 10_000
/** How often it is asked whose code is still needed, and how long what no entry names is kept. */
const CODE_LOOK_MS = 30_000
const CODE_KEPT_MS = 60_000
/** Of a hash, what an entry keeps: in 64 KiB there is room for some thousand. */
const CODE_KEY_CHARACTERS = 12
/** Classes of actors that are remembered by their ids. */
const CLASSES_MAX = 10_000
/** Of an error with which an actor could not be made, what the directory keeps. */
const ERROR_BYTES_MAX = 64 * 1024

/** What named actors need of their peer. */
export interface NamedHost {
  readonly open: OpenDirectory | undefined
  /** Whether a session with a peer is open. */
  reaches(peer: number): boolean
  stirred(): void
  /** The local number of a job. */
  jobOf(name: JobName): number
  endJob(name: JobName): void
  /** The jobs of detached actors, of which something is or was here. */
  detachedJobs(): JobName[]
  /** Stops everything that a worker does, and lets it go on. */
  freeze(thread: number, frozen: boolean): void
  /** Asks all linked peers, and waits for their answers for a while. */
  askAll(method: string, params: unknown): Promise<void>
  log(line: string): void
}

/** How a named actor is reached: what the directory keeps with its name. */
interface Reach {
  owner?: PeerRun
  client?: number
  number?: number
  /** Of a detached one: how the handles of its maker name it, {peer/incarnation/client/number}. */
  origin?: string
  /** How the hashes of its code begin: it is kept as long as there is an entry that names it. */
  codes?: string[]
  /** Of a detached one: what it asks for, as far as that says why it has no place. */
  asks?: Pick<FunctionSpec, 'resources' | 'placement'>
  shape: string
}

/** All that is needed to make a detached actor anew. */
interface Spec {
  spec: FunctionSpec
  namespace: string
  arguments: string
  /** Of each dependency its small value, or the name of its object. */
  dependencies: ({ value: string } | { object: ObjectName })[]
  contained: ObjectName[]
}

type ObjectName = [peerId: string, incarnation: number, client: number, number: number]

/** As much of what makes a detached actor as says where it may live. */
type DetachedSpec = Pick<FunctionSpec, 'name' | 'resources' | 'actor'>

/** Rows that are held for a detached actor. */
interface Needed {
  rows: readonly number[]
  /** What it has saved names them. */
  saved: readonly number[]
  /** It was made by this peer. */
  isMaker: boolean
  /** Which of its hosts this peer was. */
  epoch: number
}

/** What an actor has saved, as the directory keeps it. */
interface Saved {
  value: string
  contained: ObjectName[]
}

/**
 * Actors with names (protocols §5). Those that are not detached are their owner's, and the directory has only their names. A
 * detached one is the directory's: it says who hosts it, the host makes it of what the directory keeps, and whoever has a handle asks
 * the directory where it is.
 */
export class NamedActors implements DirectoryHost {
  readonly #parts: PeerParts
  readonly #host: NamedHost
  #directory: Promise<Directory> | undefined
  /** Names of this peer's actors, by the tokens of their rows. */
  readonly #claimed = new Map<number, number>()
  readonly #claims = new Map<number, Promise<void>>()
  /** Names that are being freed, likewise. */
  readonly #frees = new Map<number, Promise<void>>()
  /** Detached actors that live here, by their ids. */
  readonly #hosted = new Map<number, { entry: Entry; row: number; token: number; job: JobName; saving: boolean }>()
  /** The last that was saved and is not on its way to the directory yet, and what it names. */
  readonly #saved = new Map<number, Saved & { holds: readonly number[] }>()
  /** What detached actors need to be made anew, by their ids: held by who made them until they are over, by a host until another is. */
  readonly #needed = new Map<number, Needed>()
  /** Since when it is known of a detached actor that no peer could ever host it: `performance.now()`. */
  readonly #impossible = new Map<number, number>()
  #looks: NodeJS.Timeout | undefined
  #codeLooks: NodeJS.Timeout | undefined
  #jobLook: NodeJS.Timeout | undefined
  #closed = false
  /** That which is being begun here, and is not hosted yet. */
  #begun: { entry: Entry; ended: boolean } | undefined
  /** Classes of detached actors that were looked for here. */
  readonly #classes = new Map<number, string>()

  constructor(parts: PeerParts, host: NamedHost) {
    this.#parts = parts
    this.#host = host
  }

  /** The number by which this peer knows the directory among owners of objects. */
  get #owner(): number {
    return this.#parts.owner.peers.of(namesOwner.peerId, namesOwner.incarnation).index
  }

  get #client(): number {
    return this.#parts.owner.peers.clientId(this.#owner, 0)
  }

  /** Whether a client's objects are the directory's. */
  isOwner(client: number): boolean {
    return this.#parts.owner.peers.homeOf(client)?.peer === this.#owner
  }

  directory(): Promise<Directory> {
    const { open } = this.#host
    if (!open) return Promise.reject(new Error('this peer has no directory of names'))
    if (!this.#directory) {
      this.#directory = open(this)
      this.#lookAtCode()
    }
    return this.#directory
  }

  // ---- names

  /** An actor of this peer's wants its name. It waits meanwhile. */
  claim(row: number): void {
    const { rows } = this.#parts.owner
    const token = rows.token(row)
    const claim = this.#claim(row, token).catch((error: Error & { code?: string }) => {
      if (rows.rowOf(token) < 0) return
      const reason = `its name could not be had: ${error.message}`
      this.#parts.owner.unnamed(row, { kind: 'actor-died', reason, cause: error })
      this.#host.stirred()
    })
    this.#claims.set(token, claim)
    void claim.then(() => this.#claims.delete(token))
  }

  /** Resolves when the actor of a row waits for its name no more; undefined: it does not. */
  claimed(token: number): Promise<void> | undefined {
    return this.#claims.get(token)
  }

  async #claim(row: number, token: number): Promise<void> {
    const { owner, specs } = this.#parts
    const { actor } = specs[owner.rows.kind[row]]
    if (!actor?.detached) return this.#claimHeld(row, token, [])
    // Its handle may be let go before its host has them.
    const needed = [...(owner.rows.extra[row]?.holds ?? [])]
    for (const held of needed) owner.objects.hold(held)
    try {
      await this.#claimHeld(row, token, needed)
    } finally {
      for (const held of needed) owner.objects.letGo(held)
    }
  }

  async #claimHeld(row: number, token: number, needed: readonly number[]): Promise<void> {
    const { owner, specs, names } = this.#parts
    const { rows } = owner
    const spec = specs[rows.kind[row]]
    const { actor } = spec
    if (!actor?.name) return
    const namespace = actor.namespace ?? this.#parts.namespaceOf(rows.job[row], rows.kind[row])
    const detached = actor.detached ? this.#specOf(row, namespace) : undefined
    const hashes = detached ? codeOf(spec) : []
    if (detached) await this.#spreadCode(hashes)
    const reach: Reach = actor.detached
      ? {
          shape: actor.shape,
          origin: [...this.#nameOf(row)].join('/'),
          codes: hashes.map(codeKey),
          asks: { resources: spec.resources, ...(spec.placement ? { placement: spec.placement } : {}) },
        }
      : { owner: names.own, client: rows.client[row], number: rows.number[row], shape: actor.shape }
    const directory = await this.directory()
    const claim: Claim = {
      namespace,
      name: actor.name,
      data: JSON.stringify(reach),
      restarts: spec.retries,
      ...(detached ? { spec: JSON.stringify(detached) } : { owner: names.own }),
    }
    const { won, entry } = await directory.claim(claim).catch((error: Error) => {
      if (!detached) void this.#unclaim(claim)
      throw error
    })
    if (won && detached) this.#need(entry.id, { rows: needed, isMaker: true })
    if (rows.rowOf(token) < 0 || rows.state[row] === state.failed) {
      // It was let go meanwhile. A detached one stays: it needs no handle.
      if (won && !detached) await directory.free(entry.id)
      return
    }
    if (won && !detached) {
      this.#claimed.set(token, entry.id)
      owner.objects.publish(row)
      owner.named(row)
    } else if (won || actor.getIfExists) this.#continue(row, entry)
    else owner.unnamed(row, { kind: 'name-taken', actorName: actor.name, namespace })
    this.#host.stirred()
  }

  /** A claim that was not answered may have come to pass, and the name is of an actor that has failed: it is freed. */
  async #unclaim({ namespace, name, data }: Claim): Promise<void> {
    while (!this.#closed) {
      try {
        const directory = await this.directory()
        const entry = await directory.lookup(namespace, name, true)
        if (entry?.data === data) await directory.free(entry.id)
        return
      } catch {
        await new Promise(resolve => setTimeout(resolve, UNCLAIM_MS).unref())
      }
    }
  }

  /** A handle is of the actor that has the name. */
  #continue(row: number, entry: Entry): void {
    const { owner, names } = this.#parts
    const reach = JSON.parse(entry.data) as Reach
    if (!reach.owner) this.#learn(entry)
    const target = reach.owner
      ? owner.objects.rowOfKey(names.clientId(reach.owner, reach.client ?? 0), reach.number ?? 0)
      : owner.objects.rowOfKey(this.#client, entry.id)
    if (target < 0) owner.unnamed(row, { kind: 'actor-died', reason: 'it ended while it was looked for' })
    else owner.continueIn(row, target)
  }

  #nameOf(row: number): ObjectName {
    const { owner, names } = this.#parts
    owner.objects.publish(row)
    const { owner: of, client } = names.ownerOf(owner.rows.client[row])
    return [of.peerId, of.incarnation, client, owner.rows.number[row]]
  }

  #specOf(row: number, namespace: string): Spec {
    const { owner, specs } = this.#parts
    const { rows } = owner
    const extra = rows.more(row)
    const on = extra.dependencies ?? []
    const dependencies = [...on].map((there, i) => {
      const value = there < 0 ? extra.values?.[i] : rows.extra[there]?.value
      return value ? { value: toText(value) } : { object: this.#nameOf(there) }
    })
    const isDependency = new Set(on)
    const contained = (extra.holds ?? []).filter(held => !isDependency.has(held)).map(held => this.#nameOf(held))
    return {
      spec: specs[rows.kind[row]],
      namespace,
      arguments: toText(owner.argumentsOf(row)),
      dependencies,
      contained,
    }
  }

  /** Detached actors, by how the handles of their makers name them: those may be gone. */
  async origins(): Promise<Map<string, number>> {
    const entries = await this.directory()
      .then(directory => directory.entries())
      .catch(() => [])
    const found = new Map<string, number>()
    for (const { id, data, owner } of entries) {
      const { origin } = JSON.parse(data) as Reach
      if (!owner && origin) found.set(origin, id)
    }
    return found
  }

  /** A handle whose maker is gone is of a detached actor. */
  continueOrphan(row: number, id: number): void {
    this.#parts.owner.continuesIn(row, this.#client, id)
  }

  /** One of this peer's actors is over: its name is free. */
  over(row: number): void {
    const token = this.#parts.owner.rows.token(row)
    const id = this.#claimed.get(token)
    if (id === undefined) return
    this.#claimed.delete(token)
    const freed = this.directory()
      .then(directory => directory.free(id))
      .catch((error: Error) => this.#host.log(`a name could not be freed: ${error.message}`))
    this.#frees.set(token, freed)
    void freed.then(() => this.#frees.delete(token))
  }

  /** Resolves when the name of an actor that is over is free, or is not known to be; undefined: it has none that is not. */
  freed(token: number): Promise<void> | undefined {
    return this.#frees.get(token)
  }

  /** The actor that has a name, as a handle names it; null: there is none. */
  async find(params: unknown): Promise<unknown> {
    const { name, namespace } = params as { name: string; namespace: string }
    const entry = await (await this.directory()).lookup(namespace, name)
    if (!entry) return null
    const { owner, client, number, shape } = JSON.parse(entry.data) as Reach
    if (!owner) this.#learn(entry)
    return owner ? { owner, client, number, shape } : { owner: namesOwner, client: 0, number: entry.id, shape }
  }

  /** What errors say of an actor that is over. */
  #learn({ id, data }: Entry): void {
    this.#classes.set(id, classOf(data))
    if (this.#classes.size > CLASSES_MAX)
      for (const oldest of this.#classes.keys()) return void this.#classes.delete(oldest)
  }

  async kill(row: number, restart: boolean, by: string): Promise<void> {
    await (await this.directory()).kill(this.#parts.owner.rows.number[row], restart, by)
  }

  // ---- what detached actors need

  /** Holds it for an actor from now on, and what is not said as before. */
  #need(id: number, what: Partial<Needed>): void {
    const { objects } = this.#parts.owner
    const before = this.#needed.get(id) ?? { rows: [], saved: [], isMaker: false, epoch: 0 }
    const now = { ...before, ...what }
    for (const held of [...now.rows, ...now.saved]) objects.hold(held)
    for (const held of [...before.rows, ...before.saved]) objects.letGo(held)
    if (now.rows.length + now.saved.length > 0) this.#needed.set(id, now)
    else this.#needed.delete(id)
    if (this.#needed.size > 0 && !this.#looks) this.#lookLater()
  }

  #lookLater(): void {
    if (!this.#closed) this.#looks = setTimeout(() => void this.#letOver(), OVER_MS).unref()
  }

  /** The peer ends. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#looks)
    clearTimeout(this.#codeLooks)
    clearTimeout(this.#jobLook)
  }

  /** Lets go of what actors needed that are over, or have another host that holds it. */
  async #letOver(): Promise<void> {
    const { owner, names } = this.#parts
    const asked = [...this.#needed.keys()]
    const entries = await this.directory()
      .then(directory => directory.entries())
      .catch(() => undefined)
    if (this.#closed) return
    const found = new Map(entries?.map(entry => [entry.id, entry]))
    for (const id of entries ? asked : []) {
      const needed = this.#needed.get(id)
      const entry = found.get(id)
      if (!needed || this.#hosted.has(id)) continue
      const elsewhere = entry?.state === 'alive' && entry.holder?.peerId !== names.own.peerId
      if (entry && (needed.isMaker || !elsewhere || entry.epoch <= needed.epoch)) continue
      this.#needed.delete(id)
      for (const held of [...needed.rows, ...needed.saved]) owner.objects.letGo(held)
    }
    if (entries) this.#host.stirred()
    this.#looks = undefined
    if (this.#needed.size > 0) this.#lookLater()
  }

  /** A peer is gone: so are the jobs of those detached actors that had lived there, here too. */
  peerEnded(): void {
    if (this.#jobLook || this.#closed || this.#host.detachedJobs().length === 0) return
    this.#jobLook = setTimeout(() => void this.#endJobs(), JOBS_MS).unref()
  }

  async #endJobs(): Promise<void> {
    this.#jobLook = undefined
    const entries = await this.directory()
      .then(directory => directory.entries())
      .catch(() => undefined)
    if (!entries || this.#closed) return
    const found = new Map(entries.map(entry => [entry.id, entry]))
    for (const job of this.#host.detachedJobs()) {
      const entry = found.get(job.incarnation)
      const isOver = !entry?.holder || entry.epoch > job.n
      if (isOver && this.#hosted.get(job.incarnation)?.job.n !== job.n) this.#host.endJob(job)
    }
    this.#host.stirred()
  }

  // ---- their code

  /** It has to be had when an actor is made anew, whoever is gone by then: all keep it, on disk where they have one. */
  async #spreadCode(hashes: readonly string[]): Promise<void> {
    await this.#haveCode(hashes)
    await this.#host.askAll('keep-code', { hashes })
  }

  /** Another peer makes a detached actor. */
  async keepCode(params: unknown): Promise<null> {
    await this.#haveCode((params as { hashes: string[] }).hashes)
    return null
  }

  /** Keeps code. False: it cannot be had. */
  async #haveCode(hashes: readonly string[]): Promise<boolean> {
    const { codes, wantCode } = this.#parts
    const client = this.#client
    const keep = async (hash: string): Promise<boolean> => {
      try {
        return await codes.keep(hash, client)
      } catch (error) {
        this.#host.log(`code of a detached actor could not be written: ${(error as Error).message}`)
        return true
      }
    }
    const had = await Promise.all(
      hashes.map(async hash => (await keep(hash)) || ((await wantCode(hash)) && (await keep(hash)))),
    )
    this.#lookAtCode()
    return !had.includes(false)
  }

  /** Looks after a while whether what is kept is still needed. */
  #lookAtCode(): void {
    if (this.#codeLooks || this.#closed || !this.#parts.codes.keepsAny) return
    this.#codeLooks = setTimeout(() => void this.#letGoCode(), CODE_LOOK_MS).unref()
  }

  async #letGoCode(): Promise<void> {
    const entries = await this.directory()
      .then(directory => directory.entries())
      .catch(() => undefined)
    this.#codeLooks = undefined
    if (this.#closed) return
    try {
      const needed = new Set(entries?.flatMap(({ data }) => (JSON.parse(data) as Reach).codes ?? []))
      // What is being claimed has no entry yet.
      if (entries) this.#parts.codes.letGoUnused(this.#client, hash => needed.has(codeKey(hash)), CODE_KEPT_MS)
    } catch (error) {
      this.#host.log(`code that is not needed any more could not be removed: ${(error as Error).message}`)
    }
    this.#lookAtCode()
  }

  // ---- where detached actors are

  /** Somebody here wants to know where one is. */
  want(row: number): void {
    void this.#look(this.#parts.owner.rows.token(row))
  }

  async #look(token: number): Promise<void> {
    const { owner } = this.#parts
    const { rows } = owner
    const id = rows.number[rows.rowOf(token)]
    for (;;) {
      let found: Awaited<ReturnType<Directory['locate']>>
      let trouble: string | undefined
      try {
        found = await (await this.directory()).locate(id)
      } catch (error) {
        trouble = (error as Error).message
      }
      const row = rows.rowOf(token)
      if (row < 0 || rows.state[row] !== state.expected) return
      if (!trouble && (!found || 'ended' in found)) {
        this.#ended(row, found ? found.ended : 'it is over')
        this.#host.stirred()
        return
      }
      if (found && !('ended' in found)) this.#learn(found)
      if (found && !('ended' in found) && this.#locate(row, found)) {
        this.#host.stirred()
        return
      }
      await new Promise(resolve => setTimeout(resolve, LOOK_MS).unref())
    }
  }

  #ended(row: number, reason: string): void {
    const { owner } = this.#parts
    const told = reasonFrom(reason)
    if (told.error) {
      const value = fromText(told.error)
      owner.objects.settle(row, true, { u8: value, at: 0, bytes: value.length }, undefined)
    } else {
      const name = this.#classes.get(owner.rows.number[row]) ?? 'actor'
      owner.objects.fail(row, { kind: 'actor-died', name, reason: told.reason })
    }
    this.#classes.delete(owner.rows.number[row])
  }

  /** Notes where an actor is. False: nowhere that this peer could reach. */
  #locate(row: number, { state: is, holder, token, epoch }: Entry): boolean {
    const { owner, names } = this.#parts
    if (is !== 'alive' || !holder || token === undefined) return false
    if (holder.peerId === names.own.peerId) {
      const here = owner.rows.rowOf(token)
      if (holder.incarnation !== names.own.incarnation || !owner.actors.isHere(here, epoch)) return false
      owner.objects.settleRemote(row, epoch, [], here)
      return true
    }
    const { index } = owner.peers.of(holder.peerId, holder.incarnation)
    if (!this.#host.reaches(index)) return false
    const location: Location = { peer: index, token }
    owner.objects.settleRemote(row, epoch, [location])
    return true
  }

  // ---- hosting

  choose(entry: Entry): PeerRun | undefined {
    const { owner, names } = this.#parts
    const { spec } = JSON.parse(entry.spec ?? '{}') as Spec
    const kind = this.#kindOf(-1, spec, { placement: placementOf(spec) })
    const chosen = owner.exchange.choose(kind)
    if (chosen === undefined) {
      this.#waits(entry)
      this.#isInfeasible(entry, spec, kind)
      return undefined
    }
    this.#impossible.delete(entry.id)
    if (chosen === 'self') return { ...names.own }
    const { peerId, incarnation } = owner.peers.get(chosen)
    return { peerId, incarnation }
  }

  /** Nobody has room for it. What it has saved would be let go of where copies are, if nobody held it until it has a host. */
  #waits({ id, epoch, checkpoint }: Entry): void {
    const needed = this.#needed.get(id)
    if (checkpoint === undefined || (needed && needed.epoch >= epoch)) return
    const { objects } = this.#parts.owner
    const saved = objects.rowsOfKeys(this.#keysOf((JSON.parse(checkpoint) as Saved).contained))
    if (saved.length === 0) return
    this.#need(id, { saved, epoch })
    for (const row of saved) objects.ask(row)
    this.#host.stirred()
  }

  /** Where no peer could ever host it, it is over after a while. */
  #isInfeasible({ id, name: of }: Entry, { name, infeasibleTimeoutMs }: FunctionSpec, kind: Kind): void {
    const { owner, names } = this.#parts
    owner.exchange.place(kind)
    const since = kind.impossible && (this.#impossible.get(id) ?? performance.now())
    if (since === undefined || !kind.impossible) {
      this.#impossible.delete(id)
      return
    }
    this.#impossible.set(id, since)
    if (performance.now() - since < infeasibleTimeoutMs) return
    this.#impossible.delete(id)
    const failure: Failure = { kind: 'infeasible', name, ...kind.impossible, timeoutMs: infeasibleTimeoutMs }
    const actorId = taskIdText(namesOwner, 0, id)
    const about = { taskId: actorId, objectId: '', peerId: names.own.peerId, attempt: 0, actorId, className: name }
    const reason = reasonText(reasonOf(failure), failureValue(failure, about))
    void this.directory()
      .then(directory => directory.kill(id, false, reason))
      .catch((error: Error) => this.#host.log(`the directory could not be told of ${of}: ${error.message}`))
  }

  /** Objects by their names, as the owner's core knows them. */
  #keysOf(list: readonly ObjectName[]): number[] {
    const { names } = this.#parts
    return list.flatMap(([peerId, incarnation, client, number]) => [
      names.clientId({ peerId, incarnation }, client),
      number,
    ])
  }

  /** The kind of a detached actor: how often it may be made anew is the directory's to say. */
  #kindOf(index: number, spec: DetachedSpec, where: Pick<KindSpec, 'placement' | 'pool' | 'pinned'>): Kind {
    const { rows, resources } = this.#parts.owner
    return new Kind(index, rows, {
      name: spec.name,
      demand: resources.demand(spec.resources),
      priority: 0,
      timeoutMs: 0,
      retries: 0,
      infeasibleTimeoutMs: 0,
      actor: actorOf(spec),
      ...where,
    })
  }

  host(entry: Entry): void {
    void this.#begin(entry).catch((error: Error) => {
      this.#host.log(`actor ${entry.name} could not be made here: ${error.message}`)
      this.#say(entry, `it could not be made: ${error.message}`, true)
    })
  }

  async #begin(entry: Entry): Promise<void> {
    const { owner, specs, kindJobs, now } = this.#parts
    const told = JSON.parse(entry.spec ?? '{}') as Spec
    const { spec, namespace } = told
    const jobName: JobName = {
      peer: namesOwner.peerId,
      incarnation: entry.id,
      n: entry.epoch,
      jobId: jobIdOf(entry.id),
      namespace,
    }
    if (!(await this.#haveCode(codeOf(spec)))) {
      this.#host.log(`actor ${entry.name} could not be made here: no peer that is linked has its code`)
      this.#say(entry, 'no peer that is reached has its code', true, true)
      return
    }
    const job = this.#host.jobOf(jobName)
    const kind = owner.kinds.length
    owner.kinds.push(this.#kindOf(kind, spec, { pool: poolOf(spec), pinned: true }))
    specs.push({ ...spec, actor: { ...(spec.actor as NonNullable<FunctionSpec['actor']>), namespace } })
    kindJobs.push(job)
    const saved = entry.checkpoint === undefined ? undefined : (JSON.parse(entry.checkpoint) as Saved)
    const begun = { entry, ended: false }
    this.#begun = begun
    const row = owner.makeDetached(
      {
        client: this.#client,
        number: entry.id,
        kind,
        job,
        epoch: entry.epoch,
        restarts: entry.restarts,
        movable: entry.restartsLeft !== 0,
        dependencies: told.dependencies.map(one =>
          'object' in one ? this.#keysOf([one.object]) : fromText(one.value),
        ),
        contained: this.#keysOf(told.contained),
        ...(saved ? { saved: { value: fromText(saved.value), contained: this.#keysOf(saved.contained) } } : {}),
      },
      fromText(told.arguments),
      now(),
    )
    this.#begun = undefined
    if (begun.ended) {
      this.#host.endJob(jobName)
      this.#host.stirred()
      return
    }
    const { holds = [], actor } = owner.rows.more(row)
    this.#need(entry.id, { rows: holds, saved: actor?.saved?.holds ?? [], epoch: entry.epoch })
    this.#hosted.set(entry.id, { entry, row, token: owner.rows.token(row), job: jobName, saving: false })
    this.#host.stirred()
  }

  /** A detached actor lives in a worker of this peer. */
  made(row: number): void {
    const { owner } = this.#parts
    const hosted = this.#hosted.get(owner.rows.number[row])
    if (hosted?.row !== row) return
    const { entry, token } = hosted
    void this.directory()
      .then(directory => directory.alive(entry.id, entry.epoch, token))
      .then(mine => {
        if (!mine) this.stop(entry, 'another peer hosts it')
      })
      .catch((error: Error) => this.#host.log(`the directory could not be told of ${entry.name}: ${error.message}`))
  }

  /** It is no more. */
  lostHere(row: number, reason: string, mayRestart: boolean, error?: Uint8Array): void {
    const id = this.#parts.owner.rows.number[row]
    const hosted = this.#hosted.get(id)
    const begun = this.#begun?.entry.id === id ? this.#begun : undefined
    if (begun) begun.ended = true
    else if (hosted?.row !== row) return
    else this.#forget(id)
    const { entry } = begun ?? (hosted as { entry: Entry })
    const told = error && error.length <= ERROR_BYTES_MAX ? reasonText(reason, error) : reason
    this.#say(entry, told, mayRestart)
  }

  /** `free`: it has not begun here, which costs it no restart. */
  #say(entry: Entry, reason: string, mayRestart: boolean, free = false): void {
    void this.directory()
      .then(directory => directory.ended(entry.id, entry.epoch, reason, mayRestart, free))
      .catch((error: Error) => this.#host.log(`the directory could not be told of ${entry.name}: ${error.message}`))
  }

  #forget(id: number): void {
    const hosted = this.#hosted.get(id)
    if (!hosted) return
    this.#hosted.delete(id)
    for (const held of this.#saved.get(id)?.holds ?? []) this.#parts.owner.objects.letGo(held)
    this.#saved.delete(id)
    this.#host.endJob(hosted.job)
  }

  /** What it has saved goes to the directory: the newest, one at a time. */
  save(row: number, part: ActorPart): void {
    const { rows, objects } = this.#parts.owner
    const id = rows.number[row]
    const hosted = this.#hosted.get(id)
    if (hosted?.row !== row || !part.saved) return
    const { value, holds } = part.saved
    const before = this.#saved.get(id)
    for (const held of holds) objects.hold(held)
    for (const held of before?.holds ?? []) objects.letGo(held)
    this.#saved.set(id, { value: toText(value), contained: holds.map(held => this.#nameOf(held)), holds })
    if (!hosted.saving) void this.#saveNext(id)
  }

  /** What the one before names is held until the directory has this one. */
  async #saveNext(id: number): Promise<void> {
    const hosted = this.#hosted.get(id)
    const saved = this.#saved.get(id)
    if (!hosted || !saved) return
    const { holds, ...said } = saved
    this.#saved.delete(id)
    hosted.saving = true
    let isKept = false
    try {
      isKept = await (await this.directory()).checkpoint(id, hosted.entry.epoch, JSON.stringify(said))
    } catch (error) {
      this.#host.log(`a checkpoint of ${hosted.entry.name} could not be kept: ${(error as Error).message}`)
    }
    hosted.saving = false
    if (isKept) this.#need(id, { saved: holds })
    for (const held of holds) this.#parts.owner.objects.letGo(held)
    this.#host.stirred()
    await this.#saveNext(id)
  }

  /** Whether what an actor has saved has not reached the directory. */
  isSaving(row: number): boolean {
    const id = this.#parts.owner.rows.number[row]
    const hosted = this.#hosted.get(id)
    return hosted?.row === row && (hosted.saving || this.#saved.has(id))
  }

  stop({ id }: Entry, why: string): void {
    const hosted = this.#hosted.get(id)
    if (!hosted) return
    const { owner, now } = this.#parts
    const row = owner.rows.rowOf(hosted.token)
    // Where its thread is frozen it stays so until it has ended: nothing of it runs again.
    this.#forget(id)
    if (row >= 0) owner.endDetached(row, reasonFrom(why).reason, now())
    this.#host.stirred()
  }

  lost({ id }: Entry): void {
    const row = this.#rowOf(id)
    const thread = this.#parts.owner.rows.extra[row]?.actor?.instance?.thread
    if (thread !== undefined) this.#host.freeze(thread, true)
  }

  regained({ id }: Entry): void {
    this.#thaw(this.#rowOf(id))
  }

  #rowOf(id: number): number {
    const hosted = this.#hosted.get(id)
    return hosted ? this.#parts.owner.rows.rowOf(hosted.token) : -1
  }

  #thaw(row: number): void {
    const thread = row < 0 ? undefined : this.#parts.owner.rows.extra[row]?.actor?.instance?.thread
    if (thread !== undefined) this.#host.freeze(thread, false)
  }

  /** Rows, as `state.actors` gives them, of detached actors that have no place, and of those that are over. */
  async homeless(): Promise<Row[]> {
    if (!this.#directory) return []
    const late = new Promise<undefined>(resolve => setTimeout(resolve, limits.askMs, undefined).unref())
    const asked = this.#directory
      .then(directory => Promise.all([directory.entries(), directory.endedEntries()]))
      .catch(() => undefined)
    const [entries, ended] = (await Promise.race([asked, late])) ?? [[], []]
    const about = ({ id, namespace, name, data, restarts }: EndedEntry | Entry): Row => ({
      actorId: taskIdText(namesOwner, 0, id),
      className: classOf(data),
      name,
      namespace,
      lifetime: 'detached',
      restarts,
      pendingCalls: 0,
      jobId: jobIdOf(id),
    })
    return [
      ...entries
        .filter(({ owner, state: is }) => !owner && is !== 'alive')
        .map(entry => ({ ...about(entry), state: entry.state, reason: this.#whyHomeless(entry) })),
      ...ended.map(entry => ({ ...about(entry), state: 'dead', reason: reasonFrom(entry.reason).reason })),
    ]
  }

  /** What an actor waits for that does not live. */
  #whyHomeless({ data, holder, reason }: Entry): string {
    if (holder) return `begins on peer ${holder.peerId}`
    const { exchange } = this.#parts.owner
    const { asks = { resources: {} } } = JSON.parse(data) as Reach
    const kind = this.#kindOf(-1, { ...asks, name: classOf(data), actor: anyActor }, { placement: placementOf(asks) })
    exchange.place(kind)
    const before = reason === undefined ? '' : `; before that: ${reasonFrom(reason).reason}`
    if (kind.impossible) {
      const { resource, requested, has } = kind.impossible
      return `no peer has ${requested} ${resource}: the mesh has ${has}${before}`
    }
    const wanted = Object.entries(asks.resources).filter(([, amount]) => amount > 0)
    const what = wanted.map(([name, amount]) => `${amount} ${name}`).join(', ')
    return `no peer has room for it yet${what === '' ? '' : `: it asks for ${what}`}${before}`
  }
}

/** Where an actor may live no more depends on than that it is one. */
const anyActor: ActorSpec = {
  maxConcurrency: 1,
  groups: {},
  methodGroups: {},
  shares: false,
  detached: true,
  checkpointCalls: 0,
  checkpointMs: 0,
  shape: '',
}

function jobIdOf(id: number): string {
  return `${taskIdText(namesOwner, 0, id)}-job`
}

/** What is to be had where a function runs, by its hashes. */
function codeOf({ code, blobs, codes }: FunctionSpec): string[] {
  return [...new Set([code, ...blobs, ...codes])].filter(hash => hash !== '')
}

function codeKey(hash: string): string {
  return hash.slice(0, CODE_KEY_CHARACTERS)
}

/** Of which class an entry's actor is. */
function classOf(data: string): string {
  return (JSON.parse((JSON.parse(data) as Reach).shape) as [className: string])[0]
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

function fromText(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'))
}

/** A reason with the error that callers see. */
function reasonText(reason: string, error: Uint8Array): string {
  return JSON.stringify({ reason, error: toText(error) })
}

function reasonFrom(text: string): { reason: string; error?: string } {
  if (!text.startsWith('{')) return { reason: text }
  try {
    return JSON.parse(text) as { reason: string; error?: string }
  } catch {
    return { reason: text }
  }
}
