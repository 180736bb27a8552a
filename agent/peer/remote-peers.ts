import type { BulkStream } from '../../mesh/node/index.ts'
import { asCount, asList, asMap, asText, type HeaderValue, MalformedFrameError } from '../../mesh/wire/index.ts'
import type { OwnerId } from '../../wire/ids.ts'
import type { FunctionSpec } from '../../wire/records.ts'
import {
  type Bytes,
  type Cancelling,
  limits as coreLimits,
  type GrantEnd,
  type Guest,
  type GuestEnd,
  type GuestProduct,
  Kind,
  type Location,
  type Produced,
  type Room,
  state,
} from '../core/index.ts'
import { CodeExchange } from './code-exchange.ts'
import { type Answer, answerFlag, BatchReader, BatchWriter, type GrantedTask } from './grants.ts'
import { HandOver } from './hand-over.ts'
import { type JobName, jobFrom, jobTo } from './job-names.ts'
import { limits } from './limits.ts'
import type { PeerParts } from './parts.ts'
import { bundleOf } from './placement.ts'
import { actorOf, poolOf } from './pools.ts'
import { Pulls } from './pulls.ts'
import { Questions } from './questions.ts'
import { Registrations } from './registrations.ts'
import { Succession } from './succession.ts'
import { OwnerTable, ownerFrom, WireNames } from './wire-names.ts'

type Map_ = { [key: string]: HeaderValue | undefined }

/** How frames reach other peers. */
export interface MeshPort {
  send(peerId: string, header: HeaderValue, payload?: Uint8Array): boolean
  openBulk(peerId: string, header: HeaderValue): Promise<BulkStream>
}

/** What the remote side needs of its peer besides the parts. */
export interface RemoteHost {
  readonly own: OwnerId
  /** The local number of a job; made at the first use. */
  jobOf(name: JobName): number
  jobName(job: number): JobName | undefined
  endJob(name: JobName): void
  output(name: JobName, isError: boolean, line: { name?: string; worker: string; text: string; about?: string }): void
  /** Answers a question of another peer. */
  answer(method: string, params: unknown, peer: number): Promise<unknown>
  /** Detached actors, by the names that those who made them gave their handles. */
  detached(): Promise<ReadonlyMap<string, number>>
  continueIn(row: number, id: number): void
  /** Something happened outside a turn. */
  stirred(): void
  log(line: string): void
}

/** A function that another peer has defined here. */
interface GuestKind {
  index: number
  missing: Set<string>
  waiting: (() => void)[]
}

/** One session with another peer: what waits to be said, and what each side knows of the other's names. */
interface Remote {
  readonly peerId: string
  readonly index: number
  /** Owners by the numbers that this side has told it, and by those that it has told. */
  readonly said: OwnerTable
  readonly heard: OwnerId[]
  /** Kinds of this peer's that it knows. */
  readonly defined: Set<number>
  /** Kinds of its own that this peer runs for it. */
  readonly kinds: Map<number, GuestKind>
  /** Processes of this peer's that it knows. */
  readonly saidProcesses: Set<number>
  /** Its workers, as the history names them. */
  readonly workers: Map<number, GrantEnd['at']>
  /** When the first of the answers that wait was given. */
  answersSince: number
  readonly grants: BatchWriter
  grantExtras: HeaderValue[]
  readonly answers: BatchWriter
  answerExtras: HeaderValue[]
  backs: number[]
  /** Guests that were stopped, since this peer is drained. */
  evicted: number[]
  cancels: number[]
  /** Tokens of cancelled tasks, each with 1: forced, 2: what it has submitted too. */
  stops: [number, number][]
  /** Products of its tasks, and the bytes of the small ones. */
  products: HeaderValue[]
  productBytes: Uint8Array[]
  /** Tokens of generators, each with how many of their items were taken, plus 1; 0: they are to end. */
  credits: [number, number][]
  /** Its generators that run here: by its own tokens those of this peer. */
  readonly generators: Map<number, number>
  frees: number[]
  /** Calls that it sent here, whose actors are not here. */
  strays: number[]
  /** Its actors that lived here and are no more. */
  losses: HeaderValue[]
  refs: HeaderValue[]
  asks: HeaderValue[]
  room: Room | undefined
  offer: boolean
  /** The beginning of a payload that no frame holds. */
  parts: Uint8Array[]
  partBytes: number
}

const BATCH_BYTES = 512 * 1024
/** The payload of one frame beside a small header. */
const PART_BYTES = 640 * 1024
/** Answers wait for more of them so long, while more are to come: a native write costs as much as twenty tasks. */
const ANSWERS_MS = 0.4
/** An owner that does not know yet what is here no longer is asked again after this. */
const ASK_AGAIN_MS = 50
const ANSWERS_MAX = 256
const none: readonly number[] = []
const noCall = { actor: -1, epoch: 0, caller: 0 }
const mayRestart = { ...noCall, epoch: 1 }
/** Products that leave in one frame, at most. */
const PRODUCTS_MAX = 64
/** Characters of a reason that travel. */
const REASON_MAX = 2000
/** A name in a header takes at most about so much. */
const NAME_BYTES = 20
/** More than this of one task does not fit beside others into a frame's header. */
const EXTRA_BYTES_MAX = 800 * 1024
const EXTRA_BYTES = 300 * 1024

/**
 * This peer among others: grants and their answers, refs that cross, bytes that are fetched, code that travels. Turns what
 * the cores decide into frames, and frames into events of the cores. What is said in one turn leaves as one frame a kind.
 */
export class RemotePeers {
  readonly #parts: PeerParts
  readonly #host: RemoteHost
  readonly #names: WireNames
  readonly #remotes = new Map<number, Remote>()
  readonly #byPeerId = new Map<string, Remote>()
  #port: MeshPort | undefined
  readonly #registrations = new Registrations()
  readonly #handOver: HandOver
  readonly succession: Succession
  readonly #questions: Questions
  readonly #codeExchange: CodeExchange
  readonly #pulls: Pulls

  constructor(parts: PeerParts, host: RemoteHost) {
    this.#parts = parts
    this.#host = host
    this.#names = new WireNames(host.own, parts.owner.peers, parts.names)
    this.#handOver = new HandOver(parts)
    this.succession = new Succession(parts, {
      ask: (peer, method, params) => this.ask(peer, method, params),
      linked: () => this.linked(),
      ownPeerId: host.own.peerId,
      detached: () => host.detached(),
      continueIn: (row, id) => host.continueIn(row, id),
      stirred: () => host.stirred(),
    })
    this.#questions = new Questions((peer, method, params) =>
      method === 'hand-over'
        ? this.#handOver.take(peer, params)
        : (this.succession.answer(peer, method, params) ?? host.answer(method, params, peer)),
    )
    this.#codeExchange = new CodeExchange(parts.codes)
    this.#pulls = new Pulls(parts, {
      names: this.#names,
      nameOf: (table, row) => this.#nameOf(table, row),
      isLinked: peer => this.#remotes.has(peer),
      openBulk: (peerId, header) =>
        this.#port?.openBulk(peerId, header) ?? Promise.reject(new Error('there is no mesh')),
      stirred: () => host.stirred(),
      log: line => host.log(line),
    })
  }

  set port(port: MeshPort) {
    this.#port = port
  }

  // ---- sessions

  began(peerId: string, incarnation: number): number {
    const { index } = this.#parts.owner.peers.of(peerId, incarnation)
    const remote: Remote = {
      peerId,
      index,
      said: new OwnerTable((i, owner) => this.#send(remote, { t: 'owner', i, p: owner.peerId, n: owner.incarnation })),
      heard: [],
      defined: new Set(),
      kinds: new Map(),
      saidProcesses: new Set(),
      workers: new Map(),
      answersSince: 0,
      grants: new BatchWriter(),
      grantExtras: [],
      answers: new BatchWriter(),
      answerExtras: [],
      backs: [],
      evicted: [],
      cancels: [],
      stops: [],
      products: [],
      productBytes: [],
      credits: [],
      generators: new Map(),
      frees: [],
      strays: [],
      losses: [],
      refs: [],
      asks: [],
      room: undefined,
      offer: false,
      parts: [],
      partBytes: 0,
    }
    this.#remotes.set(index, remote)
    this.#byPeerId.set(peerId, remote)
    this.#parts.owner.objects.peerBack(index)
    return index
  }

  ended(peerId: string): void {
    const remote = this.#byPeerId.get(peerId)
    if (!remote) return
    this.#byPeerId.delete(peerId)
    this.#remotes.delete(remote.index)
    const { owner, codes } = this.#parts
    owner.peerGone(remote.index, this.#parts.now())
    codes.detach(owner.peers.clientId(remote.index, 0))
    this.#registrations.ended(remote.index)
    this.#questions.ended(remote.index)
    this.#codeExchange.ended()
    // What it passed on can still be registered by those who have it now.
    setTimeout(() => {
      // It is back: what it holds is what it says it holds.
      if (this.#remotes.has(remote.index)) return
      owner.objects.forgetBorrower(remote.index)
      this.#host.stirred()
    }, limits.borrowerGraceMs).unref()
  }

  *linked(): Iterable<{ peerId: string; index: number }> {
    for (const { peerId, index } of this.#remotes.values()) yield { peerId, index }
  }

  /** Whether a session with a peer is open. */
  reaches(peer: number): boolean {
    return this.#remotes.has(peer)
  }

  // ---- effects of the cores

  grant(peer: number, row: number): void {
    const remote = this.#remotes.get(peer)
    if (!remote) return
    const { owner } = this.#parts
    const { rows } = owner
    const kind = rows.kind[row]
    if (!remote.defined.has(kind)) this.#define(remote, kind)
    const extra = rows.extra[row]
    rows.startedAt[row] = this.#parts.now()
    const argumentBytes = rows.argumentBytes[row]
    const task: GrantedTask = {
      token: rows.token(row),
      kind,
      attempt: rows.attempt[row],
      depth: rows.depth[row],
      client: rows.client[row],
      number: rows.number[row],
      argumentBytes,
      ...this.#calls(row),
    }
    const more = extra && (extra.dependencies || extra.holds) ? this.#grantExtra(remote, row) : undefined
    if (more && more.bytes > EXTRA_BYTES_MAX) {
      this.#tooMany(remote, row, more.bytes)
      return
    }
    if (
      remote.grants.bytes + argumentBytes > BATCH_BYTES ||
      remote.grantExtras.length > 200 ||
      (more && more.bytes > EXTRA_BYTES / 2)
    ) {
      this.#sendGrants(remote)
    }
    if (more) {
      const { dependencies, contained, saved } = more
      remote.grantExtras.push([remote.grants.count, dependencies, contained, ...(saved === undefined ? [] : [saved])])
    }
    if (extra?.arguments) remote.grants.task(task, extra.arguments, 0)
    else remote.grants.task(task, rows.arguments, row * coreLimits.rowArgumentBytes)
    if (more && more.bytes > EXTRA_BYTES / 2) this.#sendGrants(remote)
    const credit = owner.creditOf(row)
    if (credit !== 0) this.creditAt(peer, row, credit)
  }

  /** Of a call: where it goes. Of an actor: whether it has restarts left. */
  #calls(row: number): { actor: number; epoch: number; caller: number } {
    const { owner } = this.#parts
    if (owner.rows.actor[row] < 0) return owner.mayRestart(row) ? mayRestart : noCall
    const { token, epoch, caller } = owner.actors.target(row)
    return { actor: token, epoch, caller }
  }

  creditAt(peer: number, row: number, read: number): void {
    this.#remotes.get(peer)?.credits.push([this.#parts.owner.rows.token(row), Math.min(read, 0x7fff_fff0) + 1])
  }

  answerProduct(row: number, product: GuestProduct): void {
    const { rows } = this.#parts.owner
    const home = rows.extra[row]?.home
    const remote = home && this.#remotes.get(home.peer)
    if (!home || !remote) return
    const { index, failed, from, bytes, kept, holds } = product
    const names = holds.map(held => this.#nameOf(remote.said, held))
    const token = kept < 0 ? -1 : rows.token(kept)
    const entry = [home.token, rows.attempt[row], index, failed, from ? from.bytes : -1, bytes, token, names]
    const value = from?.u8.slice(from.at, from.at + from.bytes)
    // As for answers: what it names is registered with its owners first.
    this.#registrations.after(remote.index, () => {
      remote.products.push(entry)
      if (value) remote.productBytes.push(value)
      if (remote.products.length >= PRODUCTS_MAX || (value?.length ?? 0) > BATCH_BYTES / 8) this.#sendProducts(remote)
    })
  }

  #sendProducts(remote: Remote): void {
    const { products, productBytes } = remote
    if (products.length === 0) return
    remote.products = []
    remote.productBytes = []
    this.#send(remote, { t: 'products', x: products }, Buffer.concat(productBytes))
  }

  /** A task that names more than a frame can hold cannot go to another peer. */
  #tooMany(remote: Remote, row: number, bytes: number): void {
    const reason = `its arguments name more refs than a task at another peer can be given (about ${Math.round(bytes / NAME_BYTES)}): put them into an array, and pass a ref of that`
    queueMicrotask(() => {
      this.#parts.owner.cannotGrant(row, remote.index, reason)
      this.#host.stirred()
    })
  }

  /** Dependencies and refs of a task that is granted. Small values travel with it, as far as a frame has room. */
  #grantExtra(
    remote: Remote,
    row: number,
  ): { dependencies: HeaderValue; contained: HeaderValue; bytes: number; saved?: HeaderValue } | undefined {
    const { owner } = this.#parts
    const { rows } = owner
    const extra = rows.more(row)
    if (rows.actor[row] >= 0 && !extra.dependencies && extra.holds?.length === 1) return undefined
    const on = extra.dependencies
    const dependencies: HeaderValue[] = []
    let bytes = 0
    for (let i = 0; i < (on?.length ?? 0); i++) {
      const there = on?.[i] ?? -1
      const value = there < 0 ? extra.values?.[i] : rows.extra[there]?.value
      if (value && (there < 0 || bytes + value.length < EXTRA_BYTES || !this.#canName(there))) {
        bytes += value.length
        dependencies.push(value)
        continue
      }
      dependencies.push(this.#objectName(remote, there))
      bytes += 3 * NAME_BYTES
    }
    const isDependency = new Set(on ?? [])
    // Of a call its actor is named by where it goes.
    const actor = rows.actor[row]
    const contained = (extra.holds ?? [])
      .filter(held => !isDependency.has(held) && held !== actor)
      .map(held => this.#nameOf(remote.said, held))
    bytes += contained.length * NAME_BYTES
    const saved = extra.actor?.saved
    if (!saved) return { dependencies, contained, bytes }
    const names = saved.holds.map(held => this.#nameOf(remote.said, held))
    return { dependencies, contained, bytes: bytes + saved.value.length, saved: [saved.value, names] }
  }

  #canName(row: number): boolean {
    return this.#parts.owner.rows.shared[row] === 1
  }

  #nameOf(table: OwnerTable, row: number): HeaderValue {
    const { rows, objects } = this.#parts.owner
    // Others will name it: it is found by its name from now on.
    objects.publish(row)
    return this.#names.write(table, rows.client[row], rows.number[row])
  }

  /** An object whose bytes are fetched: its name, its bytes, where they are. */
  #objectName(remote: Remote, row: number): HeaderValue {
    const { rows } = this.#parts.owner
    const extra = rows.more(row)
    const own = this.#parts.owner.objects.isHere(row) ? rows.token(row) : -1
    return [
      this.#nameOf(remote.said, row),
      extra.bytes,
      this.#names.writeLocations(remote.said, extra.locations ?? [], own),
    ]
  }

  #define(remote: Remote, kind: number): void {
    remote.defined.add(kind)
    const spec = this.#parts.specs[kind]
    const job = this.#host.jobName(this.#parts.kindJobs[kind])
    if (!job) return
    this.#send(remote, {
      t: 'define',
      k: kind,
      spec: JSON.stringify(spec),
      job: [job.peer, job.incarnation, job.n, job.jobId, job.namespace],
    })
  }

  answer(row: number, end: GuestEnd, from: Bytes): void {
    this.#answer(row, end, from, -1)
  }

  answerStored(row: number, end: GuestEnd, bytes: number): void {
    this.#answer(row, end, { u8: new Uint8Array(0), at: 0, bytes: 0 }, bytes)
  }

  #answer(row: number, end: GuestEnd, from: Bytes, storedBytes: number): void {
    const { rows } = this.#parts.owner
    const home = rows.extra[row]?.home
    const remote = home && this.#remotes.get(home.peer)
    if (!home || !remote) return
    remote.generators.delete(home.token)
    const flags =
      (end.failed ? answerFlag.failed : 0) |
      (end.retry ? answerFlag.retry : 0) |
      (end.system ? answerFlag.system : 0) |
      (end.lost ? answerFlag.lost : 0) |
      (storedBytes >= 0 ? answerFlag.stored : 0)
    const answer: Answer = {
      token: home.token,
      attempt: rows.attempt[row],
      flags,
      startedAt: end.startedAt,
      endedAt: end.endedAt,
      valueBytes: from.bytes,
      worker: Math.max(0, end.thread),
    }
    let extra: Map_ | undefined
    if (end.error !== undefined || storedBytes >= 0 || end.holds.length > 0) {
      extra = {
        e: end.error?.slice(0, 500),
        s: storedBytes >= 0 ? storedBytes : undefined,
        h: storedBytes >= 0 || end.holds.length > 0 ? rows.token(row) : undefined,
        c: end.holds.length > 0 ? end.holds.map(held => this.#nameOf(remote.said, held)) : undefined,
      }
    }
    // What its task took over from others is registered with their owners before its home may let go.
    if (this.#registrations.waits(remote.index)) {
      const value = from.u8.slice(from.at, from.at + from.bytes)
      this.#registrations.after(remote.index, () => this.#putAnswer(remote, answer, value, 0, extra))
    } else this.#putAnswer(remote, answer, from.u8, from.at, extra)
  }

  #putAnswer(remote: Remote, answer: Answer, u8: Uint8Array, at: number, extra: Map_ | undefined): void {
    if (remote.answers.bytes + answer.valueBytes > BATCH_BYTES || remote.answerExtras.length > 500)
      this.#sendAnswers(remote)
    this.#sayProcess(remote, answer.worker)
    if (remote.answers.count === 0) remote.answersSince = performance.now()
    if (extra) remote.answerExtras.push([remote.answers.count, extra])
    remote.answers.answer(answer, u8, at)
  }

  /** Of a worker that is a process its home knows the pid before the first answer from it. */
  #sayProcess(remote: Remote, worker: number): void {
    const pid = this.#parts.processPid(worker)
    if (pid === undefined || remote.saidProcesses.has(worker)) return
    remote.saidProcesses.add(worker)
    this.#send(remote, { t: 'worker', i: worker, pid })
  }

  giveUp(peer: number, token: number): void {
    this.#remotes.get(peer)?.backs.push(token)
  }

  evict(peer: number, token: number): void {
    this.#remotes.get(peer)?.evicted.push(token)
  }

  cancel(peer: number, row: number): void {
    this.#remotes.get(peer)?.cancels.push(this.#parts.owner.rows.token(row))
  }

  stop(peer: number, row: number, { force, recursive }: Cancelling): void {
    const flags = (force ? 1 : 0) | (recursive ? 2 : 0)
    this.#remotes.get(peer)?.stops.push([this.#parts.owner.rows.token(row), flags])
  }

  park(peer: number, room: Room): void {
    const remote = this.#remotes.get(peer)
    if (remote) remote.room = room
  }

  offer(peer: number): void {
    const remote = this.#remotes.get(peer)
    if (remote) remote.offer = true
  }

  borrow(row: number): void {
    const { rows, peers } = this.#parts.owner
    const home = peers.homeOf(rows.client[row])
    const remote = home && this.#remotes.get(home.peer)
    if (!home || !remote) {
      // Its owner is not linked: dead, or not met yet. It may be met within a moment.
      setTimeout(() => this.#borrowLater(rows.token(row)), limits.strangerMs).unref()
      return
    }
    remote.refs.push([1, home.client, rows.number[row]])
  }

  #borrowLater(token: number): void {
    const { rows, objects, peers } = this.#parts.owner
    const row = rows.rowOf(token)
    if (row < 0) return
    const home = peers.homeOf(rows.client[row])
    if (!home) return
    if (this.#remotes.has(home.peer)) this.borrow(row)
    else if (rows.state[row] === state.expected) objects.onOrphan(row, home.peer)
    this.#host.stirred()
  }

  giveBack(client: number, number: number): void {
    const home = this.#parts.owner.peers.homeOf(client)
    if (home) this.#remotes.get(home.peer)?.refs.push([0, home.client, number])
  }

  want(row: number): void {
    const { rows, peers } = this.#parts.owner
    const home = peers.homeOf(rows.client[row])
    if (home) this.#remotes.get(home.peer)?.asks.push([home.client, rows.number[row]])
  }

  /** Tells a borrower what has come of an object. */
  tell(peer: number, row: number): void {
    const remote = this.#remotes.get(peer)
    if (!remote) return
    const { rows } = this.#parts.owner
    const extra = rows.more(row)
    const name = [rows.client[row], rows.number[row]]
    if (extra.actor && extra.alias !== undefined) {
      this.#send(remote, { t: 'continued', k: name, a: this.#nameOf(remote.said, extra.alias) })
      return
    }
    if (extra.value) {
      const holds = (extra.holds ?? []).map(held => this.#nameOf(remote.said, held))
      this.#send(
        remote,
        { t: 'value', k: name, f: rows.state[row] === state.failed, c: holds.length > 0 ? holds : undefined },
        extra.value,
      )
      return
    }
    const own = this.#parts.owner.objects.isHere(row) ? rows.token(row) : -1
    this.#send(remote, {
      t: 'located',
      k: name,
      b: extra.bytes,
      l: this.#names.writeLocations(remote.said, extra.locations ?? [], own),
    })
  }

  dropAt({ peer, token }: Location): void {
    this.#remotes.get(peer)?.frees.push(token)
  }

  linger(token: number): void {
    setTimeout(() => {
      this.#parts.owner.objects.lingered(token)
      this.#host.stirred()
    }, coreLimits.lingerMs).unref()
  }

  // ---- what leaves

  #send(remote: Remote, header: HeaderValue, payload?: Uint8Array): void {
    let rest = payload
    // What no frame holds, an error with much in it mostly, goes in parts.
    for (; rest && rest.length > PART_BYTES; rest = rest.subarray(PART_BYTES))
      this.#port?.send(remote.peerId, { t: 'part' }, rest.subarray(0, PART_BYTES))
    this.#port?.send(remote.peerId, header, rest)
  }

  /** Everything that was decided in this turn. Refs go first: whoever is told something may let go of what it held. */
  flush(): void {
    for (const remote of this.#remotes.values()) {
      if (remote.refs.length > 0) {
        const r = remote.refs
        remote.refs = []
        const borrows = r.some(one => (one as HeaderValue[])[0] === 1)
        const seq = borrows ? this.#registrations.begin(remote.index) : 0
        this.#send(remote, { t: 'refs', r, s: seq })
      }
    }
    this.#registrations.sent()
    for (const remote of this.#remotes.values()) {
      if (remote.grants.count > 0) this.#sendGrants(remote)
      if (remote.credits.length > 0) {
        this.#send(remote, { t: 'credit', k: remote.credits })
        remote.credits = []
      }
      this.#sendProducts(remote)
      if (remote.answers.count > 0 && this.#answersDue(remote)) this.#sendAnswers(remote)
      if (remote.backs.length > 0) this.#sendTokens(remote, 'back', remote.backs)
      if (remote.strays.length > 0) this.#sendTokens(remote, 'stray', remote.strays)
      if (remote.losses.length > 0) {
        // What became of its calls is known before it is made anew.
        this.#sendAnswers(remote)
        this.#send(remote, { t: 'actors-lost', x: remote.losses })
        remote.losses = []
      }
      if (remote.evicted.length > 0) this.#sendTokens(remote, 'evict', remote.evicted)
      // The owner knows what is here no longer before it is asked where something is.
      if (remote.asks.length > 0) {
        this.#send(remote, { t: 'ask', k: remote.asks })
        remote.asks = []
      }
      if (remote.cancels.length > 0) this.#sendTokens(remote, 'cancel', remote.cancels)
      if (remote.stops.length > 0) {
        this.#send(remote, { t: 'stop', k: remote.stops })
        remote.stops = []
      }
      if (remote.frees.length > 0) this.#sendTokens(remote, 'free', remote.frees)
      if (remote.room) {
        this.#send(remote, { t: 'park', f: remote.room.free })
        remote.room = undefined
      }
      if (remote.offer) {
        this.#send(remote, { t: 'offer' })
        remote.offer = false
      }
    }
  }

  /** Whether answers leave now: nothing more of that peer's runs here, there are many, or the first has waited. */
  #answersDue(remote: Remote): boolean {
    const { count } = remote.answers
    if (count >= ANSWERS_MAX || this.#parts.owner.exchange.guestsOf(remote.index) === 0) return true
    if (performance.now() - remote.answersSince >= ANSWERS_MS) return true
    this.#answersTimer ??= setTimeout(() => {
      this.#answersTimer = undefined
      for (const one of this.#remotes.values()) if (one.answers.count > 0) this.#sendAnswers(one)
    }, 1)
    return false
  }

  #answersTimer: NodeJS.Timeout | undefined

  #sendTokens(remote: Remote, t: string, tokens: number[]): void {
    for (let from = 0; from < tokens.length; from += 20_000)
      this.#send(remote, { t, k: tokens.slice(from, from + 20_000) })
    tokens.length = 0
  }

  #sendGrants(remote: Remote): void {
    const { count } = remote.grants
    if (count === 0) return
    const x = remote.grantExtras
    remote.grantExtras = []
    this.#send(remote, { t: 'grant', n: count, x: x.length > 0 ? x : undefined }, remote.grants.take())
  }

  #sendAnswers(remote: Remote): void {
    const { count } = remote.answers
    if (count === 0) return
    // A task's products come before its answer.
    this.#sendProducts(remote)
    const x = remote.answerExtras
    remote.answerExtras = []
    this.#send(remote, { t: 'done', n: count, x: x.length > 0 ? x : undefined }, remote.answers.take())
  }

  // ---- what arrives

  frame(peerId: string, map: Map_, last: Uint8Array): void {
    const remote = this.#byPeerId.get(peerId)
    if (!remote) return
    if (map.t === 'part') {
      remote.partBytes += last.length
      if (remote.partBytes > limits.partsBytesMax) throw new MalformedFrameError('more parts than one value may have')
      remote.parts.push(last.slice())
      return
    }
    let payload = last
    if (remote.parts.length > 0) {
      payload = Buffer.concat([...remote.parts, last])
      remote.parts = []
      remote.partBytes = 0
    }
    const { owner } = this.#parts
    const now = this.#parts.now()
    switch (map.t) {
      case 'grant':
        this.#granted(remote, map, payload)
        return
      case 'done':
        this.#done(remote, map, payload)
        return
      case 'park':
        owner.exchange.parked(remote.index, { free: amounts(map.f) }, now)
        return
      case 'offer':
        owner.exchange.offered(remote.index, now)
        return
      case 'back':
        for (const token of asList(map.k, 'tokens'))
          owner.returned(owner.rows.rowOf(asCount(token, 'token')), remote.index)
        return
      case 'stray':
        for (const token of asList(map.k, 'tokens'))
          owner.returned(owner.rows.rowOf(asCount(token, 'token')), remote.index, true)
        return
      case 'actors-lost':
        for (const one of asList(map.x, 'actors')) {
          const [token, reason, mayRestart, free] = asList(one, 'an actor', 4)
          const row = owner.rows.rowOf(asCount(token, 'token'))
          owner.hostedLost(
            row,
            remote.index,
            asText(reason, 'reason', 2 * REASON_MAX),
            mayRestart === true,
            free === true,
          )
        }
        return
      case 'actor-end': {
        const row = owner.rows.rowOf(asCount(map.k, 'token'))
        if (row >= 0 && owner.rows.extra[row]?.home?.peer === remote.index)
          owner.endHosted(row, asText(map.r, 'reason', 2 * REASON_MAX), now)
        return
      }
      case 'actor-saved': {
        const keys = this.#names.readKeys(remote.heard, map.c)
        owner.hostedSaved(owner.rows.rowOf(asCount(map.k, 'token')), remote.index, payload.slice(), keys)
        return
      }
      case 'evict':
        for (const token of asList(map.k, 'tokens'))
          owner.evicted(owner.rows.rowOf(asCount(token, 'token')), remote.index, now)
        return
      case 'cancel':
        this.#cancelled(remote, asList(map.k, 'tokens'))
        return
      case 'credit':
        this.#credited(remote, asList(map.k, 'tokens'))
        return
      case 'products':
        this.#produced(remote, asList(map.x, 'products'), payload)
        return
      case 'stop':
        this.#stopped(remote, asList(map.k, 'tokens'))
        return
      case 'free':
        for (const token of asList(map.k, 'tokens')) this.#freed(remote, asCount(token, 'token'))
        return
      case 'refs':
        this.#refs(remote, map)
        return
      case 'lent':
        this.#lent(remote, map)
        return
      case 'ask':
        for (const one of asList(map.k, 'names')) {
          const [client, number] = asList(one, 'a name', 2)
          if (!owner.objects.wantedBy(asCount(client, 'client'), asCount(number, 'number'), remote.index))
            this.#send(remote, { t: 'lent', s: 0, gone: [one] })
        }
        return
      case 'value':
        this.#value(remote, map, payload)
        return
      case 'located':
        this.#located(remote, map)
        return
      case 'continued': {
        const row = this.#rowOfTheirs(remote, map.k)
        const { client, number } = this.#names.read(remote.heard, map.a)
        if (row >= 0) owner.continuesIn(row, client, number)
        return
      }
      case 'owner':
        if (asCount(map.i, 'i') !== remote.heard.length) throw new MalformedFrameError('an owner out of order')
        remote.heard.push(ownerFrom(map.p, map.n))
        return
      case 'worker': {
        const worker = asCount(map.i, 'worker')
        this.#worker(remote, worker, `p${worker}`, asCount(map.pid, 'pid'))
        return
      }
      case 'define':
        this.#defined(remote, map)
        return
      case 'want':
        for (const hash of asList(map.h, 'hashes', 10_000))
          this.#codeExchange.send(asText(hash, 'hash', 64), (header, part) => this.#send(remote, header, part))
        return
      case 'code':
        this.#code(remote, map, payload)
        return
      case 'job-end':
        this.#host.endJob(jobFrom(map.job))
        return
      case 'log': {
        const name = map.name === undefined ? undefined : asText(map.name, 'name')
        const line = {
          worker: asText(map.w, 'worker', 200),
          text: asText(map.x, 'text', 1 << 20),
          ...(name === undefined ? {} : { name }),
          ...(map.id === undefined ? {} : { about: asText(map.id, 'ids', 400) }),
        }
        this.#host.output(jobFrom(map.job), map.e === true, line)
        return
      }
      case 'question':
        void this.#questions.answer(remote.index, map, (header, part) => this.#send(remote, header, part))
        return
      case 'reply':
        this.#questions.reply(map, payload)
        return
      default:
        throw new MalformedFrameError(`a frame of type ${String(map.t)}`)
    }
  }

  readonly #task: GrantedTask = {
    token: 0,
    kind: 0,
    attempt: 0,
    depth: 0,
    client: 0,
    number: 0,
    argumentBytes: 0,
    ...noCall,
  }

  #granted(remote: Remote, map: Map_, payload: Uint8Array): void {
    const reader = new BatchReader(payload)
    const count = asCount(map.n, 'n')
    const extras = new Map<number, HeaderValue[]>()
    for (const one of asList(map.x ?? [], 'extras')) {
      const [at, ...more] = asList(one, 'an extra')
      if (more.length < 2) throw new MalformedFrameError('an extra that is cut short')
      extras.set(asCount(at, 'at'), more)
    }
    const { owner } = this.#parts
    const task = this.#task
    for (let i = 0; i < count; i++) {
      const at = reader.task(task)
      const kind = remote.kinds.get(task.kind)
      if (!kind) throw new MalformedFrameError(`a task of function ${task.kind}, which was not defined`)
      const more = extras.get(i)
      const guest = {
        client: owner.peers.clientId(remote.index, task.client),
        number: task.number,
        kind: kind.index,
        job: this.#parts.kindJobs[kind.index],
        attempt: task.attempt,
        depth: task.depth,
        home: { peer: remote.index, token: task.token },
        dependencies: [] as number[],
        values: [] as (Uint8Array | undefined)[],
        contained: more ? this.#names.readKeys(remote.heard, more[1]) : [],
        movable: task.actor < 0 && task.epoch !== 0,
        ...(task.actor < 0 ? {} : { actor: { token: task.actor, epoch: task.epoch, caller: task.caller } }),
        ...(more?.[2] === undefined ? {} : { saved: this.#savedFrom(remote, more[2]) }),
      }
      if (more) for (const one of asList(more[0], 'dependencies')) this.#dependency(remote, guest, one)
      if (kind.missing.size === 0) this.#accept(remote, guest, { u8: payload, at, bytes: task.argumentBytes })
      else {
        // Its code is on the way.
        const u8 = payload.slice(at, at + task.argumentBytes)
        kind.waiting.push(() => this.#accept(remote, guest, { u8, at: 0, bytes: u8.length }))
      }
    }
  }

  /** A task that was granted is a guest from now on. */
  #accept(remote: Remote, guest: Guest, from: Bytes): void {
    const { owner } = this.#parts
    const row = owner.host(guest, from, this.#parts.now())
    if (row >= 0) remote.generators.set(guest.home.token, owner.rows.token(row))
    // Held since they were named.
    for (const on of guest.dependencies) if (on >= 0) owner.objects.letGo(on)
  }

  /** What an actor that is to be made here had saved. */
  #savedFrom(remote: Remote, saved: HeaderValue): { value: Uint8Array; contained: number[] } {
    const [value, names] = asList(saved, 'what was saved', 2)
    if (!(value instanceof Uint8Array)) throw new MalformedFrameError('a saved value that is none')
    return { value: value.slice(), contained: this.#names.readKeys(remote.heard, names) }
  }

  // ---- actors

  /** The peer that hosts an actor for this one is to end it. */
  endActor({ peer, token }: Location, reason: string): void {
    const remote = this.#remotes.get(peer)
    if (remote) this.#send(remote, { t: 'actor-end', k: token, r: reason.slice(0, REASON_MAX) })
  }

  /** An actor that was hosted here is no more: its home is told, after all that was said of its calls. */
  actorLost(row: number, reason: string, mayRestart: boolean, free: boolean): void {
    const { rows } = this.#parts.owner
    const home = rows.extra[row]?.home
    const remote = home && this.#remotes.get(home.peer)
    if (!home || !remote) return
    remote.losses.push([home.token, reason.slice(0, REASON_MAX), mayRestart, free])
  }

  /** A call was sent here, and its actor is not here. */
  notHere(peer: number, token: number): void {
    this.#remotes.get(peer)?.strays.push(token)
  }

  /** What an actor that is hosted here has saved. */
  actorSaved(row: number, value: Uint8Array, holds: readonly number[]): void {
    const home = this.#parts.owner.rows.extra[row]?.home
    const remote = home && this.#remotes.get(home.peer)
    if (!home || !remote) return
    const names = holds.map(held => this.#nameOf(remote.said, held))
    this.#registrations.after(remote.index, () =>
      this.#send(remote, { t: 'actor-saved', k: home.token, c: names }, value),
    )
  }

  #dependency(
    remote: Remote,
    guest: { dependencies: number[]; values: (Uint8Array | undefined)[] },
    one: HeaderValue,
  ): void {
    if (one instanceof Uint8Array) {
      guest.dependencies.push(-1)
      guest.values.push(one.slice())
      return
    }
    const [name, bytes, locations] = asList(one, 'a dependency', 3)
    const { client, number } = this.#names.read(remote.heard, name)
    const { objects, rows } = this.#parts.owner
    let row = objects.rowOfKey(client, number)
    if (row < 0) {
      // One of this peer's own that is gone.
      row = rows.add(state.expected, client, -1, number, -1)
      objects.hold(row)
      objects.fail(row, { kind: 'lost', reason: 'its owner does not hold it any more' })
    } else objects.hold(row)
    this.#settleAt(row, asCount(bytes, 'bytes'), this.#names.readLocations(remote.heard, locations))
    guest.dependencies.push(row)
    guest.values.push(undefined)
  }

  /** Notes where a value is, unless that is known. */
  #settleAt(row: number, bytes: number, locations: Location[]): void {
    const { objects, rows } = this.#parts.owner
    if (rows.state[row] !== state.expected || !objects.isForeign(row)) return
    const own = locations.find(({ peer }) => peer < 0)
    const here = own ? rows.rowOf(own.token) : -1
    const others = locations.filter(({ peer }) => peer >= 0)
    if (here >= 0 && objects.isHere(here)) objects.settleRemote(row, bytes, others, here)
    else if (others.length > 0) objects.settleRemote(row, bytes, others)
    else if (own) this.#askLater(row)
  }

  /** Its owner believes it here, where it is no longer: that is on its way to the owner. */
  #askLater(row: number): void {
    const { objects, rows } = this.#parts.owner
    const token = rows.token(row)
    setTimeout(() => {
      const at = rows.rowOf(token)
      if (at < 0) return
      objects.askAgain(at)
      this.#host.stirred()
    }, ASK_AGAIN_MS).unref()
  }

  readonly #end: Answer = { token: 0, attempt: 0, flags: 0, startedAt: 0, endedAt: 0, valueBytes: 0, worker: 0 }

  readonly #grantEnd: GrantEnd = {
    attempt: 0,
    failed: false,
    retry: false,
    system: false,
    lost: false,
    startedAt: 0.5,
    endedAt: 0.5,
    error: undefined,
    at: { peerId: '', workerId: '', pid: 0 },
    contained: none,
  }

  /** A worker of another peer, as the history names it: one object for all its tasks. */
  #workerAt(remote: Remote, worker: number): GrantEnd['at'] {
    let at = remote.workers.get(worker)
    if (!at) {
      at = this.#worker(remote, worker, `t${worker}`, this.#parts.peerFacts(remote.peerId).pid)
    }
    return at
  }

  #worker(remote: Remote, worker: number, workerId: string, pid: number): GrantEnd['at'] {
    const at = { peerId: remote.peerId, workerId, pid }
    remote.workers.set(worker, at)
    return at
  }

  #done(remote: Remote, map: Map_, payload: Uint8Array): void {
    const reader = new BatchReader(payload)
    const count = asCount(map.n, 'n')
    const extras = new Map<number, Map_>()
    for (const one of asList(map.x ?? [], 'extras')) {
      const [at, more] = asList(one, 'an extra', 2)
      extras.set(asCount(at, 'at'), asMap(more, 'an extra'))
    }
    const { owner } = this.#parts
    const answer = this.#end
    for (let i = 0; i < count; i++) {
      const at = reader.answer(answer)
      const more = extras.get(i)
      const row = owner.rows.rowOf(answer.token)
      const end = this.#grantEnd
      end.attempt = answer.attempt
      end.failed = (answer.flags & answerFlag.failed) !== 0
      end.retry = (answer.flags & answerFlag.retry) !== 0
      end.system = (answer.flags & answerFlag.system) !== 0
      end.lost = (answer.flags & answerFlag.lost) !== 0
      end.startedAt = answer.startedAt
      end.endedAt = answer.endedAt
      end.error = more?.e === undefined ? undefined : asText(more.e, 'error')
      end.at = this.#workerAt(remote, answer.worker)
      end.contained = more?.c === undefined ? none : this.#names.readKeys(remote.heard, more.c)
      const hosted = more?.h === undefined ? -1 : asCount(more.h, 'token')
      if (!owner.isGranted(row, remote.index, end.attempt)) {
        // Another attempt has taken its place: what it left there goes.
        if (hosted >= 0) remote.frees.push(hosted)
        continue
      }
      if ((answer.flags & answerFlag.stored) !== 0) {
        owner.grantStored(row, remote.index, end, { peer: remote.index, token: hosted }, asCount(more?.s, 'bytes'))
      } else {
        owner.grantDone(row, remote.index, end, { u8: payload, at, bytes: answer.valueBytes })
        // The refs inside are held there until they are registered here.
        if (hosted >= 0) this.#afterRefs(remote, hosted)
      }
    }
  }

  #produced(remote: Remote, products: HeaderValue[], payload: Uint8Array): void {
    const { owner } = this.#parts
    let at = 0
    for (const one of products) {
      const [token, attempt, index, failed, small, bytes, keptToken, names] = asList(one, 'a product', 8)
      const length = small === -1 ? -1 : asCount(small, 'bytes')
      const kept = keptToken === -1 ? -1 : asCount(keptToken, 'a token')
      if (length > payload.length - at) throw new MalformedFrameError('products that are cut short')
      const row = owner.rows.rowOf(asCount(token, 'token'))
      const isCurrent = owner.isGranted(row, remote.index, asCount(attempt, 'attempt'))
      const what: Produced =
        length >= 0
          ? { is: 'value', from: { u8: payload, at, bytes: length }, failed: failed === true }
          : { is: 'remote', location: { peer: remote.index, token: kept }, bytes: asCount(bytes, 'bytes') }
      at += Math.max(0, length)
      const contained = isCurrent ? this.#names.readKeys(remote.heard, names) : none
      const taken = isCurrent && owner.grantProduct(row, asCount(index, 'index'), what, contained)
      if (kept < 0) continue
      if (!taken) remote.frees.push(kept)
      else if (length >= 0) this.#afterRefs(remote, kept)
    }
  }

  #credited(remote: Remote, list: HeaderValue[]): void {
    const { owner } = this.#parts
    for (const one of list) {
      const [token, read] = asList(one, 'a token', 2)
      const local = remote.generators.get(asCount(token, 'token'))
      const row = local === undefined ? -1 : owner.rows.rowOf(local)
      if (row >= 0) owner.creditGuest(row, asCount(read, 'items') - 1)
    }
  }

  #afterRefs(remote: Remote, token: number): void {
    // What was borrowed just now leaves with this turn, before what is said then.
    const unsent = [...this.#remotes.values()].some(one => one !== remote && one.refs.length > 0)
    this.#registrations.after(remote.index, () => void remote.frees.push(token), unsent ? this.#remotes.size : 0)
  }

  #cancelled(remote: Remote, tokens: HeaderValue[]): void {
    const wanted = new Set(tokens)
    const { owner } = this.#parts
    const { rows } = owner
    for (let row = 0; row < rows.capacity; row++) {
      const home = rows.state[row] === state.free ? undefined : rows.extra[row]?.home
      if (home?.peer === remote.index && wanted.has(home.token)) owner.endGuest(row, this.#parts.now())
    }
  }

  #stopped(remote: Remote, list: HeaderValue[]): void {
    const wanted = new Map<HeaderValue | undefined, HeaderValue | undefined>()
    for (const one of list) {
      const [token, flags] = asList(one, 'a token', 2)
      wanted.set(token, flags)
    }
    const { owner } = this.#parts
    const { rows } = owner
    for (let row = 0; row < rows.capacity; row++) {
      const home = rows.state[row] === state.free ? undefined : rows.extra[row]?.home
      if (home?.peer !== remote.index || !wanted.has(home.token)) continue
      const flags = asCount(wanted.get(home.token), 'flags')
      // Its answer is on the way, and is not waited for any more.
      if (rows.state[row] >= state.ready) owner.endGuest(row, this.#parts.now())
      else owner.cancel(row, { force: (flags & 1) !== 0, recursive: (flags & 2) !== 0 }, this.#parts.now())
    }
  }

  #freed(remote: Remote, token: number): void {
    const { rows, objects } = this.#parts.owner
    const row = rows.rowOf(token)
    if (row >= 0 && rows.extra[row]?.home?.peer === remote.index) objects.letGo(row)
  }

  #refs(remote: Remote, map: Map_): void {
    const { objects } = this.#parts.owner
    const gone: HeaderValue[] = []
    for (const one of asList(map.r, 'refs')) {
      const [op, c, n] = asList(one, 'a ref', 3)
      const client = asCount(c, 'client')
      const number = asCount(n, 'number')
      if (op === 0) objects.handedBack(client, number, remote.index)
      else if (!objects.lend(client, number, remote.index)) gone.push([client, number])
    }
    const seq = asCount(map.s, 's')
    if (seq > 0) this.#send(remote, { t: 'lent', s: seq, gone: gone.length > 0 ? gone : undefined })
  }

  #lent(remote: Remote, map: Map_): void {
    const { objects, rows, peers } = this.#parts.owner
    for (const one of asList(map.gone ?? [], 'names')) {
      const [client, number] = asList(one, 'a name', 2)
      const row = objects.shared(peers.clientId(remote.index, asCount(client, 'client')), asCount(number, 'number'))
      if (row >= 0 && rows.state[row] === state.expected)
        objects.fail(row, { kind: 'lost', reason: 'its owner does not hold it any more' })
    }
    this.#registrations.done(remote.index, asCount(map.s, 's'))
  }

  #rowOfTheirs(remote: Remote, name: HeaderValue | undefined): number {
    const [client, number] = asList(name, 'a name', 2)
    const { objects, peers } = this.#parts.owner
    return objects.shared(peers.clientId(remote.index, asCount(client, 'client')), asCount(number, 'number'))
  }

  #value(remote: Remote, map: Map_, payload: Uint8Array): void {
    const row = this.#rowOfTheirs(remote, map.k)
    if (row < 0) return
    const { objects } = this.#parts.owner
    const keys = this.#names.readKeys(remote.heard, map.c)
    const holds = keys.length > 0 ? objects.rowsOfKeys(keys) : undefined
    objects.settle(row, map.f === true, { u8: payload, at: 0, bytes: payload.length }, holds)
  }

  #located(remote: Remote, map: Map_): void {
    const row = this.#rowOfTheirs(remote, map.k)
    if (row < 0) return
    const locations = this.#names.readLocations(remote.heard, map.l)
    this.#settleAt(row, asCount(map.b, 'bytes'), locations)
  }

  // ---- functions and code

  #defined(remote: Remote, map: Map_): void {
    const { owner, codes } = this.#parts
    const spec = JSON.parse(asText(map.spec, 'spec', 1 << 20)) as FunctionSpec
    const job = this.#host.jobOf(jobFrom(map.job))
    const index = owner.kinds.length
    const { name, priority, timeoutMs, retries, infeasibleTimeoutMs, returns } = spec
    const demand = owner.resources.demand(spec.resources)
    owner.kinds.push(
      new Kind(index, owner.rows, {
        name,
        demand,
        priority,
        timeoutMs,
        retries,
        infeasibleTimeoutMs,
        returns,
        home: remote.index,
        pool: poolOf(spec),
        actor: actorOf(spec),
        call: spec.call,
        bundle: bundleOf(spec),
      }),
    )
    owner.bundles.attach(owner.kinds[index] as Kind)
    if (spec.process && !spec.call) owner.scheduler.expectProcesses(poolOf(spec), job, this.#parts.now())
    this.#parts.specs.push(spec)
    this.#parts.kindJobs.push(job)
    const user = owner.peers.clientId(remote.index, 0)
    const missing = new Set<string>()
    for (const hash of [spec.code, ...spec.blobs, ...spec.codes])
      if (hash !== '' && !codes.use(hash, user)) missing.add(hash)
    remote.kinds.set(asCount(map.k, 'kind'), { index, missing, waiting: [] })
    if (missing.size > 0) this.#send(remote, { t: 'want', h: [...missing] })
  }

  #code(remote: Remote, map: Map_, payload: Uint8Array): void {
    const { codes, owner } = this.#parts
    const hash = this.#codeExchange.arrived(map, payload, owner.peers.clientId(remote.index, 0))
    if (hash === undefined) return
    for (const one of this.#remotes.values()) {
      for (const kind of one.kinds.values()) {
        if (!kind.missing.delete(hash) || kind.missing.size > 0) continue
        codes.use(hash, owner.peers.clientId(one.index, 0))
        for (const host of kind.waiting.splice(0)) host()
      }
    }
    this.#codeExchange.found(hash)
  }

  /** Asks all others for code that nobody here has. */
  wantCode(hash: string): Promise<boolean> {
    const others = [...this.#remotes.values()].map(remote => (header: HeaderValue) => this.#send(remote, header))
    return this.#codeExchange.want(hash, others)
  }

  // ---- jobs, output, questions

  jobEnded(job: JobName): void {
    for (const remote of this.#remotes.values()) this.#send(remote, { t: 'job-end', job: jobTo(job) })
  }

  output(
    job: JobName,
    isError: boolean,
    line: { name?: string | undefined; worker: string; text: string; about: string | undefined },
  ): void {
    const remote = this.#byPeerId.get(job.peer)
    if (!remote) return
    // A frame has its limit, a line of output has none.
    for (let at = 0; at < line.text.length; at += 200_000) {
      this.#send(remote, {
        t: 'log',
        job: jobTo(job),
        e: isError,
        name: line.name,
        id: line.about,
        w: line.worker,
        x: line.text.slice(at, at + 200_000),
      })
    }
  }

  /** Asks another peer a question. */
  ask(index: number, method: string, params: unknown): Promise<unknown> {
    const remote = this.#remotes.get(index)
    if (!remote) return Promise.reject(new Error('that peer is gone'))
    return this.#questions.ask(index, method, params, header => this.#send(remote, header))
  }

  /** This peer is about to leave: values that it keeps for others go to those. Resolves when they have them. */
  async handOver(): Promise<void> {
    const given = [...this.#remotes.values()].flatMap(({ index }) => {
      const tokens = this.#handOver.keptFor(index)
      const questions = Math.ceil(tokens.length / limits.handOverTokens)
      return Array.from({ length: questions }, (_, i) =>
        this.ask(index, 'hand-over', tokens.slice(i * limits.handOverTokens, (i + 1) * limits.handOverTokens)),
      )
    })
    this.#host.stirred()
    await Promise.allSettled(given)
  }

  // ---- bytes

  pull(row: number): void {
    this.#pulls.pull(row)
  }

  /** Another peer fetches something. */
  async bulk(peerId: string, map: Map_, stream: BulkStream): Promise<void> {
    await this.#pulls.send(peerId, map, stream)
  }

  close(): void {
    this.#pulls.closed = true
    clearTimeout(this.#answersTimer)
  }
}

function amounts(value: HeaderValue | undefined): Record<string, number> {
  return Object.fromEntries(
    Object.entries(asMap(value, 'amounts')).map(([name, amount]) => {
      if (typeof amount !== 'number' || !(amount >= 0)) throw new MalformedFrameError('an amount that is none')
      return [name, amount]
    }),
  )
}
