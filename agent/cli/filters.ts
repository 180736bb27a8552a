import type { Arguments, OptionSpec } from './command.ts'
import { usageError } from './failure.ts'
import { nearest } from './nearest.ts'

/** The fields of a row that can be filtered by: any value, or one of those named. */
export type FilterKeys = Readonly<Record<string, readonly string[] | 'any'>>

/** `--filter KEY=VALUE`, with the known keys in its help. */
export function filterOption(keys: FilterKeys): OptionSpec {
  const names = Object.entries(keys).map(([key, values]) => (values === 'any' ? key : `${key} (${values.join(', ')})`))
  return {
    value: 'KEY=VALUE',
    repeatable: true,
    help: `only rows where this field has this value; all of them must fit (default: every row)\nkeys: ${names.join(', ')}`,
  }
}

/** Reads and checks them. Throws a usage error that names the key and the known ones. */
export function readFilters(args: Arguments, keys: FilterKeys): Record<string, string> {
  const filters: Record<string, string> = {}
  const names = Object.keys(keys)
  for (const text of args.values('filter')) {
    const at = text.indexOf('=')
    if (at < 1)
      throw usageError(`--filter "${text}": KEY=VALUE, such as ${names[0]}=…; the keys are ${names.join(', ')}`)
    const key = text.slice(0, at)
    const value = text.slice(at + 1)
    const allowed = Object.hasOwn(keys, key) ? keys[key] : undefined
    if (allowed === undefined) {
      const meant = nearest(key, names)
      throw usageError(
        `--filter "${text}": no field ${key}${meant ? `, did you mean ${meant}?` : ';'} the keys are ${names.join(', ')}`,
      )
    }
    if (allowed !== 'any' && !allowed.includes(value)) {
      throw usageError(`--filter "${text}": ${key} is one of ${allowed.join(', ')}`)
    }
    if (filters[key] !== undefined && filters[key] !== value) {
      throw usageError(`--filter "${text}": ${key}=${filters[key]} was asked for, too, and no row can be both`)
    }
    filters[key] = value
  }
  return filters
}

/** Whether a row fits, for rows that come unfiltered. */
export function fits(row: object, filters: Record<string, string>): boolean {
  return Object.entries(filters).every(([key, value]) => String((row as Record<string, unknown>)[key]) === value)
}
