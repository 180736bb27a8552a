import type { Program } from 'acorn'
import type { LoadedCodeRegistry, LoadedText } from '../../wire/code/registry.ts'
import { parseFile } from './acorn.ts'
import { wrappers } from './function-text.ts'
import type { Revealed } from './inspector.ts'
import { lookup, receiverOf, type Scope, type ScopeTree, scopeAround, scopeTree } from './scope-tree.ts'
import type { Script, Scripts } from './scripts.ts'

/** The text in which a function was written, and where in it. */
export interface Surrounding {
  /** The file, as V8 or the code's first capture had it. */
  url: string
  text: string
  /** Where the function's own text starts in `text`; -1 if it is not found there. */
  start: number
  end: number
  /** From 0, in the user's file. */
  line: number
  column: number
  module: boolean
  script: Script | undefined
}

const commonJsNames = new Set(['require', 'module', 'exports', '__filename', '__dirname'])

/** Finds the text around functions, and answers what only it can tell. */
export class Surroundings {
  readonly #scripts: Scripts
  readonly #loaded: LoadedCodeRegistry | undefined

  constructor(scripts: Scripts, loaded: LoadedCodeRegistry | undefined) {
    this.#scripts = scripts
    this.#loaded = loaded
  }

  /**
   * The text around a function, from what V8 says of it and its own text.
   * @param module the module of the loader's that it stands in
   */
  of(revealed: Revealed, own: string, module?: { url: string; text: string; commonjs: boolean }): Surrounding {
    const loaded = module === undefined ? this.marker(revealed) : undefined
    const location = revealed.location!
    if (loaded !== undefined) {
      const at = loaded.text.indexOf(own)
      if (at >= 0) return withinLoaded(loaded, at, own)
    }
    const script = module === undefined ? this.#scripts.get(location.scriptId) : undefined
    const text = module?.text ?? this.#scripts.source(script!)
    const lines = lineStarts(text)
    const at = (lines[location.line] ?? 0) + location.column
    // V8's position is that of the parameters, or of the whole for arrows and classes: somewhere inside the text.
    let start = text.lastIndexOf(own, at)
    if (start >= 0 && start + own.length < at) start = -1
    const line = start < 0 ? location.line : lineOf(lines, start)
    const column = start < 0 ? location.column : start - lines[line]
    const place = { text, start, end: start + own.length, line, column }
    if (module !== undefined) return { ...place, url: module.url, module: !module.commonjs, script }
    return { ...place, url: script!.url, module: script!.module, script }
  }

  /** The marker of the wrapper in which loaded code stands. */
  marker(revealed: Revealed): LoadedText | undefined {
    if (this.#loaded === undefined) return undefined
    for (const { variables } of revealed.scopes) {
      const found = markerIn(variables)
      if (found !== undefined) {
        const text = this.#loaded.marker(found)
        if (text !== undefined) return text
      }
    }
    return undefined
  }

  /** Whether a name may mean the name of a function expression around: V8 does not show those among the variables. */
  isOwnNameAround(around: Surrounding, name: string): boolean {
    const before = around.start < 0 ? around.text : around.text.slice(0, around.start)
    const pattern = new RegExp(`\\bfunction\\s*\\*?\\s*${escaped(name)}(?![\\p{ID_Continue}$])`, 'u')
    if (!pattern.test(before)) return false
    const scope = this.scopeOf(around)
    return scope === undefined || lookup(scope, name)?.binding?.kind === 'self'
  }

  /** The scope in which a function was made, from the text of the file. */
  scopeOf(around: Surrounding): Scope | undefined {
    if (around.start < 0) return undefined
    const tree = parsed(around)
    return tree === undefined ? undefined : scopeAround(tree.tree.root, around.start, around.end)
  }

  /** Whether a name, seen from where a function was made, is declared at the top of the file. */
  isTopLevelName(around: Surrounding, name: string): boolean {
    const scope = this.scopeOf(around)
    const found = scope === undefined ? undefined : lookup(scope, name)
    // `require`, `module` and the like are parameters of what Node puts around a CommonJS file.
    if (found === undefined) return scope !== undefined && commonJsNames.has(name)
    return found.scope.parent === undefined
  }

  /** Whether a function was declared (`function f() {}`), and not an expression. */
  isDeclaration(around: Surrounding): boolean {
    const scope = this.scopeOf(around)
    for (const { kind, node } of scope?.names.values() ?? []) {
      if (kind === 'function' && node.start === around.start && node.end === around.end) return true
    }
    return false
  }

  /** Whether nothing around a function has a `this`: it stands at the top of its file. */
  isAtTop(around: Surrounding): boolean {
    const scope = this.scopeOf(around)
    return scope !== undefined && receiverOf(scope) === undefined
  }

  /** Whether a function stands in strict code because of what is around it. */
  isStrict(around: Surrounding): boolean {
    if (around.module) return true
    if (!/['"]use strict['"]/.test(around.text) && !/\bclass\b/.test(around.text)) return false
    for (let scope = this.scopeOf(around); scope !== undefined; scope = scope.parent) {
      if (scope.kind === 'class') return true
      const { node } = scope
      const body =
        node.type === 'Program'
          ? node.body
          : 'body' in node && node.body && 'type' in node.body && node.body.type === 'BlockStatement'
            ? node.body.body
            : []
      for (const statement of body as Program['body']) {
        if (
          statement.type !== 'ExpressionStatement' ||
          !('directive' in statement) ||
          statement.directive === undefined
        )
          break
        if (statement.directive === 'use strict') return true
      }
    }
    return false
  }

  /** Whether a function or class is the anonymous default export of its module. */
  isDefaultExport(around: Surrounding): boolean {
    if (around.start < 0 || !/\bexport\s+default\b/.test(around.text)) return false
    const program = parsed(around)?.program
    return (
      program?.body.some(
        one =>
          one.type === 'ExportDefaultDeclaration' &&
          one.declaration.start === around.start &&
          one.declaration.end === around.end,
      ) === true
    )
  }
}

/** The marker object that the loader's wrappers declare, in one scope. */
export function markerIn(variables: object): object | undefined {
  for (const name of Object.getOwnPropertyNames(variables)) {
    if (!name.startsWith('$shoal')) continue
    const value: unknown = Object.getOwnPropertyDescriptor(variables, name)?.value
    if (typeof value === 'object' && value !== null) return value
  }
  return undefined
}

/** Trees of whole files, by text: files are few, functions many. */
const trees = new Map<string, { program: Program; tree: ScopeTree } | undefined>()
const treesMax = 50

function parsed(around: Surrounding): { program: Program; tree: ScopeTree } | undefined {
  const { text, module } = around
  if (trees.has(text)) return trees.get(text)
  const program = parseFile(text, module ? 'module' : 'script')
  const result = program === undefined ? undefined : { program, tree: scopeTree(program, module) }
  if (trees.size >= treesMax) trees.clear()
  trees.set(text, result)
  return result
}

/** A function inside one that came over the wire: all that is known of its file is that one's text. */
function withinLoaded(loaded: LoadedText, at: number, own: string): Surrounding {
  const starts = lineStarts(loaded.text)
  const inner = lineOf(starts, at)
  const line = loaded.line + inner
  const column = inner === 0 ? loaded.column + at : at - starts[inner]
  const [before, after] = wrappers[loaded.form]
  const start = before.length + at
  const text = before + loaded.text + after
  return {
    url: loaded.url,
    text,
    start,
    end: start + own.length,
    line,
    column,
    module: loaded.strict,
    script: undefined,
  }
}

const starts = new Map<string, number[]>()

function lineStarts(text: string): number[] {
  const known = starts.get(text)
  if (known !== undefined) return known
  const list = [0]
  for (const { index, 0: ending } of text.matchAll(/\r\n|[\n\r\u2028\u2029]/g)) list.push(index + ending.length)
  if (starts.size >= treesMax) starts.clear()
  starts.set(text, list)
  return list
}

function lineOf(lines: number[], at: number): number {
  let low = 0
  let high = lines.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (lines[middle] <= at) low = middle
    else high = middle - 1
  }
  return low
}

function escaped(name: string): string {
  return name.replace(/[$]/g, '\\$&')
}
