import { limits } from '../wire/limits.ts'
import { at, type Engine, Waiting } from './client/index.ts'
import { checkPutOptions } from './options/index.ts'
import type { Ref } from './ref.ts'
import { currentEngine } from './session.ts'
import type { ObjectRef, PutOptions } from './types.ts'

/**
 * Makes an object of a value, taken as it is now; a small one stays in this program until somebody else needs it.
 * Rejects with SerializationError that names the path of what cannot travel, with StoreFullError, NotInitializedError,
 * InvalidOptionError, and with what ended the connection where this program's agent is gone.
 */
export async function put<T>(value: T, options?: PutOptions): Promise<ObjectRef<T>> {
  const { tier } = checkPutOptions(options)
  const engine = currentEngine('put')
  if (engine.closed) throw engine.closed
  const ref = await keep(engine, value)
  if (tier === 'replicated') {
    engine.publish(ref)
    await engine.suspension.while(engine.calls.call('protect', { number: ref.number }))
  }
  return ref
}

async function keep<T>(engine: Engine, value: T): Promise<Ref<T>> {
  if (isPlain(value)) return engine.keep(at.value, value) as Ref<T>
  engine.encode(value, '', true)
  const { encoder, contained } = engine
  // Refs inside have to be held by the object, and so by the agent.
  if (contained.length === 0 && encoder.size <= limits.inlineBytes)
    return engine.keep(at.bytes, encoder.bytes()) as Ref<T>
  const pieces = encoder.pieces()
  const ref = pieces ? engine.storePieces(pieces, contained) : engine.store(encoder.bytes(), contained)
  if (!engine.settled(ref)) {
    await new Promise<void>(resolve => {
      new Waiting(engine, [ref], { needed: 1, failFast: false }, () => resolve())
    })
  }
  if (ref.state !== at.stored) await engine.read(ref, true)
  return ref as Ref<T>
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
