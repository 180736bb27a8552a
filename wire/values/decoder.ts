import { SerializationError } from '../errors/index.ts'
import { MalformedValueError } from './errors.ts'
import type { Extension } from './extension.ts'
import type { TypeRegistry } from './registry.ts'
import { ALIGNED_BYTES, container, EXTENSION, errorClasses, errorPart, SMALL_INT, tag, viewClasses } from './tags.ts'

/** Node's own readers, which take memory that is shared; `toString` looks at its arguments first. */
type NativeBuffer = Buffer & Record<'latin1Slice' | 'utf8Slice' | 'ucs2Slice', (from: number, to: number) => string>

const float = new Float64Array(1)
const floatBytes = new Uint8Array(float.buffer)

/** Strings up to this are read by hand: cheaper than a call into Node. */
const SHORT_STRING = 10
/** Nesting that an encoder of ours never writes; well below what the stack bears. */
const DEPTH_MAX = 1500

/**
 * Reads what `Encoder` wrote. Bytes may come from anywhere: every length is checked against the bytes that are left before
 * memory is taken for it, and what no encoder writes is a MalformedValueError.
 */
export class Decoder {
  readonly #types: TypeRegistry
  readonly #extensions: (Extension | undefined)[] = []
  #bytes: Uint8Array = new Uint8Array(0)
  #base = 0
  #end = 0
  #copy = true
  #depth = 0
  readonly #objects: unknown[] = []
  readonly #shapes: (readonly string[])[] = []
  readonly #later: { value: object; kind: number }[] = []
  /** Index of the extension value that is being read, for `setShell`. */
  #shell = -1
  #buffer: NativeBuffer | undefined
  at = 0
  /** For errors: what is of a type that is not registered here is what it was encoded as, and the rest arrives. */
  lenient = false

  constructor({ types, extensions = [] }: { types: TypeRegistry; extensions?: readonly Extension[] }) {
    this.#types = types
    for (const extension of extensions) this.#extensions[extension.tag] = extension
  }

  /**
   * Begins a message at `at`. `copy: false`: typed arrays are views of `bytes`' memory where they are aligned, and an
   * ArrayBuffer is such a Uint8Array.
   */
  start(bytes: Uint8Array, at = 0, end = bytes.length, options?: { copy?: boolean }): void {
    if (bytes.buffer !== this.#bytes.buffer || bytes.byteOffset !== this.#bytes.byteOffset) this.#buffer = undefined
    this.#bytes = bytes
    this.at = at
    this.#base = at
    this.#end = end
    this.#copy = options === undefined || options.copy !== false
    this.finish()
  }

  /** Lets go of the objects of this message, which its identity table holds otherwise until the next. */
  finish(): void {
    this.#depth = 0
    if (this.#objects.length > 0) this.#objects.length = 0
    if (this.#shapes.length > 0) this.#shapes.length = 0
    if (this.#later.length > 0) this.#later.length = 0
  }

  #need(bytes: number): void {
    if (bytes > this.#end - this.at)
      throw new MalformedValueError(`${bytes} bytes are needed, ${this.#end - this.at} are left`)
  }

  byte(): number {
    if (this.at >= this.#end) throw new MalformedValueError('it ends too soon')
    return this.#bytes[this.at++]
  }

  varint(): number {
    let n = 0
    let scale = 1
    for (let i = 0; i < 8; i++) {
      const byte = this.byte()
      n += (byte & 127) * scale
      if (byte < 128) {
        if (n > Number.MAX_SAFE_INTEGER) break
        return n
      }
      scale *= 128
    }
    throw new MalformedValueError('a number that is too long')
  }

  /** A count of things that take at least a byte each. */
  #count(): number {
    const n = this.varint()
    if (n > this.#end - this.at) throw new MalformedValueError(`${n} parts, and ${this.#end - this.at} bytes are left`)
    return n
  }

  #double(): number {
    this.#need(8)
    for (let i = 0; i < 8; i++) floatBytes[i] = this.#bytes[this.at + i]
    this.at += 8
    return float[0]
  }

  string(): string {
    const kind = this.byte()
    if (kind !== tag.ascii && kind !== tag.utf8 && kind !== tag.utf16) throw new MalformedValueError('a string was due')
    return this.#text(kind)
  }

  #text(kind: number): string {
    const bytes = this.varint()
    this.#need(bytes)
    const from = this.at
    this.at += bytes
    if (kind === tag.ascii && bytes <= SHORT_STRING) {
      let text = ''
      for (let i = from; i < this.at; i++) text += String.fromCharCode(this.#bytes[i])
      return text
    }
    this.#buffer ??= Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength) as NativeBuffer
    if (kind === tag.ascii) return this.#buffer.latin1Slice(from, this.at)
    if (kind === tag.utf8) return this.#buffer.utf8Slice(from, this.at)
    return this.#buffer.ucs2Slice(from, this.at)
  }

  /** Length-prefixed bytes, copied. */
  raw(): Uint8Array {
    const bytes = this.varint()
    this.#need(bytes)
    this.at += bytes
    return copyOf(this.#bytes, this.at - bytes, bytes)
  }

  /** Names the object under construction, so that references to it resolve while it is read. */
  setShell(shell: object): void {
    if (this.#shell >= 0) this.#objects[this.#shell] = shell
  }

  value(): unknown {
    if (this.#depth > 0) return this.#read()
    const value = this.#read()
    while (this.#later.length > 0) this.#fillLater()
    return value
  }

  #read(): unknown {
    const kind = this.byte()
    if (kind >= SMALL_INT) return kind & 127
    if (kind >= EXTENSION) return this.#extended(kind & 63)
    switch (kind) {
      case tag.undefined:
        return undefined
      case tag.null:
        return null
      case tag.true:
        return true
      case tag.false:
        return false
      case tag.int: {
        const n = this.varint()
        if (n > 0xffff_ffff) throw new MalformedValueError('a whole number out of range')
        return (n >>> 1) ^ -(n & 1)
      }
      case tag.double:
        return this.#double()
      case tag.ascii:
      case tag.utf8:
      case tag.utf16:
        return this.#text(kind)
      case tag.bigint:
        return this.#bigint()
      case tag.back: {
        const index = this.varint()
        if (index >= this.#objects.length)
          throw new MalformedValueError(`a reference to object ${index} of ${this.#objects.length}`)
        return this.#objects[index]
      }
      case tag.later:
        return this.#shellForLater()
      default:
        return this.#object(kind)
    }
  }

  #bigint(): bigint {
    const negative = this.byte() === 1
    const digits = this.string()
    if (!/^[0-9a-f]+$/.test(digits)) throw new MalformedValueError('a bigint without digits')
    const n = BigInt(`0x${digits}`)
    return negative ? -n : n
  }

  #add<T>(value: T): T {
    this.#objects.push(value)
    return value
  }

  #enter(): void {
    if (++this.#depth > DEPTH_MAX) throw new MalformedValueError('nested too deeply')
  }

  #object(kind: number): unknown {
    switch (kind) {
      case tag.object:
      case tag.shaped:
        return this.#fill(this.#add({}), container.object, kind)
      case tag.array:
      case tag.sparse:
      case tag.arrayAndMore:
        return this.#fill(this.#add([]), container.array, kind)
      case tag.map:
        return this.#fill(this.#add(new Map()), container.map, kind)
      case tag.set:
        return this.#fill(this.#add(new Set()), container.set, kind)
      case tag.date:
        return this.#add(new Date(this.#double()))
      case tag.regexp:
        return this.#regexp()
      case tag.error:
        return this.#error()
      case tag.buffer:
      case tag.resizable:
        return this.#arrayBuffer(kind)
      case tag.view:
        return this.#view()
      case tag.boxed: {
        const index = this.#objects.push(undefined) - 1
        const boxed = Object(this.#read()) as object
        this.#objects[index] = boxed
        return boxed
      }
      case tag.registered:
        return this.#registered()
      case tag.exception: {
        const made = new DOMException(this.string(), this.string())
        const stack = this.string()
        if (stack !== '') Object.defineProperty(made, 'stack', { value: stack, configurable: true, writable: true })
        return this.#add(made)
      }
      default:
        throw new MalformedValueError(`no value begins with ${kind}`)
    }
  }

  #shellForLater(): object {
    const kind = this.byte()
    const made: object =
      kind === container.object ? {} : kind === container.array ? [] : kind === container.map ? new Map() : new Set()
    if (kind > container.set) throw new MalformedValueError('an unknown container')
    this.#later.push({ value: made, kind })
    return this.#add(made)
  }

  #fillLater(): void {
    const { value, kind } = this.#later.shift() as { value: object; kind: number }
    this.#fill(value, kind, this.byte())
  }

  /** Reads a container's content into it; the first byte says in which way it was written. */
  #fill(value: object, kind: number, first: number): object {
    this.#enter()
    if (kind === container.object) this.#fields(value as Record<string, unknown>, first)
    else if (kind === container.array) this.#array(value as unknown[], first)
    else if (kind === container.map && first === tag.map) {
      for (let n = this.#count(); n > 0; n--) {
        const key = this.#read()
        ;(value as Map<unknown, unknown>).set(key, this.#read())
      }
    } else if (kind === container.set && first === tag.set) {
      for (let n = this.#count(); n > 0; n--) (value as Set<unknown>).add(this.#read())
    } else throw new MalformedValueError('a container of another kind')
    this.#depth--
    return value
  }

  #fields(value: Record<string, unknown>, first: number): void {
    let keys: readonly string[]
    if (first === tag.shaped) {
      const shape = this.varint()
      keys = this.#shapes[shape]
      if (keys === undefined) throw new MalformedValueError(`no shape ${shape}`)
    } else if (first === tag.object) {
      const made: string[] = []
      for (let n = this.#count(); n > 0; n--) made.push(this.string())
      this.#shapes.push(made)
      keys = made
    } else throw new MalformedValueError('fields were due')
    for (let i = 0; i < keys.length; i++) setField(value, keys[i], this.#read())
  }

  #array(value: unknown[], first: number): void {
    if (first === tag.sparse) {
      const length = this.varint()
      if (length > 0xffff_ffff) throw new MalformedValueError('an array that is too long')
      value.length = length
      this.#properties(value)
      return
    }
    if (first !== tag.array && first !== tag.arrayAndMore) throw new MalformedValueError('items were due')
    const length = this.#count()
    for (let i = 0; i < length; i++) value.push(this.#read())
    if (first === tag.arrayAndMore) this.#properties(value)
  }

  #properties(value: object): void {
    for (let n = this.#count(); n > 0; n--) {
      const key = this.string()
      if (Array.isArray(value) && key === 'length') throw new MalformedValueError('an array with a length of its own')
      setField(value as Record<string, unknown>, key, this.#read())
    }
  }

  #regexp(): RegExp {
    const source = this.string()
    const flags = this.string()
    try {
      return this.#add(new RegExp(source, flags))
    } catch {
      throw new MalformedValueError('an invalid regular expression')
    }
  }

  #error(): Error {
    const kind = this.byte()
    const parts = this.byte()
    const Class = errorClasses[kind]
    if (!Class) throw new MalformedValueError('an unknown class of errors')
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    const made = Class === AggregateError ? new AggregateError([]) : new (Class as ErrorConstructor)()
    Error.stackTraceLimit = limit
    this.#add(made)
    this.#enter()
    const define = (key: string, value: unknown): void => {
      Object.defineProperty(made, key, { value, writable: true, configurable: true, enumerable: false })
    }
    if (parts & errorPart.name) define('name', this.string())
    if (parts & errorPart.message) define('message', this.string())
    if (parts & errorPart.stack) define('stack', this.string())
    if (parts & errorPart.cause) define('cause', this.#read())
    if (parts & errorPart.errors) define('errors', this.#read())
    if (parts & errorPart.fields) this.#properties(made)
    this.#depth--
    return made
  }

  #payloadAt(bytes: number): number {
    if (bytes >= ALIGNED_BYTES) this.at += (8 - ((this.at - this.#base) & 7)) & 7
    this.#need(bytes)
    this.at += bytes
    return this.at - bytes
  }

  #arrayBuffer(kind: number): ArrayBuffer | Uint8Array {
    const bytes = this.varint()
    const maximum = kind === tag.resizable ? this.varint() : bytes
    if (maximum < bytes || maximum > 2 ** 40) throw new MalformedValueError('a buffer larger than it may be')
    const at = this.#payloadAt(bytes)
    if (kind === tag.resizable) {
      const made = new ArrayBuffer(bytes, { maxByteLength: maximum })
      new Uint8Array(made).set(this.#bytes.subarray(at, at + bytes))
      return this.#add(made)
    }
    if (!this.#copy) return this.#add(this.#bytes.subarray(at, at + bytes))
    return this.#add(copyOf(this.#bytes, at, bytes).buffer as ArrayBuffer)
  }

  #view(): unknown {
    const Class = viewClasses[this.byte()]
    if (!Class) throw new MalformedValueError('an unknown class of views')
    const offset = this.varint()
    const counted = this.varint()
    const index = this.#objects.push(undefined) - 1
    const buffer = this.#read()
    try {
      const made = this.#makeView(Class, buffer, offset, counted === 0 ? undefined : counted - 1)
      this.#objects[index] = made
      return made
    } catch (error) {
      if (error instanceof MalformedValueError) throw error
      throw new MalformedValueError('a view that does not fit its buffer')
    }
  }

  #makeView(Class: (typeof viewClasses)[number], buffer: unknown, offset: number, length: number | undefined): unknown {
    const View = Class as unknown as new (buffer: ArrayBufferLike, offset: number, length?: number) => ArrayBufferView
    if (buffer instanceof ArrayBuffer) return new View(buffer, offset, length)
    if (!(buffer instanceof Uint8Array)) throw new MalformedValueError('a view of no buffer')
    // Zero-copy: over the memory that the bytes are in, where that is aligned for this class.
    const size = Class === DataView ? 1 : (Class as typeof Uint8Array).BYTES_PER_ELEMENT
    const from = buffer.byteOffset + offset
    if (length !== undefined && offset + length * size > buffer.byteLength)
      throw new MalformedValueError('a view beyond its buffer')
    if (from % size === 0) return new View(buffer.buffer, from, length)
    return new View(copyOf(buffer, 0, buffer.byteLength).buffer as ArrayBuffer, offset, length)
  }

  #registered(): unknown {
    const index = this.#objects.push(undefined) - 1
    const name = this.string()
    this.#enter()
    const encoded = this.#read()
    this.#depth--
    const type = this.#types.byName(name)
    if (!type && !this.lenient) {
      const reason = `is an instance of the registered type '${name}', which is not registered here: call registerType with that name first`
      throw new SerializationError(`a value cannot be read: it ${reason}`, { path: '', reason })
    }
    const value = type ? type.decode(encoded) : encoded
    this.#objects[index] = value
    return value
  }

  #extended(extensionTag: number): unknown {
    const extension = this.#extensions[extensionTag]
    if (!extension) throw new MalformedValueError(`no extension ${extensionTag}`)
    const index = this.#objects.push(undefined) - 1
    const outer = this.#shell
    this.#shell = index
    this.#enter()
    const value = extension.decode(this)
    this.#depth--
    this.#shell = outer
    this.#objects[index] = value
    return value
  }
}

/** Sets a field as data, whatever its name. */
function setField(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, writable: true, configurable: true, enumerable: true })
  else target[key] = value
}

function copyOf(bytes: Uint8Array, at: number, length: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(length)
  copy.set(bytes.subarray(at, at + length))
  return copy
}
