import type { PlacementGroupOptions, ResourceRequest } from '../types.ts'
import { isPlainObject, readOptions } from './objects.ts'
import { resourceName } from './placement.ts'
import { refuse } from './refuse.ts'
import { amount, bytes, name, oneOf, waitingMs } from './rules.ts'

/** What one peer can plan in a few milliseconds. */
const bundlesMax = 1000
const call = 'placementGroup'

/** The bundles of a group: amounts by name, without those that are 0. Throws InvalidOptionError. */
export function checkBundles(bundles: readonly ResourceRequest[]): Record<string, number>[] {
  if (!Array.isArray(bundles) || bundles.length === 0 || bundles.length > bundlesMax)
    refuse({ call, option: 'bundles' }, bundles, `an array of 1 to ${bundlesMax} bundles such as { cpus: 2 }`)
  return (bundles as unknown[]).map((bundle, index) => bundleOf(bundle, `bundles[${index}]`))
}

function bundleOf(bundle: unknown, option: string): Record<string, number> {
  const allowed = 'an object such as { cpus: 2, gpus: 1 }, with something in it'
  if (!isPlainObject(bundle)) return refuse({ call, option }, bundle, allowed)
  const read: Record<string, number> = {}
  for (const [resource, value] of Object.entries(bundle)) {
    if (value === undefined) continue
    const place = { call, option: `${option}.${resource}` }
    if (!['cpus', 'gpus', 'memoryBytes'].includes(resource) && !resourceName.accepts(resource))
      refuse({ call, option: `a name in ${option}` }, resource, resourceName.allowed)
    const rule = resource === 'memoryBytes' ? bytes(0) : amount
    const asked = rule.read(value, place) as number
    if (asked > 0) read[resource] = asked
  }
  return Object.keys(read).length > 0 ? read : refuse({ call, option }, bundle, allowed)
}

const groupRules = {
  strategy: oneOf(['pack', 'spread', 'strict-pack', 'strict-spread']),
  name,
  lifetime: oneOf(['refs', 'detached']),
}

/** The options of `placementGroup`. */
export function checkGroupOptions(options: unknown): PlacementGroupOptions {
  return readOptions({ call, option: 'options' }, groupRules, options)
}

/** The options of a group's `ready`. */
export function checkReadyOptions(options: unknown): { timeoutMs?: number } {
  return readOptions({ call: 'ready', option: 'options' }, { timeoutMs: waitingMs }, options)
}
