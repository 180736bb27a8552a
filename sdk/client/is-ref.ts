import { RefData } from './ref-data.ts'

/** Whether a value is a ref of this module's making. */
export function isRef(value: unknown): value is RefData {
  return value instanceof RefData
}
