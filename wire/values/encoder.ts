import { types } from 'node:util'
import { isShoalError } from '../errors/index.ts'
import { ByteWriter } from './byte-writer.ts'
import { adviceFor, form, formOf, isNativeClass, knownForm } from './classify.ts'
import { Refusal, ValueError } from './errors.ts'
import type { Extension } from './extension.ts'
import { refusedAt, throwingPath } from './path.ts'
import type { TypeRegistry } from './registry.ts'
import {
  ALIGNED_BYTES,
  container,
  DEPTH_MAX,
  EXTENSION,
  errorClasses,
  errorPart,
  NESTED_MAX,
  SMALL_INT,
  tag,
  viewClasses,
} from './tags.ts'

/** Shapes compared with each new object; an array of objects rarely has more kinds. */
const SHAPES_COMPARED = 4
/** Objects looked for one by one before a table is worth its making. */
const SCANNED_OBJECTS = 8
/** Strings up to this are written by hand. */
const SHORT_STRING = 24

/**
 * Writes values with structured clone's semantics: cycles, shared references, every built-in type. Small values cost about
 * a hundred nanoseconds and no allocation; the memory is used again for the next message.
 */
export class Encoder extends ByteWriter {
  readonly #types: TypeRegistry
  readonly #extensions: readonly Extension[]
  /** Objects of this message in the order of their indexes. */
  readonly #objects: object[] = []
  #indexes: Map<object, number> | undefined
  readonly #shapes: (readonly string[])[] = []
  readonly #later: { value: object; kind: number }[] = []
  #depth = 0

  constructor({ types: registered, extensions = [] }: { types: TypeRegistry; extensions?: readonly Extension[] }) {
    super()
    this.#types = registered
    this.#extensions = extensions
  }

  /** Begins a message: one identity table for all of its values. */
  start(): void {
    this.reset()
    this.finish()
  }

  /** The same for a message whose large payloads may be copied when it is written to its place: `pieces`. */
  startLate(): void {
    this.start()
    this.leaveLate()
  }

  /** Lets go of the objects of this message, which its identity table holds otherwise until the next. */
  finish(): void {
    if (this.#objects.length > 0) this.#objects.length = 0
    if (this.#indexes) this.#indexes = undefined
    if (this.#shapes.length > 0) this.#shapes.length = 0
    if (this.#later.length > 0) this.#later.length = 0
    this.#depth = 0
  }

  /**
   * Appends a value. `root` and `index` name it in errors.
   * @throws ValueError with the path of what cannot travel
   */
  value(value: unknown, root = '', index = -1): void {
    if (this.#depth > 0) {
      this.#write(value)
      return
    }
    try {
      this.#write(value)
      while (this.#later.length > 0) this.#fillLater()
    } catch (error) {
      this.#depth = 0
      const path = index < 0 ? root : `${root}[${index}]`
      if (error instanceof Refusal) throw refusedAt(error.culprit, error.reason, value, path, error.cause)
      // Ours say enough; anything else was thrown by the value itself: a getter, a proxy's trap, an `encode` of the user's.
      if (error instanceof ValueError || isShoalError(error)) throw error
      const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
      const where = throwingPath(value, path, this.#types)
      throw new ValueError(where, `could not be read: it threw ${text}`, { cause: error })
    }
  }

  #write(value: unknown): void {
    switch (typeof value) {
      case 'number':
        this.#number(value)
        return
      case 'string':
        this.string(value)
        return
      case 'boolean':
        this.byte(value ? tag.true : tag.false)
        return
      case 'undefined':
        this.byte(tag.undefined)
        return
      case 'object':
        if (value === null) this.byte(tag.null)
        else this.#object(value)
        return
      case 'bigint':
        this.#bigint(value)
        return
      case 'function':
        if (this.#back(value) || this.#extended(value)) return
        throw new Refusal(value, adviceFor(value))
      default:
        throw new Refusal(value, adviceFor(value))
    }
  }

  #number(n: number): void {
    if ((n | 0) === n && (n !== 0 || 1 / n > 0)) {
      if (n >= 0 && n < 128) {
        this.byte(SMALL_INT | n)
        return
      }
      this.byte(tag.int)
      this.varint(((n << 1) ^ (n >> 31)) >>> 0)
      return
    }
    this.byte(tag.double)
    this.double(n)
  }

  #bigint(n: bigint): void {
    this.byte(tag.bigint)
    this.byte(n < 0n ? 1 : 0)
    this.string((n < 0n ? -n : n).toString(16))
  }

  /** A string, also on its own for extensions. */
  string(text: string): void {
    const { length } = text
    if (length <= SHORT_STRING) {
      this.reserve(length + 2)
      const { scratch } = this
      const at = this.length
      scratch[at] = tag.ascii
      scratch[at + 1] = length
      let i = 0
      for (; i < length; i++) {
        const code = text.charCodeAt(i)
        if (code > 127) break
        scratch[at + 2 + i] = code
      }
      if (i === length) {
        this.length = at + 2 + length
        return
      }
    }
    this.#longString(text)
  }

  #longString(text: string): void {
    const { length } = text
    if (!text.isWellFormed()) {
      this.byte(tag.utf16)
      this.varint(length * 2)
      this.reserve(length * 2)
      this.length += this.buffer.write(text, this.length, length * 2, 'utf16le')
      return
    }
    const bytes = Buffer.byteLength(text, 'utf8')
    this.byte(bytes === length ? tag.ascii : tag.utf8)
    this.varint(bytes)
    this.reserve(bytes)
    this.length += this.buffer.write(text, this.length, bytes, bytes === length ? 'latin1' : 'utf8')
  }

  /** Writes a reference if the object was met before; else it gets the next index. */
  #back(value: object): boolean {
    const objects = this.#objects
    const count = objects.length
    if (this.#indexes) {
      const index = this.#indexes.get(value)
      if (index !== undefined) return this.#reference(index)
      this.#indexes.set(value, count)
    } else {
      for (let i = 0; i < count; i++) if (objects[i] === value) return this.#reference(i)
      if (count >= SCANNED_OBJECTS) {
        this.#indexes = new Map()
        for (let i = 0; i < count; i++) this.#indexes.set(objects[i], i)
        this.#indexes.set(value, count)
      }
    }
    objects.push(value)
    return false
  }

  #reference(index: number): true {
    this.byte(tag.back)
    this.varint(index)
    return true
  }

  #object(value: object): void {
    if (this.#back(value)) return
    if (types.isProxy(value)) {
      if (this.#extended(value, true)) return
      throw new Refusal(value, adviceFor(value))
    }
    const prototype = Object.getPrototypeOf(value) as object | null
    if (prototype === Object.prototype) {
      if (types.isArgumentsObject(value)) throw new Refusal(value, adviceFor(value))
      this.#contain(container.object, value)
      return
    }
    if (prototype === null) {
      this.#byForm(formOf(value), value)
      return
    }
    const known = knownForm(prototype)
    if (known === undefined) {
      if (this.#extended(value, true) || this.#registered(value, prototype)) return
      this.#byForm(formOf(value), value)
    } else if (known === form.array && Array.isArray(value)) this.#contain(container.array, value)
    else
      this.#byForm(
        known === form.error && this.#types.size > 0 && this.#registered(value, prototype) ? -1 : formOf(value),
        value,
      )
  }

  #byForm(kind: number, value: object): void {
    switch (kind) {
      case -1:
        return
      case form.plain:
        this.#contain(container.object, value)
        return
      case form.array:
        this.#contain(container.array, value)
        return
      case form.map:
        this.#contain(container.map, value)
        return
      case form.set:
        this.#contain(container.set, value)
        return
      case form.date:
        this.byte(tag.date)
        this.double(Date.prototype.getTime.call(value))
        return
      case form.regexp:
        this.byte(tag.regexp)
        this.string((value as RegExp).source)
        this.string((value as RegExp).flags)
        return
      case form.error:
        this.#error(value as Error)
        return
      case form.buffer:
        this.#buffer(value as ArrayBuffer)
        return
      case form.view:
        this.#view(value as ArrayBufferView)
        return
      case form.boxed:
        this.byte(tag.boxed)
        this.#write((value as { valueOf(): unknown }).valueOf())
        return
      case form.exception:
        this.byte(tag.exception)
        this.string((value as DOMException).message)
        this.string((value as DOMException).name)
        this.string(String((value as DOMException).stack ?? ''))
        return
      default:
        throw new Refusal(value, adviceFor(value))
    }
  }

  #extended(value: object, indexed = false): boolean {
    for (const extension of this.#extensions) {
      if (!extension.matches(value)) continue
      if (!indexed && this.#objects.at(-1) !== value) this.#objects.push(value)
      this.byte(EXTENSION | extension.tag)
      this.#nest(value)
      try {
        extension.encode(value, this)
      } catch (error) {
        if (error instanceof ValueError && error.path === '') throw new Refusal(value, error.reason, error.cause)
        throw error
      }
      this.#depth--
      return true
    }
    return false
  }

  #registered(value: object, prototype: object): boolean {
    if (this.#types.size === 0) return false
    for (let at: object | null = prototype; at && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
      const type = this.#types.byClass((at as { constructor?: unknown }).constructor)
      if (!type || type.Class.prototype !== at) continue
      this.byte(tag.registered)
      this.string(type.name)
      this.#nest(value)
      this.#write(type.encode(value))
      this.#depth--
      return true
    }
    return false
  }

  /** One level further in, of what cannot be written later. */
  #nest(value: object): void {
    if (this.#depth >= NESTED_MAX)
      throw new Refusal(value, `is nested too deeply: ${NESTED_MAX} errors or instances in each other are the most`)
    this.#depth++
  }

  // ---- containers

  #contain(kind: number, value: object): void {
    if (this.#depth >= DEPTH_MAX) {
      this.byte(tag.later)
      this.byte(kind)
      this.#later.push({ value, kind })
      return
    }
    this.#depth++
    this.#content(kind, value)
    this.#depth--
  }

  #fillLater(): void {
    const { value, kind } = this.#later.shift() as { value: object; kind: number }
    this.#depth++
    this.#content(kind, value)
    this.#depth--
  }

  #content(kind: number, value: object): void {
    if (kind === container.object) this.#fields(value)
    else if (kind === container.array) this.#array(value as unknown[])
    else if (kind === container.map) this.#map(value as Map<unknown, unknown>)
    else this.#set(value as Set<unknown>)
  }

  #fields(value: object): void {
    const keys = Object.keys(value)
    const shape = this.#shapeOf(keys)
    if (shape >= 0) {
      this.byte(tag.shaped)
      this.varint(shape)
    } else {
      this.byte(tag.object)
      this.varint(keys.length)
      for (let i = 0; i < keys.length; i++) this.string(keys[i])
      this.#shapes.push(keys)
    }
    for (let i = 0; i < keys.length; i++) this.#write((value as Record<string, unknown>)[keys[i]])
  }

  #shapeOf(keys: readonly string[]): number {
    const shapes = this.#shapes
    const last = Math.max(0, shapes.length - SHAPES_COMPARED)
    for (let at = shapes.length - 1; at >= last; at--) {
      const shape = shapes[at]
      if (shape.length !== keys.length) continue
      let i = 0
      while (i < keys.length && shape[i] === keys[i]) i++
      if (i === keys.length) return at
    }
    return -1
  }

  #array(value: unknown[]): void {
    const { length } = value
    const keys = Object.keys(value)
    let dense = 0
    while (dense < length && dense < keys.length && keys[dense] === String(dense)) dense++
    if (dense < length) {
      this.byte(tag.sparse)
      this.varint(length)
      this.#properties(value, keys, 0)
      return
    }
    this.byte(keys.length === length ? tag.array : tag.arrayAndMore)
    this.varint(length)
    for (let i = 0; i < length; i++) this.#write(value[i])
    if (keys.length > length) this.#properties(value, keys, length)
  }

  #properties(value: object, keys: readonly string[], from: number): void {
    this.varint(keys.length - from)
    for (let i = from; i < keys.length; i++) {
      this.string(keys[i])
      this.#write((value as Record<string, unknown>)[keys[i]])
    }
  }

  #map(value: Map<unknown, unknown>): void {
    this.byte(tag.map)
    const entries = [...Map.prototype.entries.call(value)]
    this.varint(entries.length)
    for (const [key, held] of entries) {
      this.#write(key)
      this.#write(held)
    }
  }

  #set(value: Set<unknown>): void {
    this.byte(tag.set)
    const items = [...Set.prototype.values.call(value)]
    this.varint(items.length)
    for (const held of items) this.#write(held)
  }

  // ---- errors

  #error(value: Error): void {
    const prototype = Object.getPrototypeOf(value) as object
    const known = errorKind(prototype)
    const kind = known < 0 ? (value instanceof AggregateError ? errorClasses.length - 1 : 0) : known
    const { message, stack } = value
    const name = value.name === undefined ? errorClasses[kind].name : String(value.name)
    const keys = Object.keys(value).filter(key => !ownParts.has(key))
    const parts =
      (name === errorClasses[kind].name ? 0 : errorPart.name) |
      (Object.hasOwn(value, 'message') || message !== '' ? errorPart.message : 0) |
      (typeof stack === 'string' ? errorPart.stack : 0) |
      (Object.hasOwn(value, 'cause') ? errorPart.cause : 0) |
      (Object.hasOwn(value, 'errors') ? errorPart.errors : 0) |
      (keys.length > 0 ? errorPart.fields : 0)
    this.byte(tag.error)
    this.byte(kind)
    this.byte(parts)
    if (parts & errorPart.name) this.string(name)
    if (parts & errorPart.message) this.string(String(message))
    if (parts & errorPart.stack) this.string(stack as string)
    this.#nest(value)
    if (parts & errorPart.cause) this.#write(value.cause)
    if (parts & errorPart.errors) this.#write((value as AggregateError).errors)
    if (parts & errorPart.fields) this.#properties(value, keys, 0)
    this.#depth--
  }

  // ---- memory

  #buffer(value: ArrayBuffer): void {
    if (value.detached) throw new Refusal(value, 'is a detached ArrayBuffer: its content was transferred away')
    if (value.resizable) {
      this.byte(tag.resizable)
      this.varint(value.byteLength)
      this.varint(value.maxByteLength)
    } else {
      this.byte(tag.buffer)
      this.varint(value.byteLength)
    }
    this.#payload(new Uint8Array(value))
  }

  #payload(bytes: Uint8Array): void {
    if (bytes.length >= ALIGNED_BYTES) this.align()
    this.payload(bytes)
  }

  #view(value: ArrayBufferView): void {
    const prototype = Object.getPrototypeOf(value) as object
    let kind = viewClasses.findIndex(one => one.prototype === prototype)
    if (kind < 0) kind = viewKind(value)
    const buffer = value.buffer as ArrayBuffer
    if (value.byteLength === 0 && buffer.resizable && isOutOfBounds(value))
      throw new Refusal(value, 'is a view of what its resizable buffer no longer has')
    const whole = !types.isSharedArrayBuffer(buffer) && sendsWhole(value, buffer)
    this.byte(tag.view)
    this.byte(kind)
    const size = viewClasses[kind] === DataView ? 1 : (value as Uint8Array).BYTES_PER_ELEMENT
    if (!whole) {
      this.varint(0)
      this.varint(value.byteLength / size + 1)
      // A part of a larger buffer travels alone, as a buffer of its own.
      this.#objects.push(detachedPart)
      if (this.#indexes) this.#indexes.set({}, this.#objects.length - 1)
      this.byte(tag.buffer)
      this.varint(value.byteLength)
      this.#payload(new Uint8Array(buffer, value.byteOffset, value.byteLength))
      return
    }
    this.varint(value.byteOffset)
    this.varint(followsBuffer(value, buffer) ? 0 : value.byteLength / size + 1)
    this.#object(buffer)
  }
}

/** The class of an error by its prototype, that of another realm too; -1: one of the user's. */
function errorKind(prototype: object | null): number {
  const kind = errorClasses.findIndex(one => one.prototype === prototype)
  const Class = (prototype as { constructor?: unknown } | null)?.constructor
  if (kind >= 0 || typeof Class !== 'function' || Class.prototype !== prototype || !isNativeClass(Class)) return kind
  return errorClasses.findIndex(one => one.name === Class.name)
}

const typedArrayName = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)
  ?.get as () => string | undefined

/** The class of a view by its internal slot: of a subclass, or of another realm. */
function viewKind(value: ArrayBufferView): number {
  const name = typedArrayName.call(value) ?? 'DataView'
  return viewClasses.findIndex(one => one.name === name)
}

/** Whether a typed array without elements has lost them with its buffer's end. */
function isOutOfBounds(value: ArrayBufferView): boolean {
  try {
    if (!(value instanceof DataView)) Uint8Array.prototype.keys.call(value as Uint8Array<ArrayBuffer>)
    return false
  } catch {
    return true
  }
}

/** Fields of errors that are written by themselves. */
const ownParts = new Set(['message', 'stack', 'cause', 'errors', 'name'])

/** Takes the index of a buffer that no other view can share. */
const detachedPart = {}

/** Whether a view's whole buffer travels, so that other views of it share it there: not for small parts of large ones, nor for Node's pooled Buffers. */
function sendsWhole(value: ArrayBufferView, buffer: ArrayBuffer): boolean {
  if (Buffer.isBuffer(value)) return value.byteLength === buffer.byteLength
  return buffer.byteLength <= 4096 || value.byteLength * 2 >= buffer.byteLength
}

/** Whether a view's length is that of its resizable buffer, whatever it becomes. */
function followsBuffer(value: ArrayBufferView, buffer: ArrayBuffer): boolean {
  if (!buffer.resizable || value.byteOffset + value.byteLength !== buffer.byteLength) return false
  if (buffer.maxByteLength === buffer.byteLength) return false
  const size = value instanceof DataView ? 1 : (value as Uint8Array).BYTES_PER_ELEMENT
  const before = buffer.byteLength
  buffer.resize(Math.min(before + size, buffer.maxByteLength))
  const follows = value.byteOffset + value.byteLength !== before
  buffer.resize(before)
  return follows
}
