import { failureOf } from '../../wire/errors/index.ts'
import type { RecordMemory } from '../../wire/inbox.ts'
import type { Outbox } from '../../wire/outbox.ts'
import { type FunctionSpec, high, joined, low, type ProcessSpec, record } from '../../wire/records.ts'
import { alignedAfterWords, readCode, readText, sendBytes, sendCode, sendText, sendWords } from '../../wire/texts.ts'
import { type Bytes, type Client, isProcessPool, Kind, type Submission } from '../core/index.ts'
import type { PeerParts } from './parts.ts'
import { sendPieces } from './pieces.ts'
import { bundleOf, placementOf } from './placement.ts'
import { actorOf, poolOf } from './pools.ts'

const none: readonly number[] = []
const readings = ['begin', 'taken', 'close', 'leave'] as const
/** Words of a `submit` before its lists. */
const SUBMIT_WORDS = 8
/** The same of an `invoke`. */
const INVOKE_WORDS = 10
/** Words of a `value` and of a `seal` before their lists. */
const VALUE_WORDS = 6

/** Room in the store that a client was given, and when it asked. */
export interface Room {
  offset: number
  bytes: number
  since: number
}

/**
 * What one client (a driver, or the code inside a worker) tells its agent, turned into events of the owner's core.
 * A client is a program of the same user: malformed records end its channel and nothing else.
 */
export class ClientRecords {
  readonly client: Client
  readonly outbox: Outbox
  readonly #parts: PeerParts
  /** Whether the client sees the store's memory; if not, bytes travel by the channel. */
  readonly #shared: boolean
  readonly #task: { -readonly [Key in keyof Submission]: Submission[Key] } = {
    slot: 0,
    number: 0,
    kind: 0,
    parent: -1,
    dependencies: none,
    contained: none,
    parts: none,
    actor: -1,
  }
  readonly #bytes: Bytes = { u8: new Uint8Array(0), at: 0, bytes: 0 }
  /** What this client calls clients of other owners, by its own negative numbers. */
  readonly #aliases = new Map<number, number>()
  /** Room this client was given and has not sealed: request or slot → place. */
  readonly #room = new Map<number, Room>()
  /** Stored values that this client reads: tokens, each as often as it was pinned, by whether views are read. */
  readonly #pins = { passing: new Map<number, number>(), view: new Map<number, number>() }
  #closed = false

  constructor(parts: PeerParts, client: Client, outbox: Outbox, shared: boolean) {
    this.#parts = parts
    this.client = client
    this.outbox = outbox
    this.#shared = shared
  }

  /** Takes a record; false if it is none of a client's. */
  record(type: number, field: number, memory: RecordMemory, at: number, bytes: number): boolean {
    const { owner } = this.#parts
    const { i32 } = memory
    const word = at >> 2
    switch (type) {
      case record.submit:
        this.#submit(field, memory, at, bytes, SUBMIT_WORDS)
        return true
      case record.invoke:
        this.#submit(field, memory, at, bytes, INVOKE_WORDS)
        return true
      case record.release:
        owner.objects.release(this.client, i32[word])
        return true
      case record.share:
        owner.objects.share(this.client, i32[word], joined(i32[word + 1], i32[word + 2]))
        return true
      case record.value:
        this.#value(field, memory, at, bytes)
        return true
      case record.supply:
        this.#view(memory, at + 16, i32[word + 2], at + bytes)
        owner.supply(this.client, i32[word], i32[word + 1], field === 1, this.#bytes)
        return true
      case record.allocate:
        this.#allocate(field, i32, word)
        return true
      case record.fill:
        this.#fill(memory, at, bytes)
        return true
      case record.seal:
        this.#seal(field, i32, word)
        return true
      case record.discard:
        this.#discard(i32[word])
        return true
      case record.fetch:
        this.#fetch(i32[word], field === 1)
        return true
      case record.bring: {
        const row = this.client.row(i32[word])
        if (row >= 0) owner.objects.pull(row)
        return true
      }
      case record.collected:
        this.#collected?.()
        return true
      case record.read:
        this.#parts.reading(this.client, i32[word], readings[field] ?? 'taken', i32[word + 1])
        return true
      case record.unpin:
        this.unpin(i32[word], field === 1)
        return true
      case record.borrow:
        owner.objects.borrow(
          this.client,
          i32[word],
          this.#clientOf(i32[word + 1]),
          joined(i32[word + 2], i32[word + 3]),
        )
        return true
      case record.subscribe:
        owner.objects.subscribe(this.client, i32[word])
        return true
      case record.alias: {
        const { peerId, incarnation, client } = readText(memory, at, 1, bytes) as {
          peerId: string
          incarnation: number
          client: number
        }
        this.#aliases.set(i32[word], this.#parts.names.clientId({ peerId, incarnation }, client))
        return true
      }
      case record.define:
        this.#define(i32[word], readText(memory, at, 1, bytes) as FunctionSpec)
        return true
      case record.expect:
        this.#expect({ process: readText(memory, at, 0, bytes) as ProcessSpec })
        return true
      case record.code:
        this.#code(memory, at, bytes)
        return true
      case record.want:
        void this.#want(readText(memory, at, 0, bytes) as { hash: string })
        return true
      case record.call:
        void this.#call(i32[word], readText(memory, at, 1, bytes) as { method: string; params: unknown })
        return true
      default:
        return false
    }
  }

  #clientOf(client: number): number {
    return client >= 0 ? client : (this.#aliases.get(client) ?? -1)
  }

  /** Names inside a value, as this client says them. */
  keys(i32: Int32Array, word: number, count: number): number[] {
    const keys = readKeys(i32, word, count)
    for (let i = 0; i < keys.length; i += 2) keys[i] = this.#clientOf(keys[i])
    return keys
  }

  #view(memory: RecordMemory, at: number, bytes: number, end: number): void {
    if (bytes < 0 || at + bytes > end) throw new Error('a record that says more bytes than it has')
    this.#bytes.u8 = memory.u8
    this.#bytes.at = at
    this.#bytes.bytes = bytes
  }

  #submit(dependencies: number, memory: RecordMemory, at: number, bytes: number, fixed: number): void {
    const { i32 } = memory
    const word = at >> 2
    const task = this.#task
    const contained = i32[word + 5]
    task.slot = i32[word]
    task.number = joined(i32[word + 1], i32[word + 2])
    task.kind = this.client.kinds[i32[word + 3]] ?? -1
    task.parent = i32[word + 4]
    task.actor = fixed === INVOKE_WORDS ? i32[word + 8] : -1
    const lists = word + fixed
    task.dependencies = dependencies === 0 ? none : Array.from(i32.subarray(lists, lists + 2 * dependencies))
    task.contained = contained === 0 ? none : this.keys(i32, lists + 2 * dependencies, contained)
    const parts = i32[word + 7]
    const partsAt = lists + 2 * dependencies + 3 * contained
    task.parts = parts === 0 ? none : Array.from(i32.subarray(partsAt, partsAt + parts))
    this.#view(
      memory,
      at + alignedAfterWords(fixed + 2 * dependencies + 3 * contained + parts),
      i32[word + 6],
      at + bytes,
    )
    this.#parts.owner.submit(this.client, task, this.#bytes, this.#parts.now())
  }

  #value(field: number, memory: RecordMemory, at: number, bytes: number): void {
    const { i32 } = memory
    const word = at >> 2
    const { objects } = this.#parts.owner
    const number = joined(i32[word + 1], i32[word + 2])
    const contained = i32[word + 3]
    const row = objects.add(this.client, i32[word], number)
    this.#parts.owner.rows.job[row] = this.#job
    if (field & 4) this.#parts.owner.rows.more(row).wasResult = true
    const keys = contained === 0 ? none : this.keys(i32, word + VALUE_WORDS, contained)
    if (field & 2) objects.share(this.client, i32[word], number)
    this.#view(memory, at + alignedAfterWords(VALUE_WORDS + 3 * contained), i32[word + 4], at + bytes)
    objects.supply(row, (field & 1) === 1, this.#bytes, objects.rowsOfKeys(keys))
  }

  /** The job of what is put here: a worker runs tasks of one at a time. */
  get #job(): number {
    const { job, thread } = this.client
    return thread < 0 ? job : (this.#parts.owner.scheduler.threads.get(thread)?.job ?? job)
  }

  /** field 0: room for an object of the client's, named by its slot; 1: room that a task's result will take. */
  #allocate(field: number, i32: Int32Array, word: number): void {
    const { objects } = this.#parts.owner
    const slot = i32[word]
    const bytes = joined(i32[word + 3], i32[word + 4])
    const since = this.#parts.now()
    const row = field === 0 ? objects.add(this.client, slot, joined(i32[word + 1], i32[word + 2])) : -1
    if (row >= 0) this.#parts.owner.rows.job[row] = this.#job
    objects.spilling.request({
      bytes,
      found: offset => {
        if (this.#closed) {
          objects.spilling.free(offset)
          return
        }
        this.#room.set(slot, { offset, bytes, since })
        sendWords(this.outbox, record.allocated, field, slot, low(offset), high(offset))
      },
      refused: value => {
        const from = { u8: value, at: 0, bytes: value.length }
        if (row >= 0) objects.supply(row, true, from, [])
        else sendBytes(this.outbox, record.refused, 0, [slot, value.length], from)
      },
    })
  }

  /** A socket's client sends the bytes of an object piece by piece. */
  #fill(memory: RecordMemory, at: number, bytes: number): void {
    const word = at >> 2
    const room = this.#room.get(memory.i32[word])
    const from = joined(memory.i32[word + 1], memory.i32[word + 2])
    this.#view(memory, at + alignedAfterWords(4), memory.i32[word + 3], at + bytes)
    if (!room || from + this.#bytes.bytes > room.bytes) throw new Error('bytes for an object that has no room for them')
    this.#parts.store.u8.set(memory.u8.subarray(this.#bytes.at, this.#bytes.at + this.#bytes.bytes), room.offset + from)
  }

  #seal(field: number, i32: Int32Array, word: number): void {
    const { owner } = this.#parts
    const slot = i32[word]
    const contained = i32[word + 3]
    const room = this.#room.get(slot)
    const row = this.client.row(slot)
    if (!room || row < 0) throw new Error('an object was sealed that had no room')
    this.#room.delete(slot)
    if (field & 2) owner.objects.share(this.client, slot, owner.rows.number[row])
    const keys = contained === 0 ? none : this.keys(i32, word + VALUE_WORDS, contained)
    owner.objects.completeStored(row, room.offset, room.bytes, owner.objects.rowsOfKeys(keys))
  }

  /** Room for a result is the task's now. */
  takeRoom(request: number): Room | undefined {
    const room = this.#room.get(request)
    this.#room.delete(request)
    return room
  }

  #discard(request: number): void {
    const room = this.takeRoom(request)
    if (room) this.#parts.owner.objects.spilling.free(room.offset)
  }

  #fetch(slot: number, view: boolean): void {
    const { owner } = this.#parts
    const row = this.client.row(slot)
    if (row < 0) return
    if (view) this.#viewing.add(slot)
    if (owner.objects.fetch(row, this.client.id, slot)) this.fetched(slot)
  }

  /** Slots whose values were asked for as views. */
  readonly #viewing = new Set<number>()

  /** The bytes are here now. */
  fetched(slot: number): void {
    const { objects, rows } = this.#parts.owner
    const row = this.client.row(slot)
    const view = this.#viewing.delete(slot)
    if (row < 0 || (rows.extra[objects.place(row)]?.offset ?? -1) < 0) return
    if (!this.#shared) {
      const { offset, bytes } = rows.more(objects.place(row))
      sendPieces(this.outbox, record.piece, slot, { u8: this.#parts.store.u8, at: offset, bytes })
      return
    }
    const { offset, bytes, token } = objects.pin(row, view)
    this.pinned(token, view)
    const words = [slot, low(offset), high(offset), low(bytes), high(bytes), token]
    sendWords(this.outbox, record.located, view ? 1 : 0, ...words)
  }

  /** A stored value was pinned for this client: until it says `unpin`, or is gone. */
  pinned(token: number, view: boolean): void {
    const pins = view ? this.#pins.view : this.#pins.passing
    pins.set(token, (pins.get(token) ?? 0) + 1)
  }

  unpin(token: number, view: boolean): void {
    const pins = view ? this.#pins.view : this.#pins.passing
    const count = pins.get(token)
    if (count === undefined) return
    if (count === 1) pins.delete(token)
    else pins.set(token, count - 1)
    this.#parts.owner.objects.unpin(token, view)
  }

  #collected: (() => void) | undefined

  /** Has the client collect what it no longer needs. Settles when it has, or is gone. */
  collect(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise(resolve => {
      this.#collected = resolve
      sendWords(this.outbox, record.collect, 0, 0)
      this.outbox.flush()
    })
  }

  /** Whether it looks at stored values in place, for as long as it likes. */
  get views(): boolean {
    return this.#pins.view.size > 0
  }

  #define(index: number, spec: FunctionSpec): void {
    const { owner, codes } = this.#parts
    if (spec.code !== '') codes.use(spec.code, this.client.id)
    for (const blob of [...spec.blobs, ...spec.codes]) codes.use(blob, this.client.id)
    const demand = owner.resources.demand(spec.resources)
    const { name, priority, timeoutMs, retries, infeasibleTimeoutMs } = spec
    const at = owner.kinds.length
    const placement = placementOf(spec)
    const kind = new Kind(at, owner.rows, {
      name,
      demand,
      priority,
      timeoutMs,
      retries,
      infeasibleTimeoutMs,
      returns: spec.returns,
      placement,
      pool: poolOf(spec),
      actor: actorOf(spec),
      call: spec.call,
      bundle: bundleOf(spec),
    })
    owner.kinds.push(kind)
    this.#expect(spec)
    owner.exchange.place(kind)
    this.#parts.specs.push(spec)
    this.#parts.kindJobs.push(owner.jobOf(this.client))
    if (spec.placement?.group) {
      owner.groups.add(kind, spec.placement.group.bundles)
      this.#parts.useGroup(spec.placement.group.id)
    }
    this.client.kinds[index] = at
  }

  /** Processes of this kind will be wanted. */
  #expect(spec: Pick<FunctionSpec, 'process' | 'actor'>): void {
    const { owner, now } = this.#parts
    const pool = poolOf(spec)
    if (isProcessPool(pool)) owner.scheduler.expectProcesses(pool, owner.jobOf(this.client), now())
  }

  #code(memory: RecordMemory, at: number, bytes: number): void {
    const { hash, from, length } = readCode(memory, at, bytes)
    this.#parts.codes.add(hash, memory.u8.slice(from, from + length), this.client.id)
  }

  async #want({ hash }: { hash: string }): Promise<void> {
    const { codes } = this.#parts
    // Code that came with a value may be at another peer alone.
    if (!codes.get(hash)) await this.#parts.wantCode(hash)
    sendCode(this.outbox, hash, codes.get(hash) ?? new Uint8Array(0))
    this.outbox.flush()
  }

  async #call(request: number, { method, params }: { method: string; params: unknown }): Promise<void> {
    let ok = 1
    let answer: unknown
    try {
      answer = await this.#parts.answer(method, params, this.client)
    } catch (error) {
      ok = 0
      answer = failureOf(error)
    }
    sendText(this.outbox, record.reply, 0, [request, ok], answer)
    this.outbox.flush()
  }

  /** The client is gone: what it had of the store is given back. */
  close(): void {
    this.#closed = true
    this.#collected?.()
    const { objects } = this.#parts.owner
    for (const { offset } of this.#room.values()) objects.spilling.free(offset)
    this.#room.clear()
    for (const view of [false, true]) {
      const pins = view ? this.#pins.view : this.#pins.passing
      for (const [token, count] of pins) for (let i = 0; i < count; i++) objects.unpin(token, view)
      pins.clear()
    }
  }
}

/** Keys {client, number}, three words each, as pairs. */
export function readKeys(i32: Int32Array, word: number, count: number): number[] {
  if (count < 0 || word + 3 * count > i32.length) throw new Error('a record that says more keys than it has')
  const keys: number[] = []
  for (let i = 0; i < count; i++, word += 3) keys.push(i32[word], joined(i32[word + 1], i32[word + 2]))
  return keys
}
