import { inspect } from 'node:util'
import { actor, kill } from './actor/index.ts'
import { cancel } from './cancel.ts'
import { waitForMesh } from './client/index.ts'
import { context } from './context.ts'
import { QueueEmptyError, QueueFullError } from './errors/index.ts'
import { get } from './get.ts'
import {
  checkQueueBatch,
  checkQueueCount,
  checkQueueOptions,
  checkQueueSize,
  checkQueueWaitOptions,
  type Own,
  own,
} from './options/index.ts'
import { QueueActor } from './queue-actor.ts'
import { type QueueData, queueBrand } from './queue-data.ts'
import { currentEngine } from './session.ts'
import type { ActorHandle, ActorOptions, ObjectRef, QueueWaitOptions } from './types.ts'

/** Calls that may wait in the actor at once. */
const waitingMax = 1_000_000

/** How much later than the actor the caller gives up: where the actor does not answer, not even that the time is over. */
const answerMs = 1000

/**
 * A first-in-first-out queue that tasks, actors and programs share: an actor of its own, which a peer anywhere runs. Passing
 * it on passes a handle. Items are values, which travel to the actor and from it; a ref among them stays a ref. The queue ends
 * with `close()`, else as an actor does: with its last handle, or with the program that made it.
 *
 * Of several who wait for an item, or for room, the first is served first. One that gives up, or whose program ends, takes nothing.
 */
export class Queue<T> implements AsyncDisposable {
  declare readonly [queueBrand]: QueueData

  /**
   * @param maxSize how many items it holds, 0 or left out: no bound
   * @param options of its actor: `name`, `lifetime`, `placement`, `resources` …; not `maxConcurrency` and groups
   * @throws InvalidOptionError
   */
  constructor(maxSize?: number, options?: ActorOptions)
  constructor(given: number | QueueData = 0, options: ActorOptions = {}) {
    const data = typeof given === 'object' && given !== null ? given : made(given, options)
    Object.defineProperty(this, queueBrand, { value: data })
  }

  /** A queue that was passed on. */
  static received<T>(data: QueueData): Queue<T> {
    return new Queue<T>(data as never)
  }

  /** How many items it holds at most; 0: no bound. */
  get maxSize(): number {
    return this[queueBrand].maxSize
  }

  /** Puts an item, and waits for room; rejects with QueueFullError past `timeoutMs`, and then has not put it. */
  async put(value: T, options?: QueueWaitOptions): Promise<void> {
    const { timeoutMs } = checkQueueWaitOptions('put', options)
    const wasPut = await answer((leftMs, place) => this.#actor.put.remote([value], leftMs, place), timeoutMs)
    if (!wasPut) throw this.#full(`within ${timeoutMs} ms`, timeoutMs)
  }

  /** The first item, which it takes; waits for one, rejects with QueueEmptyError past `timeoutMs`, and then has taken none. */
  async get(options?: QueueWaitOptions): Promise<T> {
    const [item] = await this.#take('get', 1, options)
    return item
  }

  /** Puts an item if there is room now, else rejects with QueueFullError. */
  async putNow(value: T): Promise<void> {
    await this.putBatch([value])
  }

  /** The first item, which it takes, if there is one now, else rejects with QueueEmptyError. */
  async getNow(): Promise<T> {
    const items = (await get(this.#actor.take.remote(1, 0))) as T[]
    if (items.length === 0) throw new QueueEmptyError('the queue has no item', {})
    return items[0]
  }

  /** Puts all of the items, next to each other, if there is room for all of them now, else rejects with QueueFullError and puts none. */
  async putBatch(values: readonly T[]): Promise<void> {
    checkQueueBatch(values)
    if (!(await get(this.#actor.add.remote([...values])))) throw this.#full(`for ${values.length} more now`, undefined)
  }

  /** Takes up to `count` items that are there; at least one, for which it waits as `get` does. */
  async getBatch(count: number, options?: QueueWaitOptions): Promise<T[]> {
    checkQueueCount(count)
    return await this.#take('getBatch', count, options)
  }

  /** How many items it holds at the moment. */
  async size(): Promise<number> {
    return await get(this.#actor.size.remote())
  }

  /** Ends it, with what is in it: who waits and who calls it from then on gets an ActorDiedError. */
  async close(): Promise<void> {
    await kill(this.#actor)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  get [own](): Own {
    return { kind: 'queue', text: `a Queue` }
  }

  [inspect.custom](): string {
    return `Queue { maxSize: ${this.maxSize} }`
  }

  get #actor(): ActorHandle<QueueActor> {
    return this[queueBrand].handle
  }

  async #take(call: string, count: number, options: QueueWaitOptions | undefined): Promise<T[]> {
    const { timeoutMs } = checkQueueWaitOptions(call, options)
    const items = await answer((leftMs, place) => this.#actor.take.remote(count, leftMs, place), timeoutMs)
    if (items === undefined || items.length === 0)
      throw new QueueEmptyError(`the queue had no item within ${timeoutMs} ms`, { timeoutMs })
    return items as T[]
  }

  #full(when: string, timeoutMs: number | undefined): QueueFullError {
    const { maxSize } = this
    const waited = timeoutMs === undefined ? {} : { timeoutMs }
    return new QueueFullError(`the queue, which holds ${maxSize} items, had no room ${when}`, { maxSize, ...waited })
  }
}

function made(size: unknown, options: ActorOptions): QueueData {
  const maxSize = checkQueueSize(size)
  checkQueueOptions(options)
  const handle = actor(QueueActor, { maxConcurrency: waitingMax }).options(options).remote(maxSize)
  return { handle, maxSize }
}

/**
 * What the actor answers in the end; undefined where it does not answer in time. A task's CPUs are free until then, also while
 * it is called and asks again.
 */
function answer<A>(ask: Ask<A>, timeoutMs: number | undefined): Promise<Exclude<A, number> | undefined> {
  return waitForMesh(askUntil(ask, timeoutMs))
}

/** A call of the actor: a number as its answer says that it is to be made again, with that as the place in line. */
type Ask<A> = (leftMs: number | undefined, place: number | undefined) => ObjectRef<A>

async function askUntil<A>(ask: Ask<A>, timeoutMs: number | undefined): Promise<Exclude<A, number> | undefined> {
  // What the other methods say by their calls.
  currentEngine('a remote call')
  // A task that is cancelled or out of its time may run on, but asks for nothing more.
  const { taskId, signal } = context()
  const options = taskId === undefined ? {} : { signal }
  const startedAt = performance.now()
  let place: number | undefined
  for (;;) {
    signal.throwIfAborted()
    const leftMs = timeoutMs === undefined ? undefined : Math.max(0, timeoutMs - (performance.now() - startedAt))
    const said = await answerOf(ask(leftMs, place), leftMs, options)
    if (typeof said !== 'number') return said as Exclude<A, number> | undefined
    place = said
  }
}

/**
 * The answer of one call; undefined where there is none some time after its limit: it has not begun yet, or its peer cannot be
 * reached. The call is taken back then. An answer that has come by then is not thrown away.
 */
async function answerOf<A>(
  ref: ObjectRef<A>,
  timeoutMs: number | undefined,
  options: { signal?: AbortSignal },
): Promise<A | undefined> {
  const limits = timeoutMs === undefined ? [{}] : [{ timeoutMs }, { timeoutMs: answerMs }]
  for (const limit of limits) {
    try {
      return await get(ref, { ...limit, ...options })
    } catch (error) {
      if (options.signal?.aborted) {
        await cancel(ref)
        throw error
      }
      if (codeOf(error) !== 'SHOAL_GET_TIMEOUT') throw error
    }
  }
  await cancel(ref)
  try {
    return await get(ref)
  } catch (error) {
    if (codeOf(error) !== 'SHOAL_CANCELLED') throw error
    return undefined
  }
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code
}
