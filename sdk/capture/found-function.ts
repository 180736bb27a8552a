// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
import type { Piece } from '../../wire/code/format.ts'
import type { LoadedCodeRegistry } from '../../wire/code/registry.ts'
import type { Builtins } from './builtins.ts'
import type { Path } from './capture-error.ts'
import type { Home } from './homes.ts'
import type { Inspector, Revealed, ScopeLevel } from './inspector.ts'
import type { ModuleGraph } from './module-graph.ts'
import type { GraphNode } from './nodes.ts'
import type { Resolver } from './resolve.ts'
import type { Scripts } from './scripts.ts'
import type { Surrounding } from './surrounding-text.ts'

/** A variable of a captured function that travels by value. */
export interface VariableUse {
  node: GraphNode
  piece: Piece
  name: string
  fn: Function
  /** How many levels of the scope chain lie inside the one that has the variable. */
  depth: number
  level: ScopeLevel
  writes: boolean
  revealed: Revealed
  around: Surrounding
  home: Home
  path: Path
  /** What it holds. */
  slot: unknown
}

/** A function as the walk has found it. */
export interface FoundFunction {
  fn: Function
  text: string
  revealed: Revealed
  home: Home
  around: Surrounding
  path: Path
  /** The function's name, or what stands for it in errors. */
  user: string
}

/** Where a capture gets what it knows about this process. */
export interface CaptureSources {
  inspector: Inspector
  scripts: Scripts
  builtins: Builtins
  resolver: Resolver
  graph: ModuleGraph
  loaded: LoadedCodeRegistry | undefined
  /** The namespace of Shoal itself, to find its functions by identity. */
  shoal: object | undefined
}

/** Whether an object has a property that is no function. */
export function holdsData(object: object): boolean {
  return Reflect.ownKeys(object).some(key => {
    const descriptor = Object.getOwnPropertyDescriptor(object, key)!
    return 'value' in descriptor && typeof descriptor.value !== 'function'
  })
}

export function isClassText(text: string): boolean {
  return /^class(?![\p{ID_Continue}$])(?!\s*\()/u.test(text)
}

/** Properties that every function has. */
export function isStandard(key: string | symbol, fn: Function): boolean {
  if (key === 'length' || key === 'name' || key === 'prototype') return true
  // Sloppy functions have these two of V8's own.
  return (key === 'arguments' || key === 'caller') && Object.getOwnPropertyDescriptor(fn, key)?.value === null
}

/** What a function itself says about its strictness: classes are strict, sloppy functions have `caller`. */
export function isStrictBySelf({ fn, text, revealed }: FoundFunction): boolean | undefined {
  if (isClassText(text) || revealed.scopes.some(({ description }) => description === 'Module')) return true
  if (Object.hasOwn(fn, 'caller')) return false
  return undefined
}

/** The variable of a scope that holds a value. */
export function nameWithValue(variables: object, value: unknown): string | undefined {
  for (const name of Object.getOwnPropertyNames(variables)) {
    try {
      if (Object.getOwnPropertyDescriptor(variables, name)?.value === value) return name
    } catch {
      // Not initialised yet.
    }
  }
  return undefined
}
