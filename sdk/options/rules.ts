import { type Place, refuse } from './refuse.ts'

/** What one option may be. */
export interface Rule {
  /** In words, after "must be". */
  readonly allowed: string
  /** Gives the value to use (a copy, where it could change later), or throws InvalidOptionError. */
  read(value: unknown, place: Place): unknown
}

/** The rules of a call's options, by name. */
export type Rules = Readonly<Record<string, Rule>>

function rule(allowed: string, accepts: (value: unknown) => boolean, use = (value: unknown): unknown => value): Rule {
  return { allowed, read: (value, place) => (accepts(value) ? use(value) : refuse(place, value, allowed)) }
}

/** Resources are counted in these parts of one, so that sums of fractions come out exact. */
export const resourceParts = 10_000

/** The most of a resource: far above any machine, and exact when counted in parts. */
const amountMax = 1e9

/** Above this, Node's timers fire at once (32 bits, about 24.8 days). */
const timeoutMsMax = 2 ** 31 - 1

/** A number with its thousands apart. By hand: the first use of Node's own formatter costs every thread 25 ms. */
function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',')
}

const isNumberIn = (value: unknown, min: number, max: number): value is number =>
  typeof value === 'number' && value >= min && value <= max

/** An amount of a resource, to 0.0001: finer ones are rounded, since a third has no end; smaller ones are refused. */
export const amount = rule(
  `0 or a number from 0.0001 to ${grouped(amountMax)}`,
  value => isNumberIn(value, 0, amountMax) && (value === 0 || value >= 1 / resourceParts),
  value => Math.round((value as number) * resourceParts) / resourceParts,
)

/** A whole number in a range. */
export function integer(min: number, max: number, meaning = ''): Rule {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${grouped(max)}`
  const accepts = (value: unknown) => Number.isInteger(value) && isNumberIn(value, min, max)
  return rule(`a whole number ${range}${meaning}`, accepts)
}

/** A number of bytes. */
export function bytes(min: number): Rule {
  return rule(
    `a whole number of bytes of at least ${grouped(min)}`,
    value => Number.isSafeInteger(value) && (value as number) >= min,
  )
}

/** Milliseconds that may be none. */
export const waitingMs = rule('a number of milliseconds from 0 to 2,147,483,647 (leave it out for no limit)', value =>
  isNumberIn(value, 0, timeoutMsMax),
)

/** Milliseconds that something is given to run. */
export const runningMs = rule(
  'a number of milliseconds above 0, up to 2,147,483,647 (leave it out for no limit)',
  value => isNumberIn(value, Number.MIN_VALUE, timeoutMsMax),
)

export const finiteNumber = rule('a finite number', value => typeof value === 'number' && Number.isFinite(value))

export const flag = rule('true or false', value => typeof value === 'boolean')

export const abortSignal = rule(
  'an AbortSignal',
  value =>
    typeof value === 'object' &&
    value !== null &&
    'aborted' in value &&
    typeof value.aborted === 'boolean' &&
    'addEventListener' in value &&
    typeof value.addEventListener === 'function',
)

const nameCharsMax = 256

/** A name that people read in lists and logs, a line each: so no control characters. */
export const name = rule(
  `a text of 1 to ${nameCharsMax} characters without control characters or line breaks`,
  value =>
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= nameCharsMax &&
    !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value),
)

/** One of these words. */
export function oneOf(words: readonly string[]): Rule {
  const allowed = words.map(word => `'${word}'`).join(' or ')
  return {
    allowed,
    read(value, place) {
      if (words.includes(value as string)) return value
      return refuse(place, value, allowed)
    },
  }
}
