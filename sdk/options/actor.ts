import type { MethodShape, Shape } from '../actor-shape.ts'
import type { ActorOptions, CallOptions } from '../types.ts'
import { readOptions, recordOf } from './objects.ts'
import { ownOf } from './own.ts'
import { type Place, refuse } from './refuse.ts'
import { flag, integer, name, oneOf, type Rule, runningMs } from './rules.ts'
import { retriesMax, retryErrors, taskRules } from './task.ts'

/** The most calls of one actor at a time. */
const concurrencyMax = 1_000_000
const key = { allowed: 'a name', accepts: (text: string) => text.length > 0 }
const often = integer(1, 2 ** 31 - 1)
const budget = integer(-1, retriesMax, ' (-1: without end)')

const checkpointRules = { everyCalls: often, everyMs: often } satisfies Record<
  keyof NonNullable<ActorOptions['checkpoint']>,
  Rule
>

const checkpoint: Rule = {
  allowed: 'an object like { everyCalls: 10 } or { everyMs: 1000 }',
  read(value, place) {
    const read = readOptions(place, checkpointRules, value)
    if (Object.keys(read).length === 0) refuse(place, value, this.allowed)
    return read
  },
}

const actorRules = {
  cpus: taskRules.cpus,
  gpus: taskRules.gpus,
  memoryBytes: taskRules.memoryBytes,
  resources: taskRules.resources,
  placement: taskRules.placement,
  isolation: taskRules.isolation,
  env: taskRules.env,
  external: taskRules.external,
  infeasibleTimeoutMs: taskRules.infeasibleTimeoutMs,
  name,
  namespace: name,
  getIfExists: flag,
  lifetime: oneOf(['refs', 'detached']),
  restarts: budget,
  callRetries: budget,
  maxConcurrency: integer(1, concurrencyMax),
  maxPendingCalls: {
    allowed: 'a whole number of at least 1, or -1 for no bound',
    read(value, place) {
      const fits = value === -1 || (Number.isSafeInteger(value) && (value as number) >= 1)
      return fits ? value : refuse(place, value, this.allowed)
    },
  },
  groups: recordOf(key, integer(1, concurrencyMax)),
  methodGroups: recordOf(key, name),
  checkpoint,
} satisfies Record<keyof ActorOptions, Rule>

const callRules = {
  retries: budget,
  retryErrors,
  timeoutMs: runningMs,
  group: name,
  returns: integer(1, 100_000),
  name,
} satisfies Record<keyof CallOptions, Rule>

/** The options of `actor()` and of its `.options()`, checked: a copy. Throws InvalidOptionError. */
export function checkActorOptions(options: unknown, call = 'actor'): ActorOptions {
  return readOptions({ call, option: 'options' }, actorRules, options)
}

/** What is known of a class besides its options. */
export interface ClassFacts {
  readonly className: string
  readonly methods: ReadonlySet<string>
  readonly saves: boolean
  readonly restores: boolean
}

/** What options of an actor must not say together, or of such a class. Throws InvalidOptionError. */
export function checkActorTogether(options: ActorOptions, call: string, facts: ClassFacts): void {
  const { env, isolation, name: actorName, getIfExists, lifetime, placement } = options
  const { groups = {}, methodGroups = {} } = options
  if (env !== undefined && isolation !== 'process') {
    const allowed = "left out where isolation is not 'process': threads share the environment of their peer"
    refuse({ call, option: 'env' }, env, allowed)
  }
  if (getIfExists && actorName === undefined)
    refuse({ call, option: 'getIfExists' }, getIfExists, 'left out or false where there is no name to look for')
  if (lifetime === 'detached' && actorName === undefined)
    refuse({ call, option: 'lifetime' }, lifetime, "'refs' for an actor without a name: nobody could find it again")
  if (lifetime === 'detached' && typeof placement === 'object' && 'group' in placement) {
    const allowed =
      "without a group for an actor whose lifetime is 'detached': it outlives the group, which ends with its owner"
    refuse({ call, option: 'placement' }, placement, allowed)
  }
  for (const [method, group] of Object.entries(methodGroups)) {
    const place: Place = { call, option: `methodGroups.${method}` }
    if (!facts.methods.has(method)) refuse(place, method, `a method of ${facts.className}`, known([...facts.methods]))
    if (!Object.hasOwn(groups, group)) refuse(place, group, 'a group that groups names', known(Object.keys(groups)))
  }
  if (options.checkpoint && !(facts.saves && facts.restores)) {
    const allowed = `left out for a class without the methods [checkpoint.save]() and [checkpoint.restore](value)`
    refuse({ call, option: 'checkpoint' }, options.checkpoint, allowed)
  }
}

function known(names: readonly string[]): string {
  return names.length === 0 ? '' : `known are ${names.join(', ')}`
}

/** Options of one call of a method. Throws InvalidOptionError. */
export function checkCallOptions(
  options: unknown,
  shape: Shape,
  { name: methodName, isGenerator }: MethodShape,
): CallOptions {
  const { className, groups } = shape
  const method = `${className}.${methodName}`
  const read: CallOptions = readOptions({ call: method, option: 'options' }, callRules, options)
  if (read.group !== undefined && groups && !groups.includes(read.group)) {
    const allowed = groups.length === 0 ? `left out: ${className} has no groups` : `a group of ${className}`
    refuse({ call: method, option: 'group' }, read.group, allowed, known(groups))
  }
  if (Array.isArray(read.retryErrors)) {
    const nameless = read.retryErrors.find(one => one.name === '')
    if (nameless)
      refuse(
        { call: method, option: 'retryErrors' },
        nameless,
        'classes that have names, by which they are known there',
      )
  }
  if (isGenerator && (read.returns ?? 1) !== 1)
    refuse({ call: method, option: 'returns' }, read.returns, '1 or left out for a generator: it gives a stream')
  return read
}

/** The class given to `actor()`. Throws InvalidOptionError. */
export function checkActorClass(Class: unknown): asserts Class is new (...args: never[]) => object {
  const place: Place = { call: 'actor', option: 'Class' }
  const given = ownOf(Class)
  const again = given?.kind === 'class' ? '.options(…) of it gives it other options.' : ''
  if (given) refuse(place, Class, 'a class', again)
  const isClass =
    typeof Class === 'function' && Object.getOwnPropertyDescriptor(Class, 'prototype')?.value instanceof Object
  if (!isClass) refuse(place, Class, 'a class')
}

/** The name and the namespace of an actor that is looked for. Throws InvalidOptionError. */
export function checkName(call: string, actorName: unknown, options: unknown): { namespace?: string } {
  name.read(actorName, { call, option: 'name' })
  return readOptions({ call, option: 'options' }, { namespace: name }, options)
}

/** Options of `kill`. Throws InvalidOptionError. */
export function checkKillOptions(options: unknown): { restart?: boolean } {
  return readOptions({ call: 'kill', option: 'options' }, { restart: flag }, options)
}
