// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
import { createRequire } from 'node:module'
import { dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { types } from 'node:util'
import type { Link, LinkTarget, Place } from '../../wire/code/format.ts'
import type { LoadedCodeRegistry } from '../../wire/code/registry.ts'
import type { Builtins } from './builtins.ts'
import { cannotTravel, type Path } from './capture-error.ts'
import type { CodeParts } from './code-parts.ts'
import { entryUrl } from './entry.ts'
import type { CaptureSources, FoundFunction } from './found-function.ts'
import type { FunctionText } from './function-text.ts'
import type { Home } from './homes.ts'
import type { ModuleGraph } from './module-graph.ts'
import type { ImportedName } from './module-source.ts'
import { GraphNode, Reference } from './nodes.ts'
import { Edits } from './text-edits.ts'
import type { Values } from './values.ts'

type ModuleHome = Extract<Home, { kind: 'module' }>
type ImportingHome = Extract<Home, { kind: 'entry' | 'environment' }>
type NodeRequire = ReturnType<typeof createRequire>

/** The names that stand for `import` and `import.meta` in texts that are compiled elsewhere: as long as what they replace. */
const importName = '$imprt'
const metaCall = '$imeta()'
const metaName = '$imeta'

const requireHere = createRequire(import.meta.url)

/** What captured code refers to outside of itself: modules, Node's, Shoal's. */
export class Imports {
  readonly #parts: CodeParts
  readonly #values: Values
  readonly #graph: ModuleGraph
  readonly #builtins: Builtins
  readonly #loaded: LoadedCodeRegistry | undefined
  readonly #shoal: object | undefined
  readonly #shoalNames = new Map<object, string>()
  readonly #nodes = new Map<string, GraphNode>()
  /** What `require` has given, by identity: file names. */
  readonly #required = new Map<object, string>()
  /** Namespaces that import declarations of entry scripts bind: module by object. */
  readonly #namespaces = new Map<object, () => GraphNode>()

  constructor(parts: CodeParts, values: Values, { graph, builtins, loaded, shoal, resolver, scripts }: CaptureSources) {
    this.#parts = parts
    this.#values = values
    this.#graph = graph
    this.#builtins = builtins
    this.#loaded = loaded
    this.#shoal = shoal
    const entry = entryUrl(scripts.all(), url => resolver.ownFile(url) !== undefined)
    for (const [file, module] of Object.entries(requireHere.cache)) {
      const exports: unknown = module?.exports
      // JSON is data, and namespaces of ES modules are found as such.
      if (!isObject(exports) || /\.(?:json|node)$/.test(file) || types.isModuleNamespaceObject(exports)) continue
      const url = pathToFileURL(file).href
      if (url !== entry && resolver.ownFile(url) === undefined) this.#required.set(exports, file)
    }
  }

  /** `require` functions, and what the loader gave code that came over the wire. */
  helper(value: object): GraphNode | undefined {
    const loaded = this.#loaded?.helper(value)
    if (loaded !== undefined) return this.#node('helper', [loaded.kind, this.#parts.loadedBase(loaded)])
    if (typeof value !== 'function' || !isRequire(value)) return undefined
    return this.#node('helper', ['require', this.#parts.base(requireBase(value), [])])
  }

  /** The `module.exports` of a CommonJS module that is loaded here, as a node: that of the module there. */
  moduleExports(value: object, path: Path): GraphNode | undefined {
    const loaded = this.#loaded?.moduleOf(value)
    if (loaded !== undefined && !types.isModuleNamespaceObject(value)) {
      this.#parts.addBlobs(this.#loaded!.blobs(loaded))
      return this.#node('export', [this.#parts.module(...loaded), 'module.exports'])
    }
    const file = this.#required.get(value)
    if (file === undefined) return undefined
    const home = {
      kind: 'module',
      url: pathToFileURL(file).href,
      commonjs: true,
      level: undefined,
      loaded: undefined,
    } as const
    return this.export(home, 'module.exports', path)
  }

  /** Whether a value is the `module.exports` of some module. */
  isModuleExports(value: object): boolean {
    return this.#required.has(value) || this.#loaded?.moduleOf(value) !== undefined
  }

  /** What Shoal exports is that of the thread there. */
  shoalExport(value: object): GraphNode | undefined {
    if (this.#shoal === undefined) return undefined
    if (this.#shoalNames.size === 0) {
      for (const [name, one] of Object.entries(this.#shoal)) if (isObject(one)) this.#shoalNames.set(one, name)
    }
    const name = this.#shoalNames.get(value)
    return name === undefined ? undefined : this.#node('shoal', ['', false, name])
  }

  /** A function of Shoal's that is not exported, by its file. */
  shoalFunction(fn: Function, file: string, path: Path): GraphNode {
    if (fn.name === '') throw cannotTravel(path, "is an inner function of Shoal's", 'Use what `shoal` exports.')
    return this.#node('shoal', [file, true, fn.name])
  }

  /** A top-level variable of a module there. */
  binding(home: ModuleHome, name: string, path: Path): GraphNode {
    return this.#node('binding', [this.#module(home, path), name])
  }

  export(home: ModuleHome, name: string, path: Path): GraphNode {
    return this.#node('export', [this.#module(home, path), name])
  }

  /** A function that a CommonJS module exports, by the name under which it does. */
  commonJsExport(home: ModuleHome, fn: Function, path: Path): GraphNode | undefined {
    const exports: unknown =
      home.loaded === undefined
        ? requireHere.cache[fileURLToPath(home.url)]?.exports
        : this.#loaded!.exportsOf(home.loaded.module)
    if (!isObject(exports)) return undefined
    for (const name of Object.keys(exports)) {
      if (Object.getOwnPropertyDescriptor(exports, name)?.value !== fn) continue
      return this.#node('export', [this.#module(home, path), 'module.exports', name])
    }
    return undefined
  }

  modulePlace(home: ModuleHome, path: Path): Place {
    return ['module', this.#module(home, path)]
  }

  /** Where an imported name of an entry script leads. */
  target(
    imported: ImportedName | { target: LinkTarget; imported: string },
    home: ImportingHome,
    path: Path,
  ): { target: LinkTarget; imported: string } {
    if ('target' in imported) {
      const { target } = imported
      if (target[0] === 'blob') this.#parts.addBlobs(this.#loaded!.blobs([target[1], target[2]]))
      return imported
    }
    return {
      target: this.link(imported.specifier, (home as { url: string }).url, 'import', path),
      imported: imported.imported,
    }
  }

  /** Throws a CaptureError where a specifier leads nowhere, or to what cannot be sent. */
  link(specifier: string, url: string, how: 'import' | 'require', path: Path): LinkTarget {
    try {
      return this.#graph.link(specifier, url, how, blobs => this.#parts.addBlobs(blobs))
    } catch (error) {
      throw unshippable(path, specifier, error)
    }
  }

  /** The slot for what is imported from Node or Shoal; undefined for modules, whose bindings must stay live. */
  valueOf(target: LinkTarget, imported: string): unknown {
    if (target[0] === 'builtin') {
      if (imported === '*') return new Reference(this.#node('builtin-namespace', [target[1]]))
      return new Reference(this.#node('builtin', imported === 'default' ? [target[1]] : [target[1], imported]))
    }
    if (target[0] === 'shoal') return new Reference(this.#node('shoal', [target[1], target[2], imported]))
    return undefined
  }

  /** The node for the namespace object of a module. */
  namespace(value: object): GraphNode | undefined {
    const name = this.#loaded?.moduleOf(value)
    if (name !== undefined) {
      this.#parts.addBlobs(this.#loaded!.blobs(name))
      return this.#node('export', [this.#parts.module(...name), '*'])
    }
    const place = 'default' in value && isObject(value.default) ? this.#builtins.namespace(value.default) : undefined
    if (place?.length === 1 && typeof place[0] === 'string') return this.#node('builtin-namespace', [place[0]])
    if (this.#shoal === value) return this.#node('shoal', ['', false, '*'])
    return this.#namespaces.get(value)?.()
  }

  /** Remembers which module the namespaces are that an entry script has imported: elsewhere they are values like others. */
  learnNamespaces({ revealed, home, path }: FoundFunction): void {
    if (home.kind !== 'entry' && home.kind !== 'environment') return
    const variables = revealed.scopes[home.level]?.variables
    if (variables === undefined) return
    for (const [local, imported] of home.imports) {
      if (imported.imported !== '*') continue
      let value: unknown
      try {
        value = Object.getOwnPropertyDescriptor(variables, local)?.value
      } catch {
        continue
      }
      if (!isObject(value) || !types.isModuleNamespaceObject(value) || this.#namespaces.has(value)) continue
      this.#namespaces.set(value, () => {
        const { target } = this.target(imported, home, path)
        const slot = this.valueOf(target, '*')
        if (slot instanceof Reference) return slot.node
        if (target[0] !== 'blob')
          throw cannotTravel(
            path,
            'is the namespace of a package that is not shipped',
            'Import it inside the function.',
          )
        return this.#node('export', [this.#parts.module(target[1], target[2]), '*'])
      })
    }
  }

  /** A text with `import(…)` and `import.meta` turned into calls of what the loader provides; lines and columns stay. */
  edited(text: string, analysed: FunctionText, home: Home): string {
    const edits = new Edits(text, analysed.shift)
    const native = home.kind === 'module' && !home.commonjs
    for (const node of analysed.imports) {
      if (node.type === 'MetaProperty') edits.replace(node, metaCall)
      else if (node.type === 'ImportExpression' && !native) {
        edits.replace({ start: node.start, end: node.start + 'import'.length }, importName)
      }
    }
    return edits.text()
  }

  /** The variables that `edited` has introduced, and the links of `require` calls. */
  *helpersOf({ home, around, revealed, path }: FoundFunction, analysed: FunctionText): Generator<[string, unknown]> {
    if (home.kind === 'module') return
    const url = fileUrl(around.url)
    const links = (how: 'import' | 'require', from: string): Link[] =>
      literals(analysed, how).flatMap((specifier): Link[] => {
        const target = this.#tryLink(specifier, from, how)
        return target === undefined ? [] : [[specifier, how, target]]
      })
    const uses = (type: string) => analysed.imports.some(node => node.type === type)
    if (uses('ImportExpression')) {
      yield [importName, new Reference(this.#node('helper', ['import', this.#parts.base(url, links('import', url))]))]
    }
    if (uses('MetaProperty')) {
      if (url === '')
        throw cannotTravel(path, 'uses `import.meta`', 'Put what is needed of it into a variable outside.')
      yield [metaName, new Reference(this.#node('helper', ['meta', this.#parts.base(url, [])]))]
    }
    if (uses('CallExpression')) {
      const level = revealed.scopes.find(({ variables }) => Object.hasOwn(variables, 'require'))
      const value: unknown = level && Object.getOwnPropertyDescriptor(level.variables, 'require')?.value
      if (typeof value === 'function' && isRequire(value)) {
        const base = requireBase(value)
        this.#parts.base(base, links('require', base))
      }
    }
  }

  /** What cannot be found here fails there, where it is asked for. */
  #tryLink(specifier: string, url: string, how: 'import' | 'require'): LinkTarget | undefined {
    if (url === '') return undefined
    try {
      return this.#graph.link(specifier, url, how, blobs => this.#parts.addBlobs(blobs))
    } catch {
      return undefined
    }
  }

  checkpoint(): () => void {
    const nodes = new Set(this.#nodes.keys())
    return () => {
      for (const key of this.#nodes.keys()) if (!nodes.has(key)) this.#nodes.delete(key)
    }
  }

  #module(home: ModuleHome, path: Path): number {
    if (home.loaded !== undefined) {
      this.#parts.addBlobs(this.#loaded!.blobs(home.loaded.module))
      return this.#parts.module(...home.loaded.module)
    }
    try {
      const { name, blobs } = this.#graph.ship(home.url)
      this.#parts.addBlobs(blobs)
      return this.#parts.module(...name)
    } catch (error) {
      throw unshippable(path, home.url, error)
    }
  }

  #node(
    kind: 'helper' | 'shoal' | 'binding' | 'export' | 'builtin' | 'builtin-namespace',
    define: (string | number | boolean)[],
  ): GraphNode {
    const key = `${kind} ${JSON.stringify(define)}`
    let node = this.#nodes.get(key)
    if (node === undefined) {
      node = this.#values.add(new GraphNode(kind))
      node.define = define
      this.#nodes.set(key, node)
    }
    return node
  }
}

function unshippable(path: Path, what: string, error: unknown): Error {
  const reason = (error as Error).message
  return cannotTravel(
    path,
    `needs the module ${what}, which cannot be sent: ${reason}`,
    'Import it inside the function, or name its package in `external`.',
    error,
  )
}

function literals(analysed: FunctionText, how: 'import' | 'require'): string[] {
  return analysed.imports.flatMap(node => {
    const argument =
      how === 'import' && node.type === 'ImportExpression'
        ? node.source
        : how === 'require' && node.type === 'CallExpression'
          ? node.arguments[0]
          : undefined
    if (argument?.type === 'Literal' && typeof argument.value === 'string') return [argument.value]
    if (argument?.type === 'TemplateLiteral' && argument.expressions.length === 0)
      return [argument.quasis[0].value.cooked ?? '']
    return []
  })
}

function isRequire(value: Function): value is NodeRequire {
  return value.name === 'require' && 'cache' in value && (value as NodeRequire).cache === requireHere.cache
}

/** The file a `require` resolves from, or one beside it. */
function requireBase(value: NodeRequire): string {
  const [first] = value.resolve.paths('x') ?? []
  return pathToFileURL(join(first === undefined ? process.cwd() : dirname(first), 'noop.js')).href
}

function fileUrl(url: string): string {
  if (isAbsolute(url)) return pathToFileURL(url).href
  return URL.canParse(url) ? url : ''
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
