import type { AsCompletedOptions, CancelOptions, GetOptions, ObjectRef, PutOptions, WaitOptions } from '../types.ts'
import { readOptions } from './objects.ts'
import { hintOf } from './own.ts'
import { refuse } from './refuse.ts'
import { abortSignal, flag, integer, oneOf, type Rule, waitingMs } from './rules.ts'

/** Tells refs from other values: what the engine gives to the checks below. */
export type IsRef = (value: unknown) => boolean

const getRules = { timeoutMs: waitingMs, signal: abortSignal, copy: flag } satisfies Record<keyof GetOptions, Rule>
const cancelRules = { force: flag, recursive: flag } satisfies Record<keyof CancelOptions, Rule>
const putRules = { tier: oneOf(['memory', 'replicated']) } satisfies Record<keyof PutOptions, Rule>
const waitRules = {
  count: integer(1, Number.MAX_SAFE_INTEGER),
  timeoutMs: waitingMs,
  fetchLocal: flag,
  signal: abortSignal,
} satisfies Record<keyof WaitOptions, Rule>
const asCompletedRules = { signal: abortSignal } satisfies Record<keyof AsCompletedOptions, Rule>

/** The options of `get`. Throws InvalidOptionError, as all of these. */
export function checkGetOptions(options: unknown): GetOptions {
  return readOptions({ call: 'get', option: 'options' }, getRules, options)
}

/** The options of `cancel`. */
export function checkCancelOptions(options: unknown): CancelOptions {
  return readOptions({ call: 'cancel', option: 'options' }, cancelRules, options)
}

/** The options of `put`. */
export function checkPutOptions(options: unknown): PutOptions {
  return readOptions({ call: 'put', option: 'options' }, putRules, options)
}

/** The options of `wait`. */
export function checkWaitOptions(options: unknown): WaitOptions {
  return readOptions({ call: 'wait', option: 'options' }, waitRules, options)
}

/** The options of `asCompleted`. */
export function checkAsCompletedOptions(options: unknown): AsCompletedOptions {
  return readOptions({ call: 'asCompleted', option: 'options' }, asCompletedRules, options)
}

/** An argument that must be a ref: of `move`, `release`, `get`. */
export function checkRef(
  call: string,
  value: unknown,
  isRef: IsRef,
  option = 'ref',
  allowed = 'an ObjectRef',
): asserts value is ObjectRef<unknown> {
  if (!isRef(value)) refuse({ call, option }, value, allowed, hintFor(value))
}

/** What `get` is given: a ref, or an array of refs. */
export function checkGetTarget(
  target: unknown,
  isRef: IsRef,
): asserts target is ObjectRef<unknown> | ObjectRef<unknown>[] {
  if (isRef(target)) return
  if (!Array.isArray(target))
    refuse({ call: 'get', option: 'ref' }, target, 'an ObjectRef or an array of them', hintFor(target))
  checkRefs('get', target, isRef)
}

/** What `wait` is given: an array of refs, none of them twice. */
export function checkWaitRefs(refs: unknown, isRef: IsRef): asserts refs is ObjectRef<unknown>[] {
  if (!Array.isArray(refs)) refuse({ call: 'wait', option: 'refs' }, refs, 'an array of ObjectRefs', hintFor(refs))
  checkRefs('wait', refs, isRef)
  if (new Set(refs).size === refs.length) return
  const twice = refs.findIndex((ref, index) => refs.indexOf(ref) !== index)
  const hint = `It is refs[${refs.indexOf(refs[twice])}] again.`
  refuse({ call: 'wait', option: `refs[${twice}]` }, refs[twice], 'a ref that is not in the array yet', hint)
}

/** What `asCompleted` is given: an iterable of refs, read to its end. */
export function checkCompletedRefs<R extends ObjectRef<unknown>>(refs: Iterable<R>, isRef: IsRef): R[] {
  const iterable = typeof (refs as Partial<Iterable<R>> | null | undefined)?.[Symbol.iterator] === 'function'
  if (!iterable) refuse({ call: 'asCompleted', option: 'refs' }, refs, 'an iterable of ObjectRefs', hintFor(refs))
  const list = [...refs]
  checkRefs('asCompleted', list, isRef)
  return list
}

function checkRefs(call: string, refs: readonly unknown[], isRef: IsRef): void {
  for (let index = 0; index < refs.length; index++) {
    if (!isRef(refs[index])) checkRef(call, refs[index], isRef, `refs[${index}]`)
  }
}

function hintFor(value: unknown): string {
  const hint = hintOf(value, 'ref')
  if (hint) return hint
  const thenable = typeof value === 'object' && value !== null && 'then' in value
  if (thenable) return 'Await it first: put() gives a promise of a ref.'
  return Array.isArray(value) ? 'Flatten it first.' : ''
}
