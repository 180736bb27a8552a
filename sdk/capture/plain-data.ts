import { types } from 'node:util'

/** What internal slots an object has: `object` is none of the others. */
export type Exotic =
  | 'object'
  | 'array'
  | 'map'
  | 'set'
  | 'error'
  | 'date'
  | 'regexp'
  | 'buffer'
  | 'view'
  | 'boxed'
  | 'arguments'
  | 'other'

export function exoticOf(value: object): Exotic {
  if (types.isProxy(value)) return 'other'
  if (Array.isArray(value)) return 'array'
  if (types.isMap(value)) return 'map'
  if (types.isSet(value)) return 'set'
  if (types.isDate(value)) return 'date'
  if (types.isRegExp(value)) return 'regexp'
  if (types.isNativeError(value)) return 'error'
  if (ArrayBuffer.isView(value)) return 'view'
  if (types.isArrayBuffer(value)) return 'buffer'
  if (types.isBoxedPrimitive(value)) return types.isSymbolObject(value) ? 'other' : 'boxed'
  if (types.isArgumentsObject(value)) return 'arguments'
  return unsendable(value) === undefined ? 'object' : 'other'
}

/** What an object is that exists in this process only, judged by its internal slots. */
export function unsendable(value: object): string | undefined {
  if (types.isProxy(value)) return 'a Proxy'
  if (types.isPromise(value)) return 'a Promise'
  if (types.isGeneratorObject(value)) return 'a running generator'
  if (types.isWeakMap(value)) return 'a WeakMap'
  if (types.isWeakSet(value)) return 'a WeakSet'
  if (types.isSharedArrayBuffer(value)) return 'a SharedArrayBuffer'
  if (ArrayBuffer.isView(value) && types.isSharedArrayBuffer(value.buffer)) return 'a view of a SharedArrayBuffer'
  if (types.isMapIterator(value) || types.isSetIterator(value)) return 'an iterator'
  if (types.isExternal(value)) return 'a pointer of native code'
  if (types.isKeyObject(value) || types.isCryptoKey(value)) return 'a key that Node holds'
  if (types.isSymbolObject(value)) return 'a Symbol object'
  if (isWeakRef(value)) return 'a WeakRef'
  return undefined
}

function isWeakRef(value: object): boolean {
  try {
    WeakRef.prototype.deref.call(value as WeakRef<object>)
    return true
  } catch {
    return false
  }
}

const float16 = (globalThis as unknown as { Float16Array?: typeof Float32Array }).Float16Array
const typedArrays = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
  // Node 24 has it, 22 does not.
  ...(float16 === undefined ? [] : [float16]),
]

/** The prototypes that the value codec gives back by itself. */
const codecPrototypes: Record<Exotic, ReadonlySet<object>> = {
  object: new Set([Object.prototype]),
  array: new Set([Array.prototype]),
  map: new Set([Map.prototype]),
  set: new Set([Set.prototype]),
  error: new Set(
    [Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError].map(one => one.prototype),
  ),
  date: new Set([Date.prototype]),
  regexp: new Set([RegExp.prototype]),
  buffer: new Set([ArrayBuffer.prototype]),
  view: new Set(typedArrays.map(one => one.prototype)),
  boxed: new Set([Number.prototype, String.prototype, Boolean.prototype, BigInt.prototype]),
  arguments: new Set(),
  other: new Set(),
}

/** Whether an object has the prototype that its kind has from the start. */
export function hasCodecPrototype(value: object, exotic: Exotic): boolean {
  return codecPrototypes[exotic].has(Object.getPrototypeOf(value))
}

/** Arrays longer than this are not searched for elements that are getters. */
const inspectedElementsMax = 10_000

/**
 * Whether the value codec alone reproduces an object, what it holds apart: no accessors, no symbols as keys, no hidden or
 * frozen properties, no prototype of its own. What it holds is put into `inner`.
 */
function isFlatData(value: object, inner: object[]): boolean {
  const exotic = exoticOf(value)
  if (exotic === 'other' || exotic === 'arguments' || !hasCodecPrototype(value, exotic)) return false
  if (!Object.isExtensible(value)) return false
  const push = (one: unknown): boolean => {
    if (typeof one === 'function' || typeof one === 'symbol') return false
    if (typeof one === 'object' && one !== null) inner.push(one)
    return true
  }
  if (exotic === 'view') return !types.isSharedArrayBuffer((value as Uint8Array).buffer) && ownKeysAtMost(value, exotic)
  if (exotic === 'boxed') return ownKeysAtMost(value, exotic)
  if (exotic === 'map') {
    for (const [key, one] of value as Map<unknown, unknown>) if (!push(key) || !push(one)) return false
  } else if (exotic === 'set') {
    for (const one of value as Set<unknown>) if (!push(one)) return false
  } else if (exotic === 'array' && (value as unknown[]).length > inspectedElementsMax) {
    const array = value as unknown[]
    for (let i = 0; i < array.length; i++) if (!push(array[i])) return false
    return Object.keys(array).length <= array.length && Object.getOwnPropertySymbols(array).length === 0
  }
  for (const key of Reflect.ownKeys(value)) {
    if (typeof key === 'symbol') return false
    if (key === 'length' && exotic === 'array') continue
    if (exotic === 'regexp' && key === 'lastIndex') {
      if ((value as RegExp).lastIndex !== 0) return false
      continue
    }
    if (exotic === 'error') {
      if (key === 'stack') continue
      if (key !== 'message' && key !== 'cause' && key !== 'errors') return false
      if (!push((value as Record<string, unknown>)[key])) return false
      continue
    }
    // The codec takes own properties of plain objects and arrays only.
    if (exotic !== 'object' && exotic !== 'array') return false
    const descriptor = Object.getOwnPropertyDescriptor(value, key)!
    if (!('value' in descriptor) || !descriptor.enumerable || !descriptor.writable || !descriptor.configurable)
      return false
    if (!push(descriptor.value)) return false
  }
  return true
}

function ownKeysAtMost(value: object, exotic: 'view' | 'boxed'): boolean {
  const length = exotic === 'view' ? ((value as Uint8Array).length ?? 0) : 0
  if (length > inspectedElementsMax) return true
  const keys = Reflect.ownKeys(value).length
  const text = value instanceof String ? value.length + 1 : 0
  return keys === length || keys === text
}

/**
 * Which objects are plain data all the way down, so that the value codec takes them as they are, identity and cycles
 * included. Judged for everything that an object reaches at once: one thing below that is no data makes all that reach it
 * something else.
 */
export class PlainData {
  readonly #known = new Map<object, boolean>()
  readonly #isSpecial: (value: object) => boolean

  /** @param isSpecial whether an object has to be treated apart although it looks plain: what belongs to Node, refs */
  constructor(isSpecial: (value: object) => boolean) {
    this.#isSpecial = isSpecial
  }

  has(root: object): boolean {
    const known = this.#known.get(root)
    if (known !== undefined) return known
    const reached = new Map<object, object[]>([[root, []]])
    const refused: object[] = []
    for (const value of reached.keys()) {
      const inner: object[] = []
      if (this.#known.get(value) === false || this.#isSpecial(value) || !isFlatData(value, inner)) {
        refused.push(value)
        continue
      }
      if (this.#known.get(value) === true) continue
      for (const one of inner) {
        const holders = reached.get(one)
        if (holders === undefined) reached.set(one, [value])
        else holders.push(value)
      }
    }
    const tainted = new Set(refused)
    for (const value of tainted) for (const holder of reached.get(value)!) tainted.add(holder)
    for (const value of reached.keys()) this.#known.set(value, !tainted.has(value))
    return !tainted.has(root)
  }
}
