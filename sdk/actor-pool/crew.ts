import { handleData } from '../actor/index.ts'
import { at, isRef, whenReady } from '../client/index.ts'
import { mesh } from '../context.ts'
import { ActorDiedError } from '../errors/index.ts'
import { refuse } from '../options/index.ts'
import type { ActorHandle, ObjectRef } from '../types.ts'

/** A call to be made on some actor. */
export interface Work<T> {
  call(actor: ActorHandle<T>): ObjectRef<unknown>
  /** Its ref is ready, or the call could not be made. */
  ended(outcome: Outcome): void
}

/** What came of a call: a ref that is ready, or why there is none. */
export type Outcome = { ref: ObjectRef<unknown> } | { reason: unknown }

/** Where work comes from. It is asked when an actor is free, and not before. */
export interface Source<T> {
  take(): Work<T> | undefined
}

/** The actors of a pool, one call at a time on each; those that are free go to the sources in turn. */
export class Crew<T> {
  /** By what they are, since two handles may be of one actor. */
  readonly #members = new Set<unknown>()
  #idle: ActorHandle<T>[] = []
  /** Refs of calls under way: nobody else may hold them, and what nobody holds tells nobody that it is ready. */
  readonly #calls = new Set<ObjectRef<unknown>>()
  readonly #sources = new Set<Source<T>>()
  #dispatching = false
  #again = false

  get size(): number {
    return this.#members.size
  }

  has(actor: ActorHandle<T>): boolean {
    return this.#members.has(identityOf(actor))
  }

  add(actor: ActorHandle<T>): void {
    this.#members.add(identityOf(actor))
    this.#idle.push(actor)
    this.dispatch()
  }

  /** Takes a free actor out. */
  remove(): ActorHandle<T> | undefined {
    const actor = this.#idle.shift()
    if (actor !== undefined) this.#members.delete(identityOf(actor))
    return actor
  }

  /** From now on this source is asked, too. */
  open(source: Source<T>): void {
    this.#sources.add(source)
    this.dispatch()
  }

  close(source: Source<T>): void {
    this.#sources.delete(source)
  }

  /** Brings free actors and work together. What sources run is users' code, which may come back here. */
  dispatch(): void {
    this.#again = true
    if (this.#dispatching) return
    this.#dispatching = true
    while (this.#again) {
      this.#again = false
      this.#round()
    }
    this.#dispatching = false
  }

  #round(): void {
    for (;;) {
      const actor = this.#idle.shift()
      if (actor === undefined) return
      const work = this.#nextWork()
      if (work === undefined) {
        this.#idle.unshift(actor)
        return
      }
      this.#start(actor, work)
    }
  }

  /** Of the first source that has some, which then goes behind the others. */
  #nextWork(): Work<T> | undefined {
    for (const source of [...this.#sources]) {
      const work = source.take()
      if (work === undefined) continue
      if (this.#sources.delete(source)) this.#sources.add(source)
      return work
    }
    return undefined
  }

  #start(actor: ActorHandle<T>, work: Work<T>): void {
    let ref: ObjectRef<unknown>
    try {
      ref = work.call(actor)
      if (!isRef(ref)) refuse({ call: 'ActorPool', option: 'fn(actor, value)' }, ref, 'an ObjectRef')
    } catch (reason) {
      this.#idle.push(actor)
      work.ended({ reason })
      return
    }
    this.#calls.add(ref)
    whenReady(ref, () => {
      this.#calls.delete(ref)
      const died = diedUnder(ref)
      if (died === undefined) this.#idle.push(actor)
      else void this.#afterDeath(actor, died)
      work.ended({ ref })
      this.dispatch()
    })
  }

  /**
   * An actor that is made anew goes on. One that is gone would fail whatever it is given, faster than the others work: it is taken
   * out, unless it is the last, whose failures say what has become of the pool.
   */
  async #afterDeath(actor: ActorHandle<T>, actorId: string): Promise<void> {
    if ((await isGone(actorId)) && this.#members.size > 1) this.#members.delete(identityOf(actor))
    else this.#idle.push(actor)
    this.dispatch()
  }
}

/** The actor that died under a call, if that is why it failed. */
function diedUnder(ref: ObjectRef<unknown>): string | undefined {
  if (!isRef(ref) || (ref.state !== at.failed && ref.state !== at.broken)) return undefined
  const error = ref.state === at.failed ? ref.engine.decodeError(ref.value as Uint8Array) : ref.value
  return error instanceof ActorDiedError ? error.actorId : undefined
}

async function isGone(actorId: string): Promise<boolean> {
  try {
    const rows = await Array.fromAsync(mesh().state.actors({ actorId }))
    return rows.every(({ state }) => state === 'dead')
  } catch {
    return false // the mesh was closed meanwhile
  }
}

/** The id of an actor; of one that could not be made its handle. */
function identityOf(handle: object): unknown {
  return handleData(handle).ref?.id ?? handle
}
