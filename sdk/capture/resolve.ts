import { readFileSync, statSync } from 'node:fs'
import { createRequire, findPackageJSON, isBuiltin } from 'node:module'
import { dirname, extname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { moduleResolve } from 'import-meta-resolve'
import type { Scripts } from './scripts.ts'

/** Where a specifier leads. */
export type Target =
  | { kind: 'module'; url: string }
  | { kind: 'builtin'; name: string }
  /** This package itself: the executing thread has its own. `path` is what follows `shoal/`, or a file below the package's root. */
  | { kind: 'shoal'; path: string; file: boolean }
  /** A package that stays at the executing peer. */
  | { kind: 'external'; specifier: string; package: string }

/** The conditions under which this process resolves imports: Node's own and those of its command line. */
function conditions(): string[] {
  const words = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)]
  const own: string[] = []
  for (let i = 0; i < words.length; i++) {
    const match = /^(?:--conditions|-C)(?:=(.*))?$/.exec(words[i])
    if (match) own.push(match[1] ?? words[i + 1] ?? '')
  }
  return own
}

let importConditions: Set<string> | undefined

/** Folders of this package that hold its own code; its tests and examples are users'. */
const ownFolders = /^(?:dist\/)?(?:sdk|agent|wire|mesh)\//

/** Resolves specifiers as this process does, and says what must not be shipped. */
export class Resolver {
  readonly #scripts: Scripts
  readonly #root: string
  readonly #external: ReadonlySet<string>
  readonly #packages: Map<string, Package | undefined>

  /** @param shoalRoot the folder of this package */
  constructor(scripts: Scripts, shoalRoot: string, external: readonly string[]) {
    this.#scripts = scripts
    this.#root = pathToFileURL(shoalRoot.endsWith('/') ? shoalRoot : `${shoalRoot}/`).href
    this.#external = new Set(external)
    this.#packages = packagesKnown
  }

  /** Whether a file is this package's own code, and its path below the package's root. */
  ownFile(url: string): string | undefined {
    if (!url.startsWith(this.#root)) return undefined
    const path = url.slice(this.#root.length)
    return ownFolders.test(path) ? path.replace(/^dist\//, '') : undefined
  }

  /** Throws what the resolution algorithm throws. */
  resolve(specifier: string, parentUrl: string, how: 'import' | 'require'): Target {
    if (isBuiltin(specifier)) return { kind: 'builtin', name: specifier }
    if (specifier === 'shoal' || specifier.startsWith('shoal/')) {
      return { kind: 'shoal', path: specifier.slice('shoal/'.length), file: false }
    }
    const name = packageName(specifier)
    if (name !== undefined && this.#external.has(name)) return { kind: 'external', specifier, package: name }
    const url = this.#locate(specifier, parentUrl, how)
    const own = this.ownFile(url)
    if (own !== undefined) return { kind: 'shoal', path: own, file: true }
    const home = this.packageOf(url)
    if (home !== undefined && (home.native || this.#external.has(home.name))) {
      return { kind: 'external', specifier: name === undefined ? home.specifierOf(url) : specifier, package: home.name }
    }
    if (url.endsWith('.node')) return { kind: 'external', specifier: fileURLToPath(url), package: fileURLToPath(url) }
    return { kind: 'module', url }
  }

  /** The npm package a file belongs to, if it is installed below a `node_modules`. */
  packageOf(url: string): Package | undefined {
    if (!url.includes('/node_modules/')) return undefined
    const [, folder, name] = /^(.*\/node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(url.replace(/[?#].*$/, '')) ?? []
    if (folder === undefined) return undefined
    let known = this.#packages.get(folder)
    if (known === undefined && !this.#packages.has(folder)) {
      known = readPackage(folder, name)
      this.#packages.set(folder, known)
    }
    return known
  }

  #locate(specifier: string, parentUrl: string, how: 'import' | 'require'): string {
    try {
      if (how === 'require') return pathToFileURL(createRequire(parentUrl).resolve(specifier)).href
      importConditions ??= new Set(['node', 'import', 'module-sync', 'node-addons', ...conditions()])
      return moduleResolve(specifier, new URL(parentUrl), importConditions).href
    } catch (error) {
      const known = this.#loaded(specifier, parentUrl)
      if (known !== undefined) return known
      throw error
    }
  }

  /** What a loader (tsx, for one) may have made of a relative specifier that Node cannot resolve. */
  #loaded(specifier: string, parentUrl: string): string | undefined {
    if (!/^\.{0,2}\//.test(specifier) || !URL.canParse(specifier, parentUrl)) return undefined
    const { href } = new URL(specifier, parentUrl)
    const bare = href.replace(/\.[cm]?jsx?$/, '')
    for (const ending of ['.ts', '.tsx', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json', '/index.ts', '/index.js']) {
      for (const candidate of [href + ending, bare + ending]) {
        if (this.#scripts.at(candidate) !== undefined || isFile(candidate)) return candidate
      }
    }
    return undefined
  }
}

/** An installed npm package. */
export interface Package {
  name: string
  /** It has native parts, so each machine needs its own. */
  native: boolean
  specifierOf(url: string): string
}

const packagesKnown = new Map<string, Package | undefined>()

/** `@scope/name` or `name`, for a bare specifier. */
export function packageName(specifier: string): string | undefined {
  return /^(?:@[^/]+\/)?[^./#@][^/:]*(?=\/|$)/.exec(specifier)?.[0]
}

const builders = /node-gyp|prebuild|node-pre-gyp|cmake-js|napi|neon/
const nativeHelpers = [
  'bindings',
  'node-gyp-build',
  'node-gyp-build-optional-packages',
  'prebuild-install',
  'node-pre-gyp',
  '@mapbox/node-pre-gyp',
  'node-addon-api',
  'nan',
  'pkg-prebuilds',
  'detect-libc',
]
const platformPackage =
  /(?:^|[-_/.])(?:linux|darwin|win32|windows|macos|android|freebsd)[-_.](?:x64|arm64|arm|ia32|x86_64|universal)/

function readPackage(folder: string, name: string): Package | undefined {
  let manifest: Record<string, unknown>
  try {
    manifest = JSON.parse(readFileSync(new URL(`${folder}/package.json`), 'utf8')) as Record<string, unknown>
  } catch {
    return undefined
  }
  const names = (field: string) => Object.keys((manifest[field] ?? {}) as object)
  const install = ['install', 'preinstall', 'postinstall'].map(script =>
    String((manifest.scripts as never)?.[script] ?? ''),
  )
  const native =
    manifest.gypfile === true ||
    manifest.binary !== undefined ||
    manifest.napi !== undefined ||
    install.some(script => builders.test(script)) ||
    names('dependencies').some(one => nativeHelpers.includes(one)) ||
    names('optionalDependencies').some(one => platformPackage.test(one)) ||
    (Array.isArray(manifest.os) && Array.isArray(manifest.cpu)) ||
    (typeof manifest.main === 'string' && manifest.main.endsWith('.node')) ||
    ['binding.gyp', 'prebuilds', 'build/Release'].some(path => exists(`${folder}/${path}`))
  return { name, native, specifierOf: url => name + url.slice(folder.length) }
}

function exists(url: string): boolean {
  return statSync(fileURLToPath(url), { throwIfNoEntry: false }) !== undefined
}

function isFile(url: string): boolean {
  if (!url.startsWith('file:')) return false
  return statSync(fileURLToPath(url), { throwIfNoEntry: false })?.isFile() === true
}

/** How Node takes a file, by its name and its package; undefined where only its text can tell. */
export function formatByName(url: string): 'module' | 'commonjs' | 'json' | undefined {
  const path = url.startsWith('file:') ? fileURLToPath(url.replace(/[?#].*$/, '')) : new URL(url).pathname
  switch (extname(path)) {
    case '.mjs':
    case '.mts':
      return 'module'
    case '.cjs':
    case '.cts':
      return 'commonjs'
    case '.json':
      return 'json'
    default:
      return url.startsWith('file:') ? packageType(path) : undefined
  }
}

const types = new Map<string, 'module' | 'commonjs' | undefined>()

function packageType(path: string): 'module' | 'commonjs' | undefined {
  const folder = dirname(path)
  if (types.has(folder)) return types.get(folder)
  let type: 'module' | 'commonjs' | undefined
  try {
    const manifest = findPackageJSON(pathToFileURL(path))
    const said: unknown = manifest === undefined ? undefined : JSON.parse(readFileSync(manifest, 'utf8')).type
    if (said === 'module' || said === 'commonjs') type = said
  } catch {}
  types.set(folder, type)
  return type
}
