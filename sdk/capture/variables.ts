import type { LinkTarget } from '../../wire/code/format.ts'
import { isNodeGlobal } from './builtins.ts'
import { cannotTravel, type Path } from './capture-error.ts'
import type { FoundFunction } from './found-function.ts'
import type { FunctionText } from './function-text.ts'
import type { Imports } from './imports.ts'
import type { ScopeLevel } from './inspector.ts'
import type { Surroundings } from './surrounding-text.ts'

/** What stands for a variable in a place. */
type Resolved =
  | { kind: 'global' }
  | { kind: 'own' }
  | { kind: 'module' }
  | { kind: 'import'; target: LinkTarget; imported: string }
  | { kind: 'value'; value: unknown; depth: number; level: ScopeLevel }

interface VariableSurroundings {
  surroundings: Surroundings
  imports: Imports
}

/** Finds out what a free name of a function means, innermost scope first. Throws a CaptureError where it cannot travel. */
export function resolveVariable(
  found: FoundFunction,
  name: string,
  path: Path,
  { surroundings, imports }: VariableSurroundings,
): Resolved {
  const { revealed, home, around } = found
  if (name === 'arguments') {
    throw cannotTravel(
      path,
      'is the arguments object of a function around',
      'Put what is needed of it into a variable outside: `const args = [...arguments]`.',
    )
  }
  const depth = revealed.scopes.findIndex(({ variables }) => Object.hasOwn(variables, name))
  if (surroundings.isOwnNameAround(around, name)) {
    throw cannotTravel(
      path,
      'is the own name of a function expression around it',
      `Give that function to a variable (\`const ${name} = …\`), or pass it as an argument.`,
    )
  }
  if (depth < 0) {
    if (isNodeGlobal(name) || !(name in globalThis) || home.kind === 'module') return { kind: 'global' }
    // A global that the program itself has made.
    const value: unknown = (globalThis as Record<string, unknown>)[name]
    return {
      kind: 'value',
      value,
      depth: revealed.scopes.length,
      level: { description: 'Global', variables: globalThis },
    }
  }
  const level = revealed.scopes[depth]
  if (home.kind === 'module') {
    const top =
      home.level === undefined ? home.commonjs && surroundings.isTopLevelName(around, name) : depth === home.level
    if (top) return { kind: 'module' }
  }
  if ((home.kind === 'entry' || home.kind === 'environment') && depth === home.level) {
    const imported = home.imports.get(name)
    if (imported !== undefined) return { kind: 'import', ...imports.target(imported, home, path) }
  }
  let value: unknown
  try {
    value = Object.getOwnPropertyDescriptor(level.variables, name)!.value
  } catch {
    throw cannotTravel(
      path,
      'is not initialised yet',
      'Call .remote() after its declaration has run, or move the declaration up.',
    )
  }
  return { kind: 'value', value, depth, level }
}

/** An arrow function's `this` is that of what is around it, which V8 does not show. */
export function refuseOuterReceiver(found: FoundFunction, analysed: FunctionText, surroundings: Surroundings): void {
  const { outer } = analysed
  if (outer.size === 0 || (outer.size === 1 && outer.has('arguments'))) return
  const { around, path, home } = found
  const isModule = home.kind === 'free' ? around.module : home.kind !== 'module' || !home.commonjs
  // At the top of an ES module `this` is undefined, and so it is where the text is compiled.
  if (outer.has('this') && !outer.has('new.target') && isModule && surroundings.isAtTop(around)) return
  const what = outer.has('this') ? '`this`' : '`new.target`'
  throw cannotTravel(
    path,
    `uses the ${what} of what is around it`,
    'Put what is needed of it into a variable outside (`const { field } = this`), or pass it as an argument.',
  )
}
