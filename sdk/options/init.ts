import type { InitOptions } from '../types.ts'
import { readOptions, recordOf } from './objects.ts'
import { labelName, resourceName } from './placement.ts'
import { type Place, refuse } from './refuse.ts'
import { amount, bytes, flag, name, type Rule } from './rules.ts'

/** A store below this holds too little to be of use. */
const objectStoreBytesMin = 1 << 20

/** What `address` and `$SHOAL_ADDRESS` can say. */
export type Address =
  | { kind: 'auto' }
  | { kind: 'local' }
  | { kind: 'socket'; path: string }
  | { kind: 'ticket'; ticket: string }

const addressAllowed = "'auto', 'local', a ticket ('shoal1…') or the path of an agent's socket"

/**
 * What an address says. A path has a separator in it or ends in `.sock`, so that a misspelt word is not taken for one.
 * Throws InvalidOptionError; the secret of a ticket is not in its message.
 */
export function parseAddress(text: unknown, place: Place = { call: 'init', option: 'address' }): Address {
  if (text === 'auto' || text === 'local') return { kind: text }
  if (typeof text === 'string' && text.startsWith('shoal1')) return { kind: 'ticket', ticket: text }
  const isPath = typeof text === 'string' && /[\\/]|\.sock$/.test(text) && !text.includes('\0')
  return isPath ? { kind: 'socket', path: text } : refuse(place, text, addressAllowed)
}

const address: Rule = {
  allowed: addressAllowed,
  read(value, place) {
    parseAddress(value, place)
    return value
  },
}

const initRules = {
  address,
  cpus: amount,
  gpus: amount,
  memoryBytes: bytes(0),
  objectStoreBytes: bytes(objectStoreBytesMin),
  resources: recordOf(resourceName, amount),
  labels: recordOf(labelName, name),
  namespace: name,
  logToDriver: flag,
} satisfies Record<keyof InitOptions, Rule>

/** The options of `init()`, checked: a copy, without what was undefined. Throws InvalidOptionError. */
export function checkInitOptions(options: unknown): InitOptions {
  return readOptions({ call: 'init', option: 'options' }, initRules, options)
}
