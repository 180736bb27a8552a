import { cleanStack } from './stack.ts'

const brand = Symbol.for('shoal.error')

/** Fields that belong to every error, and so cannot be data fields of one. */
const reserved = new Set(['name', 'message', 'stack', 'code', 'cause', '__proto__', 'constructor'])

/** Frames taken beyond `Error.stackTraceLimit`, since Shoal's own are taken out again. */
const extraFrames = 20

/** What the constructors of all error classes take: the cause, and the data fields of the class. */
export type ShoalErrorOptions<Fields = object> = Fields & { cause?: unknown }

/**
 * The base of every error that Shoal makes: a stable `code` to match on, data fields as own properties, `cause`.
 * `instanceof` goes by a brand and the code, so it holds across threads and across copies of the package.
 * Programs do not make one; they match: `if (e instanceof ShoalError && e.code === 'SHOAL_GET_TIMEOUT')`.
 */
export class ShoalError extends Error {
  /** Stable: `SHOAL_TASK_FAILED`, … All of them are in docs/errors.md. */
  readonly code: string

  constructor(code: string, message: string, options: ShoalErrorOptions = {}) {
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = limit > 0 ? limit + extraFrames : 0
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    Error.stackTraceLimit = limit
    this.code = code
    for (const [field, value] of Object.entries(options)) {
      if (value !== undefined && !reserved.has(field)) {
        Object.defineProperty(this, field, { value, enumerable: true, configurable: true, writable: true })
      }
    }
    // A program may have installed an Error.prepareStackTrace that gives something other than text.
    if (typeof this.stack === 'string') this.stack = cleanStack(this.stack, limit)
  }
}

/** Whether a value is one of our errors, from whatever copy of the package: any, or one with this code. */
export function isShoalError(value: unknown, code?: string): value is ShoalError {
  if (typeof value !== 'object' || value === null || !(brand in value)) return false
  return code === undefined || (value as { code?: unknown }).code === code
}

/** Makes `instanceof` of a class go by brand and code. A class that a program derives from it keeps the ordinary rule. */
export function matchByCode(Class: typeof ShoalError, code?: string): void {
  Object.defineProperty(Class, Symbol.hasInstance, {
    value(this: unknown, value: unknown) {
      return this === Class ? isShoalError(value, code) : Function.prototype[Symbol.hasInstance].call(this, value)
    },
  })
}

Object.defineProperty(ShoalError.prototype, brand, { value: true })
Object.defineProperty(ShoalError.prototype, 'name', { value: 'ShoalError', writable: true, configurable: true })
matchByCode(ShoalError)
