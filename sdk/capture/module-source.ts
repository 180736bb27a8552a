import { readFileSync, statSync } from 'node:fs'
import { createRequire, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { AnyNode } from 'acorn'
import { parse as lex } from 'es-module-lexer'
import { acorn, parseFile } from './acorn.ts'
import { formatByName } from './resolve.ts'
import type { Scripts } from './scripts.ts'

/** The text of a module, and what it asks for. */
export interface ModuleSource {
  format: 'module' | 'commonjs' | 'json'
  text: string
  /** Each specifier once. `needed`: without it the module cannot be evaluated (static imports). */
  requests: { specifier: string; how: 'import' | 'require'; needed: boolean }[]
  /** What ES modules may import from a CommonJS module by name. */
  names: string[]
}

/** A module's text as V8 runs it where it is loaded; otherwise as Node would run it. Undefined where it is no module that can be shipped. */
export function moduleSource(url: string, scripts: Scripts): ModuleSource | undefined {
  const format = formatByName(url)
  if (format === 'json') return { format, text: readFileSync(fileURLToPath(url), 'utf8'), requests: [], names: [] }
  const script = scripts.at(url)
  if (script !== undefined) {
    // Node puts this under what it has stripped of types; a text from disk has none.
    const text = scripts.source(script).replace(/\n*\/\/# sourceURL=[^\n]*\s*$/, '\n')
    return script.module ? esModule(text) : commonJs(text, url)
  }
  if (!url.startsWith('file:')) return undefined
  const path = fileURLToPath(url)
  if (!/\.[cm]?[jt]sx?$/.test(path)) return undefined
  let text = readFileSync(path, 'utf8')
  if (/\.[cm]?tsx?$/.test(path)) text = stripped(text)
  return (format ?? guess(text)) === 'module' ? esModule(text) : commonJs(text, url)
}

/** Changes when a file that is not loaded is written. */
export function fileStamp(url: string): string {
  if (!url.startsWith('file:')) return ''
  const status = statSync(fileURLToPath(url), { throwIfNoEntry: false })
  return status === undefined ? 'gone' : `${status.mtimeMs}:${status.size}`
}

function esModule(text: string): ModuleSource {
  const requests = new Map<string, boolean>()
  for (const one of lex(text)[0]) {
    if (one.type === 'import-meta' || one.specifier === undefined) continue
    if (one.type === 'dynamic') {
      if (!one.glob && !requests.has(one.specifier)) requests.set(one.specifier, false)
    } else requests.set(one.specifier, true)
  }
  const list = [...requests].map(([specifier, needed]) => ({ specifier, how: 'import' as const, needed }))
  return { format: 'module', text, requests: list, names: [] }
}

function commonJs(text: string, url: string): ModuleSource {
  const requests: ModuleSource['requests'] = []
  for (const specifier of requiredIn(text)) requests.push({ specifier, how: 'require', needed: false })
  if (/\bimport\s*\(/.test(text)) {
    for (const specifier of importedIn(text)) requests.push({ specifier, how: 'import', needed: false })
  }
  return { format: 'commonjs', text, requests, names: exportedNames(text, url) }
}

/** Above this, a CommonJS file is searched by pattern: parsing takes about 100 ms a megabyte. */
const parsedCharactersMax = 500_000

function requiredIn(text: string): Set<string> {
  const pattern = /\brequire\s*\(\s*(?:'([^'\n]+)'|"([^"\n]+)")\s*\)/g
  const found = new Set<string>()
  for (const match of text.matchAll(pattern)) found.add(match[1] ?? match[2])
  if (found.size === 0 || text.length > parsedCharactersMax) return found
  // The pattern also sees comments and strings; what they name must not be dragged along.
  const program = parseFile(text, 'script')
  return program === undefined ? found : literalCalls(program)
}

/** The literal arguments of all calls of `require` in a tree. */
export function literalCalls(root: AnyNode): Set<string> {
  const found = new Set<string>()
  const walk = (node: AnyNode): void => {
    if (node.type === 'CallExpression' && node.callee.type === 'Identifier' && node.callee.name === 'require') {
      const [first] = node.arguments
      if (first?.type === 'Literal' && typeof first.value === 'string') found.add(first.value)
    }
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (typeof child === 'object' && child !== null && typeof child.type === 'string') walk(child)
      }
    }
  }
  walk(root)
  return found
}

function importedIn(text: string): string[] {
  try {
    return lex(text)[0].flatMap(one => (one.type === 'dynamic' && !one.glob && one.specifier ? [one.specifier] : []))
  } catch {
    return []
  }
}

const requireHere = createRequire(import.meta.url)

/** The names that a CommonJS module exports: those it has, if it is loaded, and those that its text gives away. */
function exportedNames(text: string, url: string): string[] {
  const names = new Set<string>()
  const loaded: unknown = url.startsWith('file:') ? requireHere.cache[fileURLToPath(url)]?.exports : undefined
  if ((typeof loaded === 'object' && loaded !== null) || typeof loaded === 'function') {
    for (const name of Object.keys(loaded)) names.add(name)
  } else {
    for (const match of text.matchAll(/\bexports\.([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*=/gu)) names.add(match[1])
    for (const match of text.matchAll(/\bdefineProperty\(\s*exports\s*,\s*['"]([^'"\n]+)['"]/g)) names.add(match[1])
  }
  names.delete('default')
  return [...names].filter(name => name.isWellFormed()).sort()
}

function guess(text: string): 'module' | 'commonjs' {
  try {
    return lex(text)[3] ? 'module' : 'commonjs'
  } catch {
    return 'commonjs'
  }
}

function stripped(text: string): string {
  const { emitWarning } = process
  // Its being experimental is Node's business with whoever runs TypeScript with it; the program here does already.
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(text)
  } finally {
    process.emitWarning = emitWarning
  }
}

/** A name that an `import` declaration binds. `imported` is '*' for a namespace. */
export interface ImportedName {
  specifier: string
  imported: string
}

/** The names that a module's import declarations bind. */
export function importedNames(text: string): Map<string, ImportedName> {
  const names = new Map<string, ImportedName>()
  for (const one of lex(text)[0]) {
    if (one.type !== 'static') continue
    const statement = text.slice(one.importStart, one.importEnd)
    if (!statement.startsWith('import')) continue
    const [node] = acorn().parse(statement, { ecmaVersion: 'latest', sourceType: 'module' }).body
    if (node.type !== 'ImportDeclaration') continue
    for (const specifier of node.specifiers) {
      const imported =
        specifier.type === 'ImportNamespaceSpecifier'
          ? '*'
          : specifier.type === 'ImportDefaultSpecifier'
            ? 'default'
            : specifier.imported.type === 'Identifier'
              ? specifier.imported.name
              : String(specifier.imported.value)
      names.set(specifier.local.name, { specifier: one.specifier, imported })
    }
  }
  return names
}
