import { decode, encode } from 'cborg'
import { limits } from '../limits.ts'

/** What a frame's header may hold: CBOR (RFC 8949) without tags, indefinite lengths, and keys that would touch a prototype. */
export type HeaderValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | HeaderValue[]
  | { [key: string]: HeaderValue | undefined }

/** A frame or a header that is none. `closes` the link that it came on. */
export class MalformedFrameError extends Error {
  constructor(reason: string) {
    super(`malformed: ${reason}`)
    this.name = 'MalformedFrameError'
  }
}

const options = {
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  rejectDuplicateMapKeys: true,
} as const

/** Deterministic: the same value gives the same bytes, so that what is signed can be made again. */
export function encodeHeader(value: HeaderValue): Uint8Array {
  return encode(value, { ignoreUndefinedProperties: true })
}

/** The value of bytes that another peer sent. Throws MalformedFrameError for whatever is none. */
export function decodeHeader(bytes: Uint8Array): HeaderValue {
  if (bytes.length > limits.frameHeaderBytesMax) throw new MalformedFrameError(`a header of ${bytes.length} bytes`)
  checkDepth(bytes)
  try {
    const value: unknown = decode(bytes, options)
    checkKeys(value)
    return value as HeaderValue
  } catch (error) {
    throw new MalformedFrameError((error as Error).message)
  }
}

/** The decoder recurses: how deep it will go is looked at first, in one pass over the heads of the items. */
function checkDepth(bytes: Uint8Array): void {
  const left: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const major = bytes[at] >> 5
    const info = bytes[at] & 31
    at++
    let argument = info
    if (info >= 24) {
      const size = info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : info === 27 ? 8 : -1
      if (size < 0 || at + size > bytes.length) throw new MalformedFrameError('a header that is no CBOR')
      argument = 0
      for (let i = 0; i < size; i++) argument = argument * 256 + bytes[at++]
    }
    if (left.length > 0) left[left.length - 1]--
    if (major === 2 || major === 3) at += argument
    else if (major === 4 || major === 5) {
      const items = major === 5 ? 2 * argument : argument
      if (items > bytes.length) throw new MalformedFrameError('a header that says more items than it has bytes')
      left.push(items)
      if (left.length > limits.headerDepthMax) throw new MalformedFrameError('a header that is nested too deeply')
    } else if (major === 6) throw new MalformedFrameError('a header with a CBOR tag')
    while (left.length > 0 && left[left.length - 1] <= 0) left.pop()
  }
}

function checkKeys(value: unknown): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
  if (Array.isArray(value)) {
    for (const item of value) checkKeys(item)
    return
  }
  if (Object.getPrototypeOf(value) !== Object.prototype || Object.hasOwn(value, '__proto__'))
    throw new MalformedFrameError('a header with the key __proto__')
  for (const item of Object.values(value)) checkKeys(item)
}

/** A map of a header, or MalformedFrameError. */
export function asMap(value: HeaderValue | undefined, what: string): { [key: string]: HeaderValue | undefined } {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw new MalformedFrameError(`${what} is no map`)
  return value
}

export function asText(value: HeaderValue | undefined, what: string, lengthMax = 4096): string {
  if (typeof value !== 'string' || value.length > lengthMax) throw new MalformedFrameError(`${what} is no text`)
  return value
}

/** A whole number from 0 to 2^53. */
export function asCount(value: HeaderValue | undefined, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new MalformedFrameError(`${what} is no count`)
  return value
}

export function asAmount(value: HeaderValue | undefined, what: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
    throw new MalformedFrameError(`${what} is no amount`)
  return value
}

export function asBytes(
  value: HeaderValue | undefined,
  what: string,
  lengthMax: number = limits.frameBytesMax,
): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length > lengthMax) throw new MalformedFrameError(`${what} are no bytes`)
  return value
}

export function asList(value: HeaderValue | undefined, what: string, lengthMax = 100_000): HeaderValue[] {
  if (!Array.isArray(value) || value.length > lengthMax) throw new MalformedFrameError(`${what} is no list`)
  return value
}

/** Texts by name. */
export function asTexts(value: HeaderValue | undefined, what: string): Record<string, string> {
  const map = asMap(value, what)
  return Object.fromEntries(Object.entries(map).map(([key, text]) => [key, asText(text, what)]))
}

/** Amounts by name. */
export function asAmounts(value: HeaderValue | undefined, what: string): Record<string, number> {
  const map = asMap(value, what)
  return Object.fromEntries(Object.entries(map).map(([key, amount]) => [key, asAmount(amount, what)]))
}
