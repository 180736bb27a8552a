// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
import { types } from 'node:util'

/** The class that a prototype belongs to. */
export function classOf(prototype: object): Function | undefined {
  const made: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  return typeof made === 'function' && made.prototype === prototype ? made : undefined
}

const errorNames = [
  'TypeError',
  'RangeError',
  'SyntaxError',
  'ReferenceError',
  'EvalError',
  'URIError',
  'AggregateError',
]

/** The built-in class that makes an error with the right internal parts. */
export function errorBase(value: object): string {
  const found = errorNames.find(name => value instanceof (globalThis as never as Record<string, typeof Error>)[name])
  return found ?? 'Error'
}

/** A typed array's own part of its buffer: `Buffer`s share a pool with what the program would not want to send. */
export function ownBytes(value: object): object {
  if (types.isUint8Array(value)) return new Uint8Array(value)
  return bare(value)
}

/** The object without properties and prototype of its own, for the codec. */
export function bare(value: object): object {
  if (types.isDate(value)) return new Date(Date.prototype.getTime.call(value))
  if (types.isRegExp(value)) return new RegExp(value.source, value.flags)
  if (types.isBoxedPrimitive(value)) return Object((value as { valueOf(): unknown }).valueOf())
  if (ArrayBuffer.isView(value)) {
    const Base = typedArrayBase(value)
    return new (Base as Uint8ArrayConstructor)(
      value.buffer as ArrayBuffer,
      value.byteOffset,
      (value as Uint8Array).length ?? value.byteLength,
    )
  }
  return structuredClone(value)
}

function typedArrayBase(value: ArrayBufferView): unknown {
  if (value instanceof DataView) return DataView
  const name = Object.getOwnPropertyDescriptor(
    Object.getPrototypeOf(Uint8Array.prototype),
    Symbol.toStringTag,
  )!.get!.call(value)
  return (globalThis as Record<string, unknown>)[name]
}
