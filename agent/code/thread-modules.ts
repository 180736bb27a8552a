import { createHash } from 'node:crypto'
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import {
  type Environment,
  type Link,
  type LinkTarget,
  type ModuleName,
  type ModuleRecord,
  readBlob,
} from '../../wire/code/format.ts'
import { type LoadedHelper, type LoadedPlace, type LoadedText, registerLoadedCode } from '../../wire/code/registry.ts'
import { cannotLoad } from './code-problem.ts'
import { CommonJs } from './commonjs.ts'
import { byKey, environmentText, esModuleText, facade, importMeta, registryKey } from './module-text.ts'
import { isNotFound, missingPackage, type Surroundings, shoalUrl } from './surroundings.ts'

/** Compiles an expression inside a module, with all of its top-level variables in sight. */
export type Evaluator = (text: string) => unknown

/** A module that has come over the wire. */
export interface ShippedModule {
  key: string
  name: ModuleName
  record: ModuleRecord
  around: Surroundings
}

interface ShippedEnvironment {
  key: string
  imports: Environment['imports']
  around: Surroundings
}

/** URLs of what has no file: environments, and modules that were no files. */
const scheme = 'shoal-code:'
const fromPrefix = 'shoal-from/'
const keyPattern = /[?&]shoal=([0-9a-f]{64}\.\d+)/

/**
 * The modules of captured code in this thread. Each is a real module of Node's, with a URL that carries its identity
 * (`file:///path/units.ts?shoal=<hash>.<n>`), so live bindings, rings of imports, top-level await and namespaces are Node's
 * own. One instance serves all code of the thread that names it.
 */
export class ThreadModules {
  readonly commonJs = new CommonJs(this)
  readonly #modules = new Map<string, ShippedModule>()
  readonly #environments = new Map<string, ShippedEnvironment>()
  readonly #blobs = new Map<string, { bytes: Uint8Array; below: Set<string> }>()
  readonly #evaluators = new Map<string, Evaluator>()
  readonly #namespaces = new Map<string, object>()
  readonly #metas = new Map<string, object>()
  readonly #builtins = new Map<string, object>()
  readonly #shoals = new Map<string, object>()
  readonly #moduleOf = new WeakMap<object, ModuleName>()
  readonly #markers = new WeakMap<object, LoadedText>()
  readonly #helpers = new WeakMap<object, LoadedHelper>()

  constructor() {
    registerHooks({
      resolve: (specifier, context, next) => this.#resolve(specifier, context, next as never) as never,
      load: (url, context, next) => (this.#load(url) ?? next(url, context)) as never,
    })
    registerLoadedCode({
      place: key => this.#place(key),
      marker: value => this.#markers.get(value),
      moduleOf: value => this.#moduleOf.get(value),
      exportsOf: ([hash, index]) => this.exportsOf(`${hash}.${index}`),
      helper: value => this.#helpers.get(value),
      blobs: name => this.blobsOf(name),
      // What the tails of modules call; not for others.
      ...({
        meta: (key: string) => this.meta(key),
        evaluated: (key: string, evaluator: Evaluator, namespace: object) => this.evaluated(key, evaluator, namespace),
        commonjs: (key: string) => this.commonJs.exportsOf(this.#modules.get(key)!),
      } as object),
    })
  }

  /** Takes in blobs and what they need. Throws a CodeError for one that is missing or is not what its hash says. */
  addBlobs(hashes: readonly string[], blob: (hash: string) => Uint8Array | undefined, around: Surroundings): void {
    for (const hash of hashes) {
      if (this.#blobs.has(hash)) continue
      const bytes = blob(hash)
      if (bytes === undefined) throw cannotLoad(around.peerId, `the module blob ${hash} is missing`)
      if (createHash('sha256').update(bytes).digest('hex') !== hash) {
        throw cannotLoad(around.peerId, `the module blob ${hash} is damaged`)
      }
      const records = readBlob(bytes)
      const below = new Set<string>()
      records.forEach((record, index) => {
        const key = `${hash}.${index}`
        this.#modules.set(key, { key, name: [hash, index], record, around })
        for (const [, , target] of record.links) if (target[0] === 'blob') below.add(target[1])
      })
      this.#blobs.set(hash, { bytes, below })
    }
  }

  module([hash, index]: ModuleName): ShippedModule | undefined {
    return this.#modules.get(`${hash}.${index}`)
  }

  /** The blobs of a module and of everything that it reaches. */
  blobsOf([hash]: ModuleName): { hash: string; bytes: Uint8Array }[] {
    const seen = new Set([hash])
    for (const one of seen) for (const below of this.#blobs.get(one)?.below ?? []) seen.add(below)
    return [...seen].flatMap(one => {
      const known = this.#blobs.get(one)
      return known === undefined ? [] : [{ hash: one, bytes: known.bytes }]
    })
  }

  /** The name of the module that imports what an environment says. */
  addEnvironment({ imports }: Environment, around: Surroundings): string {
    const key = `environment:${createHash('sha256')
      .update(JSON.stringify([imports, around.shoalUrl]))
      .digest('hex')}`
    if (!this.#environments.has(key)) this.#environments.set(key, { key, imports, around })
    return key
  }

  /** The evaluator of a module or environment, if it has been evaluated. */
  evaluator(key: string): Evaluator | undefined {
    return this.#evaluators.get(key)
  }

  namespace(key: string): object | undefined {
    return this.#namespaces.get(key)
  }

  /** Whether what is taken from a module is there. */
  isEvaluated(key: string): boolean {
    return this.#namespaces.has(key)
  }

  hasBuiltinNamespace(name: string): boolean {
    return this.#builtins.has(name)
  }

  async importBuiltin(name: string): Promise<void> {
    this.#builtins.set(name, (await import(name)) as object)
  }

  builtinNamespace(name: string): object {
    return this.#builtins.get(name)!
  }

  hasShoal(path: string, file: boolean, { shoalUrl: url }: Surroundings): boolean {
    return this.#shoals.has(`${url} ${file} ${path}`)
  }

  async importShoal(path: string, file: boolean, around: Surroundings): Promise<void> {
    const namespace = (await import(from('', '', ['shoal', path, file], around))) as object
    this.#shoals.set(`${around.shoalUrl} ${file} ${path}`, namespace)
  }

  shoalNamespace(path: string, file: boolean, { shoalUrl: url }: Surroundings): Record<string, unknown> {
    return this.#shoals.get(`${url} ${file} ${path}`) as Record<string, unknown>
  }

  /** `module.exports` of a CommonJS module. */
  exportsOf(key: string): unknown {
    return this.commonJs.exportsOf(this.#modules.get(key)!)
  }

  bytesOf(hashes: readonly string[]): { hash: string; bytes: Uint8Array }[] {
    return hashes.map(hash => ({ hash, bytes: this.#blobs.get(hash)!.bytes }))
  }

  /** Evaluates a module or environment. */
  async evaluate(key: string): Promise<void> {
    const module = this.#modules.get(key)
    const attributes = module?.record.format === 'json' ? { with: { type: 'json' } } : undefined
    const namespace = (await import(byKey + key, attributes)) as object
    this.#namespaces.set(key, namespace)
    if (module !== undefined) this.#moduleOf.set(namespace, module.name)
  }

  /** Called at the end of each module's evaluation, by its tail. */
  evaluated(key: string, evaluator: Evaluator, namespace?: object): void {
    this.#evaluators.set(key, evaluator)
    if (namespace === undefined) return
    this.#namespaces.set(key, namespace)
    const module = this.#modules.get(key)
    if (module !== undefined) this.#moduleOf.set(namespace, module.name)
  }

  /** `import.meta` of a module: that of the file it was. */
  meta(key: string): object {
    let meta = this.#metas.get(key)
    if (meta === undefined) {
      const module = this.#modules.get(key)
      meta = importMeta(module?.record.url ?? '')
      this.#metas.set(key, meta)
    }
    return meta
  }

  remember(value: object, helper: LoadedHelper): void {
    this.#helpers.set(value, helper)
  }

  rememberExports(value: object, name: ModuleName): void {
    this.#moduleOf.set(value, name)
  }

  /** A marker for one scope instance. */
  marker(text: LoadedText): object {
    const marker = Object.create(null) as object
    this.#markers.set(marker, text)
    return marker
  }

  /** Imports as code of that file would: what was shipped with it first, then what this machine has. */
  import(
    specifier: string,
    url: string,
    links: readonly Link[],
    around: Surroundings,
    options?: ImportCallOptions,
  ): Promise<unknown> {
    const link = links.find(([known, how]) => known === specifier && how === 'import')
    return import(link === undefined ? from(specifier, url) : from('', '', link[2], around), options)
  }

  #isJson(target: LinkTarget): boolean {
    return target[0] === 'blob' && this.module([target[1], target[2]])?.record.format === 'json'
  }

  #place(key: string): LoadedPlace | undefined {
    const module = this.#modules.get(key)
    if (module !== undefined) {
      const { url, text, format } = module.record
      return { kind: 'module', module: module.name, url, text, commonjs: format === 'commonjs' }
    }
    const environment = this.#environments.get(key)
    if (environment === undefined) return undefined
    return {
      kind: 'environment',
      imports: new Map(environment.imports.map(([local, target, imported]) => [local, { target, imported }])),
    }
  }

  #resolve(specifier: string, context: ResolveContext, next: NextResolve): object {
    if (specifier.startsWith(byKey)) return this.#found(specifier.slice(byKey.length), context)
    if (specifier.startsWith(fromPrefix)) {
      const [wanted, parentURL, target, around] = JSON.parse(
        decodeURIComponent(specifier.slice(fromPrefix.length)),
      ) as From
      if (target !== undefined) return this.#target(target, undefined, around!, context, next)
      return next(wanted, { ...context, parentURL: parentURL || undefined })
    }
    const { parentURL } = context
    if (parentURL === undefined) return next(specifier, context)
    if (parentURL.startsWith(`${scheme}environment:`)) {
      const environment = this.#environments.get(parentURL.slice(scheme.length))
      const imported = environment?.imports[Number(specifier)]
      if (imported !== undefined) return this.#target(imported[1], undefined, environment!.around, context, next)
    }
    const parent = this.#modules.get(keyOf(parentURL))
    if (parent === undefined) return next(specifier, context)
    const link = parent.record.links.find(([known, how]) => known === specifier && how === 'import')
    if (link === undefined) return next(specifier, { ...context, parentURL: parent.record.url })
    return this.#target(link[2], parent, parent.around, context, next)
  }

  #target(
    target: LinkTarget,
    parent: ShippedModule | undefined,
    around: Surroundings,
    context: ResolveContext,
    next: NextResolve,
  ): object {
    switch (target[0]) {
      case 'own':
        return this.#found(`${parent!.name[0]}.${target[1]}`, context)
      case 'blob':
        return this.#found(`${target[1]}.${target[2]}`, context)
      case 'builtin':
        return next(target[1].startsWith('node:') ? target[1] : `node:${target[1]}`, context)
      case 'shoal':
        return this.#shoal(target[1], target[2], around, context, next)
      case 'external': {
        for (const folder of around.folders) {
          try {
            return next(target[1], { ...context, parentURL: pathToFileURL(`${folder}/noop.js`).href })
          } catch (error) {
            if (!isNotFound(error)) throw error
          }
        }
        throw missingPackage(target[2], around)
      }
    }
  }

  #shoal(path: string, file: boolean, around: Surroundings, context: ResolveContext, next: NextResolve): object {
    const url = shoalUrl(path, file, around)
    if (url !== undefined) return next(url, context)
    return next(`shoal/${path}`, { ...context, parentURL: around.shoalUrl })
  }

  #found(key: string, { importAttributes }: ResolveContext): object {
    const module = this.#modules.get(key)
    if (module === undefined) return { url: scheme + key, format: 'module', importAttributes, shortCircuit: true }
    const format = module.record.format === 'json' ? 'json' : 'module'
    return { url: urlWithKey(module), format, importAttributes, shortCircuit: true }
  }

  #load(url: string): object | undefined {
    if (url === scheme + registryKey)
      return source(`export const { meta, evaluated, commonjs } = globalThis[Symbol.for('shoal.loader')]`)
    if (url.startsWith(`${scheme}environment:`)) {
      const environment = this.#environments.get(url.slice(scheme.length))
      return environment === undefined
        ? undefined
        : source(environmentText(environment.key, environment.imports, target => this.#isJson(target)))
    }
    const module = this.#modules.get(keyOf(url))
    if (module === undefined) return undefined
    if (module.record.format === 'json') return { format: 'json', source: module.record.text, shortCircuit: true }
    return source(module.record.format === 'commonjs' ? facade(module) : esModuleText(module))
  }
}

interface ResolveContext {
  parentURL?: string | undefined
  conditions?: string[]
  importAttributes?: object
}
type NextResolve = (specifier: string, context: ResolveContext) => object
type From = [specifier: string, parentUrl: string, target?: LinkTarget, around?: Surroundings]

function from(...what: From): string {
  return fromPrefix + encodeURIComponent(JSON.stringify(what))
}

function source(text: string): object {
  return { format: 'module', source: text, shortCircuit: true }
}

function keyOf(url: string): string {
  return keyPattern.exec(url)?.[1] ?? (url.startsWith(scheme) ? url.slice(scheme.length) : '')
}

/** The URL of an instance: the file's own, with the identity in its query. */
function urlWithKey({ key, record: { url } }: ShippedModule): string {
  if (!url.startsWith('file:')) return scheme + key
  const [, path, query = '', fragment = ''] = /^([^?#]*)(\?[^#]*)?(#.*)?$/.exec(url)!
  return `${path}${query === '' ? '?' : `${query}&`}shoal=${key}${fragment}`
}

let modules: ThreadModules | undefined

/** The modules of this thread. */
export function modulesOfThread(): ThreadModules {
  modules ??= new ThreadModules()
  return modules
}
