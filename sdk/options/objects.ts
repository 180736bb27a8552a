import { type Place, refuse, refuseUnknown } from './refuse.ts'
import type { Rule, Rules } from './rules.ts'

/** An object whose keys are free within `key`, and whose values keep to `value`. */
export function recordOf(key: { allowed: string; accepts(key: string): boolean }, value: Rule): Rule {
  const allowed = `an object of names and, for each, ${value.allowed}`
  return {
    allowed,
    read(given, place) {
      if (!isPlainObject(given)) return refuse(place, given, allowed)
      const copy: [string, unknown][] = []
      for (const each of Object.keys(given)) {
        const inner = { call: place.call, option: `${place.option}.${each}` }
        if (!key.accepts(each)) refuse({ call: place.call, option: `a name in ${place.option}` }, each, key.allowed)
        copy.push([each, value.read(given[each], inner)])
      }
      return Object.fromEntries(copy)
    },
  }
}

/** Whether it is an object as `{ … }` makes it, of whatever realm. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/**
 * Reads the options of a call: each known one by its rule, an unknown one refused with the name that was likely meant.
 * `undefined` is the same as absent. Gives a copy, which later changes to what was passed do not reach.
 */
export function readOptions(place: Place, rules: Rules, options: unknown): Record<string, unknown> {
  const read: Record<string, unknown> = {}
  if (options === undefined) return read
  if (!isPlainObject(options)) return refuse(place, options, 'an object like { … }')
  const prefix = place.option === 'options' ? '' : `${place.option}.`
  for (const option of Object.keys(options)) {
    const known = Object.hasOwn(rules, option)
    if (!known)
      refuseUnknown({ call: place.call, option: prefix + option }, options[option], option, Object.keys(rules))
    const value = options[option]
    if (value !== undefined) read[option] = rules[option]!.read(value, { call: place.call, option: prefix + option })
  }
  return read
}
