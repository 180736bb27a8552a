import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { BellLoop, bellMemory } from '../../wire/bell.ts'
import { collectNow } from '../../wire/collection.ts'
import { ObjectLostError } from '../../wire/errors/index.ts'
import { jobIdText, objectIdText, taskIdText } from '../../wire/ids.ts'
import type { Outbox } from '../../wire/outbox.ts'
import {
  type FunctionSpec,
  flag,
  type Hello,
  high,
  low,
  record,
  recordsVersion,
  type Welcome,
} from '../../wire/records.ts'
import { RingInbox, RingOutbox, type RingPair } from '../../wire/ring.ts'
import { copyBytes, sendBytes, sendText, sendWords } from '../../wire/texts.ts'
import {
  type ActorPart,
  type Bytes,
  Client,
  type Effects,
  type Failure,
  isProcessPool,
  Owner,
  ResourceTable,
  type TimerReason,
} from '../core/index.ts'
import type { OpenDirectory } from '../directory/index.ts'
import { type StartedWorker, shoalUrl, startWorker } from '../workers/index.ts'
import { PeerActors } from './actors.ts'
import { Cancellation } from './cancellation.ts'
import { ClientRecords } from './client-records.ts'
import { type CodeStorage, Codes } from './codes.ts'
import { Drain, type DrainOptions } from './drain.ts'
import { drainActors } from './drain-actors.ts'
import { drainOptionsFrom, drainOther } from './drain-other.ts'
import { type Driver, SocketClient } from './driver.ts'
import { failureValue } from './failure-values.ts'
import { groupRooms, waitingGroups } from './group-rooms.ts'
import { Groups } from './groups.ts'
import type { JobName } from './job-names.ts'
import { limits } from './limits.ts'
import { NamedActors, namesOwner } from './named-actors.ts'
import { Names } from './names.ts'
import type { PeerParts } from './parts.ts'
import { sendPieces } from './pieces.ts'
import { ProcessStarter } from './processes.ts'
import type { MeshPort, RemotePeers } from './remote-peers.ts'
import type { Answer } from './row-pages.ts'
import { PeerState } from './state.ts'
import { Store } from './store.ts'
import { Streams, sendItem } from './streams.ts'
import { ThreadChannel } from './thread-channel.ts'
import { type WorkerChannel, type WorkerEnd, WorkerHost } from './worker-host.ts'

/** What a peer is and offers. */
export interface PeerOptions {
  peerId: string
  incarnation: number
  meshId: string
  /** cpus, gpus, memoryBytes and custom resources. */
  resources: Record<string, number>
  objectStoreBytes: number
  labels: Record<string, string>
  /** The release of this package. */
  version: string
  /** Where packages that are not shipped are looked for. */
  folders: string[]
  /** A folder for objects that do not fit into memory: this peer's alone, removed when it closes. */
  spillDir: string
  /** Where the code of detached actors outlives this peer. Default: nowhere. */
  codeStorage?: CodeStorage
  /** Answers to questions that the peer itself does not know. */
  handlers: Record<string, (params: unknown) => Promise<unknown>>
  /**
   * Answers about what one agent alone has, for other peers, too: of all of them together, as one list, or of the one that the
   * question names as `peerId`.
   */
  anywhere?: Record<string, (params: unknown) => unknown>
  log(line: string): void
  /** Keeps console output of tasks. Default: nowhere. */
  logOutput?(text: string): void
  /** The object store's memory, where somebody else has made it. */
  store?: SharedArrayBuffer
  /** The doorbell of this thread, likewise. */
  bell?: Int32Array
  /** A worker that was started before this peer, for its second client. */
  firstWorker?: StartedWorker
  role?: 'peer' | 'driver'
  /** Where it listens. */
  addresses?(): string[]
  /** How long another peer has been silent, and whether it is known to be gone. */
  silence?(peerId: string, incarnation: number): { ms: number; gone: boolean }
  /** What is known of another peer's process. */
  peerFacts?(peerId: string): { pid: number }
  /** Rows of the other members, as far as this peer knows them. */
  members?(): Record<string, unknown>[]
  /** The directory of names, at its first use: given who carries out what it decides. */
  directory?: OpenDirectory
}

function nameOfJob({ peer, incarnation, n }: JobName): string {
  return `${peer}/${incarnation}/${n}`
}

/**
 * The shell of one peer: gives the cores their events, the clock and the channels, and carries out what they decide. Lives
 * in one thread, in which no code of users runs.
 */
export class Peer {
  readonly #options: PeerOptions
  readonly #owner: Owner
  readonly #parts: PeerParts
  readonly #store: Store
  readonly #codes: Codes
  readonly #state: PeerState
  readonly #bell: Int32Array
  readonly #loop: BellLoop
  readonly #outboxes = new Map<number, Outbox>()
  readonly #hosts = new Map<number, WorkerHost>()
  readonly #drivers = new Map<number, Driver>()
  readonly #rings: { inbox: RingInbox; driver: Driver }[] = []
  readonly #sockets = new Set<SocketClient>()
  readonly #timers = new Set<NodeJS.Timeout>()
  /** The worker that has just ended. */
  #ending: WorkerHost | undefined
  readonly #jobs = new Map<number, { jobId: string; namespace: string; script: string | undefined; home?: JobName }>()
  /** Of classes whose jobs are over. */
  readonly #namespaces = new Map<number, string>()
  readonly #jobsByName = new Map<string, number>()
  readonly #names: Names
  readonly #processes: ProcessStarter
  readonly #cancellation: Cancellation
  readonly #actors: PeerActors
  readonly #named: NamedActors
  readonly #streams: Streams
  readonly #groups: Groups
  readonly #drain: Drain
  #remote: RemotePeers | undefined
  #onInfo: (() => void) | undefined
  #infoSaid = ''
  readonly #stays: NodeJS.Timeout
  #nextJob = 1
  #unsticking: NodeJS.Timeout | undefined
  #turning = false
  /** Milliseconds since the epoch, at the begin of this turn. */
  #time = performance.timeOrigin + performance.now()
  #closed = false

  constructor(options: PeerOptions) {
    this.#options = options
    this.#codes = new Codes(options.codeStorage)
    this.#store = new Store(options.store ?? new SharedArrayBuffer(options.objectStoreBytes), options.spillDir, {
      spilled: (id, trouble) => {
        if (trouble !== undefined) options.log(`an object could not be spilled: ${trouble}`)
        this.#tick()
        this.#owner.objects.spilling.spilled(id, trouble, this.#time)
        this.#stirred()
      },
      restored: (id, trouble) => {
        if (trouble !== undefined) options.log(`an object could not be restored: ${trouble}`)
        this.#owner.objects.spilling.restored(id, trouble)
        this.#stirred()
      },
      collect: () => void this.#collect(),
    })
    this.#bell = options.bell ?? bellMemory()
    this.#owner = new Owner(new ResourceTable(options.resources), this.#effects(), this.#store)
    this.#owner.exchange.self = {
      peerId: options.peerId,
      totals: this.#owner.resources.total(),
      labels: options.labels,
      closed: false,
    }
    this.#owner.exchange.random = Math.random
    this.#owner.phases.clock = () => performance.timeOrigin + performance.now()
    this.#names = new Names(options, this.#owner.peers)
    this.#processes = new ProcessStarter({ ...options, release: options.version, shoalUrl: shoalUrl() })
    const specs: FunctionSpec[] = []
    const kindJobs: number[] = []
    this.#owner.staging.views = row => !specs[this.#owner.rows.kind[row]].copy
    this.#parts = {
      owner: this.#owner,
      store: this.#store,
      codes: this.#codes,
      specs,
      kindJobs,
      now: () => this.#time,
      jobOfKind: kind => this.#jobs.get(kindJobs[kind]) ?? { jobId: '', namespace: '' },
      namespaceOf: (job, kind) => this.#jobs.get(job)?.namespace ?? this.#namespaces.get(kind) ?? '',
      names: this.#names,
      peerFacts: peerId => this.#options.peerFacts?.(peerId) ?? { pid: 0 },
      wantCode: async hash => (await this.#remote?.wantCode(hash)) ?? false,
      processPid: worker => this.#processes.pid(worker),
      answer: (method, params, client) => this.#answer(method, params, client),
      reading: (client, slot, what, count) => this.#streams.reading(client, slot, what, count),
      useGroup: id => this.#groups.use(id),
    }
    this.#streams = new Streams(this.#parts, {
      ask: async (peer, method, params) => await this.#remote?.ask(peer, method, params),
      item: (client, slot, row) => this.#item(client, slot, row),
      ended: (client, slot, count, failed) => this.#streamEnded(client, slot, count, failed),
      stirred: () => this.#stirred(),
    })
    this.#named = new NamedActors(this.#parts, {
      open: options.directory,
      reaches: peer => this.#remote?.reaches(peer) ?? false,
      stirred: () => this.#stirred(),
      jobOf: name => this.#jobOf(name),
      endJob: name => this.#endForeignJob(name),
      detachedJobs: () =>
        [...this.#jobs.values()].flatMap(({ home }) => (home?.peer === namesOwner.peerId ? home : [])),
      freeze: (thread, frozen) => this.#hosts.get(thread)?.channel.freeze(frozen),
      askAll: async (method, params) => {
        if (this.#remote) await this.#askOthers(method, () => params)
      },
      log: line => options.log(line),
    })
    this.#actors = new PeerActors(this.#parts, this.#named, {
      ask: async (peer, method, params) => await this.#remote?.ask(peer, method, params),
      reaches: peer => this.#remote?.reaches(peer) ?? false,
      isGone: peer => {
        const { peerId, incarnation } = this.#owner.peers.get(peer)
        return this.#options.silence?.(peerId, incarnation).gone ?? true
      },
      stirred: () => this.#stirred(),
    })
    this.#owner.actors.onOver = row => this.#named.over(row)
    this.#owner.actors.views = row => !specs[this.#owner.rows.kind[row]].copy
    this.#owner.onBlocked = (row, durationMs) => this.#blocked(row, durationMs)
    this.#cancellation = new Cancellation(this.#parts, {
      ask: async (peer, method, params) => await this.#remote?.ask(peer, method, params),
      stirred: () => this.#stirred(),
    })
    this.#groups = new Groups(this.#parts, {
      own: options,
      ask: (peer, method, params) => this.#remote?.ask(peer, method, params) ?? Promise.reject(new Error('no mesh')),
      linked: () => this.#remote?.linked() ?? [],
      rooms: () => groupRooms(this.#owner, this.#options.members?.() ?? [], this.#options.role),
      stirred: () => this.#stirred(),
    })
    this.#drain = new Drain(this.#parts, {
      shut: () => this.#shut(),
      drainActors: deadlineAt =>
        drainActors(this.#parts, deadlineAt, {
          isSaving: row => this.#named.isSaving(row),
          tick: () => this.#tick(),
          stirred: () => this.#stirred(),
        }),
      alone: () => [...(this.#remote?.linked() ?? [])].length === 0,
      handOver: async () => await this.#remote?.handOver(),
      stirred: () => this.#stirred(),
    })
    this.#state = new PeerState({
      ...options,
      parts: this.#parts,
      hosts: this.#hosts,
      jobId: job => this.#jobs.get(job)?.jobId ?? jobIdText(options, job),
      draining: () => this.#drain.begun,
      waitingGroups: () => waitingGroups(this.#groups.owned),
      homelessActors: () => this.#named.homeless(),
    })
    this.#loop = new BellLoop(this.#bell, () => this.#turn())
    // A ring keeps no event loop alive; this thread is wanted until `close`.
    this.#stays = setInterval(() => this.#endIdle(), limits.idleCheckMs)
    void this.#loop.run()
  }

  // ---- turns

  /** Reads everything that has arrived, decides, sends. True if anything had arrived. */
  #turn(): boolean {
    if (this.#closed) return false
    let found = false
    this.#turning = true
    this.#tick()
    for (const { inbox } of this.#rings) if (inbox.drain(limits.recordsPerTurn) > 0) found = true
    for (const host of this.#hosts.values()) if (host.drain()) found = true
    this.#turning = false
    if (found) this.#decide()
    // Rung because there is room again: what found none goes now, though nothing has arrived.
    else for (const outbox of this.#outboxes.values()) if (outbox.queuedBytes > 0) outbox.flush()
    return found
  }

  /** After events that came another way than by rings. */
  #stirred(): void {
    if (this.#turning || this.#closed) return
    this.#tick()
    this.#decide()
  }

  /** One look at the clock serves a whole turn. */
  #tick(): void {
    this.#time = performance.timeOrigin + performance.now()
    if (this.#leases !== undefined && this.#time - this.#leasesAt > limits.stallMs) this.#stoodStill()
  }

  #decide(): void {
    this.#owner.schedule(this.#parts.now())
    this.#remote?.flush()
    if (this.#remote && !this.#sharesSoon && this.#owner.scheduler.waitingKinds.some(kind => kind.ready.count > 0)) {
      clearTimeout(this.#sharing)
      this.#shareSoon()
    }
    for (const outbox of this.#outboxes.values()) outbox.flush()
    if (this.#unsticking === undefined && this.#owner.scheduler.sentAhead) this.#watchLanes()
    if (this.#onInfo) this.#sayInfo()
    this.#drain.settled()
  }

  /** While tasks were sent ahead: takes them back from behind one that turned out long. */
  #watchLanes(): void {
    this.#unsticking = setTimeout(() => {
      this.#unsticking = undefined
      this.#tick()
      if (this.#owner.scheduler.unstick(this.#parts.now())) this.#watchLanes()
      this.#stirred()
    }, limits.unstickMs)
  }

  #endIdle(): void {
    this.#tick()
    this.#owner.scheduler.endIdle(this.#parts.now())
    if (this.#owner.objects.spilling.waiting > 0) this.#stirred()
    // Node collects nothing in an idle thread: what much work has left would stay.
    const { rows } = this.#owner
    if (rows.changes - this.#collectedAt < limits.changesCollected || this.#owner.busy) return
    this.#collectedAt = rows.changes
    collectNow()
  }

  /** Changes of rows at the last collection. */
  #collectedAt = 0

  /** Idle threads let go of what finished tasks have left, and programs of views that they have dropped. */
  async #collect(): Promise<void> {
    const idle = [...this.#hosts.values()].filter(host => !this.#owner.scheduler.threads.get(host.id)?.busy)
    const looking = [...this.#drivers.values()].map(({ records }) => records).filter(({ views }) => views)
    await Promise.race([Promise.all([...idle, ...looking].map(one => one.collect())), delay(limits.collectMs)])
    this.#tick()
    this.#owner.objects.spilling.collected()
    this.#stirred()
  }

  // ---- clients

  /** A driver on a ring: the program in whose process this peer is. */
  attachRing(pair: RingPair, hello: Hello): void {
    const outbox = new RingOutbox(pair.out, pair.peerBell)
    const driver = this.#admit(hello, outbox, true)
    const handler = {
      record: (...args: Parameters<ClientRecords['record']>) => {
        if (!driver.records.record(...args)) throw new Error(`a driver sent a record of type ${args[0]}`)
      },
    }
    this.#rings.push({ inbox: new RingInbox(pair.in, pair.peerBell, handler), driver })
    outbox.flush()
  }

  /** Starts a thread before anybody asks. */
  warm(): void {
    this.#owner.scheduler.startThread(this.#parts.now())
  }

  /** A connection on the agent's socket. */
  attach(socket: Socket): void {
    const client: SocketClient = new SocketClient(socket, {
      admit: (hello, outbox) => this.#admit(hello, outbox, false),
      leave: driver => this.#leave(driver),
      answer: (method, params) => this.#answer(method, params),
      reading: () => this.#tick(),
      stirred: () => this.#stirred(),
    })
    this.#sockets.add(client)
    socket.once('close', () => this.#sockets.delete(client))
  }

  #newClient(job: number, thread: number): Client {
    const client = new Client(this.#owner.newClientId(), job, thread)
    this.#owner.clients.set(client.id, client)
    return client
  }

  #admit(hello: Hello, outbox: Outbox, shared: boolean): Driver {
    const job = this.#nextJob++
    const { peerId, incarnation, meshId, version: release } = this.#options
    const jobId = jobIdText(this.#options, job)
    const namespace = hello.namespace ?? `anonymous-${jobId}`
    const client = this.#newClient(job, -1)
    const records = new ClientRecords(this.#parts, client, outbox, shared)
    const driver: Driver = { records, outbox, job, namespace, logs: hello.logToDriver !== false }
    this.#jobs.set(job, { jobId, namespace, script: hello.script })
    this.#drivers.set(job, driver)
    this.#outboxes.set(client.id, outbox)
    const welcome: Welcome = {
      version: recordsVersion,
      client: client.id,
      peerId,
      meshId,
      incarnation,
      jobId,
      namespace,
      release,
    }
    sendText(outbox, record.welcome, 0, [], welcome)
    return driver
  }

  /** A driver is gone, however it went: its job is over. */
  #leave(driver: Driver): void {
    const { job, records } = driver
    this.#drivers.delete(job)
    this.#outboxes.delete(records.client.id)
    records.close()
    this.#owner.endJob(job, this.#parts.now())
    this.#owner.detach(records.client)
    this.#streams.clientGone(records.client.id)
    this.#codes.detach(records.client.id)
    this.#groups.jobEnded(job)
    this.#remote?.jobEnded(this.#jobNameOf(job))
    for (const [kind, { actor }] of this.#parts.specs.entries())
      if (actor && this.#parts.kindJobs[kind] === job) this.#namespaces.set(kind, driver.namespace)
    this.#jobs.delete(job)
  }

  // ---- effects

  #effects(): Effects {
    return {
      startThread: (thread, pool) => this.#startWorker(thread, pool),
      endThread: thread => this.#endThread(thread),
      run: (thread, row, width) => this.#hosts.get(thread)?.run(row, width),
      revoke: (thread, row) =>
        (this.#ending?.id === thread ? this.#ending : this.#hosts.get(thread))?.revoke(row) ?? false,
      resume: (thread, row) => this.#hosts.get(thread)?.resumed(this.#owner.rows.token(row)),
      abort: (thread, token, leaves) => this.#hosts.get(thread)?.abort(token, leaves),
      claimName: row => this.#named.claim(row),
      detachedMade: row => this.#named.made(row),
      detachedLost: (row, reason, mayRestart, error) => this.#named.lostHere(row, reason, mayRestart, error),
      detachedSaved: row => this.#named.save(row, this.#owner.rows.more(row).actor as ActorPart),
      reaches: peer => this.#remote?.reaches(peer) ?? false,
      runCall: (thread, row, actor) => this.#hosts.get(thread)?.run(row, actor),
      stopCall: (thread, token) => void this.#stopCall(thread, token),
      callLeft: thread => this.#freed(thread),
      dismiss: (thread, token) => this.#dismiss(thread, token),
      endActor: (location, reason) => this.#remote?.endActor(location, reason),
      actorLost: (row, reason, mayRestart, free) => this.#remote?.actorLost(row, reason, mayRestart, free),
      actorSaved: (row, value, holds) => this.#remote?.actorSaved(row, value, holds),
      notHere: (peer, token) => this.#remote?.notHere(peer, token),
      result: (client, slot, failed, kept, from) => this.#result(client, slot, failed, kept, from),
      stored: (client, slot, bytes) =>
        this.#send(client, outbox => sendWords(outbox, record.stored, 0, slot, low(bytes), high(bytes))),
      need: (client, slot, index) => this.#send(client, outbox => sendWords(outbox, record.need, 0, slot, index)),
      free: offset => this.#store.free(offset),
      encode: (failure, row) => this.#encode(failure, row),
      timer: (token, delayMs, why) => this.#timer(token, delayMs, why),
      grant: (peer, row) => this.#remote?.grant(peer, row),
      park: (peer, room) => this.#remote?.park(peer, room),
      offer: peer => this.#remote?.offer(peer),
      answer: (row, end, from) => this.#remote?.answer(row, end, from),
      answerStored: (row, end, bytes) => this.#remote?.answerStored(row, end, bytes),
      giveUp: (peer, token) => this.#remote?.giveUp(peer, token),
      evict: (peer, token) => this.#remote?.evict(peer, token),
      cancel: (peer, row) => this.#remote?.cancel(peer, row),
      stop: (peer, row, how) => this.#remote?.stop(peer, row, how),
      credit: (thread, token, read) => this.#hosts.get(thread)?.credit(token, read),
      creditAt: (peer, row, read) => this.#remote?.creditAt(peer, row, read),
      answerProduct: (row, product) => this.#remote?.answerProduct(row, product),
      item: (client, slot, row) => this.#item(client, slot, row),
      streamEnded: (client, slot, count, failed) => this.#streamEnded(client, slot, count, failed),
      // Whoever asks for a detached actor holds nothing by that.
      borrow: row => {
        if (!this.#named.isOwner(this.#owner.rows.client[row])) this.#remote?.borrow(row)
      },
      giveBack: (client, number) => {
        if (!this.#named.isOwner(client)) this.#remote?.giveBack(client, number)
      },
      want: row => {
        if (this.#named.isOwner(this.#owner.rows.client[row])) this.#named.want(row)
        else this.#remote?.want(row)
      },
      tell: (peer, row) => this.#remote?.tell(peer, row),
      pull: row => this.#remote?.pull(row),
      dropAt: location => this.#remote?.dropAt(location),
      keep: (peer, row, order) => this.#remote?.succession.keep(peer, row, order),
      unkeep: (peer, client, number) => this.#remote?.succession.unkeep(peer, client, number),
      succeeded: token => this.#remote?.succession.succeeded(token),
      follow: (token, peer) => this.#remote?.succession.follow(token, peer),
      linger: token => this.#remote?.linger(token),
      fetched: (client, slot) => this.#fetched(client, slot),
      inlined: (client, slot, value) =>
        this.#send(client, outbox => sendPieces(outbox, record.piece, slot, { u8: value, at: 0, bytes: value.length })),
      unfetched: (client, slot, error) =>
        this.#send(client, outbox =>
          sendBytes(outbox, record.unfetched, 0, [slot, error.length], { u8: error, at: 0, bytes: error.length }),
        ),
    }
  }

  #item(client: number, slot: number, row: number): void {
    const number = this.#numberAt(client, slot)
    this.#send(client, outbox => sendItem(outbox, this.#owner, { slot, number }, row))
  }

  #streamEnded(client: number, slot: number, count: number, failed: boolean): void {
    const number = this.#numberAt(client, slot)
    this.#send(client, outbox => sendWords(outbox, record.ended, failed ? 1 : 0, slot, number, count))
  }

  /** The low word of the number of what a client's slot names. */
  #numberAt(client: number, slot: number): number {
    const row = this.#owner.clients.get(client)?.row(slot) ?? -1
    return row < 0 ? 0 : low(this.#owner.rows.number[row])
  }

  #send(client: number, write: (outbox: Outbox) => void): void {
    const outbox = this.#outboxes.get(client)
    if (outbox) write(outbox)
  }

  #result(client: number, slot: number, failed: boolean, kept: boolean, from: Bytes): void {
    const outbox = this.#outboxes.get(client)
    if (!outbox) return
    const flags = (failed ? flag.error : 0) | (kept ? flag.kept : 0)
    const at = outbox.begin(record.result, flags, 8 + from.bytes)
    outbox.i32[at >> 2] = slot
    outbox.i32[(at >> 2) + 1] = from.bytes
    copyBytes(outbox.u8, at + 8, from.u8, from.at, from.bytes)
    outbox.end()
  }

  #encode(failure: Failure, row: number): Uint8Array {
    if (failure.kind === 'code') return failure.bytes
    const { rows } = this.#owner
    const { owner, client } = this.#names.ownerOf(rows.client[row])
    return failureValue(failure, {
      taskId: this.#taskId(row),
      objectId: objectIdText(owner, client, rows.number[row]),
      peerId: this.#options.peerId,
      attempt: rows.attempt[row] + 1,
      ...this.#actors.about(row),
    })
  }

  /** Tells a worker that an actor is over. Where that blocks its thread, the thread is ended after a while. */
  #dismiss(thread: number, token: number): void {
    this.#hosts.get(thread)?.dismiss(token)
    if (!this.#dismissing.has(thread)) this.#watchDismissed(thread)
  }

  /** Looks at the one that was told first: others are told all the time where actors come and go. */
  #watchDismissed(thread: number): void {
    const first = this.#owner.actors.firstDismissed(thread)
    const timer = setTimeout(() => {
      this.#dismissing.delete(thread)
      this.#timers.delete(timer)
      const left = this.#owner.actors.firstDismissed(thread)
      if (left === undefined) return
      if (left === first) void this.#endDismissed(thread)
      else this.#watchDismissed(thread)
    }, limits.dismissMs)
    this.#dismissing.set(thread, timer)
    this.#timers.add(timer)
  }

  readonly #dismissing = new Map<number, NodeJS.Timeout>()

  /** How often what holds a thread was stopped, or looked for, without that it has helped. */
  readonly #tries = new Map<number, number>()
  /** Since when a thread is held by code of which is not known whose it is. */
  readonly #unknownSince = new Map<number, number>()

  /**
   * A thread does not hear that it has to leave something. What holds it is stopped, if that is it: a call is known, and a
   * constructor; what runs in a timer or behind an await is not, and is thought to be it after a second look where no others have
   * begun calls. `given`: the token of a call that was given up, else it is about actors that are over. False: it was of no use,
   * or cannot be done here.
   */
  async #free(thread: number, given = -1): Promise<boolean> {
    const host = this.#hosts.get(thread)
    if (!host) return true
    const { channel } = host
    const { actors } = this.#owner
    const call = channel.inside()
    if (call >= 0) this.#unknownSince.delete(thread)
    // Another has it, and will give it back.
    if (call >= 0 && call !== given && (given >= 0 || !actors.isOfDismissed(thread, call))) return true
    if (call < 0 && !this.#owner.isAlone(thread, given, row => host.hasBegun(row))) {
      const since = this.#unknownSince.get(thread) ?? performance.now()
      this.#unknownSince.set(thread, since)
      return performance.now() - since < limits.unknownHolderMs
    }
    const tries = (this.#tries.get(thread) ?? 0) + 1
    this.#tries.set(thread, tries)
    if (call < 0 && tries === 1) return true
    return tries <= 3 && (await channel.interrupt(() => channel.inside() === call))
  }

  /** A thread has been left by what was to leave it. */
  #freed(thread: number): void {
    this.#tries.delete(thread)
    this.#unknownSince.delete(thread)
  }

  /** An actor does not leave its thread. */
  async #endDismissed(thread: number): Promise<void> {
    if (!(await this.#free(thread))) this.#endThread(thread)
    else if (this.#owner.actors.overstays(thread) === undefined) this.#freed(thread)
    else this.#watchDismissed(thread)
  }

  /** A call that was given up, or a constructor, does not leave its thread. */
  async #stopCall(thread: number, token: number): Promise<void> {
    const host = this.#hosts.get(thread)
    if (!host) return
    if (!host.channel.claims || !(await this.#free(thread, token))) this.#endThread(thread)
    else this.#timer(token, limits.dismissMs, 'grace')
  }

  #timer(token: number, delayMs: number, why: TimerReason): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      this.#tick()
      this.#owner.timeUp(token, why, this.#parts.now())
      this.#stirred()
    }, delayMs)
    this.#timers.add(timer)
  }

  #fetched(client: number, slot: number): void {
    for (const { records } of this.#drivers.values()) if (records.client.id === client) records.fetched(slot)
    for (const host of this.#hosts.values()) if (host.client.client.id === client) host.client.fetched(slot)
  }

  // ---- threads

  #startWorker(thread: number, pool: string): void {
    const client = this.#newClient(0, thread)
    const isThread = !isProcessPool(pool)
    const channel = isThread ? this.#startThread(thread, client.id) : this.#processes.start(thread, client.id, pool)
    const host = new WorkerHost(
      thread,
      this.#parts,
      {
        output: (from, token, isError, text) => this.#output(from, token, isError, text),
        ended: (from, how) => this.#threadEnded(from, how),
        stirred: () => this.#stirred(),
      },
      channel,
      outbox => new ClientRecords(this.#parts, client, outbox, isThread),
    )
    this.#hosts.set(thread, host)
    this.#outboxes.set(client.id, host.outbox)
  }

  #startThread(thread: number, client: number): WorkerChannel {
    const { peerId, meshId, incarnation, version: release, folders, firstWorker } = this.#options
    const early = firstWorker?.data.client === client ? firstWorker : undefined
    const setup = { store: this.#store.memory, peerId, meshId, incarnation, release, folders, shoalUrl: shoalUrl() }
    return new ThreadChannel(thread, early ?? startWorker(setup, client, this.#bell))
  }

  #endThread(thread: number): void {
    this.#owner.scheduler.retire(thread)
    void this.#hosts.get(thread)?.terminate()
  }

  #threadEnded(host: WorkerHost, how: WorkerEnd): void {
    this.#hosts.delete(host.id)
    this.#freed(host.id)
    this.#outboxes.delete(host.client.client.id)
    if (this.#closed) return
    const stoppedTask = this.#owner.stoppedOn(host.id)
    const { culprit, lines } = host
    const reason = stoppedTask ? 'it was ended' : how.reason
    // What it has not begun can be told from what it has.
    this.#ending = host
    this.#owner.threadEnded(host.id, { ...how, lastLines: lines, culprit, stoppedTask, reason }, this.#parts.now())
    this.#ending = undefined
    this.#owner.detach(host.client.client)
    this.#streams.clientGone(host.client.client.id)
  }

  /** Console output of remote code, to the driver of the job whose task wrote it, wherever that is attached. */
  #output(host: WorkerHost, token: number, isError: boolean, text: string): void {
    const { rows, scheduler } = this.#owner
    const row = token < 0 ? -1 : rows.rowOf(token)
    const job = row >= 0 ? rows.job[row] : (scheduler.threads.get(host.id)?.job ?? -1)
    const name = row >= 0 && rows.kind[row] >= 0 ? this.#owner.kinds[rows.kind[row]]?.name : undefined
    const line = { name, worker: host.channel.workerId, text }
    const about = row >= 0 ? this.#idsOf(row) : undefined
    this.#keep(about, line)
    this.#show(job, isError, line, about)
  }

  /** Prints at the program of a job, wherever that is. */
  #show(
    job: number,
    isError: boolean,
    line: { name: string | undefined; worker: string; text: string },
    about: string | undefined,
  ): void {
    const home = this.#jobs.get(job)?.home
    if (home)
      this.#remote?.output(home, isError, {
        ...line,
        about,
        worker: `${this.#options.peerId.slice(-6)}/${line.worker}`,
      })
    else this.#print(job >= 0 ? [this.#drivers.get(job)] : [...this.#drivers.values()], isError, line)
  }

  /** What tasks write is in the log by the ids of their tasks and actors: where they run, and where their program is. */
  #keep(
    about: string | undefined,
    { name, worker, text }: { name?: string | undefined; worker: string; text: string },
  ): void {
    const { logOutput } = this.#options
    if (!logOutput) return
    const from = `${about === undefined ? '' : `${about} `}(${name ?? 'shoal'} ${worker}) `
    for (let at = 0; at < text.length; at += limits.logEntryCharacters)
      logOutput(from + text.slice(at, at + limits.logEntryCharacters))
  }

  /** A method held a thread that other actors share. */
  #blocked(row: number, durationMs: number): void {
    const { rows, kinds } = this.#owner
    const name = kinds[rows.kind[row]]?.name ?? 'a method'
    const text = `${name} held its thread for ${durationMs} ms, and the actors beside it waited: later actors of its class have threads of their own (give it cpus, or await in it)\n`
    this.#options.log(text.trimEnd())
    this.#show(rows.job[row], true, { name: 'shoal', worker: 'agent', text }, this.#idsOf(row))
  }

  /** By which ids output is found: of the task, and of the actor whose call it is. */
  #idsOf(row: number): string {
    const { rows, actors } = this.#owner
    const task = this.#taskId(row)
    return rows.actor[row] < 0 ? task : `${task} ${this.#actors.idOf(actors.resolve(rows.actor[row]))}`
  }

  #taskId(row: number): string {
    const { rows } = this.#owner
    const { owner, client } = this.#names.ownerOf(rows.client[row])
    return taskIdText(owner, client, rows.number[row])
  }

  #print(
    drivers: (Driver | undefined)[],
    isError: boolean,
    line: { name?: string | undefined; worker: string; text: string },
  ): void {
    for (const driver of drivers) if (driver?.logs) sendText(driver.outbox, record.log, isError ? 1 : 0, [], line)
  }

  // ---- other peers

  /** This peer becomes one of several. `said` is called when what others are told of it has changed. */
  async enterMesh(port: MeshPort, said: () => void): Promise<RemotePeers> {
    const { RemotePeers } = await import('./remote-peers.ts')
    const remote = new RemotePeers(this.#parts, {
      own: this.#options,
      jobOf: name => this.#jobOf(name),
      jobName: job => (this.#jobs.has(job) ? this.#jobNameOf(job) : undefined),
      endJob: name => this.#endForeignJob(name),
      output: (name, isError, { about, ...line }) => {
        this.#keep(about, line)
        const job = this.#jobsByName.get(nameOfJob(name)) ?? (name.peer === this.#options.peerId ? name.n : -1)
        this.#print([this.#drivers.get(job)], isError, line)
      },
      answer: (method, params, peer) => this.#answerHere(method, params, peer),
      detached: () => this.#named.origins(),
      continueIn: (row, id) => this.#named.continueOrphan(row, id),
      stirred: () => this.#stirred(),
      log: line => this.#options.log(line),
    })
    remote.port = port
    this.#remote = remote
    this.#onInfo = said
    this.#owner.exchange.open = true
    this.#shareSoon()
    // What others place here is begun, and what this one decides is decided, though no program of its own has asked.
    if (this.#options.directory) void this.#named.directory().catch((error: Error) => this.#options.log(error.message))
    return remote
  }

  #sharing: NodeJS.Timeout | undefined

  /** Looks again at what could be shared: soon while something waits, else now and then, to say what is free here. */
  #shareSoon(): void {
    const waits = this.#owner.scheduler.waitingKinds.some(kind => kind.ready.count > 0)
    this.#sharing = setTimeout(
      () => {
        this.#tick()
        this.#owner.returnStale(this.#time)
        this.#stirred()
        this.#shareSoon()
      },
      waits ? limits.shareMs : limits.idleShareMs,
    )
    this.#sharesSoon = waits
  }

  #sharesSoon = false

  /** A session with a member has begun. */
  peerBegan(peerId: string, incarnation: number): void {
    this.#remote?.began(peerId, incarnation)
    this.#leases ??= setInterval(() => {
      this.#tick()
      this.#checkLeases()
    }, limits.leaseCheckMs)
    this.#leases.unref()
  }

  #leases: NodeJS.Timeout | undefined

  /** Threads of actors whose owners are silent: nothing of them runs until they are heard of again, or gone. */
  readonly #frozen = new Set<number>()

  /** Owners that have not answered since this process stood still. */
  readonly #unsure = new Set<number>()
  #leasesAt = Number.POSITIVE_INFINITY

  /**
   * This process stood still, or had no time: what it hears now may have been said before, and actors of its may live elsewhere
   * by now. Before anything else is read they wait, until their owners have answered.
   */
  #stoodStill(): void {
    this.#leasesAt = this.#time
    for (const { peer } of this.#owner.actors.hosted()) {
      if (this.#unsure.has(peer) || !this.#remote) continue
      this.#unsure.add(peer)
      const sure = (): void => {
        this.#unsure.delete(peer)
        this.#checkLeases()
      }
      this.#remote.ask(peer, 'heard', {}).then(sure, sure)
    }
    if (this.#unsure.size > 0) this.#checkLeases()
  }

  #checkLeases(): void {
    this.#leasesAt = performance.timeOrigin + performance.now()
    const silent = new Set<number>()
    for (const { peer, thread } of this.#owner.actors.hosted()) {
      const { peerId, incarnation } = this.#owner.peers.get(peer)
      const { ms = 0, gone = false } = this.#options.silence?.(peerId, incarnation) ?? {}
      if ((ms > limits.leaseMs || this.#unsure.has(peer)) && !gone) silent.add(thread)
    }
    for (const thread of silent) {
      if (this.#frozen.has(thread)) continue
      this.#frozen.add(thread)
      this.#hosts.get(thread)?.channel.freeze(true)
    }
    for (const thread of this.#frozen) {
      if (silent.has(thread)) continue
      this.#frozen.delete(thread)
      // What is over by now is not to run again before its thread has ended.
      if (this.#owner.actors.on(thread).size > 0) this.#hosts.get(thread)?.channel.freeze(false)
    }
  }

  peerEnded(peerId: string, incarnation: number): void {
    this.#tick()
    // An actor that it had may live on where nobody hears of it: another is not begun before that one has stopped by itself.
    const { ms = 0, gone = true } = this.#options.silence?.(peerId, incarnation) ?? {}
    this.#owner.restartAt = gone ? 0 : this.#time + Math.max(0, limits.leaseOverMs - ms)
    this.#remote?.ended(peerId)
    this.#owner.restartAt = 0
    this.#groups.peerGone(peerId, incarnation)
    for (const [job, { home }] of this.#jobs) {
      if (home?.peer === peerId && home.incarnation === incarnation) this.#endForeignJob(home, job)
    }
    this.#named.peerEnded()
    this.#stirred()
  }

  /** What a linked peer offers. */
  peerOffers(
    peerId: string,
    incarnation: number,
    offer: { totals: Record<string, number>; labels: Record<string, string>; closed: boolean },
  ): void {
    const { index } = this.#owner.peers.of(peerId, incarnation)
    this.#owner.exchange.peerIs(index, { peerId, ...offer })
    this.#owner.replicas.peerCame()
    this.#groups.peersChanged()
  }

  peerFrame(peerId: string, map: Parameters<RemotePeers['frame']>[1], payload: Uint8Array): void {
    this.#tick()
    this.#remote?.frame(peerId, map, payload)
  }

  peerBulk(peerId: string, map: Parameters<RemotePeers['bulk']>[1], stream: Parameters<RemotePeers['bulk']>[2]): void {
    void this.#remote?.bulk(peerId, map, stream)
  }

  /** Frames were told: decides and sends. */
  peersTold(): void {
    this.#stirred()
  }

  /** What others are told of this peer. */
  info(): Record<string, unknown> {
    return this.#state.row()
  }

  #sayInfo(): void {
    const said = `${JSON.stringify(this.#owner.resources.available())}/${this.#store.usedBytes}/${this.#drain.begun}`
    if (said === this.#infoSaid) return
    this.#infoSaid = said
    this.#onInfo?.()
  }

  #jobNameOf(job: number): JobName {
    const known = this.#jobs.get(job)
    if (known?.home) return known.home
    const { peerId, incarnation } = this.#options
    return {
      peer: peerId,
      incarnation,
      n: job,
      jobId: known?.jobId ?? jobIdText(this.#options, job),
      namespace: known?.namespace ?? '',
    }
  }

  #jobOf(name: JobName): number {
    const { peerId, incarnation } = this.#options
    if (name.peer === peerId && name.incarnation === incarnation) return name.n
    const key = nameOfJob(name)
    let job = this.#jobsByName.get(key)
    if (job === undefined) {
      job = this.#nextJob++
      this.#jobsByName.set(key, job)
      this.#jobs.set(job, { jobId: name.jobId, namespace: name.namespace, script: undefined, home: name })
    }
    return job
  }

  /** A program at another peer has ended: what it has here ends, and what that has elsewhere. */
  #endForeignJob(name: JobName, known?: number): void {
    const job = known ?? this.#jobsByName.get(nameOfJob(name))
    if (job === undefined || !this.#jobs.has(job)) return
    this.#jobs.delete(job)
    this.#jobsByName.delete(nameOfJob(name))
    this.#owner.endJob(job, this.#parts.now())
    this.#groups.jobEnded(job)
    this.#remote?.jobEnded(name)
  }

  // ---- questions

  /** For other peers: what this one alone knows. */
  async #answerHere(method: string, params: unknown, peer: number): Promise<unknown> {
    if (method.startsWith('group-')) return await this.#groups.byPeer(method, params, peer)
    if (method === 'cancel') return await this.#cancellation.byPeer(params)
    if (method === 'kill-actor') return await this.#actors.killByPeer(params)
    if (method === 'keep-code') return await this.#named.keepCode(params)
    if (method === 'heard') return null
    if (method === 'drain') {
      await this.drain(drainOptionsFrom(params))
      return null
    }
    if (method.startsWith('stream-')) return await this.#streams.answer(method, params)
    if (method === 'workers') await this.#measureWorkers()
    const own = this.#options.anywhere?.[method]
    return own ? await own(params) : this.#state.here(method, params)
  }

  /** Asks linked peers, at most `askMs`; those that do not answer are left out. */
  async #askOthers(method: string, params: (peerId: string) => unknown, only?: ReadonlySet<string>): Promise<Answer[]> {
    const remote = this.#remote
    if (!remote) return []
    const over = new AbortController()
    const late = delay(limits.askMs, undefined, { signal: over.signal }).catch(() => undefined)
    const asked = [...remote.linked()]
      .filter(({ peerId }) => only?.has(peerId) ?? true)
      .map(async ({ peerId, index }) => {
        const answer = remote.ask(index, method, params(peerId)).catch(() => undefined)
        return { peerId, answer: await Promise.race([answer, late]) }
      })
    this.#stirred()
    const answers = await Promise.all(asked)
    over.abort()
    return answers.filter(({ answer }) => answer !== undefined)
  }

  async #answer(method: string, params: unknown, client?: Client): Promise<unknown> {
    if (method.startsWith('group-') && client) return await this.#groups.byClient(method, params, client)
    if (method === 'protect') return await this.#protect(params, client)
    if (method === 'cancel') return client ? await this.#cancellation.byClient(params, client) : null
    if (method === 'kill-actor') return client ? await this.#actors.killByClient(params, client) : null
    if (method === 'find-actor') return await this.#named.find(params)
    if (method === 'drain-peer') return await this.#drainPeer(params)
    if (method === 'workers') await this.#measureWorkers()
    const own = await this.#state.answer(method, params, {
      members: () => this.#options.members?.() ?? [],
      linked: () => [...(this.#remote?.linked() ?? [])].map(({ peerId }) => peerId),
      ask: (what, how, only) => this.#askOthers(what, how, only),
    })
    if (own !== undefined) return own
    const anywhere = this.#options.anywhere?.[method]
    if (anywhere) return await this.#answerAnywhere(method, params, anywhere)
    if (method === 'leave') {
      this.#end(params as { client: number })
      return (await this.#options.handlers.left?.(params)) ?? null
    }
    const handler = this.#options.handlers[method]
    if (!handler) throw Object.assign(new Error(`this agent knows no '${method}'`), { code: 'SHOAL_INVALID_OPTION' })
    return await handler(params)
  }

  async #answerAnywhere(method: string, params: unknown, own: (params: unknown) => unknown): Promise<unknown> {
    const { peerId } = (params ?? {}) as { peerId?: string }
    if (peerId === undefined) {
      const others = this.#askOthers(method, () => params)
      return [await own(params), ...(await others).map(({ answer }) => answer)].flat()
    }
    if (peerId === this.#options.peerId) return await own(params)
    const [said] = await this.#askOthers(method, () => params, new Set([peerId]))
    if (!said) throw Object.assign(new Error(`peer ${peerId} does not answer`), { code: 'SHOAL_CONNECT' })
    return said.answer
  }

  async #drainPeer(params: unknown): Promise<null> {
    await drainOther(params as { peerId: string; deadlineMs?: number }, {
      own: this.#options.peerId,
      members: () => this.#options.members?.() ?? [],
      linked: () => this.#remote?.linked() ?? [],
      here: options => this.drain(options),
      ask: (peer, method, what) => this.#remote?.ask(peer, method, what) ?? Promise.reject(new Error('no mesh')),
    })
    return null
  }

  /** An object of a client's is to survive this peer: resolves when others have it, as many as can. */
  async #protect(params: unknown, client: Client | undefined): Promise<null> {
    const { objects, replicas } = this.#owner
    const row = client ? objects.shared(client.id, (params as { number: number }).number) : -1
    if (row < 0) {
      const reason = 'it was released before it was replicated'
      throw new ObjectLostError(`the object is lost: ${reason}`, { objectId: '', reason })
    }
    const done = replicas.protect(row)
    this.#stirred()
    await done
    return null
  }

  /** A thread that does not answer keeps its last figure. */
  async #measureWorkers(): Promise<void> {
    const measured = Promise.all([...this.#hosts.values()].map(host => host.measure().catch(() => undefined)))
    await Promise.race([measured, delay(limits.measureMs)])
  }

  /** A driver on a ring says that it leaves. */
  #end({ client }: { client: number }): null {
    const at = this.#rings.findIndex(({ driver }) => driver.records.client.id === client)
    if (at >= 0) {
      const [{ driver }] = this.#rings.splice(at, 1)
      const { outbox } = driver
      this.#leave(driver)
      queueMicrotask(() => outbox.flush())
    }
    return null
  }

  // ---- ends

  /**
   * Gives up what it does: nothing new begins here, what runs has until the deadline and then runs elsewhere, what it keeps for
   * others goes to those. Resolves when that is done; the peer lives on, and is idle.
   */
  drain(options: DrainOptions): Promise<void> {
    return this.#drain.begin(options)
  }

  #shut(): void {
    this.#owner.exchange.open = false
    this.#owner.exchange.self = { ...this.#owner.exchange.self, closed: true }
    this.#owner.exchange.reconsider()
    this.#groups.peersChanged()
  }

  /** Ends the processes, and waits until they are gone: what is not waited for stays as a zombie as long as this program. */
  async endProcesses(): Promise<void> {
    const ended = [...this.#hosts.values()].filter(host => host.channel.claims === undefined)
    await Promise.race([Promise.all(ended.map(host => host.terminate())), delay(limits.processEndMs)])
  }

  /** Ends everything: workers, channels, timers. */
  async close(): Promise<void> {
    if (this.#closed) return
    for (const socket of this.#sockets) socket.close('the agent is shutting down')
    this.#closed = true
    this.#loop.stop()
    clearInterval(this.#stays)
    clearInterval(this.#leases)
    clearTimeout(this.#sharing)
    this.#named.close()
    this.#groups.close()
    this.#remote?.close()
    clearTimeout(this.#unsticking)
    for (const timer of this.#timers) clearTimeout(timer)
    await Promise.all([...this.#hosts.values()].map(host => host.terminate()))
    await this.#store.close()
  }
}
