import type { RecordMemory } from '../../wire/inbox.ts'
import type { Outbox } from '../../wire/outbox.ts'
import { dependency, flag, high, low, record, type WorkerFunction } from '../../wire/records.ts'
import { copyBytes, readText, sendBytes, sendCode, sendText, sendWords } from '../../wire/texts.ts'
import { limits as coreLimits, type TaskEnd, type ThreadEnd } from '../core/index.ts'
import { INSIDE } from '../workers/index.ts'
import type { ClientRecords, Room } from './client-records.ts'
import { OutputLines } from './output-lines.ts'
import type { PeerParts } from './parts.ts'
import { sendPieces } from './pieces.ts'

/** Lines of a worker's output that are kept for its error: of its console, and of what escaped that. */
const LINES_KEPT = 10
/** Words of a `run` before its lists, and of one dependency. */
const RUN_WORDS = 10
const DEPENDENCY_WORDS = 6

/** Claims that are kept for tasks. */
const CLAIMS_KEPT = 4096

const none: readonly number[] = []

/** What a worker host tells the peer. */
export interface WorkerEvents {
  output(host: WorkerHost, token: number, isError: boolean, text: string): void
  ended(host: WorkerHost, end: WorkerEnd): void
  /** Something happened outside a turn of the peer. */
  stirred(): void
}

/** How a worker ended, as its channel knows it. */
export type WorkerEnd = Pick<ThreadEnd, 'exitCode' | 'signal' | 'isProcess' | 'outOfMemory' | 'reason'>

/** What a channel tells of its worker. */
export interface ChannelEvents {
  record(type: number, field: number, memory: RecordMemory, at: number, bytes: number): void
  /** What escaped the worker's own console: native code, a crash. */
  output(isError: boolean, text: string): void
  ended(end: WorkerEnd): void
  /** Something happened outside a turn of the peer. */
  stirred(): void
}

/** A worker as its agent reaches it: a thread behind rings, or a process behind pipes. */
export interface WorkerChannel {
  readonly outbox: Outbox
  /** Of a thread, which sees the object store; where there are none, bytes travel, and nothing that was sent is taken back. */
  readonly claims: Int32Array | undefined
  readonly pid: number
  readonly workerId: string
  open(events: ChannelEvents): void
  /** Reads what the worker said, where that does not come by itself. True if it said anything. */
  drain(): boolean
  /** Ends it, whatever it does. */
  terminate(): Promise<void>
  /** The token of the call that holds it now, -1: none, or that is not known. */
  inside(): number
  /** Stops what holds it and nothing else, if at the last moment it still is. False: that cannot be done here. */
  interrupt(isStill: () => boolean): Promise<boolean>
  /** Stops all that runs in it, and lets it go on. */
  freeze(frozen: boolean): void
  /** Memory that it takes, in bytes. */
  measure(): Promise<number>
  /** Memory of its process is past what the next task may be given. */
  readonly isWorn: boolean
}

/** One worker with its channel, as the agent holds it. */
export class WorkerHost {
  readonly id: number
  readonly channel: WorkerChannel
  readonly outbox: Outbox
  readonly #said: string[] = []
  readonly #escaped: string[] = []
  /** What it said last, then what a crash wrote for it: a native stack trace alone is longer than what is kept. */
  get lines(): string[] {
    return [...this.#said, ...this.#escaped]
  }

  /** Token of the task that called process.exit, or -1. */
  culprit = -1
  ended = false
  readonly #parts: PeerParts
  readonly #events: WorkerEvents
  readonly #freeClaims: Int32Array
  #freeClaimCount = INSIDE
  #nextGiven = 1
  /** By claim: pins of the stored arguments, until the thread has taken the task. */
  readonly #claimPins = new Map<number, { token: number; view: boolean }[]>()
  readonly #learned = new Set<number>()
  readonly #codes = new Set<string>()
  readonly #named = new Set<number>()
  readonly #asClient: ClientRecords
  readonly #end: TaskEnd = {
    failed: false,
    retry: false,
    awaited: false,
    blocked: false,
    offset: -1,
    bytes: 0,
    contained: none,
    startedAt: 0,
    endedAt: 0,
    error: undefined,
  }
  readonly #lines = new OutputLines((token, isError, text) => this.#wrote(token, isError, text))
  readonly #from = { u8: new Uint8Array(0) as Uint8Array, at: 0, bytes: 0 }

  constructor(
    id: number,
    parts: PeerParts,
    events: WorkerEvents,
    channel: WorkerChannel,
    makeClient: (outbox: Outbox) => ClientRecords,
  ) {
    this.id = id
    this.#parts = parts
    this.#events = events
    this.channel = channel
    this.outbox = channel.outbox
    this.#freeClaims = Int32Array.from({ length: INSIDE }, (_, i) => INSIDE - 1 - i)
    this.#asClient = makeClient(this.outbox)
    channel.open({
      record: (type, field, memory, at, bytes) => this.#record(type, field, memory, at, bytes),
      output: (isError, text) => this.#wrote(-1, isError, text, this.#escaped),
      stirred: () => events.stirred(),
      ended: end => {
        this.#lines.close()
        this.ended = true
        this.#asClient.close()
        events.ended(this, end)
        events.stirred()
      },
    })
  }

  get client(): ClientRecords {
    return this.#asClient
  }

  /** Reads what the worker said. True if it said anything. */
  drain(): boolean {
    return this.channel.drain()
  }

  terminate(): Promise<void> {
    return this.channel.terminate()
  }

  /** Its memory at the last look, in bytes: of a thread the heap, of a process all that is resident. */
  memoryBytes = 0

  async measure(): Promise<void> {
    if (!this.ended) this.memoryBytes = await this.channel.measure()
  }

  /** Has the worker collect what it no longer needs. Settles when it has, or is gone. */
  collect(): Promise<void> {
    return this.#asClient.collect()
  }

  // ---- agent → worker

  /** Whether one more task can be sent. */
  get hasRoom(): boolean {
    return this.#freeClaimCount > 0
  }

  run(row: number, width: number): void {
    const { owner } = this.#parts
    const { rows } = owner
    const kind = rows.kind[row]
    if (!this.#learned.has(kind)) this.#learn(kind)
    if (owner.peers.homeOf(rows.client[row]) !== undefined) this.#name(rows.client[row])
    const claim = this.#claim(row)
    rows.claim[row] = claim
    const extra = rows.extra[row]
    const count = extra?.dependencies ? extra.dependencies.length : 0
    const argumentBytes = rows.argumentBytes[row]
    const gpus = extra?.gpus ?? none
    const head = (RUN_WORDS + count * DEPENDENCY_WORDS + gpus.length) * 4
    let bytes = ((head + 7) & ~7) + ((argumentBytes + 7) & ~7)
    for (let i = 0; i < count; i++) bytes += (this.#inlineValue(row, i)?.length ?? 0) + 7
    const { outbox } = this
    const saved = extra?.actor?.saved
    if (saved) {
      const from = { u8: saved.value, at: 0, bytes: saved.value.length }
      sendBytes(outbox, record.restore, 0, [rows.token(row), saved.value.length], from)
    }
    const given = this.channel.claims ? 0 : this.#give(row, count)
    const at = outbox.begin(record.run, count, bytes)
    const { i32, u8 } = outbox
    const word = at >> 2
    i32[word] = rows.token(row)
    i32[word + 1] = claim
    i32[word + 2] = kind
    i32[word + 3] = rows.attempt[row] + 1
    i32[word + 4] = rows.client[row]
    i32[word + 5] = low(rows.number[row])
    i32[word + 6] = high(rows.number[row])
    i32[word + 7] = this.#parts.specs[kind].actor ? rows.token(row) : width
    i32[word + 8] = argumentBytes
    i32[word + 9] = gpus.length
    for (let i = 0; i < gpus.length; i++) i32[word + RUN_WORDS + count * DEPENDENCY_WORDS + i] = gpus[i]
    let to = at + ((head + 7) & ~7)
    if (extra?.arguments) u8.set(extra.arguments, to)
    else copyBytes(u8, to, rows.arguments, row * coreLimits.rowArgumentBytes, argumentBytes)
    to += (argumentBytes + 7) & ~7
    for (let i = 0; i < count; i++) to = this.#dependency(row, i, word + RUN_WORDS + i * DEPENDENCY_WORDS, to, given)
    outbox.end()
    const credit = owner.creditOf(row)
    if (credit !== 0) this.credit(rows.token(row), credit)
  }

  /** Takes a claim for a task. There may be more calls of actors than claims: those cannot be taken back. */
  #claim(row: number): number {
    const { rows } = this.#parts.owner
    if (rows.actor[row] >= 0 && this.#freeClaimCount <= CLAIMS_KEPT) return -1
    const claim = this.#freeClaims[--this.#freeClaimCount]
    if (this.channel.claims) this.channel.claims[claim] = 0
    return claim
  }

  /** An actor in this worker is over. */
  dismiss(token: number): void {
    sendWords(this.outbox, record.dismiss, 0, token)
  }

  /** So many items of a generator have been taken; -1: it is to end. */
  credit(token: number, read: number): void {
    sendWords(this.outbox, record.credit, 0, token, Math.min(read, 0x7fff_ffff))
  }

  /** Whose tasks those of a client of another peer are. */
  #name(client: number): void {
    if (this.#named.has(client)) return
    this.#named.add(client)
    const { owner, client: there } = this.#parts.names.ownerOf(client)
    sendText(this.outbox, record.named, 0, [client], {
      peerId: owner.peerId,
      incarnation: owner.incarnation,
      client: there,
    })
  }

  #inlineValue(row: number, index: number): Uint8Array | undefined {
    const { rows } = this.#parts.owner
    const extra = rows.extra[row]
    const on = extra?.dependencies?.[index] ?? -1
    if (on < 0) return extra?.values?.[index]
    return rows.extra[on]?.value
  }

  /** Sends a process the bytes of a task's stored dependencies. The number of the first, to which each's index is added. */
  #give(row: number, count: number): number {
    const { owner, store } = this.#parts
    const first = this.#nextGiven
    for (let i = 0; i < count; i++) {
      if (this.#inlineValue(row, i)) continue
      const { place, view } = this.#place(row, i)
      const { offset, bytes } = owner.rows.more(place)
      sendPieces(this.outbox, record.given, first + i, { u8: store.u8, at: offset, bytes })
      // It has a copy: the pin with which the task came has done its work.
      owner.objects.unpin(owner.rows.token(place), view)
    }
    this.#nextGiven = (first + count) & 0x3fff_ffff
    return first
  }

  /** The row that has the bytes of a stored dependency, and whether the task looks at them in place. */
  #place(row: number, index: number): { place: number; view: boolean } {
    const { owner, specs } = this.#parts
    const on = owner.rows.extra[row]?.dependencies?.[index] as number
    return { place: owner.objects.place(on), view: !specs[owner.rows.kind[row]].copy }
  }

  #dependency(row: number, index: number, word: number, to: number, given: number): number {
    const { owner } = this.#parts
    const { i32, u8 } = this.outbox
    const value = this.#inlineValue(row, index)
    if (value) {
      i32[word] = dependency.inline
      i32[word + 3] = low(value.length)
      i32[word + 4] = high(value.length)
      i32[word + 5] = -1
      u8.set(value, to)
      return to + ((value.length + 7) & ~7)
    }
    const { place, view } = this.#place(row, index)
    const extra = owner.rows.more(place)
    i32[word] = dependency.stored
    if (!this.channel.claims) {
      i32[word + 1] = given + index
      i32[word + 2] = 0
      i32[word + 3] = low(extra.bytes)
      i32[word + 4] = high(extra.bytes)
      i32[word + 5] = -1
      return to
    }
    // In the store, and pinned: it stays there until the worker says that it has been read, or that the views of it are gone.
    const token = owner.rows.token(place)
    this.#pinned(owner.rows.claim[row], token, view)
    i32[word + 1] = low(extra.offset)
    i32[word + 2] = high(extra.offset)
    i32[word + 3] = low(extra.bytes)
    i32[word + 4] = high(extra.bytes)
    i32[word + 5] = token
    return to
  }

  #pinned(claim: number, token: number, view: boolean): void {
    this.#asClient.pinned(token, view)
    const pins = this.#claimPins.get(claim)
    if (pins) pins.push({ token, view })
    else this.#claimPins.set(claim, [{ token, view }])
  }

  #freeClaim(claim: number): void {
    if (claim < 0) return
    this.#freeClaims[this.#freeClaimCount++] = claim
    if (this.#claimPins.size > 0) this.#claimPins.delete(claim)
  }

  #learn(kind: number): void {
    this.#learned.add(kind)
    const spec = this.#parts.specs[kind]
    for (const hash of [...spec.blobs, ...spec.codes, spec.code]) if (hash !== '') this.sendCodeOnce(hash)
    const learned: WorkerFunction = {
      name: spec.name,
      code: spec.code,
      entry: spec.entry,
      retryClasses: spec.retryClasses,
      blobs: spec.blobs,
      codes: spec.codes,
      copy: spec.copy,
      timed: spec.timeoutMs > 0,
      retryErrors: spec.retryErrors,
      returns: spec.returns,
      backpressure: spec.backpressure,
      actor: spec.actor,
      call: spec.call,
      ...this.#parts.jobOfKind(kind),
    }
    sendText(this.outbox, record.learn, 0, [kind], learned)
  }

  sendCodeOnce(hash: string): void {
    if (this.#codes.has(hash)) return
    const bytes = this.#parts.codes.get(hash)
    if (!bytes) return
    this.#codes.add(hash)
    sendCode(this.outbox, hash, bytes)
  }

  /** Whether a task that is here has begun, as far as is known. */
  hasBegun(row: number): boolean {
    const { claims } = this.channel
    const claim = this.#parts.owner.rows.claim[row]
    return !claims || claim < 0 || Atomics.load(claims, claim) === 1
  }

  /** Takes a task back that has not begun. */
  revoke(row: number): boolean {
    const { claims } = this.channel
    const claim = this.#parts.owner.rows.claim[row]
    if (!claims || claim < 0 || Atomics.compareExchange(claims, claim, 0, 2) !== 0) return false
    for (const { token, view } of this.#claimPins.get(claim) ?? []) this.#asClient.unpin(token, view)
    this.#claimPins.delete(claim)
    return true
  }

  abort(token: number, leaves: boolean): void {
    sendWords(this.outbox, record.abort, leaves ? 1 : 0, token)
  }

  resumed(token: number): void {
    sendWords(this.outbox, record.resumed, 0, token)
  }

  // ---- worker → agent

  #record(type: number, field: number, memory: RecordMemory, at: number, bytes: number): void {
    if (type === record.done) {
      this.#done(field, memory, at)
      return
    }
    if (this.#asClient.record(type, field, memory, at, bytes)) return
    if (type === record.product) {
      this.#product(field, memory, at)
      return
    }
    const { owner } = this.#parts
    const { i32 } = memory
    const word = at >> 2
    switch (type) {
      case record.suspend:
        this.#ofRow(i32[word], row => owner.scheduler.suspend(row, this.#parts.now()))
        break
      case record.resume:
        this.#ofRow(i32[word], row => owner.scheduler.resume(row))
        break
      case record.skipped:
        this.#freeClaim(i32[word])
        owner.skipped(i32[word + 1], this.id, this.#parts.now())
        break
      case record.started:
        owner.started(i32[word], this.#parts.now())
        break
      case record.exiting:
        this.culprit = i32[word]
        break
      case record.output: {
        const { text } = readText(memory, at, 1, bytes) as { text: string }
        this.#lines.write(i32[word], field === 1, text)
        break
      }
      case record.incapable: {
        this.#freeClaim(i32[word + 1])
        const value = memory.u8.slice(at + 16, at + 16 + i32[word + 2])
        owner.codeFailed(i32[word], this.id, value, this.#parts.now())
        break
      }
      case record.dismissed:
        owner.actors.dismissed(i32[word])
        break
      case record.left:
        owner.actorLeft(i32[word], this.id, { exit: field === 1, code: i32[word + 1] }, this.#parts.now())
        break
      case record.saved: {
        const from = at + 16
        const keys = this.#asClient.keys(i32, from >> 2, i32[word + 1])
        const value = from + ((i32[word + 1] * 12 + 7) & ~7)
        owner.actorSaved(i32[word], this.id, memory.u8.slice(value, value + i32[word + 2]), keys)
        break
      }
      case record.ready:
        break
      default:
        throw new Error(`a worker sent a record of type ${type}`)
    }
  }

  #ofRow(token: number, event: (row: number) => void): void {
    const { rows } = this.#parts.owner
    const row = rows.rowOf(token)
    if (row >= 0 && rows.thread[row] === this.id) event(row)
  }

  #wrote(token: number, isError: boolean, text: string, kept = this.#said): void {
    for (const line of text.split('\n')) if (line !== '') kept.push(line)
    if (kept.length > LINES_KEPT) kept.splice(0, kept.length - LINES_KEPT)
    this.#events.output(this, token, isError, text)
    if (token < 0) this.#events.stirred()
  }

  /** For the timeline. */
  #stored(token: number, { bytes, since }: Room, endedAt: number): void {
    this.#ofRow(token, row => this.#parts.owner.notePhase(row, 'store', { startedAt: since, endedAt, bytes }))
  }

  #product(flags: number, memory: RecordMemory, at: number): void {
    const { i32 } = memory
    const word = at >> 2
    const keys = i32[word + 2]
    let offset = -1
    let size = 0
    if ((flags & flag.stored) !== 0) {
      const room = this.#asClient.takeRoom(i32[word + 4])
      if (!room) throw new Error('a worker stored an item without room for it')
      offset = room.offset
      size = room.bytes
      this.#stored(i32[word], room, this.#parts.now())
    }
    const from = at + 24
    const contained = keys === 0 ? none : this.#asClient.keys(i32, from >> 2, keys)
    this.#from.u8 = memory.u8
    this.#from.at = from + ((keys * 12 + 7) & ~7)
    this.#from.bytes = i32[word + 3]
    const product = { index: i32[word + 1], failed: (flags & flag.error) !== 0, contained, offset, bytes: size }
    this.#parts.owner.product(i32[word], this.id, product, this.#from)
  }

  #done(flags: number, memory: RecordMemory, at: number): void {
    const { i32 } = memory
    const word = at >> 2
    const end = this.#end
    const token = i32[word]
    this.#lines.ended(token)
    this.#freeClaim(i32[word + 1])
    const keys = i32[word + 2]
    const errorBytes = i32[word + 9]
    end.failed = (flags & flag.error) !== 0
    end.retry = (flags & flag.retry) !== 0
    end.awaited = (flags & flag.awaited) !== 0
    end.blocked = (flags & flag.blocked) !== 0
    end.startedAt = memory.f64[(at + 16) >> 3]
    end.endedAt = memory.f64[(at + 24) >> 3]
    end.offset = -1
    end.bytes = 0
    if ((flags & flag.stored) !== 0) {
      const room = this.#asClient.takeRoom(i32[word + 8])
      if (!room) throw new Error('a worker stored a result without room for it')
      end.offset = room.offset
      end.bytes = room.bytes
      this.#stored(token, room, end.endedAt)
    }
    let from = at + 40
    end.contained = keys === 0 ? none : this.#asClient.keys(i32, from >> 2, keys)
    from += (keys * 12 + 7) & ~7
    end.error = errorBytes === 0 ? undefined : Buffer.from(memory.u8.subarray(from, from + errorBytes)).toString()
    from += (errorBytes + 7) & ~7
    this.#from.u8 = memory.u8
    this.#from.at = from
    this.#from.bytes = i32[word + 3]
    const { owner } = this.#parts
    owner.done(token, this.id, end, this.#from, this.#parts.now())
    // What one task left behind is not to be the next one's undoing.
    const thread = owner.scheduler.threads.get(this.id)
    if (this.channel.isWorn && thread?.state === 'live' && thread.actors === 0) owner.scheduler.endThread(this.id)
  }
}
