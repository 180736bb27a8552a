import { createRequire, isBuiltin } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compileFunction } from 'node:vm'
import { parse as lex } from 'es-module-lexer'
import type { Base, Link, LinkTarget } from '../../wire/code/format.ts'
import { byKey } from './module-text.ts'
import { isNotFound, missingPackage, type Surroundings, shoalUrl } from './surroundings.ts'
import type { ShippedModule, ThreadModules } from './thread-modules.ts'

/** What CommonJS code gets as `module`. */
interface ModuleObject {
  exports: unknown
  id: string
  filename: string
  loaded: boolean
  children: unknown[]
  paths: string[]
  parent: undefined
  require: RequireFunction
}

export interface RequireFunction {
  (specifier: string): unknown
  resolve(specifier: string): string
  cache: Record<string, unknown>
  extensions: object
  main: undefined
}

const requireHere = createRequire(import.meta.url)

/** Evaluates the CommonJS modules of captured code: once in a thread, rings included, as Node does. */
export class CommonJs {
  readonly #modules: ThreadModules
  readonly #loaded = new Map<string, ModuleObject>()
  readonly #json = new Map<string, unknown>()

  constructor(modules: ThreadModules) {
    this.#modules = modules
  }

  /** `module.exports`, after evaluation or, in a ring, as far as it has got. */
  exportsOf(module: ShippedModule): unknown {
    const known = this.#loaded.get(module.key)
    if (known !== undefined) return known.exports
    const object = this.#run(module)
    const { exports } = object
    if ((typeof exports === 'object' && exports !== null) || typeof exports === 'function') {
      this.#modules.rememberExports(exports, module.name)
    }
    return exports
  }

  #run(module: ShippedModule): ModuleObject {
    const { key, record, around } = module
    const filename = record.url.startsWith('file:') ? fileURLToPath(record.url) : record.url
    const links = { url: record.url, links: record.links }
    const require = this.require(links, around, module)
    const object: ModuleObject = {
      exports: {},
      id: filename,
      filename,
      loaded: false,
      children: [],
      paths: [],
      parent: undefined,
      require,
    }
    const names = ['exports', 'require', 'module', '__filename', '__dirname', '$imprt', '$shoalMeta', '$shoalEvaluated']
    const tail = `\n;function $imeta(){return $shoalMeta("${key}")}$shoalEvaluated("${key}",$shoalText=>eval($shoalText))`
    const run = compileFunction(withoutImport(record.text) + tail, names, { filename }) as (...args: unknown[]) => void
    const importIt = (specifier: unknown, options?: ImportCallOptions) =>
      this.#modules.import(
        String(specifier),
        record.url,
        record.links.map(link => absolute(link, module)),
        around,
        options,
      )
    this.#loaded.set(key, object)
    try {
      run.call(
        object.exports,
        object.exports,
        require,
        object,
        filename,
        dirname(filename),
        importIt,
        () => this.#modules.meta(key),
        (of: string, evaluator: (text: string) => unknown) => this.#modules.evaluated(of, evaluator),
      )
    } catch (error) {
      this.#loaded.delete(key)
      throw error
    }
    object.loaded = true
    return object
  }

  /** A `require` that knows what was shipped, and otherwise asks this machine. */
  require(base: Base, around: Surroundings, module?: ShippedModule): RequireFunction {
    const find = (specifier: string): LinkTarget | undefined => {
      const link = base.links.find(([known, how]) => known === specifier && how === 'require')
      return link === undefined ? undefined : module === undefined ? link[2] : absolute(link, module)[2]
    }
    const require = (specifier: string): unknown => {
      const target = find(specifier)
      if (target === undefined) {
        return isBuiltin(specifier) ? process.getBuiltinModule(specifier) : createRequire(base.url)(specifier)
      }
      return this.#target(target, around)
    }
    return Object.assign(require, {
      resolve: (specifier: string): string => {
        const target = find(specifier)
        if (target?.[0] !== 'blob') return createRequire(base.url).resolve(specifier)
        return fileURLToPath(this.#modules.module([target[1], target[2]])!.record.url)
      },
      cache: Object.create(null) as Record<string, unknown>,
      extensions: {},
      main: undefined,
    })
  }

  #target(target: LinkTarget, around: Surroundings): unknown {
    switch (target[0]) {
      case 'builtin':
        return process.getBuiltinModule(target[1])
      case 'own':
        throw new Error('a link that belongs to another module')
      case 'blob':
        return this.#module(this.#modules.module([target[1], target[2]])!)
      case 'shoal': {
        const url = shoalUrl(target[1], target[2], around)
        return url === undefined
          ? createRequire(around.shoalUrl)(`shoal/${target[1]}`)
          : requireHere(fileURLToPath(url))
      }
      case 'external':
        return requireExternal(target[1], target[2], around)
    }
  }

  #module(module: ShippedModule): unknown {
    switch (module.record.format) {
      case 'commonjs':
        return this.exportsOf(module)
      case 'json':
        return this.#jsonOf(module)
      case 'module':
        // Node requires an ES module by its namespace.
        return this.#modules.namespace(module.key) ?? requireHere(byKey + module.key)
    }
  }

  #jsonOf({ key, record }: ShippedModule): unknown {
    if (!this.#json.has(key)) this.#json.set(key, JSON.parse(record.text))
    return this.#json.get(key)
  }
}

function requireExternal(specifier: string, name: string, around: Surroundings): unknown {
  for (const folder of around.folders) {
    const require = createRequire(`${folder}/noop.js`)
    let path: string
    try {
      path = require.resolve(specifier)
    } catch (error) {
      if (isNotFound(error)) continue
      throw error
    }
    return require(path)
  }
  throw missingPackage(name, around)
}

/** A link as any module may follow it. */
function absolute([specifier, how, target]: Link, module: ShippedModule): Link {
  return [specifier, how, target[0] === 'own' ? ['blob', module.name[0], target[1]] : target]
}

/** `import(…)` becomes a call of the same length that knows what was shipped; a `#!` line becomes a comment. */
function withoutImport(text: string): string {
  let changed = text.startsWith('#!') ? `//${text.slice(2)}` : text
  if (!/\bimport\s*\(/.test(changed)) return changed
  try {
    for (const one of lex(changed)[0]) {
      if (one.type !== 'dynamic') continue
      changed = `${changed.slice(0, one.importStart)}$imprt${changed.slice(one.importStart + 'import'.length)}`
    }
  } catch {
    // Not lexable as a module: its `import()` is Node's, and knows this machine's files only.
  }
  return changed
}
