import { EventEmitter } from 'node:events'
import { types } from 'node:util'
import { errorClasses, viewClasses } from './tags.ts'

/** How an object is written. */
export const form = {
  plain: 0,
  array: 1,
  map: 2,
  set: 3,
  date: 4,
  regexp: 5,
  error: 6,
  buffer: 7,
  view: 8,
  boxed: 9,
  exception: 10,
  refused: 11,
} as const

/** Prototypes that tell the form by themselves; the internal slot is checked where a form reads one. */
const byPrototype = new Map<object, number>([
  [Array.prototype, form.array],
  [Map.prototype, form.map],
  [Set.prototype, form.set],
  [Date.prototype, form.date],
  [RegExp.prototype, form.regexp],
  [ArrayBuffer.prototype, form.buffer],
  [Buffer.prototype, form.view],
])
for (const { prototype } of viewClasses) byPrototype.set(prototype, form.view)
for (const { prototype } of errorClasses) byPrototype.set(prototype, form.error)

/** Whether an object's prototype is one of JavaScript's own whose objects the codec knows. */
export function knownForm(prototype: object): number | undefined {
  return byPrototype.get(prototype)
}

/** The form of an object by its internal slots, whatever its prototype. */
export function formOf(value: object): number {
  if (Array.isArray(value)) return form.array
  // To V8 a DOMException is an error like others.
  if (types.isNativeError(value)) return value instanceof DOMException ? form.exception : form.error
  if (types.isMap(value)) return form.map
  if (types.isSet(value)) return form.set
  if (types.isDate(value)) return form.date
  if (types.isRegExp(value)) return form.regexp
  if (ArrayBuffer.isView(value)) return form.view
  if (types.isArrayBuffer(value)) return form.buffer
  if (types.isBoxedPrimitive(value)) return types.isSymbolObject(value) ? form.refused : form.boxed
  if (value instanceof DOMException) return form.exception
  return refusedClass(value) === undefined ? form.plain : form.refused
}

/** The name of the class whose instances never travel, or undefined. */
function refusedClass(value: object): string | undefined {
  if (types.isSharedArrayBuffer(value)) return 'SharedArrayBuffer'
  if (types.isPromise(value)) return 'Promise'
  if (types.isWeakMap(value) || types.isWeakSet(value) || value instanceof WeakRef) return className(value)
  if (types.isGeneratorObject(value)) return 'generator'
  if (types.isArgumentsObject(value)) return 'arguments'
  if (types.isMapIterator(value) || types.isSetIterator(value)) return 'iterator'
  if (types.isExternal(value) || types.isModuleNamespaceObject(value)) return 'module'
  if (value instanceof EventEmitter || value instanceof EventTarget) return className(value)
  for (
    let at: object | null = Object.getPrototypeOf(value);
    at && at !== Object.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    const { constructor: Class } = at as { constructor?: unknown }
    if (typeof Class !== 'function' || !Object.hasOwn(at, 'constructor')) continue
    const isGlobal = (globalThis as Record<string, unknown>)[Class.name] === Class
    if ((isNativeClass(Class) || isGlobal) && !makesPlain(Class, at)) return Class.name
  }
  const shown = Object.prototype.toString.call(value)
  return / (\w* ?Iterator|Generator|AsyncGenerator)\]$/.test(shown) ? 'iterator' : undefined
}

/** Whether a class is JavaScript's own, of whatever realm. */
export function isNativeClass(Class: unknown): boolean {
  return /\{\s*\[native code\]\s*\}\s*$/.test(Function.prototype.toString.call(Class))
}

/** Objects of another realm are plain, and so is what only inherits from an error: such classes were written before `class`. */
function makesPlain({ name }: { name: string }, prototype: object): boolean {
  if (name === 'Object') return Object.getPrototypeOf(prototype) === null
  return errorClasses.some(one => one.name === name)
}

export function className(value: object): string {
  const { constructor: Class } = value as { constructor?: { name?: unknown } }
  return typeof Class?.name === 'string' && Class.name !== '' ? Class.name : 'object'
}

/** What to do about a value that cannot travel. */
export function adviceFor(value: unknown): string {
  // Nothing is asked of it: its traps are the user's.
  if (types.isProxy(value)) return 'is a Proxy: pass what it stands for, or a copy of that'
  switch (typeof value) {
    case 'function':
      return `is a function${value.name ? ` (${value.name})` : ''}: pass what it needs as data, or make it remote with task(…)`
    case 'symbol':
      return `is a symbol (${String(value)}): pass a string instead`
    case 'object':
      return adviceForObject(value as object)
    default:
      return 'cannot be written'
  }
}

function adviceForObject(value: object): string {
  const name = refusedClass(value) ?? className(value)
  if (value instanceof URL) return 'is a URL: pass its href, and make a URL of it there'
  if (types.isPromise(value)) return 'is a Promise: await it first, or pass the ref of a task'
  if (types.isSharedArrayBuffer(value)) return 'is a SharedArrayBuffer: pass a typed array, which is copied, or put it'
  if (name === 'arguments') return 'is an arguments object: pass [...arguments]'
  if (/iterator|generator/i.test(name)) return `is a ${name}: pass an array of its items`
  return `is ${/^[AEIOU]/i.test(name) ? 'an' : 'a'} ${name}: pass what it was made from, and make it inside the function; or registerType its class`
}
