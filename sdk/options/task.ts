import type { ErrorClass, MapOptions, TaskOptions } from '../types.ts'
import { readOptions, recordOf } from './objects.ts'
import { placement, resourceName } from './placement.ts'
import { type Place, refuse } from './refuse.ts'
import {
  amount,
  bytes,
  finiteNumber,
  flag,
  integer,
  name,
  oneOf,
  type Rule,
  type Rules,
  runningMs,
  waitingMs,
} from './rules.ts'

/** The most attempts that fit the wire's 32 bits. */
export const retriesMax = 2 ** 31 - 1

const isErrorClass = (value: unknown): value is ErrorClass =>
  typeof value === 'function' && (value === Error || value.prototype instanceof Error)

export const retryErrors: Rule = {
  allowed: 'true, false or an array of error classes',
  read(value, place) {
    if (typeof value === 'boolean') return value
    if (!Array.isArray(value)) return refuse(place, value, this.allowed)
    for (const [index, each] of value.entries()) {
      if (!isErrorClass(each))
        refuse({ call: place.call, option: `${place.option}[${index}]` }, each, 'a class that extends Error')
    }
    return [...value]
  },
}

/** npm's rule for names, and the capitals that old packages have. */
const packageName = /^(?:@[\w~.-]+\/)?[A-Za-z0-9_~-][\w~.-]*$/

const external: Rule = {
  allowed: "an array of npm packages' names, without paths in them",
  read(value, place) {
    if (!Array.isArray(value)) return refuse(place, value, this.allowed)
    for (const [index, each] of value.entries()) {
      const fits = typeof each === 'string' && each.length <= 214 && packageName.test(each)
      if (!fits)
        refuse(
          { call: place.call, option: `${place.option}[${index}]` },
          each,
          "an npm package's name, without a path in it",
        )
    }
    return [...value]
  },
}

/** Names and values of an environment: what the operating system takes. */
const variableName = { allowed: "a text without '='", accepts: (key: string) => /^[^=\0]+$/.test(key) }
const variableValue: Rule = {
  allowed: 'a text without NUL characters',
  read(value, place) {
    return typeof value === 'string' && !value.includes('\0') ? value : refuse(place, value, this.allowed)
  },
}

export const taskRules = {
  cpus: amount,
  gpus: amount,
  memoryBytes: bytes(0),
  resources: recordOf(resourceName, amount),
  retries: integer(-1, retriesMax, ' (-1: without end)'),
  retryErrors,
  timeoutMs: runningMs,
  returns: integer(1, 100_000),
  placement,
  isolation: oneOf(['thread', 'process']),
  env: recordOf(variableName, variableValue),
  priority: finiteNumber,
  name,
  copy: flag,
  external,
  infeasibleTimeoutMs: waitingMs,
  backpressure: integer(1, 2 ** 31 - 1),
} satisfies Record<keyof TaskOptions, Rule>

/**
 * The options of `task()` and of `.options()`, checked: a copy, with amounts rounded to 0.0001, without what was undefined.
 * Throws InvalidOptionError. `{ ...earlier, ...checked }` merges two of them.
 */
export function checkTaskOptions(options: unknown, call = 'task'): TaskOptions {
  return readOptions({ call, option: 'options' }, taskRules, options)
}

/** What options of a task must not say together, or of such a function. Throws InvalidOptionError. */
export function checkTogether(options: TaskOptions, call: string, isGenerator: boolean): void {
  const { env, isolation, returns = 1, backpressure } = options
  if (env !== undefined && isolation !== 'process') {
    const allowed = "left out where isolation is not 'process': threads share the environment of their peer"
    refuse({ call, option: 'env' }, env, allowed)
  }
  if (isGenerator && returns !== 1)
    refuse({ call, option: 'returns' }, returns, '1 or left out for a generator: it gives a stream of any length')
  if (!isGenerator && backpressure !== undefined)
    refuse({ call, option: 'backpressure' }, backpressure, 'left out for a function that is no generator')
}

/** Whether `map` can go over a function. Throws InvalidOptionError for one that gives not one value. */
export function checkMapped({ returns = 1 }: TaskOptions, isGenerator: boolean): void {
  const place: Place = { call: 'map', option: 'returns' }
  if (isGenerator) refuse({ call: 'map', option: 'fn' }, 'a generator function', 'a function that gives one value')
  if (returns !== 1) refuse(place, returns, '1: map goes over functions that give one value')
}

/** The function given to `task()`. Throws InvalidOptionError for what is no function, or a class. */
export function checkTaskFunction(fn: unknown): asserts fn is (...args: never[]) => unknown {
  const place: Place = { call: 'task', option: 'fn' }
  if (typeof fn !== 'function') refuse(place, fn, 'a function')
  // Of all functions only classes have a `prototype` that cannot be replaced.
  if (Object.getOwnPropertyDescriptor(fn, 'prototype')?.writable === false)
    refuse(place, fn, 'a function that can be called without new')
}

const mapRules: Rules = { concurrency: integer(1, 100_000), ordered: flag, refs: flag } satisfies Record<
  keyof MapOptions,
  Rule
>

/** The options of `map`. */
export function checkMapOptions(options: unknown): MapOptions {
  return readOptions({ call: 'map', option: 'options' }, mapRules, options)
}

/** The items given to `map`: they are not touched yet. */
export function checkMapItems(items: unknown): asserts items is Iterable<unknown> | AsyncIterable<unknown> {
  const value = items as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null | undefined
  if (typeof value?.[Symbol.asyncIterator] === 'function' || typeof value?.[Symbol.iterator] === 'function') return
  refuse({ call: 'map', option: 'items' }, items, 'an iterable or an async iterable')
}
