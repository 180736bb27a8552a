import type { RunningTask, WorkerBridge, WorkerClient } from '../../wire/bridge.ts'
import { collectThen } from '../../wire/collection.ts'
import {
  ClosedError,
  isShoalError,
  ObjectLostError,
  SerializationError,
  type ShoalError,
} from '../../wire/errors/index.ts'
import type { OwnerId } from '../../wire/ids.ts'
import type { RecordMemory } from '../../wire/inbox.ts'
import type { Outbox } from '../../wire/outbox.ts'
import { type FunctionSpec, flag, high, joined, low, record, type Welcome } from '../../wire/records.ts'
import { alignedAfterWords, copyBytes, readText, sendText, sendWords } from '../../wire/texts.ts'
import {
  beginsPrimitive,
  Decoder,
  Encoder,
  type Extension,
  type Pieces,
  type TypeRegistry,
  ValueError,
} from '../../wire/values/index.ts'
import { Calls } from './calls.ts'
import { type MakeRef, type RefData, at as where } from './ref-data.ts'
import { Slots } from './slots.ts'
import { StoredValues } from './stored-values.ts'
import type { StreamReader } from './stream-reader.ts'
import { Suspension } from './suspension.ts'
import { Unasked } from './unasked.ts'
import { addWaiter, notifyWaiters, type Waiter } from './waiter.ts'

const none: readonly number[] = []

/** The agent is given so long to find room while the program stands. */
const ROOM_MS = 2

/** Functions with their options that are remembered: one that falls out is told anew. */
const FUNCTIONS_MAX = 1000

/** What connects an engine with its agent. */
export interface EngineChannel {
  readonly outbox: Outbox
  readonly welcome: Welcome
  /** The object store's memory, where this thread sees it. */
  readonly store: SharedArrayBuffer | undefined
  /** In a worker: which task is running. */
  readonly bridge: WorkerBridge | undefined
  /** Keeps the event loop alive, or no longer. */
  hold(): void
  letGo(): void
  /** Reads what the agent has said, now, where that is possible. */
  drain?(): void
  /** Console output of remote code. */
  log(isError: boolean, line: { name?: string; worker: string; text: string }): void
}

/** What an engine is given by the public side. */
export interface EngineParts {
  /** The types that the program registers. */
  types: TypeRegistry
  Ref: MakeRef
  extensions(engine: Engine): readonly Extension[]
}

/** Arguments as a submission has them. */
export interface EncodedArguments {
  bytes: Uint8Array
  length: number
  dependencies: readonly RefData[]
  contained: readonly number[]
  /** Objects made for this submission alone: the task holds them from then on. */
  own: readonly RefData[]
}

/**
 * A program's side of its channel: what it submits, the refs it holds, the values that come back. The same in a driver and in
 * the code of a worker. A task costs one record and one `Ref`; a small result is kept in the ref, and the agent forgets it.
 */
export class Engine implements WorkerClient {
  readonly outbox: Outbox
  readonly welcome: Welcome
  readonly owner: OwnerId
  readonly types: TypeRegistry
  readonly extensions: readonly Extension[]
  readonly contained: number[] = []
  readonly encoder: Encoder
  readonly #decoder: Decoder
  readonly #channel: EngineChannel
  readonly #Ref: MakeRef
  readonly #slots = new Slots()
  readonly #dropped: FinalizationRegistry<number>
  readonly stored: StoredValues
  readonly calls: Calls
  readonly suspension: Suspension
  readonly unasked = new Unasked()
  /** Hashes of code that the agent has had from here. */
  readonly sentCodes = new Set<string>()
  /** Streams that are read, by their slots. */
  readonly streams = new Map<number, StreamReader>()
  readonly #aliases = new Map<string, number>()
  readonly #preparing = new Set<Promise<void>>()
  /** In a worker: the tasks that submitted what has not come back, by its slots. */
  readonly #submitters: (RunningTask | undefined)[] = []
  #nextNumber = 1
  /** What the agent has been told of: its numbers by their texts, those that were told last. */
  readonly #functions = new Map<string, number>()
  #nextFunction = 0
  #submitted = 0
  closed: ShoalError | undefined

  constructor(channel: EngineChannel, parts: EngineParts) {
    const { types, Ref, extensions } = parts
    this.#Ref = Ref
    this.#channel = channel
    this.outbox = channel.outbox
    this.welcome = channel.welcome
    this.owner = { peerId: channel.welcome.peerId, incarnation: channel.welcome.incarnation }
    this.types = types
    this.extensions = extensions(this)
    this.encoder = new Encoder({ types, extensions: this.extensions })
    this.#decoder = new Decoder({ types, extensions: this.extensions })
    this.stored = new StoredValues(this.outbox, channel.store, ref => this.#letGo(ref))
    this.calls = new Calls(this.outbox)
    this.suspension = new Suspension(channel)
    this.#dropped = new FinalizationRegistry(use => this.#releaseUse(use))
  }

  get bridge(): WorkerBridge | undefined {
    return this.#channel.bridge
  }

  get currentTask(): RunningTask | undefined {
    return this.#channel.bridge?.current()
  }

  // ---- submitting

  /**
   * Tells the agent of a function with its options: gives what the agent calls it. Those that are alike are one, however often they
   * are made (`fn.options({ … }).remote()` makes one for each call): an agent keeps what it was told until the program has gone.
   */
  define(spec: FunctionSpec): number {
    const text = JSON.stringify(spec)
    let index = this.#functions.get(text)
    if (index === undefined) {
      index = this.#nextFunction++
      sendText(this.outbox, record.define, 0, [index], spec)
      if (this.#functions.size >= FUNCTIONS_MAX) this.#functions.delete(this.#functions.keys().next().value as string)
      this.#functions.set(text, index)
    }
    return index
  }

  #newRef(): RefData {
    const ref = new this.#Ref(this, this.owner, this.welcome.client, this.#nextNumber++, this.#slots.take())
    this.#slots.set(ref.slot, ref)
    return ref
  }

  /** A ref that has failed before anything was sent. */
  failedRef(error: Error): RefData {
    const ref = new this.#Ref(this, this.owner, this.welcome.client, this.#nextNumber++, -1)
    ref.state = where.broken
    ref.value = error
    this.unasked.add(ref, this.currentTask)
    return ref
  }

  /** Why nothing can be sent, as a ref: it has failed where the mesh is closed; it never settles where the actor that asks is over. */
  refusal(): RefData | undefined {
    if (this.closed) return this.failedRef(this.closed)
    if (!this.currentTask?.over) return undefined
    const ref = new this.#Ref(this, this.owner, this.welcome.client, this.#nextNumber++, -1)
    ref.asked = true
    return ref
  }

  /** A ref that fails as another has. */
  failedLike(other: RefData): RefData {
    const ref = this.failedRef(new Error())
    ref.state = other.state
    ref.value = other.value
    return ref
  }

  submit(fn: number, args: EncodedArguments, held: readonly number[]): RefData {
    return this.#submit(this.#newRef(), [], fn, args, held)
  }

  /** A task that gives several values: a ref of each. */
  submitFor(count: number, fn: number, args: EncodedArguments, held: readonly number[]): RefData[] {
    const ref = this.#newRef()
    const parts = this.#partsOf(ref, count)
    this.#submit(ref, parts, fn, args, held)
    return parts
  }

  #partsOf(ref: RefData, count: number): RefData[] {
    // What becomes of the task is told by its parts: by the first, should nobody ask for any.
    ref.asked = true
    const parts = Array.from({ length: count }, () => this.#newRef())
    for (const part of parts.slice(1)) part.asked = true
    return parts
  }

  /** Makes an actor. The ref stands for it: the agent is told when it is dropped, and nothing comes back for it. */
  make(fn: number, args: EncodedArguments, held: readonly number[]): RefData {
    const ref = this.#submit(this.#newRef(), [], fn, args, held)
    this.#slots.set(ref.slot, undefined)
    ref.state = where.borrowed
    ref.dependencies = undefined
    this.#releaseWithout(ref, ref.slot)
    return ref
  }

  /** A call of an actor: a ref, or one of each of its values. `bounded`: it counts among those that have not ended. */
  invoke(actor: RefData, count: number, fn: number, args: EncodedArguments, bounded: boolean): RefData | RefData[] {
    const ref = this.#newRef()
    if (bounded) {
      const key = this.#pendingKey(actor)
      this.#pending.set(key, (this.#pending.get(key) ?? 0) + 1)
      this.#bounded.set(ref.slot, key)
    }
    if (count === 1) return this.#submit(ref, [], fn, args, none, actor.slot)
    const parts = this.#partsOf(ref, count)
    this.#submit(ref, parts, fn, args, none, actor.slot)
    return parts
  }

  /** Calls that have not ended of actors that bound their number, by the actor: whichever of its handles they were made with. */
  readonly #pending = new Map<string | number, number>()
  /** The actors of such calls, by the calls' slots. */
  readonly #bounded = new Map<number, string | number>()

  /** How many calls of an actor with such a bound this program has made that have not ended. */
  pendingCalls(actor: RefData): number {
    return this.#pending.get(this.#pendingKey(actor)) ?? 0
  }

  #pendingKey({ owner, client, number }: RefData): string | number {
    const word = this.#clientWord(owner, client)
    return word === this.welcome.client ? number : `${word}/${number}`
  }

  #endsBounded(slot: number): void {
    const key = this.#bounded.get(slot)
    if (key === undefined) return
    this.#bounded.delete(slot)
    const left = (this.#pending.get(key) as number) - 1
    if (left > 0) this.#pending.set(key, left)
    else this.#pending.delete(key)
  }

  #submit(
    ref: RefData,
    parts: readonly RefData[],
    fn: number,
    args: EncodedArguments,
    held: readonly number[],
    actor = -1,
  ): RefData {
    const { dependencies, contained } = args
    const keys = contained.length / 2 + held.length / 2
    const fixed = actor < 0 ? 8 : 10
    const words = fixed + 2 * dependencies.length + 3 * keys + parts.length
    const head = alignedAfterWords(words)
    const { outbox } = this
    const at = outbox.begin(actor < 0 ? record.submit : record.invoke, dependencies.length, head + args.length)
    const { i32 } = outbox
    const word = at >> 2
    i32[word] = ref.slot
    i32[word + 1] = low(ref.number)
    i32[word + 2] = high(ref.number)
    i32[word + 3] = fn
    const submitter = this.currentTask
    if (this.#channel.bridge) {
      this.#submitters[ref.slot] = submitter
      for (const part of parts) this.#submitters[part.slot] = submitter
    }
    i32[word + 4] = submitter?.token ?? -1
    i32[word + 5] = keys
    i32[word + 6] = args.length
    i32[word + 7] = parts.length
    if (actor >= 0) {
      i32[word + 8] = actor
      i32[word + 9] = 0
    }
    let to = word + fixed
    for (const one of dependencies) {
      i32[to++] = one.slot
      i32[to++] = low(one.number)
    }
    to = writeKeys(i32, to, contained)
    to = writeKeys(i32, to, held)
    for (const part of parts) i32[to++] = part.slot
    copyBytes(outbox.u8, at + head, args.bytes, 0, args.length)
    outbox.end()
    if (dependencies.length > 0) ref.dependencies = [...dependencies]
    this.encoder.finish()
    for (const one of args.own) {
      // Should it fail, the task does.
      one.asked = true
      this.release(one)
    }
    // The agent begins while a long loop goes on submitting.
    if ((++this.#submitted & 127) === 0) outbox.flush()
    return ref
  }

  beginEncoding(): void {
    if (this.contained.length > 0) this.contained.length = 0
  }

  // ---- objects of this program

  /** A small value, kept here until somebody else needs it. */
  keep(state: number, value: unknown): RefData {
    const ref = new this.#Ref(this, this.owner, this.welcome.client, this.#nextNumber++, -1)
    ref.state = state
    ref.value = value
    ref.isPut = true
    return ref
  }

  /** A large value: goes to the store as soon as there is room. Its ref can be passed on at once. */
  store(bytes: Uint8Array, contained: readonly number[]): RefData {
    const ref = this.#newRef()
    this.#awaitRoom(ref, bytes, bytes.length, contained)
    return ref
  }

  /**
   * The same for a value whose large payloads are still the program's: they are copied once, into the store, if the agent has
   * room in a moment; else now, since the program may change them.
   */
  storePieces(pieces: Pieces, contained: readonly number[]): RefData {
    const { drain } = this.#channel
    const ref = this.#newRef()
    const outgoing = this.#awaitRoom(ref, pieces, pieces.bytes, contained)
    if (drain) {
      this.outbox.flush()
      for (const until = performance.now() + ROOM_MS; this.stored.waits(ref.slot) && performance.now() < until; )
        drain()
    }
    if (this.stored.waits(ref.slot)) {
      const bytes = new Uint8Array(pieces.bytes)
      pieces.writeTo(bytes, 0)
      outgoing.bytes = bytes
    }
    return ref
  }

  #awaitRoom(
    ref: RefData,
    bytes: Uint8Array | Pieces,
    length: number,
    contained: readonly number[],
  ): { bytes: Uint8Array | Pieces } {
    sendWords(this.outbox, record.allocate, 0, ref.slot, low(ref.number), high(ref.number), low(length), high(length))
    const outgoing = { ref, bytes, contained: [...contained] }
    this.stored.awaitRoom(ref.slot, outgoing)
    return outgoing
  }

  /** Others will name this object by its key: the agent has to know it. */
  share(ref: RefData): void {
    if (ref.engine !== this) {
      throw new ValueError('', 'is a ref of a mesh that was closed')
    }
    if (ref.released) throw new ValueError('', 'is a ref that was released')
    this.contained.push(this.#clientWord(ref.owner, ref.client), ref.number)
    if (ref.shared) return
    ref.shared = true
    this.unasked.forget(ref)
    if (ref.slot >= 0) sendWords(this.outbox, record.share, 0, ref.slot, low(ref.number), high(ref.number))
    else this.#publish(ref)
  }

  /** The agent has to know it, though nobody names it to others yet. */
  publish(ref: RefData): void {
    this.share(ref)
    this.contained.length -= 2
  }

  /** Gives the agent a value that was kept here. */
  #publish(ref: RefData): void {
    const slot = this.#slots.take()
    const { failed, bytes } = this.#bytesOf(ref)
    ref.slot = slot
    const field = (failed ? 1 : 0) | 2 | (ref.isPut ? 0 : 4)
    const at = this.outbox.begin(record.value, field, alignedAfterWords(6) + bytes.length)
    const word = at >> 2
    const { i32, u8 } = this.outbox
    i32[word] = slot
    i32[word + 1] = low(ref.number)
    i32[word + 2] = high(ref.number)
    i32[word + 3] = 0
    i32[word + 4] = bytes.length
    i32[word + 5] = 0
    u8.set(bytes, at + alignedAfterWords(6))
    this.outbox.end()
    this.#releaseWithout(ref, slot)
  }

  /** Encoders for values within values, as many as are in use at a time. */
  readonly #spareEncoders: Encoder[] = []

  /** The bytes of what is kept here. With an encoder of its own: the engine's may be in the middle of a value. */
  #bytesOf(ref: RefData): { failed: boolean; bytes: Uint8Array } {
    if (ref.state === where.bytes || ref.state === where.failed) {
      return { failed: ref.state === where.failed, bytes: ref.value as Uint8Array }
    }
    return { failed: ref.state === where.broken, bytes: this.#encodeApart(ref.value) }
  }

  /** A value's bytes, while the engine's own encoder may be in use. */
  #encodeApart(value: unknown): Uint8Array {
    const encoder = this.#spareEncoders.pop() ?? new Encoder({ types: this.types, extensions: this.extensions })
    encoder.start()
    encoder.value(value)
    const bytes = encoder.bytes()
    encoder.finish()
    this.#spareEncoders.push(encoder)
    return bytes
  }

  /** What this program calls a client of an owner when it talks with its agent: others than the agent's own by negative numbers. */
  #clientWord(owner: OwnerId, client: number): number {
    if (owner.peerId === this.owner.peerId && owner.incarnation === this.owner.incarnation) return client
    const name = `${owner.peerId}/${owner.incarnation}/${client}`
    let alias = this.#aliases.get(name)
    if (alias === undefined) {
      alias = -1 - this.#aliases.size
      this.#aliases.set(name, alias)
      sendText(this.outbox, record.alias, 0, [alias], { peerId: owner.peerId, incarnation: owner.incarnation, client })
    }
    return alias
  }

  /** A ref that came inside a value. */
  borrow(owner: OwnerId, client: number, number: number): RefData {
    const ref = new this.#Ref(this, owner, client, number, this.#slots.take())
    ref.state = where.borrowed
    ref.shared = true
    const word = this.#clientWord(owner, client)
    sendWords(this.outbox, record.borrow, 0, ref.slot, word, low(number), high(number))
    this.#releaseWithout(ref, ref.slot)
    return ref
  }

  /** Refs that code in this thread captured and that its tasks share, with what gives each task its own. */
  readonly #captured = new WeakMap<RefData, () => void>()

  /** A ref that came inside a value, or inside the code of which an instance is being made. */
  borrowOrCapture(owner: OwnerId, client: number, number: number): RefData {
    const ref = this.borrow(owner, client, number)
    const startAfresh = this.bridge?.loading()?.startAfresh
    if (startAfresh) this.#captured.set(ref, startAfresh)
    return ref
  }

  release(ref: RefData): void {
    if (ref.released) return
    const startAfresh = this.bridge && this.#captured.get(ref)
    if (startAfresh) {
      // Others that run in this thread go on with it: only tasks with refs of their own can let go of them.
      startAfresh()
      return
    }
    ref.released = true
    this.unasked.released(ref)
    if (ref.waiters) notifyWaiters(ref)
    // The slot of a pending one is free only when its result has come: the agent may still name it.
    if (ref.state !== where.pending || this.#slots.get(ref.slot) !== ref) this.#letGo(ref)
  }

  #letGo(ref: RefData): void {
    if (ref.state === where.stored) ref.value = undefined
    if (ref.slot < 0 || ref.fetches > 0) return
    this.#releaseSlot(ref.slot)
    ref.slot = -1
  }

  /**
   * The agent is told to let go when nobody has this ref any more. The registry has no token by which it would forget one that was
   * released: that costs ten times as much as the rest of it, so a use of a slot has a number by which it is seen to be over.
   */
  #releaseWithout(ref: RefData, slot: number): void {
    this.#dropped.register(ref, this.#slots.use(slot))
  }

  #releaseUse(use: number): void {
    const slot = this.#slots.slotOf(use)
    if (slot >= 0) this.#releaseSlot(slot)
  }

  #releaseSlot(slot: number): void {
    if (this.closed) return
    sendWords(this.outbox, record.release, 0, slot)
    this.#slots.free(slot)
  }

  /** Has the bytes of a stored value fetched into the agent's store, if they are at another peer: once. */
  bring(ref: RefData): void {
    if (ref.state !== where.stored || ref.slot < 0 || ref.brought) return
    ref.brought = true
    sendWords(this.outbox, record.bring, 0, ref.slot)
  }

  // ---- waiting

  /** Whether a ref's value, or its failure, is known here. */
  settled(ref: RefData): boolean {
    return ref.released || (ref.state !== where.pending && ref.state !== where.borrowed)
  }

  /** Tells `waiter` when a ref is settled; the ref must not be. */
  await(ref: RefData, waiter: Waiter): void {
    addWaiter(ref, waiter)
    if (ref.state !== where.borrowed) return
    ref.state = where.pending
    this.#slots.set(ref.slot, ref)
    sendWords(this.outbox, record.subscribe, 0, ref.slot)
  }

  /** The value of a settled ref, or a promise of it where bytes have to come first. Throws its failure. */
  read(ref: RefData, copy: boolean): unknown {
    ref.asked = true
    switch (ref.released ? -1 : ref.state) {
      case where.value:
        return ref.value
      case where.bytes:
        return this.#decode(ref.value as Uint8Array, 0, (ref.value as Uint8Array).length, copy)
      case where.stored:
        return this.#readStored(ref, copy)
      case where.failed:
        throw this.errorOf(ref)
      case where.broken:
        this.unasked.forget(ref)
        throw ref.value
      default:
        throw new ObjectLostError(`object ${ref.id} cannot be read: its ref was released or moved here`, {
          objectId: ref.id,
          reason: 'its ref was released or moved here',
        })
    }
  }

  errorOf(ref: RefData): unknown {
    this.unasked.forget(ref)
    return this.decodeError(ref.value as Uint8Array)
  }

  suspended<T>(work: Promise<T>): Promise<T> {
    return this.suspension.while(work)
  }

  abandoned(token: number): void {
    this.suspension.resumed(token)
  }

  taskEnds(task: RunningTask): void {
    this.unasked.taskEnded(task)
  }

  decodeError(bytes: Uint8Array): unknown {
    this.#decoder.lenient = true
    try {
      return this.#decode(bytes, 0, bytes.length, true)
    } finally {
      this.#decoder.lenient = false
    }
  }

  #readStored(ref: RefData, copy: boolean): unknown {
    const { value } = ref
    if (value instanceof Uint8Array) return this.#decode(value, 0, value.length, copy)
    // Read as soon as it is there: a task that waits for its CPU meanwhile keeps no room from others.
    const read = this.stored.fetch(ref, !copy, ({ u8, at, bytes }) => this.#decode(u8, at, at + bytes, copy))
    return this.suspension.while(read)
  }

  #decode(bytes: Uint8Array, from: number, to: number, copy: boolean): unknown {
    this.#decoder.start(bytes, from, to, copy ? undefined : { copy })
    const value = this.#decoder.value()
    this.#decoder.finish()
    return value
  }

  /** Code that values brought and that is not here yet. */
  preparing(): Promise<unknown> | undefined {
    return this.#preparing.size === 0 ? undefined : Promise.all(this.#preparing)
  }

  /** In a worker, loads the code of a function that came inside a value, so that it can be called plainly. */
  prepare(hash: string): void {
    const { bridge } = this
    if (!bridge || bridge.isLoaded(hash)) return
    sendText(this.outbox, record.want, 0, [], { hash })
    const ready: Promise<void> = bridge
      .prepare(hash)
      .catch(() => undefined)
      .finally(() => this.#preparing.delete(ready))
    this.#preparing.add(ready)
  }

  // ---- what the agent says

  record(type: number, field: number, memory: RecordMemory, at: number, bytes: number): void {
    const { i32 } = memory
    const word = at >> 2
    switch (type) {
      case record.result:
        this.#result(field, i32[word], memory, at + 8, i32[word + 1])
        break
      case record.stored:
        this.#stored(i32[word], joined(i32[word + 1], i32[word + 2]))
        break
      case record.need:
        this.#supply(i32[word], i32[word + 1])
        break
      case record.allocated:
        this.stored.room(i32[word], joined(i32[word + 1], i32[word + 2]), ref => this.#sealed(ref))
        break
      case record.unfetched: {
        const from = at + 8
        this.stored.failed(i32[word], this.decodeError(memory.u8.slice(from, from + i32[word + 1])) as Error)
        break
      }
      case record.located:
        this.stored.located(i32[word], {
          at: joined(i32[word + 1], i32[word + 2]),
          bytes: joined(i32[word + 3], i32[word + 4]),
          token: i32[word + 5],
          view: field === 1,
        })
        break
      case record.item: {
        const stream = this.streams.get(i32[word])
        if (stream?.is(i32[word + 1])) stream.item(field, memory, at)
        break
      }
      case record.ended: {
        const stream = this.streams.get(i32[word])
        if (stream?.is(i32[word + 1])) stream.ended(i32[word + 2], field === 1)
        break
      }
      case record.piece:
        this.stored.piece(memory, at)
        break
      case record.resumed:
        this.suspension.resumed(i32[word])
        break
      case record.reply:
        this.calls.reply(i32[word], i32[word + 1] === 1, readText(memory, at, 2, bytes))
        break
      case record.log:
        this.#channel.log(
          field === 1,
          readText(memory, at, 0, bytes) as { name?: string; worker: string; text: string },
        )
        break
      case record.closed:
        this.close((readText(memory, at, 0, bytes) as { reason: string }).reason)
        break
      case record.code:
        break
      case record.collect:
        collectThen(() => {
          if (!this.closed) sendWords(this.outbox, record.collected, 0, 0)
        })
        break
      default:
        throw new Error(`the agent sent a record of type ${type}`)
    }
  }

  #result(flags: number, slot: number, memory: RecordMemory, from: number, bytes: number): void {
    const ref = this.#slots.get(slot)
    if (!ref) return
    const kept = (flags & flag.kept) !== 0
    this.#slots.set(slot, undefined)
    if (this.#bounded.size > 0) this.#endsBounded(slot)
    if ((flags & flag.error) !== 0) {
      ref.state = where.failed
      ref.value = memory.u8.slice(from, from + bytes)
    } else this.#take(ref, memory.u8, from, bytes, kept)
    if (kept) {
      if (ref.owner === this.owner) this.#releaseWithout(ref, slot)
    } else {
      this.#slots.free(slot)
      ref.slot = -1
      // The agent had delivered it before it learnt that others will ask for it.
      if (ref.shared) this.#publish(ref)
    }
    if (ref.released) this.#letGo(ref)
    this.#settle(ref, this.#submitters[slot])
    if (this.#submitters.length > 0) this.#submitters[slot] = undefined
  }

  /** What is short and holds nothing is decoded at once: its bytes need no memory of their own then. */
  #take(ref: RefData, u8: Uint8Array, from: number, bytes: number, kept: boolean): void {
    if (bytes <= 32 && !kept && beginsPrimitive(u8[from])) {
      ref.state = where.value
      ref.value = this.#decode(u8, from, from + bytes, true)
      return
    }
    ref.state = where.bytes
    ref.value = u8.slice(from, from + bytes)
  }

  #settle(ref: RefData, submitter: RunningTask | undefined): void {
    ref.dependencies = undefined
    if (ref.state === where.failed) this.unasked.add(ref, submitter)
    if (ref.waiters !== undefined) notifyWaiters(ref)
  }

  #stored(slot: number, bytes: number): void {
    const ref = this.#slots.get(slot)
    if (!ref) return
    this.#slots.set(slot, undefined)
    if (this.#bounded.size > 0) this.#endsBounded(slot)
    ref.state = where.stored
    ref.storedBytes = bytes
    if (this.#submitters.length > 0) this.#submitters[slot] = undefined
    if (ref.owner === this.owner) this.#releaseWithout(ref, slot)
    if (ref.released) this.#letGo(ref)
    this.#settle(ref, undefined)
  }

  /** Our own large value is in the store. */
  #sealed(ref: RefData): void {
    this.#slots.set(ref.slot, undefined)
    ref.state = where.stored
    this.#releaseWithout(ref, ref.slot)
    if (ref.released) this.#letGo(ref)
    this.#settle(ref, undefined)
  }

  #supply(slot: number, index: number): void {
    const ref = this.#slots.get(slot)
    const dependency = ref?.dependencies?.[index]
    if (!dependency) return
    let failed = true
    let bytes: Uint8Array
    try {
      ;({ failed, bytes } = this.#bytesOf(dependency))
    } catch {
      bytes = this.#lostBytes(dependency)
    }
    const at = this.outbox.begin(record.supply, failed ? 1 : 0, 16 + bytes.length)
    const word = at >> 2
    this.outbox.i32[word] = slot
    this.outbox.i32[word + 1] = index
    this.outbox.i32[word + 2] = bytes.length
    this.outbox.i32[word + 3] = 0
    this.outbox.u8.set(bytes, at + 16)
    this.outbox.end()
  }

  #lostBytes(ref: RefData): Uint8Array {
    const message = `object ${ref.id} was released before a task had it`
    return this.#encodeApart(new ObjectLostError(message, { objectId: ref.id, reason: 'released' }))
  }

  // ---- encoding

  /** Encodes a value that is to travel; turns what the codec says into the error that users see. */
  encode(value: unknown, root: string, late = false): void {
    this.beginEncoding()
    if (late) this.encoder.startLate()
    else this.encoder.start()
    try {
      this.encoder.value(value, root)
    } catch (error) {
      throw serializationError(error)
    }
  }

  // ---- end

  /** Everything that waits fails with this. */
  close(reason: string | undefined, as?: ShoalError): void {
    if (this.closed) return
    const error =
      as ??
      new ClosedError(reason ? `the mesh was closed: ${reason}` : 'the mesh was closed while this waited', { reason })
    this.closed = error
    this.suspension.close()
    for (const ref of this.#slots.refs()) {
      if (ref.state !== where.pending) continue
      ref.state = where.broken
      ref.value = error
      notifyWaiters(ref)
    }
    for (const stream of [...this.streams.values()]) stream.broken(error)
    this.stored.close(error)
    this.calls.close(error)
    this.unasked.printAll()
  }
}

/** The error that users see for what a codec refused. */
export function serializationError(error: unknown): Error {
  if (!(error instanceof ValueError)) return error as Error
  if (isShoalError(error.cause)) return error.cause
  const { path, reason, message } = error
  return new SerializationError(message, { path, reason })
}

function writeKeys(i32: Int32Array, to: number, keys: readonly number[]): number {
  for (let i = 0; i < keys.length; i += 2) {
    i32[to++] = keys[i]
    i32[to++] = low(keys[i + 1])
    i32[to++] = high(keys[i + 1])
  }
  return to
}
