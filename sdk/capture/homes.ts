import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { LoadedCodeRegistry, LoadedPlace } from '../../wire/code/registry.ts'
import { entryUrl } from './entry.ts'
import type { Revealed } from './inspector.ts'
import { type ImportedName, importedNames } from './module-source.ts'
import type { Resolver } from './resolve.ts'
import type { Script, Scripts } from './scripts.ts'

/** What kind of file a function was made in, which decides what its module-level variables are there. */
export type Home =
  /** All variables travel by value: the entry script as CommonJS, `node -e`, `vm`, `new Function`, code that came by value. */
  | { kind: 'free' }
  /** The entry script as an ES module: imports are imports there, other variables travel by value. */
  | { kind: 'entry'; level: number; imports: Map<string, ImportedName>; url: string }
  /** Code from an entry script, in a worker. */
  | { kind: 'environment'; level: number; imports: Extract<LoadedPlace, { kind: 'environment' }>['imports'] }
  /** An imported module: its variables are those of the instance there. */
  | {
      kind: 'module'
      url: string
      commonjs: boolean
      level: number | undefined
      loaded: Extract<LoadedPlace, { kind: 'module' }> | undefined
    }
  /** Shoal itself. `file`: below the package's root. */
  | { kind: 'shoal'; file: string }
  /** Node itself. */
  | { kind: 'node' }

const requireHere = createRequire(import.meta.url)
const placeKey = /"((?:[0-9a-f]{64}\.\d+)|(?:environment:[0-9a-f]+))"/

/** Finds out where functions were made. */
export class Homes {
  readonly #scripts: Scripts
  readonly #resolver: Resolver
  readonly #loaded: LoadedCodeRegistry | undefined

  constructor(scripts: Scripts, resolver: Resolver, loaded: LoadedCodeRegistry | undefined) {
    this.#scripts = scripts
    this.#resolver = resolver
    this.#loaded = loaded
  }

  /** @param marked whether the function stands in a wrapper of the loader's */
  of(revealed: Revealed, marked: boolean): Home {
    const loaded = this.#loadedHome(revealed)
    if (loaded !== undefined) return loaded
    if (marked || revealed.location === undefined) return { kind: 'free' }
    const script = this.#scripts.get(revealed.location.scriptId)
    const { url } = script
    if (url.startsWith('node:')) return { kind: 'node' }
    const file = this.#resolver.ownFile(url)
    if (file !== undefined) return { kind: 'shoal', file }
    const entry = entryUrl(this.#scripts.all(), one => this.#resolver.ownFile(one) !== undefined)
    if (!script.module) return isRequired(url) && url !== entry ? module(url, true, undefined) : { kind: 'free' }
    const level = moduleLevel(revealed)
    if (url === entry) return { kind: 'entry', level: level ?? -1, imports: importsOf(script, this.#scripts), url }
    return url.includes(':') ? module(url, false, level) : { kind: 'free' }
  }

  #loadedHome(revealed: Revealed): Home | undefined {
    if (this.#loaded === undefined) return undefined
    for (let level = revealed.scopes.length - 1; level >= 0; level--) {
      const { variables } = revealed.scopes[level]
      for (const name of Object.getOwnPropertyNames(variables)) {
        if (!name.startsWith('$imet')) continue
        const value: unknown = Object.getOwnPropertyDescriptor(variables, name)?.value
        const key =
          typeof value === 'function' ? placeKey.exec(Function.prototype.toString.call(value))?.[1] : undefined
        const place = key === undefined ? undefined : this.#loaded.place(key)
        if (place === undefined) continue
        if (place.kind === 'environment') return { kind: 'environment', level, imports: place.imports }
        return { kind: 'module', url: place.url, commonjs: place.commonjs, level, loaded: place }
      }
    }
    return undefined
  }
}

function module(url: string, commonjs: boolean, level: number | undefined): Home {
  return { kind: 'module', url, commonjs, level, loaded: undefined }
}

function moduleLevel({ scopes }: Revealed): number | undefined {
  const level = scopes.findLastIndex(({ description }) => description === 'Module')
  return level < 0 ? undefined : level
}

function isRequired(url: string): boolean {
  return url.startsWith('file:') && requireHere.cache[fileURLToPath(url)] !== undefined
}

const imports = new Map<string, Map<string, ImportedName>>()

function importsOf(script: Script, scripts: Scripts): Map<string, ImportedName> {
  let known = imports.get(script.scriptId)
  if (known === undefined) {
    known = importedNames(scripts.source(script))
    imports.set(script.scriptId, known)
  }
  return known
}
