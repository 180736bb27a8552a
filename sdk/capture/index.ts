// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
import { types as nodeTypes } from 'node:util'
import type { CodeKind } from '../../wire/code/format.ts'
import { loadedCode } from '../../wire/code/registry.ts'
import { type Extension, TypeRegistry } from '../../wire/values/index.ts'
import { acorn } from './acorn.ts'
import { builtinsOfThread } from './builtins.ts'
import { cannotTravel, partPath, rootPath } from './capture-error.ts'
import { sourceOf } from './class-text.ts'
import { hasPrivates } from './classes.ts'
import { type CodeObject, codeObject, type Roots } from './code-object.ts'
import { CodeParts } from './code-parts.ts'
import { isClassText } from './found-function.ts'
import { functionText } from './function-text.ts'
import { Functions } from './functions.ts'
import { inspectorOfThread } from './inspector.ts'
import { ModuleGraph } from './module-graph.ts'
import { Resolver } from './resolve.ts'
import { scriptsOfThread } from './scripts.ts'
import { shareVariables } from './shared-variables.ts'
import { Values } from './values.ts'

export { blobsOf } from '../../wire/code/format.ts'
export type { CodeObject } from './code-object.ts'
export { nameOf } from './task-name.ts'

export interface CaptureOptions {
  /** What encodes refs, handles and remote functions; tags 0 to 31. */
  extensions: readonly Extension[]
  /** The types that the program has registered. */
  types: TypeRegistry
  /** npm packages that are not shipped but found at the executing peer. */
  external?: readonly string[]
  /** Classes that travel with the function, the same that its code names: those of `retryErrors`. */
  companions?: readonly Function[]
  /**
   * Told of each object that an extension will encode. `add` takes a function into this capture, as one more companion, and
   * gives its index among them: for remote functions that refer to one another in a cycle, which have no hashes yet.
   */
  along?: (value: object, add: (fn: Function) => number) => void
  /** The folder of this package: what lies in it is not shipped, the executing thread has its own. */
  shoalRoot: string
  /** The namespace of `shoal`, by which captured functions of Shoal's are named. */
  shoal?: object
}

/** Graphs of modules outlive captures: by what is external, since that changes what is shipped. */
const graphs = new Map<string, { graph: ModuleGraph; resolver: Resolver }>()

/**
 * Turns a function or class into bytes that another thread or machine can run: its text, the values of the variables that
 * it closes over as they are now, the functions and classes among them, the modules that it imports. Synchronous.
 * Throws a CaptureError that names the variable and the way out where something cannot travel.
 */
export function capture(fn: Function, options: CaptureOptions): CodeObject {
  const scripts = scriptsOfThread()
  try {
    return new Capture(options).run(fn)
  } finally {
    scripts.rest()
  }
}

/**
 * Loads the parser and learns the scripts of the program, 60 ms or so of work that the first capture would do otherwise.
 * To be called while there is something else to wait for.
 */
export function prepareCapture(): void {
  acorn()
  functionText('(a, { b = 1 } = {}) => { for (const c of a) b += c; return class { #d = b } }', true, false)
  scriptsOfThread().prepare()
  builtinsOfThread().namespace({})
  // Once through everything: what has run before is several times faster when the program's first function comes.
  const sample = new Function('factor', 'offset', 'return x => x.map(y => y * factor + offset.low)')(3, { low: 1 })
  capture(sample as Function, { extensions: [], types: new TypeRegistry(), shoalRoot: '/' })
}

class Capture {
  readonly #options: CaptureOptions
  readonly #parts = new CodeParts()
  readonly #values: Values
  readonly #functions: Functions
  readonly #companions: unknown[] = []

  constructor(options: CaptureOptions) {
    this.#options = options
    const { extensions, types, external = [], shoalRoot, shoal } = options
    const scripts = scriptsOfThread()
    const key = JSON.stringify([shoalRoot, [...external].sort()])
    let known = graphs.get(key)
    if (known === undefined) {
      const resolver = new Resolver(scripts, shoalRoot, external)
      known = { resolver, graph: new ModuleGraph(scripts, resolver) }
      graphs.set(key, known)
    }
    const inspector = inspectorOfThread()
    const builtins = builtinsOfThread()
    this.#values = new Values({
      builtins,
      extensions,
      types,
      along: options.along && (value => options.along?.(value, one => this.#companion(one))),
      function: (one, path) => this.#functions.capture(one, path),
      prototype: (owner, prototype, path) => this.#functions.prototype(owner, prototype, path),
      namespace: value => this.#functions.imports.namespace(value),
      moduleExports: (value, path) => this.#functions.imports.moduleExports(value, path),
      isModuleExports: value => this.#functions.imports.isModuleExports(value),
      helper: value => this.#functions.imports.helper(value),
      isOfNode: one => this.#functions.isOfNode(one),
      privateFields: value => inspector.privateFields(value),
      hasPrivates,
    })
    this.#functions = new Functions(this.#parts, this.#values, {
      inspector,
      scripts,
      builtins,
      ...known,
      loaded: loadedCode(),
      shoal,
    })
  }

  #companion(one: Function): number {
    const index = this.#companions.push(undefined) - 1
    this.#companions[index] = this.#values.slot(one, rootPath(one.name))
    return index
  }

  run(fn: Function): CodeObject {
    const values = this.#values
    const path = rootPath(fn.name)
    for (const one of this.#options.companions ?? []) this.#companion(one)
    const root = values.slot(fn, path)
    values.finish()
    this.#parts.markNeeded()
    const types = this.#types()
    shareVariables(this.#functions)
    this.#functions.settlePlaces()
    const { extensions, types: registry } = this.#options
    const roots: Roots = { root, types, companions: this.#companions }
    const header = { kind: kindOf(fn), fresh: values.mutable, held: values.held }
    try {
      return codeObject(this.#parts, values.nodes, roots, header, { extensions, types: registry })
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'SHOAL_SERIALIZATION') throw error
      throw cannotTravel(
        partPath(path, 'a value that it uses'),
        `cannot be written: ${(error as Error).message}`,
        'Make it inside the function, or pass it as an argument.',
        error,
      )
    }
  }

  /** The types that the program has registered: arguments may be of them. One that cannot travel is left out. */
  #types(): Roots['types'] {
    const list: Roots['types'] = []
    for (const { Class, name, encode, decode } of this.#options.types.entries()) {
      const path = { parent: undefined, text: name, user: `registerType(${Class.name}, …)` }
      const mutable = this.#values.mutable
      const undo = this.#functions.checkpoint()
      try {
        const slots = this.#values.attempt(() => [
          this.#values.slot(Class, path),
          this.#values.slot(decode, partPath(path, 'decode')),
          this.#values.slot(encode, partPath(path, 'encode')),
        ])
        list.push([name, slots[0], slots[1], slots[2]])
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'SHOAL_CAPTURE') throw error
        this.#values.mutable = mutable
        undo()
      }
    }
    return list
  }
}

function kindOf(fn: Function): CodeKind {
  if (isClassText(sourceOf(fn))) return 'class'
  const isAsync = nodeTypes.isAsyncFunction(fn)
  if (nodeTypes.isGeneratorFunction(fn)) return isAsync ? 'async-generator' : 'generator'
  return isAsync ? 'async' : 'function'
}
