import { groupBrand, isPlacementGroup } from '../group-brand.ts'
import { isPlainObject, readOptions, recordOf } from './objects.ts'
import { type Place, refuse } from './refuse.ts'
import { flag, integer, name, type Rule, type Rules } from './rules.ts'

/** Names that are options of their own, or mean something else where amounts are given by name. */
const takenNames = new Set(['cpus', 'gpus', 'memoryBytes', 'peers'])

const keyCharsMax = 128
const plainKey = (key: string) => key.length <= keyCharsMax && /^[^\s=\p{C}]+$/u.test(key) && key !== '__proto__'

/** Names of resources: they stand in `--resource name=N`, so without spaces and `=`. */
export const resourceName = {
  allowed: `1 to ${keyCharsMax} characters without spaces and '=', and none of cpus, gpus, memoryBytes (options of their own) and peers`,
  accepts: (key: string) => plainKey(key) && !takenNames.has(key),
}

/** Names of labels: they stand in `--label k=v`. */
export const labelName = { allowed: `1 to ${keyCharsMax} characters without spaces and '='`, accepts: plainKey }

const listOfNames: Rule = {
  allowed: 'an array of texts',
  read(value, place) {
    if (!Array.isArray(value)) return refuse(place, value, this.allowed)
    return value.map((each, index) => name.read(each, { call: place.call, option: `${place.option}[${index}]` }))
  },
}

/** What a label must be: a text, or `{ in }`, `{ notIn }`, `{ exists }`, one of them. */
const labelRule: Rule = {
  allowed: 'a text, { in: [texts] }, { notIn: [texts] } or { exists: true or false }',
  read(value, place) {
    if (typeof value === 'string') return name.read(value, place)
    if (!isPlainObject(value)) return refuse(place, value, this.allowed)
    const read = readOptions(place, { in: listOfNames, notIn: listOfNames, exists: flag }, value)
    return Object.keys(read).length === 1 ? read : refuse(place, value, this.allowed)
  },
}

const group: Rule = {
  allowed: 'what placementGroup() gives',
  read(value, place) {
    return isPlacementGroup(value) ? value : refuse(place, value, this.allowed)
  },
}

const placementRules: Rules = {
  peer: name,
  labels: recordOf(labelName, labelRule),
  soft: flag,
  group,
  bundle: integer(0, Number.MAX_SAFE_INTEGER),
}

/** Where a task may run. */
export const placement: Rule = {
  allowed: "'pack', 'spread', { peer, soft? }, { labels, soft? } or { group, bundle? }",
  read(value: unknown, place: Place) {
    if (value === 'pack' || value === 'spread') return value
    if (!isPlainObject(value)) return refuse(place, value, this.allowed)
    const read = readOptions(place, placementRules, value)
    const ways = ['peer', 'labels', 'group'].filter(way => way in read)
    const fits = 'group' in read ? !('soft' in read) : !('bundle' in read)
    if (ways.length !== 1 || !fits) return refuse(place, value, this.allowed)
    checkBundle(read, place)
    return read
  },
}

/** A bundle by its number, of those that its group has. */
function checkBundle({ group, bundle }: Record<string, unknown>, { call, option }: Place): void {
  if (!isPlacementGroup(group) || typeof bundle !== 'number') return
  const count = group[groupBrand].bundles.length
  if (bundle < count) return
  refuse(
    { call, option: `${option}.bundle` },
    bundle,
    `a whole number from 0 to ${count - 1}: the group has ${count} bundles`,
  )
}
