import { SerializationError } from '../../wire/errors/index.ts'
import { limits } from '../../wire/limits.ts'
import type { EncodedArguments, Engine } from './engine.ts'
import { isRef } from './is-ref.ts'
import { at, type RefData } from './ref-data.ts'

/** How an argument stands in a task's arguments. */
const kind = { value: 0, dependency: 1, bytes: 2 } as const

const none: readonly RefData[] = []

/**
 * Encodes arguments as they are now. Refs at top level become dependencies, unless their values are here; large values go to
 * the store by themselves. `failed`: an argument's failure is known, so that the task need not be sent.
 * @throws what the codec throws
 */
export function encodeArguments(engine: Engine, args: readonly unknown[]): EncodedArguments | { failed: RefData } {
  const { encoder, contained } = engine
  engine.beginEncoding()
  encoder.start()
  encoder.varint(args.length)
  let dependencies: RefData[] | undefined
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]
    if (!isRef(arg)) {
      encoder.byte(kind.value)
      encoder.value(arg, 'args', i)
      continue
    }
    arg.asked = true
    engine.unasked.forget(arg)
    if (arg.state === at.failed || arg.state === at.broken) return { failed: arg }
    checkUsable(engine, arg, i)
    if (arg.state === at.value) {
      encoder.byte(kind.value)
      encoder.value(arg.value, 'args', i)
    } else if (arg.state === at.bytes && arg.slot < 0) {
      encoder.byte(kind.bytes)
      encoder.raw(arg.value as Uint8Array)
    } else {
      // Also what is here and at the agent: the object holds the refs that are inside it.
      dependencies ??= []
      encoder.byte(kind.dependency)
      encoder.varint(dependency(dependencies, arg))
    }
  }
  if (encoder.length > limits.inlineBytes) return encodeLarge(engine, args)
  return { bytes: encoder.scratch, length: encoder.length, dependencies: dependencies ?? none, contained, own: none }
}

function checkUsable(engine: Engine, ref: RefData, index: number): void {
  if (!ref.released && ref.engine === engine) return
  const reason = ref.released ? 'a ref that was released or moved' : 'a ref of a mesh that was closed'
  throw new SerializationError(`cannot travel: args[${index}] is ${reason}`, { path: `args[${index}]`, reason })
}

/** Its value is here, and here alone or plain. */
function isHere(ref: RefData): boolean {
  return ref.state === at.value || (ref.state === at.bytes && ref.slot < 0)
}

function dependency(dependencies: RefData[], ref: RefData): number {
  const known = dependencies.indexOf(ref)
  return known >= 0 ? known : dependencies.push(ref) - 1
}

/** Arguments that are too large for a record: each large one becomes an object of its own. */
function encodeLarge(engine: Engine, args: readonly unknown[]): EncodedArguments {
  const { encoder } = engine
  const large = new Map<unknown, RefData>()
  const contained: number[] = []
  const dependencies: RefData[] = []
  const isLarge: boolean[] = []
  const limit = Math.floor(limits.inlineBytes / Math.max(args.length, 1))
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]
    if (isRef(arg)) {
      if (isHere(arg) && arg.state === at.bytes && (arg.value as Uint8Array).length > limit) {
        isLarge[i] = true
        if (!large.has(arg)) large.set(arg, engine.store(arg.value as Uint8Array, []))
      }
      continue
    }
    engine.beginEncoding()
    encoder.start()
    encoder.value(arg, 'args', i)
    if (encoder.length <= limit) continue
    isLarge[i] = true
    if (!large.has(arg)) large.set(arg, engine.store(encoder.bytes(), engine.contained))
  }
  engine.beginEncoding()
  encoder.start()
  encoder.varint(args.length)
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]
    const stored = isLarge[i] ? large.get(arg) : undefined
    if (stored || (isRef(arg) && !isHere(arg))) {
      encoder.byte(kind.dependency)
      encoder.varint(dependency(dependencies, stored ?? (arg as RefData)))
    } else if (isRef(arg)) {
      encoder.byte(arg.state === at.value ? kind.value : kind.bytes)
      if (arg.state === at.value) encoder.value(arg.value, 'args', i)
      else encoder.raw(arg.value as Uint8Array)
    } else {
      encoder.byte(kind.value)
      encoder.value(arg, 'args', i)
    }
  }
  contained.push(...engine.contained)
  return { bytes: encoder.scratch, length: encoder.length, dependencies, contained, own: [...large.values()] }
}
