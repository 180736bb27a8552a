// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
import { types } from 'node:util'
import type { Extension, TypeRegistry } from '../../wire/values/index.ts'
import { adviceFor, article } from './advice.ts'
import { type BuiltinPath, type Builtins, wellKnownName } from './builtins.ts'
import { cannotTravel, type Path, partPath, propertyPath } from './capture-error.ts'
import { GraphNode, Reference } from './nodes.ts'
import { bare, classOf, errorBase, ownBytes } from './object-parts.ts'
import { type Exotic, exoticOf, hasCodecPrototype, PlainData, unsendable } from './plain-data.ts'

/** What the walk over values needs from the rest of a capture. */
export interface ValueSurroundings {
  builtins: Builtins
  extensions: readonly Extension[]
  /** Told of each object that an extension encodes, before it is encoded. */
  along?: ((value: object) => void) | undefined
  types: TypeRegistry
  /** A function or class, as a node. */
  function(fn: Function, path: Path): GraphNode
  /** The `prototype` of a function or class, as a node. */
  prototype(owner: Function, prototype: object, path: Path): GraphNode
  /** A module's namespace object, as a node; undefined where the module is not known. */
  namespace(value: object): GraphNode | undefined
  /** The `module.exports` of a module, as a node. */
  moduleExports(value: object, path: Path): GraphNode | undefined
  isModuleExports(value: object): boolean
  /** `import.meta` of captured code and the like, as a node. */
  helper(value: object): GraphNode | undefined
  /** Whether a function is one of Node's internal ones. */
  isOfNode(fn: Function): boolean
  /** Private fields that an instance has, by V8's account. */
  privateFields(value: object): { name: string }[]
  /** Whether instances of a class have private methods or fields, as far as its text tells. */
  hasPrivates(Class: Function): boolean
}

/** Attribute bits of a property. */
const writable = 1
const enumerable = 2
const configurable = 4
const accessor = 8

/**
 * Turns the values that captured functions hold into nodes. Plain data stays what it is, for the value codec; everything
 * that the codec would lose (functions, accessors, prototypes, symbols, frozen objects) becomes a node.
 */
export class Values {
  /** Objects that an extension of the caller's encodes: the caller keeps them alive. */
  readonly held = new Set<object>()
  /** True once something is captured that the code can change: it starts afresh for every task then. */
  mutable = false
  readonly nodes: GraphNode[] = []
  readonly #known = new Map<object | symbol, GraphNode>()
  readonly #pending: (() => void)[] = []
  readonly #around: ValueSurroundings
  readonly #plain: PlainData

  constructor(around: ValueSurroundings) {
    this.#around = around
    this.#plain = new PlainData(value => this.#isSpecial(value))
  }

  /** What stands for a value in a step: the value itself, or a reference to its node. */
  slot(value: unknown, path: Path): unknown {
    if (typeof value === 'symbol') return new Reference(this.#symbol(value))
    if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return value
    const known = this.#known.get(value)
    if (known !== undefined) return new Reference(known)
    const extension = this.#extensionOf(value)
    if (extension) {
      if (extension.stays) throw cannotTravel(path, extension.stays.what, extension.stays.advice)
      if (!this.held.has(value)) {
        this.held.add(value)
        this.#around.along?.(value)
      }
      return value
    }
    if (typeof value === 'object' && this.#plain.has(value)) {
      if (!(types.isRegExp(value) && !value.global && !value.sticky)) this.mutable = true
      return value
    }
    return new Reference(this.#node(value, path))
  }

  /** Gives a value a node that was made elsewhere. */
  assign(value: object, node: GraphNode): void {
    this.#known.set(value, node)
  }

  known(value: object): GraphNode | undefined {
    return this.#known.get(value)
  }

  add(node: GraphNode): GraphNode {
    this.nodes.push(node)
    return node
  }

  /** Does work later: long chains of values would overflow the stack otherwise. */
  later(work: () => void): void {
    this.#pending.push(work)
  }

  /** Does all the work that was put off. */
  finish(): void {
    for (let work = this.#pending.pop(); work !== undefined; work = this.#pending.pop()) work()
  }

  builtin(path: BuiltinPath): GraphNode {
    const node = this.add(new GraphNode('builtin'))
    node.define = path.map(key => (typeof key === 'symbol' ? this.#keySlot(key) : key))
    return node
  }

  /** The properties of an object, as the steps write them: name, attributes, value (or getter, setter). */
  properties(object: object, path: Path, skip: (key: string | symbol) => boolean): unknown[] {
    const list: unknown[] = []
    for (const key of Reflect.ownKeys(object)) {
      if (skip(key)) continue
      const descriptor = Object.getOwnPropertyDescriptor(object, key)!
      const inner = propertyPath(path, key)
      const bits =
        (descriptor.enumerable ? enumerable : 0) |
        (descriptor.configurable ? configurable : 0) |
        (descriptor.writable ? writable : 0)
      if ('value' in descriptor) {
        list.push(this.#keySlot(key), bits, this.slot(descriptor.value, inner))
      } else {
        list.push(
          this.#keySlot(key),
          bits | accessor,
          this.slot(descriptor.get, inner),
          this.slot(descriptor.set, inner),
        )
      }
    }
    return list
  }

  /** Takes back everything that some work has added, where it fails. */
  attempt<T>(work: () => T): T {
    const nodes = this.nodes.length
    const known = new Map(this.#known)
    const held = new Set(this.held)
    try {
      const result = work()
      this.finish()
      return result
    } catch (error) {
      this.nodes.length = nodes
      this.#pending.length = 0
      this.#known.clear()
      for (const [value, node] of known) this.#known.set(value, node)
      for (const one of this.held) if (!held.has(one)) this.held.delete(one)
      throw error
    }
  }

  #keySlot(key: string | symbol): unknown {
    return typeof key === 'symbol' ? new Reference(this.#symbol(key)) : key
  }

  #extensionOf(value: object): Extension | undefined {
    return this.#around.extensions.find(one => one.matches(value))
  }

  #isSpecial(value: object): boolean {
    return (
      this.#known.has(value) ||
      this.#around.isModuleExports(value) ||
      this.#around.builtins.namespace(value) !== undefined
    )
  }

  #symbol(value: symbol): GraphNode {
    const known = this.#known.get(value)
    if (known !== undefined) return known
    const node = this.add(new GraphNode('symbol'))
    const wellKnown = wellKnownName(value)
    const shared = Symbol.keyFor(value)
    if (wellKnown !== undefined) node.define = ['well-known', wellKnown]
    else if (shared !== undefined) node.define = ['for', shared]
    else node.define = ['own', value.description]
    this.#known.set(value, node)
    return node
  }

  #node(value: object, path: Path): GraphNode {
    const place = this.#around.builtins.namespace(value)
    const found = place === undefined ? undefined : this.builtin(place)
    const node = found ?? (typeof value === 'function' ? this.#around.function(value, path) : this.#object(value, path))
    this.#known.set(value, node)
    return node
  }

  #object(value: object, path: Path): GraphNode {
    if (types.isModuleNamespaceObject(value)) {
      const node = this.#around.namespace(value)
      if (node !== undefined) return node
      throw cannotTravel(
        path,
        'is the namespace of a module that cannot be found again',
        'Import it inside the function.',
      )
    }
    const helper = this.#around.helper(value) ?? this.#around.moduleExports(value, path)
    if (helper !== undefined) return helper
    const owner = classOf(value)
    if (owner !== undefined) {
      const place = this.#around.builtins.find(value)
      return place === undefined ? this.#around.prototype(owner, value, path) : this.builtin(place)
    }
    const prototype = Object.getPrototypeOf(value) as object | null
    const Class = prototype === null ? undefined : classOf(prototype)
    const type = Class === undefined ? undefined : this.#around.types.byClass(Class as never)
    if (type !== undefined) return this.#registered(value, Class!, type, path)
    const what = unsendable(value)
    if (what !== undefined) throw cannotTravel(path, `is ${what}, which exists in this process only`, adviceFor(what))
    const own = this.#ofNode(value, path)
    if (own !== undefined) return own
    const exotic = exoticOf(value)
    this.#checkPrototypes(value, exotic, path)
    return this.#instance(value, exotic, path)
  }

  /** Objects of Node's classes that can be made again, and Node's own single objects. */
  #ofNode(value: object, path: Path): GraphNode | undefined {
    const make = (...define: unknown[]): GraphNode => {
      const node = this.add(new GraphNode('made'))
      node.define = define
      return node
    }
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === URL.prototype) {
      this.mutable = true
      return make('URL', (value as URL).href)
    }
    if (prototype === URLSearchParams.prototype) {
      this.mutable = true
      return make('URLSearchParams', String(value))
    }
    if (prototype === TextEncoder.prototype) return make('TextEncoder')
    if (prototype === TextDecoder.prototype) {
      const { encoding, fatal, ignoreBOM } = value as InstanceType<typeof TextDecoder>
      return make('TextDecoder', encoding, { fatal, ignoreBOM })
    }
    if (typeof prototype !== 'object' || prototype === null || prototype === Object.prototype) return undefined
    if (hasCodecPrototype(value, exoticOf(value))) return undefined
    const place = this.#around.builtins.find(value)
    if (place !== undefined) return this.builtin(place)
    void path
    return undefined
  }

  /** Refuses what would come out as something else: instances of Node's classes, and of classes with private parts. */
  #checkPrototypes(value: object, exotic: Exotic, path: Path): void {
    let prototype = Object.getPrototypeOf(value) as object | null
    if (hasCodecPrototype(value, exotic)) return
    if (exotic === 'view' && prototype === Buffer.prototype) return
    const Class = prototype === null ? undefined : classOf(prototype)
    for (; prototype !== null && prototype !== Object.prototype; prototype = Object.getPrototypeOf(prototype)) {
      const place = this.#around.builtins.find(prototype)
      if (place !== undefined) {
        if (exotic !== 'object' && exotic !== 'other' && place[0] === 'global') return
        if (place[0] === 'hidden') return
        const name = place.filter(one => one !== 'prototype').at(-1)
        const kind =
          Class === undefined || Class.name === name
            ? `a ${String(name)}`
            : `a ${Class.name}, which is a ${String(name)}`
        throw cannotTravel(
          path,
          `is ${article(kind)}; what Node keeps of it exists in this process only`,
          adviceFor(kind),
        )
      }
      const owner = classOf(prototype)
      if (owner !== undefined && this.#around.isOfNode(owner)) {
        throw cannotTravel(
          path,
          `is ${article(`a ${owner.name}`)}; what Node keeps of it exists in this process only`,
          adviceFor(owner.name),
        )
      }
      if (owner !== undefined && this.#around.hasPrivates(owner)) throw this.#private(path, owner)
    }
    if (Class !== undefined && this.#around.privateFields(value).length > 0) throw this.#private(path, Class)
  }

  #private(path: Path, Class: Function): Error {
    const name = Class.name || 'its class'
    return cannotTravel(
      path,
      `is an instance of ${name}, whose private (#) parts cannot be copied`,
      `Call registerType(${name}, { name, encode, decode }), or make it inside the function.`,
    )
  }

  #registered(
    value: object,
    Class: Function,
    type: { name: string; encode(value: never): unknown; decode(value: never): unknown },
    path: Path,
  ) {
    const node = this.add(new GraphNode('registered'))
    this.mutable = true
    this.#known.set(value, node)
    const [classSlot, decodeSlot] = this.type(Class, type, path)
    let encoded: unknown
    try {
      encoded = type.encode(value as never)
    } catch (error) {
      throw cannotTravel(
        path,
        `could not be encoded: ${(error as Error).message}`,
        `See \`encode\` of registerType(${Class.name}, …).`,
        error,
      )
    }
    const slot = this.slot(encoded, partPath(path, 'as encoded'))
    node.define = [type.name, classSlot, decodeSlot, slot]
    return node
  }

  /** The class and the decoder of a registered type. */
  type(Class: Function, type: { decode(value: never): unknown }, path: Path): [unknown, unknown] {
    return [this.slot(Class, path), this.slot(type.decode, partPath(path, 'its decode'))]
  }

  #instance(value: object, exotic: Exotic, path: Path): GraphNode {
    if (exotic === 'other') throw cannotTravel(path, 'is of a kind that cannot be copied', adviceFor(''))
    const frozen = Object.isFrozen(value)
    if (!frozen || (exotic !== 'object' && exotic !== 'array')) this.mutable = true
    const kinds = {
      object: 'object',
      array: 'array',
      map: 'map',
      set: 'set',
      error: 'error',
      arguments: 'arguments',
    } as const
    const node = this.add(new GraphNode(exotic in kinds ? kinds[exotic as keyof typeof kinds] : 'exotic'))
    // Before anything inside is looked at: it may lead back here.
    this.#known.set(value, node)
    if (node.kind === 'exotic') node.define = [exotic === 'view' ? ownBytes(value) : bare(value)]
    else if (node.kind === 'error') node.define = [errorBase(value)]
    else if (node.kind === 'array' || node.kind === 'arguments') node.define = [(value as unknown[]).length]
    this.later(() => {
      const prototype = Object.getPrototypeOf(value) as object | null
      const same = hasCodecPrototype(value, exotic) && exotic !== 'error'
      const prototypeSlot =
        same || exotic === 'arguments'
          ? []
          : [prototype === null ? null : this.slot(prototype, partPath(path, 'its class'))]
      const entries: unknown[] = []
      if (exotic === 'map') {
        for (const [key, one] of value as Map<unknown, unknown>) {
          const name = typeof key === 'string' || typeof key === 'number' ? JSON.stringify(key) : '…'
          entries.push(
            this.slot(key, partPath(path, 'a key')),
            this.slot(one, { parent: path, text: `.get(${name})`, user: path.user }),
          )
        }
      } else if (exotic === 'set') {
        for (const one of value as Set<unknown>) entries.push(this.slot(one, partPath(path, 'an element')))
      }
      const properties = this.#properties(value, exotic, path)
      const state = frozen ? 3 : Object.isSealed(value) ? 2 : Object.isExtensible(value) ? 0 : 1
      node.fill = [prototypeSlot, properties, entries, state]
    })
    return node
  }

  #properties(value: object, exotic: Exotic, path: Path): unknown[] {
    if (exotic === 'view') {
      const elements = value instanceof DataView ? 0 : (value as Uint8Array).length
      return this.properties(value, path, key => typeof key === 'string' && /^\d+$/.test(key) && Number(key) < elements)
    }
    if (value instanceof String) {
      return this.properties(value, path, key => typeof key === 'string' && (key === 'length' || /^\d+$/.test(key)))
    }
    if (exotic === 'error') {
      // `stack` is an accessor of V8's own.
      const list = this.properties(value, path, key => key === 'stack')
      const { stack } = value as Error
      if (Object.hasOwn(value, 'stack') && typeof stack === 'string') list.push('stack', writable | configurable, stack)
      return list
    }
    const list = this.properties(
      value,
      path,
      key => (key === 'length' && exotic === 'array') || this.#isArgumentsOwn(key, exotic),
    )
    return list
  }

  #isArgumentsOwn(key: string | symbol, exotic: Exotic): boolean {
    return exotic === 'arguments' && (key === 'callee' || key === 'length' || key === Symbol.iterator)
  }
}
