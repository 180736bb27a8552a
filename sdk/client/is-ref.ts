import { types } from 'node:util'
import { RefData } from './ref-data.ts'

/** Whether a value is a ref of this module's making. A proxy is not: to ask it would run the user's traps. */
export function isRef(value: unknown): value is RefData {
  return typeof value === 'object' && !types.isProxy(value) && value instanceof RefData
}
