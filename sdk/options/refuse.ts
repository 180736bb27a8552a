import { inspect } from 'node:util'
import { InvalidOptionError } from '../errors/index.ts'
import { nearestName } from './nearest.ts'
import { ownOf } from './own.ts'

/** Where an option stands: in which call, and its name or path there: `placement.peer`. */
export interface Place {
  call: string
  option: string
}

/** Characters of a refused value that a message shows. */
const shownChars = 80

/** A short text of a value, on one line, without running any of its code. */
export function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null && isPromise(value)) return 'a promise'
  const text = ownOf(value)?.text ?? inspected(value)
  const line = text.replaceAll(/\s*\n\s*/g, ' ')
  return line.length > shownChars ? `${line.slice(0, shownChars - 1)}…` : line
}

function inspected(value: unknown): string {
  return inspect(value, {
    depth: 1,
    compact: true,
    breakLength: Number.POSITIVE_INFINITY,
    customInspect: false,
    maxArrayLength: 5,
    maxStringLength: shownChars,
  })
}

/** Throws the InvalidOptionError of a value: where it stands, what it was, what is allowed, and, if there is one, a hint. */
export function refuse(place: Place, value: unknown, allowed: string, hint = ''): never {
  throw refusal(place, value, `must be ${allowed}; it was ${shown(value)}${hint && `. ${hint}`}`, allowed)
}

/** Throws the InvalidOptionError of a method that was taken off its object: `list.map(handle.add.remote)`. */
export function refuseDetached(method: string, receiver: unknown): never {
  const hint = `In a callback: value => handle.method.${method}(value), or value => fn.${method}(value).`
  refuse({ call: method, option: 'this' }, receiver, `what .${method} belongs to`, hint)
}

/** Throws the InvalidOptionError of a name that is no option here, with the one that was likely meant. */
export function refuseUnknown(place: Place, value: unknown, name: string, known: readonly string[]): never {
  const meant = nearestName(name, known)
  const hint = meant === undefined ? `known are ${known.join(', ')}` : `did you mean ${meant}?`
  const option = shown(place.option).replaceAll(/^.|['"`]$/g, '') // a name from outside: no control characters, not too long
  const says = `is no option (it was ${shown(value)}); ${hint}`
  throw refusal({ call: place.call, option }, value, says, `one of ${known.join(', ')}`)
}

function refusal({ call, option }: Place, value: unknown, says: string, allowed: string): InvalidOptionError {
  return new InvalidOptionError(`${call}: ${option} ${says}`, { option, value: portable(value), allowed })
}

/** Errors travel, so they hold the value itself only where any thread can have it. */
function portable(value: unknown): unknown {
  return value === null || ['string', 'number', 'boolean', 'bigint'].includes(typeof value) ? value : shown(value)
}

function isPromise(value: object): boolean {
  return Object.prototype.toString.call(value) === '[object Promise]'
}
