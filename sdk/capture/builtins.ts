import { builtinModules } from 'node:module'
import { types } from 'node:util'

/** Where something of Node's own is found in any Node: a module's name, or 'global', then property names. */
export type BuiltinPath = (string | symbol)[]

/** Globals of Node that are enumerable, as those which programs add are. */
const enumerableGlobals = new Set(
  'global clearImmediate setImmediate clearInterval clearTimeout setInterval setTimeout queueMicrotask structuredClone atob btoa performance fetch navigator crypto localStorage sessionStorage'.split(
    ' ',
  ),
)
/** Global objects (no functions) of which copies would be wrong. Others are loaded when they are first touched: `FormData` costs 50 ms. */
const globalObjects = 'Math JSON Reflect Atomics Intl WebAssembly console process'.split(' ')
/** The global functions and classes of JavaScript itself, and those of Node that are there from the start. */
const globalFunctions =
  'Object Function Array Number parseFloat parseInt Boolean String Symbol Date Promise RegExp Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError SuppressedError ArrayBuffer SharedArrayBuffer Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array Float16Array Float32Array Float64Array Uint8ClampedArray BigUint64Array BigInt64Array DataView Map BigInt Set Iterator WeakMap WeakSet WeakRef Proxy FinalizationRegistry DisposableStack AsyncDisposableStack Temporal decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape eval isFinite isNaN Buffer setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate queueMicrotask structuredClone atob btoa URL URLSearchParams TextEncoder TextDecoder AbortController AbortSignal Event EventTarget'.split(
    ' ',
  )
const fixed = new Set(['Infinity', 'NaN', 'undefined'])

/** Whether a name is a global of Node itself, not one that the program has made. */
export function isNodeGlobal(name: string): boolean {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, name)
  if (descriptor === undefined) return name in globalThis
  if (enumerableGlobals.has(name) || fixed.has(name)) return true
  return !descriptor.enumerable && descriptor.configurable === true
}

/** A name without which a module is no public one, or which warns when it is touched. */
const avoided = /^_|^(?:sys|punycode|trace_events|wasi)$/

/** Modules that Node 22 does not list: they have no name without the prefix. */
const prefixed = ['node:sqlite', 'node:test', 'node:sea']

function loadedModules(): [string, object][] {
  const list = (process as unknown as { moduleLoadList: string[] }).moduleLoadList
  const loaded = new Set(list.map(line => line.replace(/^(?:NativeModule|Internal Binding) /, '')))
  const modules: [string, object][] = []
  for (const name of new Set([...builtinModules, ...prefixed])) {
    const bare = name.replace(/^node:/, '')
    if (avoided.test(bare) || !loaded.has(bare)) continue
    const exports = process.getBuiltinModule(name) as unknown
    if (isObject(exports)) modules.push([name, exports])
  }
  return modules
}

/**
 * What Node itself provides, by identity: so that `const { join } = require('path')`, `const { env } = process` or a
 * captured `Math` are the same thing there, whatever the style in which they were got.
 */
export class Builtins {
  readonly #namespaces = new Map<object, BuiltinPath>()
  readonly #all = new Map<object, BuiltinPath>()
  #modules = -1
  #allModules = -1

  /** The place of a plain object of Node's own: a module's exports, `Math`, `path.posix`, `process.env`. */
  namespace(value: object): BuiltinPath | undefined {
    this.#indexNamespaces()
    return this.#namespaces.get(value)
  }

  /** The place of a function, class, prototype or object of Node's own. */
  find(value: object): BuiltinPath | undefined {
    return this.namespace(value) ?? this.#full().get(value) ?? byName(value)
  }

  #indexNamespaces(): void {
    const count = (process as unknown as { moduleLoadList: string[] }).moduleLoadList.length
    if (count === this.#modules) return
    this.#modules = count
    add(this.#namespaces, globalThis, ['global'])
    for (const name of globalObjects) add(this.#namespaces, (globalThis as never)[name], ['global', name])
    add(this.#namespaces, process.env, ['global', 'process', 'env'])
    for (const [name, exports] of loadedModules()) {
      add(this.#namespaces, exports, [name])
      for (const [key, value] of data(exports)) {
        if (typeof value === 'object' && isObject(value) && plain(value)) add(this.#namespaces, value, [name, key])
      }
    }
  }

  #full(): Map<object, BuiltinPath> {
    if (this.#allModules === this.#modules) return this.#all
    this.#allModules = this.#modules
    for (const [value, path] of this.#namespaces) this.#walk(value, path, 3)
    for (const name of globalFunctions) {
      const value: unknown = (globalThis as Record<string, unknown>)[name]
      if (isObject(value)) this.#walk(value, ['global', name], 3)
    }
    // Reached through no global name.
    const hidden: [string, object][] = [
      ['AsyncFunction', async () => {}],
      ['GeneratorFunction', function* () {}],
      ['AsyncGeneratorFunction', async function* () {}],
    ]
    for (const [name, sample] of hidden) this.#walk(Object.getPrototypeOf(sample).constructor, ['hidden', name], 2)
    this.#walk(Object.getPrototypeOf(Uint8Array), ['hidden', 'TypedArray'], 2)
    return this.#all
  }

  #walk(value: object, path: BuiltinPath, depth: number): void {
    if (this.#all.has(value)) return
    if (value !== globalThis) this.#all.set(value, path)
    if (depth === 0 || value === globalThis || value === process.env) return
    for (const [key, inner] of data(value)) {
      if (!isObject(inner) || types.isProxy(inner) || key === 'constructor') continue
      if (typeof inner === 'function' || plain(inner) || key === 'prototype')
        this.#walk(inner, [...path, key], depth - 1)
    }
  }
}

/** Whether a value is what the global of its own name is: a class that is loaded at first use, its prototype, or an only instance. */
function byName(value: object): BuiltinPath | undefined {
  const own = typeof value === 'function' ? value : (value as { constructor?: unknown }).constructor
  const name = typeof own === 'function' ? Object.getOwnPropertyDescriptor(own, 'name')?.value : undefined
  if (typeof name !== 'string' || name === '' || !isNodeGlobal(name)) {
    return undefined
  }
  const known: unknown = (globalThis as Record<string, unknown>)[name]
  if (known === value) return ['global', name]
  if (typeof known === 'function' && known.prototype === value) return ['global', name, 'prototype']
  const single = name[0].toLowerCase() + name.slice(1)
  // `Crypto` → `crypto`, `Performance` → `performance`.
  if (isNodeGlobal(single) && (globalThis as Record<string, unknown>)[single] === value) return ['global', single]
  return undefined
}

function add(map: Map<object, BuiltinPath>, value: object, path: BuiltinPath): void {
  if (!map.has(value)) map.set(value, path)
}

/** The data properties: no getter is called. Symbols only where every Node has the same. */
function* data(object: object): Generator<[string | symbol, unknown]> {
  for (const key of Reflect.ownKeys(object)) {
    if (typeof key === 'symbol' && wellKnownName(key) === undefined) continue
    const descriptor = Object.getOwnPropertyDescriptor(object, key)
    if (descriptor !== undefined && 'value' in descriptor) yield [key, descriptor.value]
  }
}

/** `iterator` for Symbol.iterator, and so on. */
export function wellKnownName(symbol: symbol): string | undefined {
  const name = symbol.description?.startsWith('Symbol.') ? symbol.description.slice('Symbol.'.length) : undefined
  return name !== undefined && (Symbol as unknown as Record<string, unknown>)[name] === symbol ? name : undefined
}

function plain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

let builtins: Builtins | undefined

/** Node's own things, as this thread has them. */
export function builtinsOfThread(): Builtins {
  builtins ??= new Builtins()
  return builtins
}
