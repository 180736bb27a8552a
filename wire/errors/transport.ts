import { ShoalError } from './base.ts'
import { errorClasses, type ShoalErrorClass } from './classes.ts'
import type { ErrorName } from './table.ts'

/** A ShoalError as plain data, for a codec to carry. `cause` is whatever it was: the codec carries it as a value. */
export interface ErrorData {
  code: string
  message: string
  fields: Record<string, unknown>
  stack: string
  /** Absent where the error has no cause; a cause of `undefined` is present. */
  cause?: unknown
}

const byCode = new Map(
  Object.values(errorClasses).map(each => [each.code as string, each as ShoalErrorClass<ErrorName>]),
)

/** Takes an error apart. */
export function errorToFields(error: ShoalError): ErrorData {
  const { code, cause, ...fields } = error as ShoalError & Record<string, unknown>
  const data: ErrorData = { code, message: error.message, fields, stack: String(error.stack ?? '') }
  if (Object.hasOwn(error, 'cause')) data.cause = (error as Error).cause
  return data
}

/**
 * Puts it together again, as an instance of the same class, with the stack it had.
 * A code that this version does not know (a newer peer made it) gives a plain `ShoalError` with that code.
 */
export function errorFromFields(data: ErrorData): ShoalError {
  const options = Object.hasOwn(data, 'cause') ? { ...data.fields, cause: data.cause } : data.fields
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0 // it brings its own
  try {
    const known = byCode.get(data.code)
    const error = known ? new known(data.message, options as never) : new ShoalError(data.code, data.message, options)
    if (data.stack !== '') error.stack = data.stack
    return error
  } finally {
    Error.stackTraceLimit = limit
  }
}
