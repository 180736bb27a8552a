// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
import type { LinkTarget, Place } from '../../wire/code/format.ts'
import { cannotTravel } from './capture-error.ts'
import type { VariableUse } from './found-function.ts'
import type { Functions } from './functions.ts'
import { scopeInstances } from './heap-contexts.ts'
import { GraphNode, Reference } from './nodes.ts'
import { lookup } from './scope-tree.ts'
import { markerIn } from './surrounding-text.ts'

/** A scope instance that several captured functions share, of which some variable is written. */
interface LiveScope {
  names: Map<string, unknown>
  uses: VariableUse[]
  node: GraphNode
  /** Outer ones, by distance: the nearest has the most outer ones itself. */
  outer: Set<LiveScope>
}

/**
 * Finds variables that several captured functions use and one of them writes, and gives them one scope there. A variable
 * that nobody writes, or that one function alone uses, needs none: everyone has its value.
 */
export function shareVariables(functions: Functions): void {
  const groups = Map.groupBy(functions.uses, ({ name }) => name)
  const sets = new UnionFind()
  const shared: VariableUse[][] = []
  for (const uses of groups.values()) {
    if (uses.length < 2 || !uses.some(({ writes }) => writes)) continue
    for (const instance of instancesOf(uses, functions)) {
      if (instance.length < 2 || !instance.some(({ writes }) => writes)) continue
      shared.push(instance)
      for (const use of instance) sets.union(levelKey(instance[0]), levelKey(use))
    }
  }
  if (shared.length === 0) return
  const scopes = new Map<string, LiveScope>()
  for (const instance of shared) {
    const root = sets.find(levelKey(instance[0]))
    let scope = scopes.get(root)
    if (scope === undefined) {
      scope = { names: new Map(), uses: [], node: new GraphNode('scope'), outer: new Set() }
      scopes.set(root, scope)
    }
    scope.names.set(instance[0].name, instance[0].slot)
    scope.uses.push(...instance)
  }
  nest(scopes, sets, functions)
  for (const scope of scopes.values()) write(scope, functions)
  for (const tree of trees([...scopes.values()])) settle(tree, functions)
}

/** One level of one function's scope chain. Levels count from the outermost, so that those of a shared chain agree. */
const keys = new WeakMap<Function, number>()
let nextKey = 0

function functionKey(fn: Function): number {
  let key = keys.get(fn)
  if (key === undefined) {
    key = nextKey++
    keys.set(fn, key)
  }
  return key
}

function levelKey({ fn, depth }: { fn: Function; depth: number }): string {
  return `${functionKey(fn)}:${depth}`
}

class UnionFind {
  readonly #parent = new Map<string, string>()

  find(key: string): string {
    let root = key
    for (let next = this.#parent.get(root); next !== undefined; next = this.#parent.get(root)) root = next
    return root
  }

  union(a: string, b: string): void {
    const [first, second] = [this.find(a), this.find(b)]
    if (first !== second) this.#parent.set(second, first)
  }
}

/** The uses of one name, by the scope instance that the variable is of. */
function instancesOf(uses: VariableUse[], functions: Functions): VariableUse[][] {
  const instances: VariableUse[][] = []
  const undecided: VariableUse[] = []
  for (const use of uses) {
    let settled = false
    let unsure = false
    for (const instance of instances) {
      const same = isSameInstance(instance[0], use, functions)
      if (same === true) {
        instance.push(use)
        settled = true
        break
      }
      unsure ||= same === undefined
    }
    if (settled) continue
    if (unsure) undecided.push(use)
    else instances.push([use])
  }
  if (undecided.length === 0) return instances
  return byHeap(uses, functions)
}

/** The exact answer, where nothing cheaper gives one. */
function byHeap(uses: VariableUse[], functions: Functions): VariableUse[][] {
  const numbers = scopeInstances(functions.inspector, uses)
  const instances = new Map<number, VariableUse[]>()
  uses.forEach((use, i) => {
    const number = numbers[i]
    if (number === undefined) {
      throw cannotTravel(
        use.path,
        'is written by one of several captured functions, and V8 does not tell whether all of them mean the same variable',
        'Put it into an object that they share: `const state = { … }`.',
      )
    }
    const known = instances.get(number)
    if (known === undefined) instances.set(number, [use])
    else known.push(use)
  })
  return [...instances.values()]
}

/** Whether two functions' variables of one name are one variable; undefined where this cannot be told cheaply. */
function isSameInstance(a: VariableUse, b: VariableUse, { surroundings }: Functions): boolean | undefined {
  if (a.fn === b.fn) return a.depth === b.depth
  const [left, right] = [a.level, b.level]
  if (left.description !== right.description) return false
  if (left.description === 'Global') return true
  const sameScript = a.revealed.location?.scriptId === b.revealed.location?.scriptId
  if (left.description === 'Module' || left.description === 'Script') return left.description === 'Script' || sameScript
  const markers = [markerIn(left.variables), markerIn(right.variables)]
  if (markers[0] !== undefined || markers[1] !== undefined) return markers[0] === markers[1]
  const names = Object.getOwnPropertyNames(left.variables)
  if (names.length !== Object.getOwnPropertyNames(right.variables).length) return false
  for (const name of names) {
    if (!Object.hasOwn(right.variables, name) || !sameValue(left.variables, right.variables, name)) return false
  }
  const scopes = [a, b].map(({ around, name }) => {
    const scope = surroundings.scopeOf(around)
    return scope === undefined ? undefined : lookup(scope, name)?.scope
  })
  if (scopes[0] === undefined || scopes[1] === undefined || a.around.text !== b.around.text) return undefined
  if (scopes[0] !== scopes[1]) return false
  // A constant that gets a new object each time the scope is entered: the same object, so the same scope.
  for (const [name, binding] of scopes[0].names) {
    if (binding.kind !== 'const' || !Object.hasOwn(left.variables, name)) continue
    const { node } = binding
    const isOwn =
      node.type === 'VariableDeclarator' && node.id.type === 'Identifier' && node.init && freshKinds.has(node.init.type)
    if (isOwn && isInitialised(left.variables, name)) return true
  }
  return undefined
}

const freshKinds = new Set([
  'ArrowFunctionExpression',
  'FunctionExpression',
  'ClassExpression',
  'ObjectExpression',
  'ArrayExpression',
])

function sameValue(left: object, right: object, name: string): boolean {
  const [a, b] = [read(left, name), read(right, name)]
  return a.initialised === b.initialised && Object.is(a.value, b.value)
}

function read(variables: object, name: string): { initialised: boolean; value?: unknown } {
  try {
    return { initialised: true, value: Object.getOwnPropertyDescriptor(variables, name)?.value }
  } catch {
    return { initialised: false }
  }
}

function isInitialised(variables: object, name: string): boolean {
  const { initialised, value } = read(variables, name)
  return initialised && value !== undefined
}

/** Which live scope lies in which: whoever has both in its chain knows. */
function nest(scopes: Map<string, LiveScope>, sets: UnionFind, functions: Functions): void {
  const chains = new Map<Function, number>()
  for (const { fn, revealed } of functions.uses) chains.set(fn, revealed.scopes.length)
  for (const [fn, length] of chains) {
    const inner: LiveScope[] = []
    for (let depth = 0; depth <= length; depth++) {
      const scope = scopes.get(sets.find(levelKey({ fn, depth })))
      if (scope === undefined) continue
      for (const one of inner) one.outer.add(scope)
      inner.push(scope)
    }
  }
}

/** Makes the scope's node and moves the variables of its functions there. */
function write(scope: LiveScope, { values }: Functions): void {
  const { node, uses, names, outer } = scope
  const parent = [...outer].sort((a, b) => b.outer.size - a.outer.size)[0]
  node.define = [uses[0].piece, parent === undefined ? null : new Reference(parent.node), [...names.keys()]]
  node.fill = [[...names.values()]]
  values.add(node)
  for (const use of uses) {
    const at = use.piece.variables.indexOf(use.name)
    if (at >= 0) {
      if (use.piece.early !== undefined && at < use.piece.early) {
        throw cannotTravel(
          use.path,
          'names a field of a class and is written by another function',
          'Put the name into a constant.',
        )
      }
      use.piece.variables.splice(at, 1)
      ;(use.node.fill![0] as unknown[]).splice(at, 1)
    }
    // The innermost of a function's live scopes is where it is compiled.
    const current = use.node.define[1] as Reference | null
    if (current === null || [...outer].some(one => one.node === current.node)) use.node.define[1] = new Reference(node)
  }
}

/** Scopes that lie in one another, together. */
function trees(scopes: LiveScope[]): LiveScope[][] {
  const found = new Map<LiveScope, LiveScope[]>()
  for (const scope of scopes) {
    const together = new Set([scope, ...(found.get(scope) ?? [])])
    for (const one of scope.outer) for (const other of [one, ...(found.get(one) ?? [])]) together.add(other)
    const list = [...together]
    for (const one of list) found.set(one, list)
  }
  return [...new Set(found.values())]
}

/** All that is compiled in one tree of scopes is compiled in one place, and sees the same imports. */
function settle(tree: LiveScope[], { environments }: Functions): void {
  const pieces = new Set(tree.flatMap(({ uses }) => uses.map(({ piece }) => piece)))
  const imports = new Map<string, { target: LinkTarget; imported: string }>()
  let place: Place | undefined
  for (const piece of pieces) {
    for (const [local, target] of environments.get(piece) ?? []) imports.set(local, target)
    if (piece.place[0] !== 'none') place = piece.place
  }
  for (const piece of pieces) {
    if (place !== undefined) piece.place = place
    if (imports.size > 0) environments.set(piece, imports)
  }
}
