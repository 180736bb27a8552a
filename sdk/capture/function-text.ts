import type { AnyNode, Options } from 'acorn'
import { acorn } from './acorn.ts'
import { lookup, receiverOf, type ScopeTree, scopeTree } from './scope-tree.ts'

/** How a function's own text has to be wrapped to be an expression. */
export type TextForm = 'expression' | 'member' | 'private-member' | 'class'

/** What a function's own text says. Positions count from the text's start. */
export interface FunctionText {
  form: TextForm
  /** The function's or the class's node, positions shifted: subtract `shift`. */
  node: AnyNode
  shift: number
  strict: boolean
  /** Free names: those that the text uses and does not declare, and whether it assigns to them. */
  free: Map<string, { writes: boolean }>
  /** The text uses the `this`, `super`, `arguments` or `new.target` of what is around it. */
  outer: Set<'this' | 'super' | 'arguments' | 'new.target'>
  directEval: boolean
  /** Private names of a class around it. */
  privateNames: string[]
  /** `import(…)`, `import.meta`, `require('…')`. */
  imports: AnyNode[]
  /** The name of a function expression or declaration; it binds itself inside. */
  ownName: string | undefined
  /** The text assigns to its own name. */
  assignsOwnName: boolean
  /** The text reads its own name. */
  usesOwnName: boolean
}

/** Texts that were analysed before; closures of one place share theirs. */
const known = new Map<string, FunctionText | string>()
const knownMax = 2000

/**
 * Analyses a function's own text (`Function.prototype.toString`).
 * @param strict whether the text stands in strict code
 * @param method true where it is known to be a method, which `function (x) {}` might be too
 * @returns the analysis, or the parser's complaint
 */
export function functionText(text: string, strict: boolean, method: boolean): FunctionText | string {
  const key = `${strict ? 's' : ''}${method ? 'm' : ''}:${text}`
  let result = known.get(key)
  if (result === undefined) {
    result = analyse(text, strict, method)
    if (known.size >= knownMax) known.clear()
    known.set(key, result)
  }
  return result
}

/** What goes around a text of each form to make it an expression. */
export const wrappers: Record<TextForm, readonly [string, string]> = {
  expression: ['(', '\n)'],
  class: ['(', '\n)'],
  member: ['({', '\n})'],
  'private-member': ['(class{', '\n})'],
}

function analyse(text: string, strict: boolean, method: boolean): FunctionText | string {
  const order: TextForm[] = method
    ? ['member', 'private-member', 'expression']
    : ['expression', 'member', 'private-member']
  let complaint = ''
  for (const form of order) {
    const [before, after] = wrappers[form]
    let expression: AnyNode
    try {
      const options = {
        ecmaVersion: 'latest',
        sourceType: strict ? 'module' : 'script',
        allowSuperOutsideMethod: true,
        checkPrivateFields: false,
      } as Options
      const program = acorn().parse(before + text + after, options)
      const [statement] = program.body
      if (program.body.length !== 1 || statement.type !== 'ExpressionStatement') continue
      expression = statement.expression
    } catch (error) {
      // What is said of the first form is nearest to what its reader wrote.
      complaint ||= (error as Error).message
      continue
    }
    const node = functionIn(expression, form)
    if (node !== undefined) return describe(expression, node, form, before.length, strict)
  }
  return complaint || 'it is no function'
}

function functionIn(expression: AnyNode, form: TextForm): AnyNode | undefined {
  switch (expression.type) {
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      return expression
    case 'ClassExpression': {
      if (form !== 'private-member') return expression
      const { body } = expression.body
      return body.length === 1 && body[0].type === 'MethodDefinition' ? body[0] : undefined
    }
    case 'ObjectExpression': {
      const [only] = expression.properties
      if (expression.properties.length === 1 && only.type === 'Property' && (only.method || only.kind !== 'init'))
        return only
      return undefined
    }
    default:
      return undefined
  }
}

function describe(expression: AnyNode, node: AnyNode, wrapped: TextForm, shift: number, strict: boolean): FunctionText {
  const tree = scopeTree(expression, strict)
  const form = node.type === 'ClassExpression' ? 'class' : wrapped
  const free = new Map<string, { writes: boolean }>()
  let usesOwnName = false
  let assignsOwnName = false
  const outer = outerOf(tree, wrapped)
  for (const { name, scope, writes } of tree.references) {
    const found = lookup(scope, name)
    if (found === undefined) {
      if (name === 'arguments') outer.add('arguments')
      const use = free.get(name)
      if (use === undefined) free.set(name, { writes })
      else use.writes ||= writes
    } else if (found.binding?.kind === 'self' && found.binding.node === node) {
      usesOwnName = true
      assignsOwnName ||= writes
    }
  }
  return {
    form,
    node,
    shift,
    strict,
    free,
    outer,
    directEval: tree.evals.some(({ scope }) => lookup(scope, 'eval') === undefined),
    privateNames: tree.strangers,
    imports: tree.imports.filter(one => one.type !== 'CallExpression' || isFreeRequire(tree, one)),
    ownName: node.type === 'FunctionExpression' && node.id ? node.id.name : undefined,
    assignsOwnName,
    usesOwnName,
  }
}

function outerOf(tree: ScopeTree, wrapped: TextForm): FunctionText['outer'] {
  const outer: FunctionText['outer'] = new Set()
  // `super` is bound by the class or the object literal around a method; one of them is the wrapping's, not the text's.
  const homes = wrapped === 'expression' ? 0 : 1
  for (const use of tree.receivers) {
    if (use.name === 'super') {
      if (use.homes <= homes) outer.add('super')
    } else if (receiverOf(use.scope) === undefined) outer.add(use.name as 'this' | 'new.target')
  }
  return outer
}

function isFreeRequire(tree: ScopeTree, call: AnyNode): boolean {
  return tree.references.some(
    ({ name, node, scope }) =>
      name === 'require' &&
      call.type === 'CallExpression' &&
      node.start === call.callee.start &&
      lookup(scope, 'require') === undefined,
  )
}
