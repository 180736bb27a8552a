import { isHandle } from './actor/index.ts'
import { Crew } from './actor-pool/crew.ts'
import { Mapping } from './actor-pool/mapping.ts'
import { Submitted } from './actor-pool/submitted.ts'
import {
  checkHandle,
  checkHandles,
  checkNextOptions,
  checkPoolCall,
  checkPoolValues,
  type Own,
  own,
  type Place,
  refuse,
} from './options/index.ts'
import type { ActorHandle, NextOptions, PoolCall } from './types.ts'

/**
 * Gives work to a fixed number of actors, one call at a time to each. Two ways that do not touch each other: items are
 * submitted one by one and their results asked for with `next`; or `map` sends many through and is a loop over the results.
 */
export class ActorPool<T> {
  readonly #crew = new Crew<T>()
  readonly #submitted = new Submitted<T>(this.#crew)

  /** @throws InvalidOptionError for what is no handle, or is there twice */
  constructor(handles: readonly ActorHandle<T>[]) {
    checkHandles('new ActorPool', handles)
    for (const [index, handle] of handles.entries())
      this.#add({ call: 'new ActorPool', option: `handles[${index}]` }, handle)
  }

  /** Submits an item: `fn` is called with it as soon as an actor is free, at once if one is. What it throws is the item's error. */
  submit<V, R>(fn: PoolCall<T, V, R>, value: V): void {
    checkPoolCall('submit', fn)
    this.#submitted.submit(fn, value)
  }

  /** Whether there is a submitted item whose result nobody has or waits for. */
  hasNext(): boolean {
    return this.#submitted.left > 0
  }

  /**
   * The result of the next item, in the order in which they were submitted. Rejects with that item's own error, which loses
   * nothing else; with GetTimeoutError past `timeoutMs`, and the item is there for the next one; with PoolEmptyError where
   * there is none.
   */
  async next<R = unknown>(options?: NextOptions): Promise<R> {
    const { timeoutMs } = checkNextOptions('next', options)
    return (await this.#submitted.next(timeoutMs)) as R
  }

  /** The result of the item that is done first; else as `next`. */
  async nextUnordered<R = unknown>(options?: NextOptions): Promise<R> {
    const { timeoutMs } = checkNextOptions('nextUnordered', options)
    return (await this.#submitted.nextUnordered(timeoutMs)) as R
  }

  /**
   * Calls `fn` for each of the values, and gives the results in the values' order. As many as there are free actors begin at the
   * call, the others as actors come free; a value is read when it begins, and not before. At most 1,000 results lie unread.
   * A failure rejects its `next()`; leaving the loop begins nothing more. It can be read once.
   */
  map<V, R>(fn: PoolCall<T, V, R>, values: Iterable<V> | AsyncIterable<V>): AsyncIterableIterator<R, undefined> {
    return this.#mapping('map', fn, values)
  }

  /** As `map`, with the results as they come. */
  mapUnordered<V, R>(
    fn: PoolCall<T, V, R>,
    values: Iterable<V> | AsyncIterable<V>,
  ): AsyncIterableIterator<R, undefined> {
    return this.#mapping('mapUnordered', fn, values)
  }

  /**
   * Adds an actor, which is given work at once.
   * @throws InvalidOptionError for one that is in the pool already
   */
  push(handle: ActorHandle<T>): void {
    this.#add({ call: 'push', option: 'handle' }, handle)
  }

  /** Takes an actor without work out of the pool; `undefined` where all have some. */
  popIdle(): ActorHandle<T> | undefined {
    return this.#crew.remove()
  }

  get [own](): Own {
    return { kind: 'pool', text: 'an ActorPool' }
  }

  #add(place: Place, handle: ActorHandle<T>): void {
    checkHandle(place, handle, isHandle)
    if (this.#crew.has(handle))
      refuse(place, handle, 'an actor that is not in the pool', 'Each has one call at a time.')
    this.#crew.add(handle)
  }

  #mapping<V, R>(call: string, fn: PoolCall<T, V, R>, values: Iterable<V> | AsyncIterable<V>): Mapping<T, V, R> {
    checkPoolCall(call, fn)
    checkPoolValues(call, values)
    return new Mapping(this.#crew, fn, values, call === 'map')
  }
}
