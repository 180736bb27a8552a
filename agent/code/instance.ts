// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
import { nodeKinds, type Pieces, stepTags } from '../../wire/code/format.ts'
import { Decoder, type Extension, type TypeRegistry } from '../../wire/values/index.ts'
import { cannotLoad } from './code-problem.ts'
import { Helpers } from './helpers.ts'
import { compilePiece, compileScope, type Factory, type Wrapped } from './pieces.ts'
import type { Surroundings } from './surroundings.ts'
import type { Evaluator, ThreadModules } from './thread-modules.ts'

/** Shells without what is inside them: accessor properties of these kinds carry the bit 8. */
const accessorBit = 8

/** A registered type as the code has it. */
export interface LoadedType {
  name: string
  Class: Function
  decode(value: never): unknown
  encode(value: never): unknown
}

/** One instance of a code object: the function, and the registered types of its program. */
export interface Instance {
  root: Function
  types: LoadedType[]
  /** Classes that came with it, as this instance's. */
  companions: unknown[]
}

/** What all instances of one code object have in common. */
export interface CodeSource {
  pieces: Pieces
  bytes: Uint8Array
  stateAt: number
  /** The keys of its modules and environments, evaluated. */
  modules: string[]
  environments: string[]
  blobs: { hash: string; bytes: Uint8Array }[]
  /** Those of them that only registered types need and that cannot be evaluated here. */
  failed: ReadonlySet<string>
}

/** Makes instances of a code object, by carrying out the steps of its state. */
export class Instances {
  readonly #source: CodeSource
  readonly #modules: ThreadModules
  readonly #around: Surroundings
  readonly #decoder: Decoder
  readonly #helpers: Helpers
  readonly #factories: (Factory | undefined)[] = []
  /** The nodes of the instance that is being made. */
  #nodes: unknown[] = []
  #wrapped = new Map<number, Wrapped>()
  #scopes = new Map<number, { evaluate: Evaluator; link(values: unknown[]): void }>()

  constructor(
    source: CodeSource,
    modules: ThreadModules,
    around: Surroundings,
    codec: { extensions: readonly Extension[]; types: TypeRegistry },
  ) {
    this.#source = source
    this.#modules = modules
    this.#around = around
    this.#helpers = new Helpers(source, modules, around)
    this.#decoder = new Decoder({ extensions: [...codec.extensions, ...this.#extensions()], types: codec.types })
  }

  make(): Instance {
    this.#nodes = []
    this.#wrapped = new Map()
    this.#scopes = new Map()
    const { bytes, stateAt } = this.#source
    this.#decoder.start(bytes, stateAt, bytes.length, { copy: true })
    const [, root, types, companions] = this.#decoder.value() as [
      unknown[],
      Function,
      [string, Function, LoadedType['decode'], LoadedType['encode']][],
      unknown[],
    ]
    this.#decoder.finish()
    this.#nodes = []
    const made = types.map(([name, Class, decode, encode]) => ({ name, Class, decode, encode }))
    return {
      root,
      companions,
      types: made.filter(({ Class, decode }) => typeof Class === 'function' && typeof decode === 'function'),
    }
  }

  #extensions(): Extension[] {
    const unwritten = () => {
      throw new Error('code is written by sdk/capture')
    }
    const never = { matches: () => false, encode: unwritten }
    return [
      { tag: stepTags.reference, ...never, decode: decoder => this.#nodes[decoder.varint()] as object },
      {
        tag: stepTags.define,
        ...never,
        decode: decoder => {
          const index = decoder.varint()
          const kind = nodeKinds[decoder.byte()]
          const data = decoder.value() as unknown[]
          if (!this.#isLost(kind, data)) this.#nodes[index] = this.#define(index, kind, data)
          return nothing
        },
      },
      {
        tag: stepTags.fill,
        ...never,
        decode: decoder => {
          const index = decoder.varint()
          this.#fill(index, decoder.value() as unknown[][])
          return nothing
        },
      },
    ]
  }

  /** Whether a node belongs to a module that could not be evaluated, which only registered types need. */
  #isLost(kind: (typeof nodeKinds)[number], data: unknown[]): boolean {
    const { failed, modules, environments, pieces } = this.#source
    if (failed.size === 0) return false
    switch (kind) {
      case 'binding':
      case 'export':
        return failed.has(modules[data[0] as number])
      case 'function':
      case 'class':
      case 'scope': {
        const { place } = pieces.pieces[data[0] as number]
        return place[0] !== 'none' && failed.has(place[0] === 'module' ? modules[place[1]] : environments[place[1]])
      }
      case 'prototype':
      case 'member':
      case 'bound':
        return data[0] === undefined
      default:
        return false
    }
  }

  #define(index: number, kind: (typeof nodeKinds)[number], data: unknown[]): unknown {
    switch (kind) {
      case 'function':
        return this.#function(index, data[0] as number, data[1])
      case 'class':
        return this.#class(index, data[0] as number, data[1], data[2] as unknown[])
      case 'scope':
        return this.#scope(index, data[0] as number, data[1], data[2] as string[])
      case 'object':
        return {}
      case 'array':
        return new Array(data[0] as number)
      case 'map':
        return new Map()
      case 'set':
        return new Set()
      case 'error':
        return bareError(data[0] as string)
      case 'exotic':
        return data[0]
      case 'arguments':
        return argumentsObject(data[0] as number)
      case 'symbol':
        return symbolOf(data as [string, string | undefined])
      case 'builtin':
        return this.#builtin(data as (string | symbol)[])
      case 'builtin-namespace':
        return this.#modules.builtinNamespace(data[0] as string)
      case 'shoal':
        return this.#shoal(data as [string, boolean, string])
      case 'export':
        return this.#export(data as [number, string, string?])
      case 'binding':
        return this.#binding(data[0] as number, data[1] as string)
      case 'helper':
        return this.#helpers.make(data[0] as 'import' | 'meta' | 'require', data[1] as number)
      case 'bound':
        return bound(data as [Function, unknown, unknown[], string])
      case 'prototype':
        return (data[0] as { prototype: object }).prototype
      case 'member': {
        const [owner, isStatic, key, part] = data as [
          { prototype: object },
          boolean,
          string | symbol,
          'value' | 'get' | 'set',
        ]
        return Object.getOwnPropertyDescriptor(isStatic ? owner : owner.prototype, key)?.[part]
      }
      case 'registered':
        return (data[2] as LoadedType['decode'])(data[3] as never)
      case 'made':
        return makeOfNode(data as [string, ...unknown[]])
    }
  }

  #fill(index: number, data: unknown[][]): void {
    const node = this.#nodes[index] as object | undefined
    if (node === undefined) return
    const wrapped = this.#wrapped.get(index)
    if (wrapped !== undefined) {
      wrapped.link(data[0])
      setProperties(node, data[1])
      if (wrapped.secrets === undefined) {
        if (data[2].length > 0) Object.setPrototypeOf(node, data[2][0] as object)
        return
      }
      if (data[2].length > 0) wrapped.secrets(data[2])
      setProperties((node as { prototype: object }).prototype, data[3])
      return
    }
    const scope = this.#scopes.get(index)
    if (scope !== undefined) {
      scope.link(data[0])
      return
    }
    const [prototype, properties, entries, state] = data as [unknown[], unknown[], unknown[], unknown]
    if (prototype.length > 0) Object.setPrototypeOf(node, prototype[0] as object | null)
    if (node instanceof Map)
      for (let i = 0; i < entries.length; i += 2) Map.prototype.set.call(node, entries[i], entries[i + 1])
    else if (node instanceof Set) for (const one of entries) Set.prototype.add.call(node, one)
    setProperties(node, properties)
    if (state === 1) Object.preventExtensions(node)
    else if (state === 2) Object.seal(node)
    else if (state === 3) Object.freeze(node)
  }

  #function(index: number, number: number, scope: unknown): unknown {
    const piece = this.#source.pieces.pieces[number]
    const wrapped = this.#factory(number, scope)(this.#modules.marker(piece))
    this.#wrapped.set(index, wrapped)
    const fn = wrapped.made as Function
    if (fn.name !== piece.name) Object.defineProperty(fn, 'name', { value: piece.name, configurable: true })
    return fn
  }

  #class(index: number, number: number, scope: unknown, early: unknown[]): unknown {
    const piece = this.#source.pieces.pieces[number]
    const wrapped = this.#factory(number, scope)(this.#modules.marker(piece))
    this.#wrapped.set(index, wrapped)
    wrapped.link(early)
    const Class = (wrapped.made as () => Function)()
    const name: unknown = Object.getOwnPropertyDescriptor(Class, 'name')?.value
    if (typeof name === 'string' && name !== piece.name)
      Object.defineProperty(Class, 'name', { value: piece.name, configurable: true })
    return Class
  }

  #scope(index: number, number: number, parent: unknown, names: string[]): unknown {
    const piece = this.#source.pieces.pieces[number]
    const made = compileScope(piece, names, this.#evaluatorOf(piece.place, parent))(this.#modules.marker(piece))
    this.#scopes.set(index, made)
    return made.evaluate
  }

  /** In a live scope a piece is compiled for each instance; elsewhere once. */
  #factory(number: number, scope: unknown): Factory {
    const piece = this.#source.pieces.pieces[number]
    if (typeof scope === 'function') return compilePiece(piece, scope as Evaluator)
    this.#factories[number] ??= compilePiece(piece, this.#evaluatorOf(piece.place, undefined))
    return this.#factories[number]
  }

  #evaluatorOf(place: Pieces['pieces'][number]['place'], parent: unknown): Evaluator | undefined {
    if (typeof parent === 'function') return parent as Evaluator
    if (place[0] === 'none') return undefined
    const key = place[0] === 'module' ? this.#source.modules[place[1]] : this.#source.environments[place[1]]
    return this.#evaluator(key)
  }

  #evaluator(key: string): Evaluator {
    const evaluator = this.#modules.evaluator(key)
    if (evaluator === undefined)
      throw cannotLoad(this.#around.peerId, `the module ${key} has not been evaluated to its end`)
    return evaluator
  }

  #binding(number: number, name: string): unknown {
    return this.#evaluator(this.#source.modules[number])(name)
  }

  #export([number, name, property]: [number, string, string?]): unknown {
    const key = this.#source.modules[number]
    if (name === 'module.exports') {
      const exports = this.#modules.exportsOf(key)
      return property === undefined ? exports : (exports as Record<string, unknown>)[property]
    }
    const namespace = this.#modules.namespace(key) as Record<string, unknown>
    return name === '*' ? namespace : namespace[name]
  }

  #builtin([root, ...keys]: (string | symbol)[]): unknown {
    let value: unknown
    if (root === 'global') value = globalThis
    else if (root === 'hidden') value = hidden(keys.shift() as string)
    else value = process.getBuiltinModule(root as string)
    for (const key of keys) {
      value = (value as Record<string | symbol, unknown> | undefined)?.[key]
      if (value === undefined) {
        const path = [root, ...keys].map(String).join('.')
        throw cannotLoad(this.#around.peerId, `Node ${process.version} has no ${path}`)
      }
    }
    return value
  }

  #shoal([path, file, name]: [string, boolean, string]): unknown {
    const namespace = this.#modules.shoalNamespace(path, file, this.#around)
    if (name === '*') return namespace
    if (!(name in namespace)) throw cannotLoad(this.#around.peerId, `the shoal of this peer does not export ${name}`)
    return namespace[name]
  }
}

const nothing = {}

function setProperties(object: object, list: unknown[]): void {
  for (let i = 0; i < list.length; ) {
    const key = list[i] as string | symbol
    const bits = list[i + 1] as number
    const flags = { enumerable: (bits & 2) !== 0, configurable: (bits & 4) !== 0 }
    if ((bits & accessorBit) !== 0) {
      Object.defineProperty(object, key, {
        ...flags,
        get: list[i + 2] as () => unknown,
        set: list[i + 3] as (value: unknown) => void,
      })
      i += 4
    } else {
      Object.defineProperty(object, key, { ...flags, writable: (bits & 1) !== 0, value: list[i + 2] })
      i += 3
    }
  }
}

function bareError(name: string): object {
  const Class = (globalThis as unknown as Record<string, ErrorConstructor>)[name]
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  const error = name === 'AggregateError' ? new AggregateError([]) : new Class()
  Error.stackTraceLimit = limit
  for (const key of Reflect.ownKeys(error)) delete (error as never)[key]
  return error
}

function argumentsObject(length: number): object {
  return function () {
    // biome-ignore lint/complexity/noArguments: the object itself is wanted
    return arguments
  }.apply(undefined, new Array(length) as [])
}

function symbolOf([kind, name]: [string, string | undefined]): symbol {
  if (kind === 'well-known') return (Symbol as unknown as Record<string, symbol>)[name!]
  return kind === 'for' ? Symbol.for(name!) : Symbol(name)
}

function bound([target, receiver, args, name]: [Function, unknown, unknown[], string]): Function {
  const fn = Function.prototype.bind.call(target as never, receiver, ...args) as Function
  if (fn.name !== name) Object.defineProperty(fn, 'name', { value: name, configurable: true })
  return fn
}

/** Intrinsics that no global names. */
function hidden(name: string): unknown {
  const samples: Record<string, () => object> = {
    AsyncFunction: () => Object.getPrototypeOf(async () => {}).constructor,
    GeneratorFunction: () => Object.getPrototypeOf(function* () {}).constructor,
    AsyncGeneratorFunction: () => Object.getPrototypeOf(async function* () {}).constructor,
    TypedArray: () => Object.getPrototypeOf(Uint8Array),
  }
  return samples[name]?.()
}

function makeOfNode([name, ...args]: [string, ...unknown[]]): object {
  switch (name) {
    case 'URL':
      return new URL(args[0] as string)
    case 'URLSearchParams':
      return new URLSearchParams(args[0] as string)
    case 'TextEncoder':
      return new TextEncoder()
    default:
      return new TextDecoder(args[0] as string, args[1] as object)
  }
}
