import { limits } from '../wire/limits.ts'
import { at } from './ref.ts'
import { checkPutOptions } from './options/index.ts'
import { currentEngine } from './session.ts'
import type { ObjectRef, PutOptions } from './types.ts'
import { Waiting } from './client/waiting.ts'

/**
 * Makes an object of a value, taken as it is now; a small one stays in this program until somebody else needs it.
 * Rejects with SerializationError that names the path of what cannot travel, with StoreFullError, NotInitializedError,
 * InvalidOptionError.
 */
export async function put<T>(value: T, options?: PutOptions): Promise<ObjectRef<T>> {
  checkPutOptions(options)
  const engine = currentEngine('put')
  if (isPlain(value)) return engine.keep<T>(at.value, value)
  engine.encode(value, '')
  const { encoder, contained } = engine
  // Refs inside have to be held by the object, and so by the agent.
  if (contained.length === 0 && encoder.length <= limits.inlineBytes) return engine.keep<T>(at.bytes, encoder.bytes())
  const ref = engine.store<T>(encoder.bytes(), contained)
  await new Promise<void>((resolve) => {
    new Waiting(engine, [ref], { needed: 1, failFast: false }, () => resolve())
  })
  ref.asked = false
  if (ref.state !== at.stored) await engine.read(ref, true)
  return ref
}

function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'number':
    case 'boolean':
    case 'undefined':
    case 'bigint':
      return true
    case 'string':
      return value.length < 10_000
    default:
      return value === null
  }
}
