import { errorClasses } from './classes.ts'
import { type ErrorName, errorTable } from './table.ts'

/** A failure as an answer carries it: from agent to program, from thread to program. */
export interface ReplyFailure {
  code: string
  message: string
  fields?: Record<string, unknown>
}

/** What an answer says of an error. */
export function failureOf(error: unknown): ReplyFailure {
  const { code = 'SHOAL_FAILED', message } = error as Error & { code?: string }
  const row = Object.values(errorTable).find(known => known.code === code)
  const fields = Object.keys(row?.fields ?? { reason: '', attempts: '' })
  const values = error as unknown as Record<string, unknown>
  return { code, message, fields: Object.fromEntries(fields.map(field => [field, values[field]])) }
}

/** The error of such an answer: of its class, where Shoal has one of that code. */
export function errorOfFailure({ code, message, fields }: ReplyFailure): Error {
  for (const name of Object.keys(errorTable) as ErrorName[]) {
    if (errorTable[name].code !== code) continue
    const known = Object.fromEntries(Object.keys(errorTable[name].fields).map(field => [field, fields?.[field]]))
    const Class = errorClasses[name] as unknown as new (message: string, fields: object) => Error
    return new Class(message, known)
  }
  return Object.assign(new Error(message), { code })
}
