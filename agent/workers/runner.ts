import { isPromise } from 'node:util/types'
import type { WorkerClient } from '../../wire/bridge.ts'
import {
  ActorDiedError,
  cleanStack,
  isShoalError,
  SerializationError,
  ShoalError,
  stackOf,
  taskError,
  thrownText,
} from '../../wire/errors/index.ts'
import type { RecordMemory } from '../../wire/inbox.ts'
import { limits as wireLimits } from '../../wire/limits.ts'
import type { Outbox } from '../../wire/outbox.ts'
import { type ActorSpec, type CallSpec, dependency, flag, high, joined, low, record } from '../../wire/records.ts'
import { copyBytes, sendWords } from '../../wire/texts.ts'
import { MalformedValueError, ValueError } from '../../wire/values/index.ts'
import { ViewPins } from '../../wire/view-pins.ts'
import { type LoadedCode, userFrames } from '../code/index.ts'
import { ActorExit, ActorInstance, type Named } from './actor.ts'
import { ActorCalls, type Called } from './actor-calls.ts'
import type { Runnable, ThreadCodec, WorkerFunctionState, WorkerFunctions } from './functions.ts'
import { drive, type GeneratorDoor, StreamDemand } from './generators.ts'
import { isA, isThenable } from './guarded.ts'
import { portableError } from './portable-error.ts'
import { INSIDE } from './process-start.ts'
import { currentTask, Task } from './running-task.ts'
import { CheckpointUnread, type Keeping, restored, Saving } from './saving.ts'
import type { WorkerStore } from './worker-store.ts'

/** Words of a `run` before its lists, and of one dependency. */
const RUN_WORDS = 10
const DEPENDENCY_WORDS = 6
/** Bytes of a `done` before its lists. */
const DONE_BYTES = 40
/** The same of a `product`. */
const PRODUCT_BYTES = 24
/** A call that holds its thread for longer has blocked it. */
const BLOCKED_MS = 200
/** A batch of short tasks gives its results to the agent at least this often. */
const FLUSH_MS = 0.1
/** Arguments of so many bytes that have been read are said to have been before the task computes. */
const FLUSH_BYTES = 1 << 20

const encoderOfText = new TextEncoder()
/** Characters that are left of the text of an error that is too large to travel. */
const TEXT_MAX = 10_000

/** What the runner works with. */
export interface RunnerParts {
  outbox: Outbox
  claims: Int32Array
  store: WorkerStore
  functions: WorkerFunctions
  client: WorkerClient
  owner: { peerId: string; incarnation: number }
  /** What keeps values that are too large for the books, and gives them back. */
  keeping(): Keeping
}

/**
 * Runs attempts: decodes the arguments, calls the function in its own async context, encodes what it gives. A function that
 * ends without awaiting takes no promise, timer or closure; one that awaits leaves the thread to the next.
 */
export class Runner {
  readonly #parts: RunnerParts
  readonly #tasks = new Map<number, Task>()
  readonly #pins: ViewPins
  /** Results that wait for room in the store. */
  readonly #waiting = new Map<number, { done(): void; bytes: Uint8Array; refused(value: Uint8Array): void }>()
  /** Clients of other peers, whose tasks run here. */
  readonly #names = new Map<number, { owner: { peerId: string; incarnation: number }; client: number }>()
  readonly #onRoom = (fn: WorkerFunctionState): void => queueMicrotask(() => this.#next(fn))
  /** Below zero: slots, which name room too, are not. */
  #nextRequest = -2
  #flushedAt = 0
  /** When the last attempt of this round ended, or 0. */
  #clock = 0
  readonly #plain: EndedAttempt = { token: 0, claim: 0, startedAt: 0, awaited: false, blocked: false, isCall: false }

  constructor(parts: RunnerParts) {
    this.#parts = parts
    this.#saving = new Saving(parts, (actor, work) => currentTask.run(this.#aside(actor), work))
    this.#pins = new ViewPins(token => sendWords(parts.outbox, record.unpin, 1, token))
  }

  /** Attempts that have begun here. */
  begun = 0
  readonly #saving: Saving
  readonly actors = new ActorCalls({
    start: (call, field, memory, at) => this.#startCall(call, field, memory, at),
    skip: (token, claim) => this.#skip(token, claim),
  })

  get idle(): boolean {
    return this.#tasks.size === 0
  }

  /** Tasks of this client belong to another peer's. */
  named(client: number, name: { peerId: string; incarnation: number; client: number }): void {
    const { peerId, incarnation, client: there } = name
    this.#names.set(client, { owner: { peerId, incarnation }, client: there })
  }

  /** A `run` record. */
  run(field: number, memory: RecordMemory, at: number, bytes: number): void {
    const { claims, functions } = this.#parts
    const { i32 } = memory
    const word = at >> 2
    const fn = functions.get(i32[word + 2])
    if (fn.spec.call) {
      if (fn.spec.returns === 0) this.#credits.set(i32[word], 0)
      this.actors.arrived(fn, field, memory, at, bytes)
      return
    }
    fn.width = fn.spec.actor ? Number.MAX_SAFE_INTEGER : i32[word + 7]
    // What comes for it before it begins; what came for an attempt before this one is not its concern.
    if (fn.spec.returns === 0) this.#credits.set(i32[word], 0)
    if (fn.code === undefined) functions.load(fn, () => this.#next(fn))
    if (fn.running >= fn.width || fn.code?.state === 'loading' || fn.queue.length > 0) {
      fn.queue.push({ field, buffer: memory.u8.slice(at, at + bytes).buffer as ArrayBuffer })
      return
    }
    const claim = i32[word + 1]
    if (Atomics.compareExchange(claims, claim, 0, 1) !== 0) {
      this.#skip(i32[word], claim)
      return
    }
    this.#start(fn, field, memory, at)
  }

  /** A round of records begins: the clock is looked at anew. */
  beginRound(): void {
    this.#clock = 0
  }

  #now(): number {
    return timeOrigin + performance.now()
  }

  /** Starts what waited in this thread for its turn. */
  #next(fn: WorkerFunctionState): void {
    while (fn.queue.length > 0 && fn.running < fn.width) {
      const { field, buffer } = fn.queue.shift() as { field: number; buffer: ArrayBuffer }
      const memory = { i32: new Int32Array(buffer), u8: new Uint8Array(buffer), f64: new Float64Array(buffer) }
      const claim = memory.i32[1]
      if (Atomics.compareExchange(this.#parts.claims, claim, 0, 1) !== 0) this.#skip(memory.i32[0], claim)
      else this.#start(fn, field, memory, 0)
    }
  }

  /** It does not begin: the agent has taken it back, or given it up. */
  #skip(token: number, claim: number): void {
    this.#credits.delete(token)
    const takenBack = claim >= 0 && this.#parts.claims[claim] === 2
    sendWords(this.#parts.outbox, record.skipped, 0, claim, takenBack ? -1 : token)
  }

  #start(fn: WorkerFunctionState, dependencies: number, memory: RecordMemory, at: number): void {
    this.begun++
    const { timed, returns, actor } = fn.spec
    if (fn.code?.state === 'ready' && fn.code.loaded.plain && !timed && returns === 1 && !actor) {
      this.#runPlain(fn, fn.code.loaded, dependencies, memory, at)
      return
    }
    this.#begin(fn, dependencies, memory, at)
  }

  /** Plain code: it ends before anything else can run here, and cannot ask where it is; so it takes no context, no table. */
  #runPlain(fn: WorkerFunctionState, loaded: LoadedCode, dependencies: number, memory: RecordMemory, at: number): void {
    const word = at >> 2
    const attempt = this.#plain
    attempt.token = memory.i32[word]
    attempt.claim = memory.i32[word + 1]
    // One after the other: the end of one is the start of the next.
    attempt.startedAt = this.#clock === 0 ? this.#now() : this.#clock
    let runnable: Runnable
    let value: unknown
    try {
      runnable = this.#runnable(fn, loaded, dependencies, memory, at)
      const args = this.#arguments(fn, runnable.codec, dependencies, memory, at)
      value = Reflect.apply(runnable.call, undefined, args)
    } catch (error) {
      const task = this.#taskOf(fn, memory, at)
      task.startedAt = attempt.startedAt
      fn.running++
      this.#fail(task, fn.runnable, error)
      return
    }
    const { client } = this.#parts
    const { encoder } = runnable.codec
    const obstacle = this.#encode(runnable, value)
    if (obstacle) {
      const task = this.#taskOf(fn, memory, at)
      task.startedAt = attempt.startedAt
      this.#sendError(task, unencodable(task, obstacle.error, this.#parts.owner.peerId), 0, runnable.codec)
      return
    }
    if (encoder.length > wireLimits.inlineBytes || isThenable(value)) {
      const task = this.#taskOf(fn, memory, at)
      task.startedAt = attempt.startedAt
      fn.running++
      this.#settle(task, runnable, value)
      return
    }
    encoder.finish()
    this.#done(attempt, 0, encoder.scratch, encoder.length, client.contained, -1, undefined)
    this.#flushNowAndThen()
  }

  /** Encodes what a function gave, into the encoder of its codec; what is thrown by that, if it cannot travel. */
  #encode({ codec: { encoder } }: Runnable, value: unknown): { error: unknown } | undefined {
    this.#parts.client.beginEncoding()
    encoder.start()
    try {
      encoder.value(value, '')
    } catch (error) {
      return { error }
    }
    return undefined
  }

  #runnable(
    fn: WorkerFunctionState,
    loaded: LoadedCode,
    dependencies: number,
    memory: RecordMemory,
    at: number,
  ): Runnable {
    try {
      return this.#parts.functions.runnable(fn, loaded)
    } catch (error) {
      this.#unpinFrom(memory.i32, (at >> 2) + RUN_WORDS, { from: 0, count: dependencies, copy: fn.spec.copy })
      throw error
    }
  }

  #taskOf(fn: WorkerFunctionState, memory: RecordMemory, at: number): Task {
    const { i32 } = memory
    const word = at >> 2
    const name = this.#names.get(i32[word + 4])
    return new Task(
      fn,
      {
        token: i32[word],
        claim: i32[word + 1],
        attempt: i32[word + 3],
        client: name?.client ?? i32[word + 4],
        number: joined(i32[word + 5], i32[word + 6]),
      },
      name?.owner ?? this.#parts.owner,
      this.#onRoom,
    )
  }

  #begin(fn: WorkerFunctionState, dependencies: number, memory: RecordMemory, at: number): void {
    const task = this.#taskOf(fn, memory, at)
    const gpus = memory.i32[(at >> 2) + 9]
    const ids = (at >> 2) + RUN_WORDS + dependencies * DEPENDENCY_WORDS
    if (gpus > 0) task.gpuIds = Array.from(memory.i32.subarray(ids, ids + gpus))
    if (fn.code?.state !== 'ready') {
      this.#unpinFrom(memory.i32, (at >> 2) + RUN_WORDS, { from: 0, count: dependencies, copy: fn.spec.copy })
      this.#incapable(task, fn.code?.state === 'failed' ? fn.code.error : new Error('its code is not here'))
      return
    }
    if (fn.spec.timed) {
      sendWords(this.#parts.outbox, record.started, 0, task.token)
      // Its clock has to run while it computes.
      this.#parts.outbox.flush()
    }
    task.startedAt = this.#now()
    fn.running++
    let runnable: Runnable
    let args: unknown[]
    try {
      runnable = this.#runnable(fn, fn.code.loaded, dependencies, memory, at)
      task.types = runnable.codec.types
      args = this.#arguments(fn, runnable.codec, dependencies, memory, at)
    } catch (error) {
      this.#fail(task, undefined, error)
      return
    }
    if (fn.spec.actor) runnable = this.#maker(task, runnable, memory.i32[(at >> 2) + 7])
    this.#callPrepared(task, runnable, args)
  }

  #callPrepared(task: Task, runnable: Runnable, args: unknown[]): void {
    const preparing = this.#parts.client.preparing()
    if (preparing === undefined) this.#call(task, runnable, args)
    else void preparing.then(() => this.#call(task, runnable, args))
  }

  // ---- actors

  /** What makes an actor: its constructor, and then what it had saved. */
  #maker(task: Task, { call: Class, codec, retryClasses }: Runnable, token: number): Runnable {
    const { spec } = task.fn
    const parts = {
      token,
      named: namedAs(task),
      spec: spec.actor as ActorSpec,
      codec,
      gpuIds: task.gpuIds,
      plain: task.fn.code?.state === 'ready' && task.fn.code.loaded.plain,
    }
    const actor = new ActorInstance(parts)
    // What the code of its constructor sets going is its own.
    task.actor = actor
    const call = (...args: unknown[]): unknown => {
      this.#enter({ task }, task.token)
      try {
        actor.self = Reflect.construct(Class, args)
        if (isPromise(actor.self) && !(Class.prototype instanceof Promise))
          throw new TypeError('it gave a promise, and a constructor gives its object at once: await in a method')
      } finally {
        this.#exit()
      }
      const saved = this.actors.takeSaved(token)
      if (saved === undefined) {
        this.#install(task, actor)
        return undefined
      }
      return restored(actor, saved, this.#parts.keeping()).then(() => this.#install(task, actor))
    }
    return { call, retryClasses, codec }
  }

  #install(task: Task, actor: ActorInstance): void {
    if (task.ended) return
    actor.maker = task.fn
    this.actors.add(actor, () => this.#saving.save(actor))
  }

  /** What an actor does beside its calls is known as that which made it. */
  #aside(actor: ActorInstance): Task {
    const { owner, client, number } = actor.named
    const place = { token: -1, claim: -1, attempt: 0, client, number }
    const task = new Task(actor.maker as WorkerFunctionState, place, owner, this.#onRoom)
    task.actor = actor
    task.gpuIds = actor.gpuIds
    task.types = actor.codec.types
    return task
  }

  #startCall(called: Called, dependencies: number, memory: RecordMemory, at: number): void {
    const { i32 } = memory
    const word = at >> 2
    const claim = i32[word + 1]
    if (claim >= 0 && Atomics.compareExchange(this.#parts.claims, claim, 0, 1) !== 0) {
      this.#skip(i32[word], claim)
      return
    }
    this.begun++
    const { fn, actor } = called
    const method = actor.plain ? methodOf(actor.self, (fn.spec.call as CallSpec).method) : undefined
    if (!fn.spec.timed && fn.spec.returns === 1 && typeof method === 'function')
      this.#callPlain(called, method, dependencies, memory, at)
    else this.#callInContext(called, dependencies, memory, at)
  }

  /** A call of plain code: it ends before anything else can run here, and cannot ask where it is. */
  // biome-ignore lint/complexity/noBannedTypes: any method of a user
  #callPlain(called: Called, method: Function, dependencies: number, memory: RecordMemory, at: number): void {
    const { fn, actor } = called
    const word = at >> 2
    const attempt = this.#plain
    attempt.token = memory.i32[word]
    attempt.claim = memory.i32[word + 1]
    attempt.startedAt = this.#clock === 0 ? this.#now() : this.#clock
    const { codec } = actor
    let value: unknown
    try {
      const args = this.#arguments(fn, codec, dependencies, memory, at)
      this.#enter({ called, memory, at }, attempt.token)
      value = Reflect.apply(method, actor.self, args)
      this.#exit()
    } catch (error) {
      this.#exit()
      this.#fail(this.#begunPlain(called, memory, at), undefined, error)
      return
    }
    const runnable = { call: method, retryClasses: noClasses, codec }
    const { encoder } = codec
    if (isThenable(value) || this.#encode(runnable, value) || encoder.length > wireLimits.inlineBytes) {
      this.#settle(this.#begunPlain(called, memory, at), runnable, value)
      return
    }
    encoder.finish()
    attempt.isCall = true
    this.#done(attempt, 0, encoder.scratch, encoder.length, this.#parts.client.contained, -1, undefined)
    attempt.isCall = false
    this.#saving.called(actor)
    this.#flushNowAndThen()
  }

  /** The call that holds the thread, so that it can be told from others by whoever has to stop it; or the constructor. */
  #inside: Inside | undefined

  #enter(inside: Inside, token: number): void {
    this.#inside = inside
    this.#parts.claims[INSIDE] = token
  }

  #exit(): void {
    this.#inside = undefined
    this.#parts.claims[INSIDE] = -1
  }

  /**
   * The code that held the thread was stopped from outside: what it belonged to has failed, and others go on. False: it was no
   * call. What was behind an await is not known: the agent has that stopped where calls of one actor have begun, and no others.
   */
  interrupted(): boolean {
    const inside = this.#inside
    this.#exit()
    for (const group of inside?.called?.actor.groups() ?? []) group.starting = false
    const tasks = inside
      ? [inside.task ?? this.#begunPlain(inside.called, inside.memory, inside.at)]
      : [...this.#tasks.values()]
    for (const task of tasks) {
      this.#fail(task, undefined, new Error('it was stopped, since it held its thread past its time'))
    }
    for (const group of inside?.called?.actor.groups() ?? []) {
      if (inside?.called && group.waiting > 0) this.actors.next(inside.called.actor, group)
    }
    return inside !== undefined
  }

  /** What began as plain goes on as others do. */
  #begunPlain(called: Called, memory: RecordMemory, at: number): Task {
    const task = this.#callTask(called, memory, at)
    task.startedAt = this.#plain.startedAt
    called.group.running++
    this.#tasks.set(task.token, task)
    return task
  }

  #callTask({ fn, actor, group }: Called, memory: RecordMemory, at: number): Task {
    const task = this.#taskOf(fn, memory, at)
    task.actor = actor
    task.group = group
    task.gpuIds = actor.gpuIds
    task.types = actor.codec.types
    return task
  }

  #callInContext(called: Called, dependencies: number, memory: RecordMemory, at: number): void {
    const { fn: call, actor, group } = called
    const { spec } = call
    const task = this.#callTask(called, memory, at)
    if (spec.timed) {
      sendWords(this.#parts.outbox, record.started, 0, task.token)
      this.#parts.outbox.flush()
    }
    task.startedAt = this.#now()
    group.running++
    const { method } = spec.call as CallSpec
    let runnable: Runnable
    let args: unknown[]
    try {
      args = this.#arguments(call, actor.codec, dependencies, memory, at)
      runnable = { call: actor.self[method] as never, retryClasses: noClasses, codec: actor.codec }
      if (typeof runnable.call !== 'function') throw new TypeError(missing(actor, spec.call as CallSpec))
    } catch (error) {
      this.#fail(task, undefined, error)
      return
    }
    this.#callPrepared(task, runnable, args)
  }

  /** An actor is over: nothing of it runs here any more, as far as that can be had. */
  dismiss(token: number): void {
    const actor = this.actors.remove(token)
    if (actor) {
      for (const task of [...this.#tasks.values()]) {
        if (task.actor !== actor) continue
        task.abandoned = true
        task.stop(new Error('its actor is over'))
        task.demand?.wake()
        this.#drop(task)
      }
    }
    sendWords(this.#parts.outbox, record.dismissed, 0, token)
  }

  /** A task whose outcome nobody waits for. */
  #drop(task: Task): void {
    this.#leave(task)
    this.#unmake(task)
    sendWords(this.#parts.outbox, record.skipped, 0, task.claim, task.token)
  }

  #call(task: Task, runnable: Runnable, args: unknown[]): void {
    this.#tasks.set(task.token, task)
    const { group, actor } = task
    let value: unknown
    try {
      if (group && actor) this.#enter({ task, called: { fn: task.fn, actor, group } }, task.token)
      value = currentTask.run(task, apply, runnable.call, group ? actor?.self : undefined, args)
      if (group) this.#exit()
      if (task.group && this.#now() - task.startedAt > BLOCKED_MS) task.blocked = true
    } catch (error) {
      if (group) this.#exit()
      this.#fail(task, runnable, error)
      return
    }
    this.#settle(task, runnable, value)
  }

  #settle(task: Task, runnable: Runnable, value: unknown): void {
    if (isThenable(value)) {
      // As `await` asks it: a `then` that throws is a rejection.
      Promise.resolve(value).then(
        result => this.#succeed(task, runnable, result),
        error => this.#fail(task, runnable, error),
      )
    } else this.#succeed(task, runnable, value)
  }

  #arguments(
    fn: WorkerFunctionState,
    codec: ThreadCodec,
    dependencies: number,
    memory: RecordMemory,
    at: number,
  ): unknown[] {
    const { decoder, inner } = codec
    const word = at >> 2
    const argumentBytes = memory.i32[word + 8]
    const from = at + (((RUN_WORDS + dependencies * DEPENDENCY_WORDS + memory.i32[word + 9]) * 4 + 7) & ~7)
    const values: unknown[] = []
    if (dependencies > 0)
      this.#dependencies(
        fn,
        inner,
        dependencies,
        memory,
        { word: word + RUN_WORDS, at: from + ((argumentBytes + 7) & ~7) },
        values,
      )
    if (fn.spec.copy) decoder.start(memory.u8, from, from + argumentBytes)
    // What is no view of the store is one of the message: an ArrayBuffer arrives as the same at every size.
    else decoder.start(memory.u8.slice(from, from + argumentBytes), 0, argumentBytes, views)
    const count = decoder.varint()
    const args: unknown[] = []
    for (let i = 0; i < count; i++) {
      const kind = decoder.byte()
      if (kind === 0) args.push(decoder.value())
      else if (kind === 1) args.push(values[decoder.varint()])
      else {
        const bytes = decoder.raw()
        inner.start(bytes, 0, bytes.length, fn.spec.copy ? undefined : views)
        args.push(inner.value())
      }
    }
    decoder.finish()
    inner.finish()
    return args
  }

  /** The values of the dependencies, each decoded once however often it is an argument. */
  #dependencies(
    fn: WorkerFunctionState,
    decoder: ThreadCodec['decoder'],
    count: number,
    memory: RecordMemory,
    place: { word: number; at: number },
    values: unknown[],
  ): void {
    const { i32 } = memory
    const { copy } = fn.spec
    let { word, at } = place
    const { store, outbox } = this.#parts
    let read = 0
    let bytesRead = 0
    try {
      for (let i = 0; i < count; i++, word += DEPENDENCY_WORDS) {
        const bytes = joined(i32[word + 3], i32[word + 4])
        if (i32[word] === dependency.inline) {
          read++
          if (copy) decoder.start(memory.u8, at, at + bytes)
          else decoder.start(memory.u8.slice(at, at + bytes), 0, bytes, views)
          at += (bytes + 7) & ~7
          values.push(decoder.value())
          continue
        }
        const { u8, at: from } = store.dependency(joined(i32[word + 1], i32[word + 2]), bytes)
        decoder.start(u8, from, from + bytes, copy ? undefined : views)
        const value = decoder.value()
        values.push(value)
        read++
        bytesRead += bytes
        if (!store.memory) continue
        if (copy) sendWords(outbox, record.unpin, 0, i32[word + 5])
        else this.#pins.hold(value, i32[word + 5], store.memory)
      }
    } finally {
      this.#unpinFrom(i32, place.word, { from: read, count, copy })
    }
    // The room may be needed while the task computes.
    if (copy && bytesRead >= FLUSH_BYTES) this.#parts.outbox.flush()
  }

  /** Stored arguments that will not be read. */
  #unpinFrom(
    i32: Int32Array,
    word: number,
    { from, count, copy }: { from: number; count: number; copy: boolean },
  ): void {
    for (let i = from, at = word + from * DEPENDENCY_WORDS; i < count; i++, at += DEPENDENCY_WORDS) {
      if (i32[at] === dependency.stored) sendWords(this.#parts.outbox, record.unpin, copy ? 0 : 1, i32[at + 5])
    }
  }

  // ---- ends

  #leave(task: Task): void {
    task.ended = true
    this.#tasks.delete(task.token)
    this.#credits.delete(task.token)
    if (task.group) task.group.running--
    else if (!task.parked) task.fn.running--
  }

  /** An actor that could not be made: what its constructor has set going ends. */
  #unmake({ fn, actor }: Task): void {
    if (!fn.spec.actor || !actor) return
    actor.over = true
    actor.clearTimers()
  }

  #succeed(task: Task, runnable: Runnable, value: unknown): void {
    if (task.ended) return
    const { returns } = task.fn.spec
    if (returns === 1) this.#finish(task, runnable, value)
    else
      void currentTask.run(task, () =>
        returns === 0 ? this.#drive(task, runnable, value) : this.#giveParts(task, runnable, value),
      )
  }

  #finish(task: Task, runnable: Runnable, value: unknown): void {
    if (task.ended) return
    this.#leave(task)
    const { client } = this.#parts
    const { encoder } = runnable.codec
    const obstacle = this.#encode(runnable, value)
    if (obstacle) {
      this.#sendError(task, unencodable(task, obstacle.error, this.#parts.owner.peerId), 0, runnable.codec)
      this.#after(task)
      return
    }
    encoder.finish()
    client.taskEnds(task)
    if (encoder.length > wireLimits.inlineBytes) this.#store(task, encoder.bytes(), [...client.contained])
    else this.#done(task, 0, encoder.scratch, encoder.length, client.contained, -1, undefined)
    this.#after(task)
  }

  // ---- tasks that give several values

  async #giveParts(task: Task, runnable: Runnable, value: unknown): Promise<void> {
    const { returns, name } = task.fn.spec
    try {
      if (!Array.isArray(value) || value.length !== returns)
        throw new TypeError(`${name} ${wrongCount(value, returns)}`)
      for (let index = 0; index < returns; index++) {
        const room = this.#give(task, runnable, index, value[index])
        if (room !== undefined) await room
        if (task.ended) return
      }
      this.#finish(task, runnable, undefined)
    } catch (error) {
      this.#giveError(task, runnable, error)
    }
  }

  async #drive(task: Task, runnable: Runnable, value: unknown): Promise<void> {
    const { backpressure } = task.fn.spec
    const { outbox, client } = this.#parts
    const demand = new StreamDemand()
    task.demand = demand
    const early = this.#credits.get(task.token)
    this.#credits.delete(task.token)
    if (early !== undefined) demand.credit(early)
    const door: GeneratorDoor = {
      give: (index, item) => (task.ended ? undefined : this.#give(task, runnable, index, item)),
      flush: () => outbox.flush(),
      // What an actor was granted stays its own; and its generators end by `return`, when it is over too.
      suspended: work => (task.keeps ? work : client.suspended(work)),
    }
    try {
      await drive(task, value as Iterator<unknown>, demand, { backpressure, door })
    } catch (error) {
      // What it threw when it was told that nobody reads it is nobody's concern.
      if (!demand.closed) {
        this.#giveError(task, runnable, error)
        return
      }
    }
    this.#finish(task, runnable, undefined)
  }

  #giveError(task: Task, runnable: Runnable, error: unknown): void {
    if (!(error instanceof NoRoom || error instanceof CannotTravel)) {
      this.#fail(task, runnable, error)
      return
    }
    if (task.ended) return
    this.#leave(task)
    if (error instanceof CannotTravel) this.#sendError(task, error.error, 0, runnable.codec)
    else this.#done(task, flag.error, error.value, error.value.length, [], -1, 'the object store is full')
    this.#after(task)
  }

  /** Credits of generators that have not begun. */
  readonly #credits = new Map<number, number>()

  /** So many items of a generator have been taken; -1: nobody reads it any more. */
  credit(token: number, taken: number): void {
    const task = this.#tasks.get(token)
    if (!task?.demand) {
      if (this.#credits.has(token)) this.#credits.set(token, taken)
      return
    }
    if (taken < 0) task.stop(new Error(`nobody reads ${task.functionName} any more`))
    task.demand.credit(taken)
  }

  /** Gives a part or an item; a promise where it waits for room in the store. */
  #give(task: Task, runnable: Runnable, index: number, value: unknown): Promise<void> | undefined {
    const { client, outbox } = this.#parts
    const { encoder } = runnable.codec
    const obstacle = this.#encode(runnable, value)
    if (obstacle) throw new CannotTravel(unencodable(task, obstacle.error, this.#parts.owner.peerId))
    encoder.finish()
    if (encoder.length <= wireLimits.inlineBytes) {
      this.#product(task, index, { u8: encoder.scratch, length: encoder.length }, client.contained, -1)
      return undefined
    }
    const bytes = encoder.bytes()
    const contained = [...client.contained]
    return new Promise((resolve, reject) => {
      this.#awaitRoom(bytes, {
        done: request => {
          this.#product(task, index, { u8: bytes, length: 0 }, contained, request)
          resolve()
        },
        refused: error => reject(new NoRoom(error)),
      })
      outbox.flush()
    })
  }

  #product(
    task: Task,
    index: number,
    value: { u8: Uint8Array; length: number },
    contained: readonly number[],
    request: number,
  ): void {
    const { outbox } = this.#parts
    const keys = contained.length / 2
    const keyBytes = (keys * 12 + 7) & ~7
    const at = outbox.begin(record.product, request === -1 ? 0 : flag.stored, PRODUCT_BYTES + keyBytes + value.length)
    const { i32 } = outbox
    const word = at >> 2
    i32[word] = task.token
    i32[word + 1] = index
    i32[word + 2] = keys
    i32[word + 3] = value.length
    i32[word + 4] = request
    i32[word + 5] = 0
    writeKeys(i32, word + PRODUCT_BYTES / 4, contained)
    copyBytes(outbox.u8, at + PRODUCT_BYTES + keyBytes, value.u8, 0, value.length)
    outbox.end()
  }

  #after(task: Task): void {
    const { fn, group, actor } = task
    if (group && actor) {
      this.#saving.called(actor)
      if (group.waiting > 0) this.actors.next(actor, group)
    } else if (fn.queue.length > 0) this.#next(fn)
    this.#flushNowAndThen()
  }

  #flushNowAndThen(): void {
    if (this.#clock - this.#flushedAt < FLUSH_MS) return
    this.#flushedAt = this.#clock
    this.#parts.outbox.flush()
  }

  #fail(task: Task, runnable: Runnable | undefined, thrown: unknown): void {
    if (task.ended) return
    if (isA(ActorExit, thrown)) {
      this.#drop(task)
      return
    }
    const { error, retry } = this.#failure(task, runnable, thrown)
    this.#leave(task)
    this.#unmake(task)
    const codec = runnable?.codec ?? task.actor?.codec ?? this.#parts.functions.plain
    this.#sendError(task, error, retry ? flag.retry : 0, codec)
    this.#after(task)
  }

  /** The error that the caller sees, and whether it is one to try again. What is thrown may throw itself when it is looked at. */
  #failure(task: Task, runnable: Runnable | undefined, thrown: unknown): { error: ShoalError; retry: boolean } {
    try {
      const { retryErrors, call, actor } = task.fn.spec
      // The directory begins it anew, after a while.
      if (thrown instanceof CheckpointUnread)
        return { error: this.#errorOf(task, thrown), retry: actor?.detached === true }
      const retry =
        retryErrors &&
        (call ? retriableByName(thrown, call.retryNames) : retriable(thrown, runnable?.retryClasses ?? []))
      return { error: this.#errorOf(task, thrown), retry }
    } catch {
      return { error: this.#wrapped(task, new Error(thrownText(thrown))), retry: false }
    }
  }

  /** The error that the caller sees. */
  #errorOf(task: Task, thrown: unknown): ShoalError {
    if (thrown instanceof MalformedValueError) return unencodable(task, thrown, this.#parts.owner.peerId)
    if (isShoalError(thrown) && (thrown.code === 'SHOAL_CODE' || thrown.code === 'SHOAL_CANCELLED')) return thrown
    tidyStacks(thrown)
    return this.#wrapped(task, thrown)
  }

  #wrapped(task: Task, cause: unknown): ShoalError {
    const { taskId, attempt, functionName } = task
    if (task.fn.spec.actor) {
      const isUnread = cause instanceof CheckpointUnread
      const reason = isUnread ? cause.message : `its constructor threw: ${thrownText(cause)}`
      const fields = { actorId: taskId, className: functionName, reason, cause: isUnread ? cause.cause : cause }
      return new ActorDiedError(`the actor ${functionName} died: ${reason}`, fields)
    }
    return taskError({ taskId, functionName, peerId: this.#parts.owner.peerId, attempt, cause })
  }

  #sendError(task: Task, error: ShoalError, flags: number, { encoder }: ThreadCodec): void {
    const { client } = this.#parts
    const text = `${nameOf(error)}: ${error.message}`
    client.beginEncoding()
    encoder.start()
    try {
      encoder.value(error, 'error')
      if (encoder.length > wireLimits.errorBytesMax)
        throw new RangeError(`it takes ${encoder.length} bytes, and an error may take ${wireLimits.errorBytesMax}`)
    } catch (problem) {
      // Something in the user's error cannot travel: the rest of it does, and if that is too much its text.
      const probe = (value: unknown): void => {
        client.beginEncoding()
        encoder.start()
        encoder.value(value, 'error')
        if (encoder.length > wireLimits.errorBytesMax) throw new RangeError('it is too long')
      }
      const because = ` (as it was it could not travel: ${thrownText(problem)})`
      try {
        // Of what is too long by itself only a text is left.
        if (encoder.length > wireLimits.errorBytesMax) throw problem
        const instead = this.#wrapped(task, portableError(error.cause, probe))
        instead.message += because
        probe(instead)
      } catch {
        const plain = new Error(shortened(thrownText(error.cause)))
        plain.stack = shortened(stackOf(error.cause))
        const instead = this.#wrapped(task, plain)
        instead.message += because
        probe(instead)
      }
    }
    encoder.finish()
    client.taskEnds(task)
    this.#done(task, flag.error | flags, encoder.scratch, encoder.length, client.contained, -1, text.slice(0, 500))
  }

  #done(
    task: EndedAttempt,
    flags: number,
    bytes: Uint8Array,
    length: number,
    contained: readonly number[],
    request: number,
    errorText: string | undefined,
  ): void {
    const { outbox } = this.#parts
    const keys = contained.length / 2
    const text = errorText === undefined ? undefined : encoderOfText.encode(errorText)
    const textBytes = text ? (text.length + 7) & ~7 : 0
    const keyBytes = (keys * 12 + 7) & ~7
    this.#clock = this.#now()
    const blocked = task.blocked || (task.isCall === true && this.#clock - task.startedAt > BLOCKED_MS)
    const at = outbox.begin(
      record.done,
      flags | (task.awaited ? flag.awaited : 0) | (blocked ? flag.blocked : 0),
      DONE_BYTES + keyBytes + textBytes + length,
    )
    const { i32 } = outbox
    const word = at >> 2
    i32[word] = task.token
    i32[word + 1] = task.claim
    i32[word + 2] = keys
    i32[word + 3] = length
    outbox.f64[(at + 16) >> 3] = task.startedAt
    outbox.f64[(at + 24) >> 3] = this.#clock
    i32[word + 8] = request
    i32[word + 9] = text ? text.length : 0
    writeKeys(i32, word + DONE_BYTES / 4, contained)
    if (text) outbox.u8.set(text, at + DONE_BYTES + keyBytes)
    copyBytes(outbox.u8, at + DONE_BYTES + keyBytes + textBytes, bytes, 0, length)
    outbox.end()
  }

  /** A large result: room in the store first. */
  #store(task: Task, bytes: Uint8Array, contained: number[]): void {
    this.#awaitRoom(bytes, {
      done: request => this.#done(task, flag.stored, bytes, 0, contained, request, undefined),
      refused: value => this.#done(task, flag.error, value, value.length, [], -1, 'the object store is full'),
    })
  }

  /** Asks for room in the store: `done` when the bytes lie there, under the number of the request. */
  #awaitRoom(bytes: Uint8Array, then: { done(request: number): void; refused(value: Uint8Array): void }): void {
    const request = this.#nextRequest--
    this.#waiting.set(request, { bytes, done: () => then.done(request), refused: then.refused })
    sendWords(this.#parts.outbox, record.allocate, 1, request, 0, 0, low(bytes.length), high(bytes.length))
  }

  allocated(request: number, offset: number): void {
    const waiting = this.#waiting.get(request)
    if (!waiting) return
    this.#waiting.delete(request)
    this.#parts.store.write(request, offset, waiting.bytes)
    waiting.done()
  }

  refused(request: number, value: Uint8Array): void {
    const waiting = this.#waiting.get(request)
    this.#waiting.delete(request)
    waiting?.refused(value)
  }

  #incapable(task: Task, error: Error): void {
    this.#credits.delete(task.token)
    const { outbox, client, functions } = this.#parts
    const { encoder } = functions.plain
    client.beginEncoding()
    encoder.start()
    encoder.value(isShoalError(error) ? error : this.#errorOf(task, error), 'error')
    const at = outbox.begin(record.incapable, 0, 16 + encoder.length)
    const word = at >> 2
    outbox.i32[word] = task.token
    outbox.i32[word + 1] = task.claim
    outbox.i32[word + 2] = encoder.length
    copyBytes(outbox.u8, at + 16, encoder.scratch, 0, encoder.length)
    outbox.end()
  }

  /** The agent gave an attempt up. `leaves`: a call does not count from then on. */
  abort(token: number, leaves: boolean): void {
    const task = this.#tasks.get(token)
    if (!task) {
      this.actors.forget(token)
      return
    }
    if (task.fn.spec.actor) {
      // Its constructor is through, and it restores what was saved, or waits: that is of no use any more.
      this.#drop(task)
      return
    }
    // The agent does not count it any more: it waits for nobody's leave to go on.
    task.abandoned = true
    this.#parts.client.abandoned(token)
    task.stop(new Error(`${task.functionName} is to stop`))
    task.demand?.wake()
    if (!task.group || !leaves) return
    const { fn } = task
    this.#leave(task)
    this.#done(task, flag.error, none, 0, noKeys, -1, `${fn.spec.name} ran past its time`)
    this.#after(task)
  }

  /** An error that escaped from a timer or a promise that nobody held. True if the task it belongs to has failed by it. */
  escaped(error: unknown): boolean {
    if (isA(ActorExit, error)) return true
    const task = currentTask.getStore()
    // Beside its calls an actor does what nobody waits for.
    if (!task || task.ended || task.token < 0) return task?.actor?.over === true
    this.#fail(task, undefined, error)
    return true
  }
}

/** What holds the thread: a call, begun as a task or as plain code with its record, or a constructor. */
type Inside = { task: Task; called?: Called } | { task?: undefined; called: Called; memory: RecordMemory; at: number }

/** What a `done` record says of an attempt. */
interface EndedAttempt {
  token: number
  claim: number
  startedAt: number
  awaited: boolean
  blocked: boolean
  /** Of an actor: it has held its thread all the time. */
  isCall?: boolean
}

/** There is no room for a product: the error that its task's caller sees, as a value. */
class NoRoom {
  readonly value: Uint8Array

  constructor(value: Uint8Array) {
    this.value = value
  }
}

/** A product that no codec takes. */
class CannotTravel {
  readonly error: ShoalError

  constructor(error: ShoalError) {
    this.error = error
  }
}

function wrongCount(value: unknown, returns: number): string {
  if (Array.isArray(value)) return `gave an array of ${value.length}, and its returns is ${returns}`
  const what = value === null || typeof value !== 'object' ? String(value) : 'an object'
  return `gave ${what}, and its returns is ${returns}: an array of ${returns} values`
}

function writeKeys(i32: Int32Array, word: number, keys: readonly number[]): void {
  for (let i = 0, to = word; i < keys.length; i += 2, to += 3) {
    i32[to] = keys[i]
    i32[to + 1] = low(keys[i + 1])
    i32[to + 2] = high(keys[i + 1])
  }
}

const { timeOrigin } = performance

const none = new Uint8Array(0)
const noKeys: readonly number[] = []
const noClasses: readonly unknown[] = []

const views = { copy: false } as const

// biome-ignore lint/complexity/noBannedTypes: any function of a user
function apply(fn: Function, self: unknown, args: unknown[]): unknown {
  return Reflect.apply(fn, self, args)
}

/** A method of what a constructor made, which may be a proxy; undefined where it has none, or throws. */
function methodOf(self: Record<PropertyKey, unknown>, name: string): unknown {
  try {
    return self[name]
  } catch {
    return undefined
  }
}

/** Why a call finds no method: its handle may be of another class, where a name was held already. */
function missing({ spec }: ActorInstance, { className, method }: CallSpec): string {
  const [is] = JSON.parse(spec.shape) as [string]
  if (is === className) return `this ${className} has no method ${method} any more`
  return `the actor is of class ${is}, not ${className}: it has no method ${method}. Its name was held already (getIfExists), or the handle is of another class`
}

/** Not the task itself, which is over soon. */
function namedAs({ owner, client, number }: Task): Named {
  return { owner, client, number }
}

function retriable(thrown: unknown, classes: readonly unknown[]): boolean {
  if (classes.length === 0) return true
  return classes.some(one => typeof one === 'function' && thrown instanceof (one as new () => Error))
}

/** Of a call, whose code is not where its error classes are: by their names, and those of what they extend. */
function retriableByName(thrown: unknown, names: readonly string[]): boolean {
  if (names.length === 0) return true
  if (typeof thrown !== 'object' || thrown === null) return false
  for (let at: object | null = Object.getPrototypeOf(thrown); at; at = Object.getPrototypeOf(at)) {
    if (names.includes(String(at.constructor?.name))) return true
  }
  return false
}

function unencodable(task: Task, error: unknown, peerId: string): ShoalError {
  const { taskId, attempt, functionName } = task
  if (isA(ValueError, error)) {
    const { path, reason } = error
    const what = path === '' ? 'it' : path
    return new SerializationError(`the result of ${functionName} cannot travel: ${what} ${reason}`, { path, reason })
  }
  if (isA(ShoalError, error)) return error
  return taskError({ taskId, functionName, peerId, attempt, cause: error })
}

/** Stacks name the user's files: along the chain of causes too. */
function tidyStacks(thrown: unknown): void {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 20; error = error.cause, depth++) {
    try {
      if (typeof error.stack === 'string') error.stack = cleanStack(userFrames(error.stack))
    } catch {
      // A frozen error keeps the stack it has.
    }
  }
}

/** Of a text that is too long its beginning. */
function shortened(text: string): string {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}… (${text.length - TEXT_MAX} characters more)`
}

/** The name of what was thrown, else that of the error that tells of it. */
function nameOf({ name, cause }: ShoalError): string {
  try {
    return cause instanceof Error ? String(cause.name) : name
  } catch {
    return name
  }
}
