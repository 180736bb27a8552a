import type { AnyNode, Node } from 'acorn'

/** How a name is bound. `self` is the name of a function expression, `inner` that of a class inside itself. */
export type BindingKind =
  | 'var'
  | 'let'
  | 'const'
  | 'function'
  | 'class'
  | 'param'
  | 'catch'
  | 'import'
  | 'self'
  | 'inner'

/** One name that a scope declares. */
export interface Binding {
  kind: BindingKind
  /** The node that declares it: the declarator, the function, the class, the import specifier. */
  node: AnyNode
  /** Whether anything in the analysed text assigns to it, its declaration apart. */
  assigned: boolean
}

/** A stretch of text in which names are declared. */
export interface Scope {
  readonly kind: 'program' | 'self' | 'parameters' | 'function' | 'block' | 'class'
  readonly node: AnyNode
  readonly parent: Scope | undefined
  readonly children: Scope[]
  readonly names: Map<string, Binding>
  /** True where the scope belongs to an arrow function. */
  readonly arrow: boolean
}

/** A use of a name, or of what acts like one (`this`, `arguments`, …). */
export interface Reference {
  name: string
  scope: Scope
  node: AnyNode
  writes: boolean
  /** How many classes and methods of object literals of the text it stands in. */
  homes: number
}

/** What a piece of JavaScript declares and uses. */
export interface ScopeTree {
  root: Scope
  references: Reference[]
  /** `this`, `super` and `new.target`, with the scope they stand in. */
  receivers: Reference[]
  /** Direct calls of `eval`. */
  evals: Reference[]
  /** `import(…)`, `import.meta`, and `require('…')` with a literal where `require` may be a free name. */
  imports: AnyNode[]
  /** Private names (`#x`) that no class in the text declares. */
  strangers: string[]
}

/**
 * The scopes, bindings and references of a syntax tree, after ECMAScript's rules: parameters have a scope of their own
 * when seen from the body, functions hoist, `var` goes to the function, class and function expressions bind their names
 * inside, labels and property names are no variables.
 * @param strict where false, a function in a block is also a `var` of its function (Annex B)
 */
export function scopeTree(program: AnyNode, strict: boolean): ScopeTree {
  return new Builder(program, strict).build()
}

class Builder {
  readonly references: Reference[] = []
  readonly receivers: Reference[] = []
  readonly evals: Reference[] = []
  readonly imports: AnyNode[] = []
  readonly strangers = new Set<string>()
  readonly privates: Set<string>[] = []
  readonly root: Scope
  readonly strict: boolean
  scope: Scope
  homes = 0

  constructor(program: AnyNode, strict: boolean) {
    this.strict = strict
    this.root = newScope('program', program, undefined)
    this.scope = this.root
  }

  build(): ScopeTree {
    this.visit(this.root.node)
    for (const reference of this.references) {
      if (reference.writes) {
        const binding = lookup(reference.scope, reference.name)?.binding
        if (binding !== undefined) binding.assigned = true
      }
    }
    const { root, references, receivers, evals, imports } = this
    return { root, references, receivers, evals, imports, strangers: [...this.strangers] }
  }

  within(kind: Scope['kind'], node: AnyNode, work: () => void, arrow = false): void {
    const outer = this.scope
    this.scope = newScope(kind, node, outer, arrow)
    outer.children.push(this.scope)
    work()
    this.scope = outer
  }

  declare(scope: Scope, name: string, kind: BindingKind, node: AnyNode): void {
    const known = scope.names.get(name)
    // `var x` beside a parameter or a function of that name declares nothing new.
    if (known !== undefined && kind === 'var') return
    scope.names.set(name, { kind, node, assigned: known?.assigned ?? false })
  }

  /** Where a `var` of the present scope goes. */
  variableScope(): Scope {
    let scope = this.scope
    while (scope.kind !== 'function' && scope.kind !== 'program' && scope.parent !== undefined) scope = scope.parent
    return scope
  }

  children(node: AnyNode): void {
    for (const child of childrenOf(node)) this.visit(child)
  }

  refer(node: AnyNode & { name: string }, writes: boolean): void {
    this.references.push(this.use(node.name, node, writes))
  }

  use(name: string, node: AnyNode, writes = false): Reference {
    return { name, scope: this.scope, node, writes, homes: this.homes }
  }

  visit(node: AnyNode): void {
    switch (node.type) {
      case 'Identifier':
        this.refer(node, false)
        return
      case 'FunctionDeclaration':
        if (node.id) {
          this.declare(this.scope, node.id.name, 'function', node)
          if (!this.strict) this.declare(this.variableScope(), node.id.name, 'var', node)
        }
        this.function(node, false)
        return
      case 'FunctionExpression':
        if (!node.id) {
          this.function(node, false)
          return
        }
        this.within('self', node, () => {
          this.declare(this.scope, node.id!.name, 'self', node)
          this.function(node, false)
        })
        return
      case 'ArrowFunctionExpression':
        this.function(node, true)
        return
      case 'ClassDeclaration':
        if (node.id) this.declare(this.scope, node.id.name, 'class', node)
        this.class(node)
        return
      case 'ClassExpression':
        this.class(node)
        return
      case 'VariableDeclaration': {
        const kind = node.kind === 'var' ? 'var' : node.kind === 'let' ? 'let' : 'const'
        const target = kind === 'var' ? this.variableScope() : this.scope
        for (const one of node.declarations) {
          this.pattern(one.id, id => this.declare(target, id.name, kind, one))
          if (one.init) this.visit(one.init)
        }
        return
      }
      case 'AssignmentExpression':
        this.pattern(node.left, id => this.refer(id, true))
        // `x += 1` reads and writes; one reference says both.
        this.visit(node.right)
        return
      case 'UpdateExpression':
        if (node.argument.type === 'Identifier') {
          this.refer(node.argument, true)
          return
        }
        this.visit(node.argument)
        return
      case 'ForStatement':
      case 'BlockStatement':
      case 'SwitchStatement':
        this.within('block', node, () => this.children(node))
        return
      case 'ForInStatement':
      case 'ForOfStatement':
        this.within('block', node, () => {
          if (node.left.type === 'VariableDeclaration') this.visit(node.left)
          else this.pattern(node.left, id => this.refer(id, true))
          this.visit(node.right)
          this.visit(node.body)
        })
        return
      case 'CatchClause':
        this.within('block', node, () => {
          if (node.param) this.pattern(node.param, id => this.declare(this.scope, id.name, 'catch', node))
          this.visit(node.body)
        })
        return
      case 'LabeledStatement':
        this.visit(node.body)
        return
      case 'BreakStatement':
      case 'ContinueStatement':
        return
      case 'MemberExpression':
        this.visit(node.object)
        if (node.computed || node.property.type === 'PrivateIdentifier') this.visit(node.property)
        return
      case 'PrivateIdentifier':
        if (!this.privates.some(names => names.has(node.name))) this.strangers.add(node.name)
        return
      case 'Property':
        if (node.computed) this.visit(node.key)
        if (!node.method && node.kind === 'init') {
          this.visit(node.value)
          return
        }
        this.atHome(() => this.visit(node.value))
        return
      case 'ThisExpression':
      case 'Super':
        this.receivers.push(this.use(node.type === 'Super' ? 'super' : 'this', node))
        return
      case 'MetaProperty':
        if (node.meta.name === 'import') this.imports.push(node)
        else this.receivers.push(this.use('new.target', node))
        return
      case 'ImportExpression':
        this.imports.push(node)
        this.children(node)
        return
      case 'CallExpression':
        if (node.callee.type === 'Identifier') {
          if (node.callee.name === 'eval' && !node.optional) this.evals.push(this.use('eval', node))
          if (node.callee.name === 'require') this.imports.push(node)
        }
        this.children(node)
        return
      case 'ImportDeclaration':
        for (const one of node.specifiers) this.declare(this.root, one.local.name, 'import', one)
        return
      case 'ExportNamedDeclaration':
        if (node.declaration) this.visit(node.declaration)
        else if (!node.source) for (const one of node.specifiers) this.visit(one.local)
        return
      case 'ExportAllDeclaration':
        return
      default:
        this.children(node)
    }
  }

  function(fn: Extract<AnyNode, { params: unknown }>, arrow: boolean): void {
    this.within(
      'parameters',
      fn,
      () => {
        for (const param of fn.params) this.pattern(param, id => this.declare(this.scope, id.name, 'param', fn))
        this.within(
          'function',
          fn,
          () => {
            // The body's braces open no scope beside the function's own.
            if (fn.body.type === 'BlockStatement') this.children(fn.body)
            else this.visit(fn.body as AnyNode)
          },
          arrow,
        )
      },
      arrow,
    )
  }

  class(node: Extract<AnyNode, { type: 'ClassDeclaration' | 'ClassExpression' }>): void {
    this.within('class', node, () => {
      if (node.id) this.declare(this.scope, node.id.name, 'inner', node)
      if (node.superClass) this.visit(node.superClass)
      const names = new Set<string>()
      for (const member of node.body.body) {
        if ('key' in member && member.key.type === 'PrivateIdentifier') names.add(member.key.name)
      }
      this.privates.push(names)
      for (const member of node.body.body) {
        if (member.type === 'StaticBlock') {
          this.atHome(() => this.within('function', member, () => this.children(member)))
          continue
        }
        if (member.computed) this.visit(member.key)
        const { value } = member
        if (!value) continue
        // A field's initialiser is a function of its own, as far as `this` and `var` go.
        this.atHome(() => {
          if (member.type === 'PropertyDefinition') this.within('function', member, () => this.visit(value))
          else this.visit(value)
        })
      }
      this.privates.pop()
    })
  }

  atHome(work: () => void): void {
    this.homes++
    work()
    this.homes--
  }

  /** Visits a pattern: `each` gets the names it binds or assigns, everything else is visited. */
  pattern(node: AnyNode, each: (id: Extract<AnyNode, { type: 'Identifier' }>) => void): void {
    switch (node.type) {
      case 'Identifier':
        each(node)
        return
      case 'ObjectPattern':
        for (const one of node.properties) {
          if (one.type === 'RestElement') this.pattern(one.argument, each)
          else {
            if (one.computed) this.visit(one.key)
            this.pattern(one.value, each)
          }
        }
        return
      case 'ArrayPattern':
        for (const one of node.elements) if (one) this.pattern(one, each)
        return
      case 'RestElement':
        this.pattern(node.argument, each)
        return
      case 'AssignmentPattern':
        this.pattern(node.left, each)
        this.visit(node.right)
        return
      default:
        this.visit(node)
    }
  }
}

function newScope(kind: Scope['kind'], node: AnyNode, parent: Scope | undefined, arrow = false): Scope {
  return { kind, node, parent, children: [], names: new Map(), arrow }
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}

function* childrenOf(node: AnyNode): Generator<AnyNode> {
  for (const value of Object.values(node)) {
    if (Array.isArray(value)) {
      for (const one of value) if (isNode(one)) yield one
    } else if (isNode(value)) yield value
  }
}

/** The binding a name means in a scope, and the scope that declares it. `arguments` belongs to every plain function. */
export function lookup(from: Scope, name: string): { scope: Scope; binding: Binding | undefined } | undefined {
  for (let scope: Scope | undefined = from; scope !== undefined; scope = scope.parent) {
    const binding = scope.names.get(name)
    if (binding !== undefined) return { scope, binding }
    if (name === 'arguments' && isReceiver(scope)) return { scope, binding: undefined }
  }
  return undefined
}

/** Whether a scope has a `this` (and `arguments`) of its own: that of a function which is no arrow, of a field, of a static block. */
export function isReceiver(scope: Scope): boolean {
  return (scope.kind === 'parameters' || scope.kind === 'function') && !scope.arrow
}

/** The scope whose `this` a use in `from` means, or undefined at the top. */
export function receiverOf(from: Scope): Scope | undefined {
  for (let scope: Scope | undefined = from; scope !== undefined; scope = scope.parent) {
    if (isReceiver(scope)) return scope
  }
  return undefined
}

/** The innermost scope that holds a stretch of text and more: the scope in which a function of that text was made. */
export function scopeAround(root: Scope, start: number, end: number): Scope {
  let scope = root
  for (;;) {
    const next = scope.children.find(
      ({ node }) => node.start <= start && end <= node.end && node.end - node.start > end - start,
    )
    if (next === undefined) return scope
    scope = next
  }
}
