import { type ErrorData, errorFromFields, errorToFields, isShoalError, type ShoalError } from './errors/index.ts'
import type { Decoder, Encoder, Extension } from './values/index.ts'

/** Shoal's errors as values: class, code, fields and cause arrive. */
export const errorExtension: Extension = {
  tag: 0,
  matches: value => isShoalError(value),
  encode(value: object, encoder: Encoder): void {
    const data = errorToFields(value as ShoalError)
    encoder.value([data.code, data.message, data.fields, data.stack, Object.hasOwn(data, 'cause'), data.cause], 'error')
  },
  decode(decoder: Decoder): unknown {
    const parts = decoder.value()
    const [code, message, fields, stack, hasCause, cause] = Array.isArray(parts) ? parts : []
    const data: ErrorData = {
      code: String(code),
      message: String(message),
      fields: typeof fields === 'object' && fields !== null ? (fields as Record<string, unknown>) : {},
      stack: String(stack),
    }
    if (hasCause === true) data.cause = cause
    return errorFromFields(data)
  },
}
