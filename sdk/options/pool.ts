import type { ActorHandle, NextOptions, QueueWaitOptions } from '../types.ts'
import { readOptions } from './objects.ts'
import { hintOf } from './own.ts'
import { type Place, refuse } from './refuse.ts'
import { integer, type Rule, waitingMs } from './rules.ts'

const nextRules = { timeoutMs: waitingMs } satisfies Record<keyof NextOptions, Rule>
const queueWaitRules = { timeoutMs: waitingMs } satisfies Record<keyof QueueWaitOptions, Rule>
const queueSize = integer(0, 1_000_000_000, ' (0 or left out: no bound)')
const batchSize = integer(1, 1_000_000_000)

/** The options of a pool's `next` and `nextUnordered`. Throws InvalidOptionError, as all of these. */
export function checkNextOptions(call: string, options: unknown): NextOptions {
  return readOptions({ call, option: 'options' }, nextRules, options)
}

/** What a pool is made of. */
export function checkHandles(call: string, handles: unknown): void {
  if (!Array.isArray(handles)) refuse({ call, option: 'handles' }, handles, 'an array of actor handles')
}

export function checkHandle(
  place: Place,
  handle: unknown,
  isHandle: (value: unknown) => boolean,
): asserts handle is ActorHandle<unknown> {
  if (isHandle(handle)) return
  refuse(place, handle, "an actor's handle: what `.remote()` of an actor class gives", hintOf(handle, 'handle'))
}

/** The function that makes a pool's calls. */
export function checkPoolCall(call: string, fn: unknown): void {
  if (typeof fn !== 'function')
    refuse({ call, option: 'fn' }, fn, 'a function (actor, value) => actor.method.remote(value)')
}

/** The values that `map` of a pool goes over. They are not touched yet. */
export function checkPoolValues(call: string, values: unknown): void {
  const given = values as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null | undefined
  if (typeof given?.[Symbol.asyncIterator] === 'function' || typeof given?.[Symbol.iterator] === 'function') return
  refuse({ call, option: 'values' }, values, 'an iterable or an async iterable')
}

/** The bound of a queue. */
export function checkQueueSize(maxSize: unknown): number {
  return queueSize.read(maxSize, { call: 'new Queue', option: 'maxSize' }) as number
}

/** How many calls its actor runs at once is the queue's own: those that wait for an item must leave room for one that puts it. */
const queuesOwn = ['maxConcurrency', 'groups', 'methodGroups']

/** The options of a queue's actor, but for what any actor's must be. */
export function checkQueueOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) return
  for (const option of queuesOwn) {
    const value: unknown = Object.getOwnPropertyDescriptor(options, option)?.value
    if (value !== undefined)
      refuse({ call: 'new Queue', option }, value, 'left out: a queue runs the calls that wait in it side by side')
  }
}

/** The options of a queue's `put`, `get` and `getBatch`. */
export function checkQueueWaitOptions(call: string, options: unknown): QueueWaitOptions {
  return readOptions({ call, option: 'options' }, queueWaitRules, options)
}

/** What `putBatch` puts. */
export function checkQueueBatch(values: unknown): void {
  if (!Array.isArray(values)) refuse({ call: 'putBatch', option: 'values' }, values, 'an array of items')
}

/** How many `getBatch` takes. */
export function checkQueueCount(count: unknown): void {
  batchSize.read(count, { call: 'getBatch', option: 'count' })
}
