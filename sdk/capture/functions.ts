// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
import { types } from 'node:util'
import type { LinkTarget, Piece } from '../../wire/code/format.ts'
import type { Builtins } from './builtins.ts'
import { cannotTravel, type Path, partPath, pathText, variablePath } from './capture-error.ts'
import { sourceOf } from './class-text.ts'
import { type ClassSurroundings, classNode, findOwner } from './classes.ts'
import type { CodeParts } from './code-parts.ts'
import {
  type CaptureSources,
  type FoundFunction,
  holdsData,
  isClassText,
  isStandard,
  isStrictBySelf,
  nameWithValue,
  type VariableUse,
} from './found-function.ts'
import { type FunctionText, functionText } from './function-text.ts'
import { Homes } from './homes.ts'
import { Imports } from './imports.ts'
import type { Inspector, Revealed } from './inspector.ts'
import { GraphNode, Reference } from './nodes.ts'
import { type Surrounding, Surroundings } from './surrounding-text.ts'
import { Edits } from './text-edits.ts'
import type { Values } from './values.ts'
import { refuseOuterReceiver, resolveVariable } from './variables.ts'

/** Turns functions into nodes: their texts into pieces, their variables into slots. */
export class Functions implements ClassSurroundings {
  readonly uses: VariableUse[] = []
  /** The imports of each piece that is compiled in an environment. */
  readonly environments = new Map<Piece, Map<string, { target: LinkTarget; imported: string }>>()
  readonly parts: CodeParts
  readonly values: Values
  readonly inspector: Inspector
  readonly homes: Homes
  readonly surroundings: Surroundings
  readonly imports: Imports
  readonly builtins: Builtins
  /** Methods and static functions of classes that are captured whole. */
  readonly members = new Map<Function, () => GraphNode>()

  constructor(parts: CodeParts, values: Values, from: CaptureSources) {
    this.parts = parts
    this.values = values
    this.inspector = from.inspector
    this.builtins = from.builtins
    this.homes = new Homes(from.scripts, from.resolver, from.loaded)
    this.surroundings = new Surroundings(from.scripts, from.loaded)
    this.imports = new Imports(parts, values, from)
  }

  capture(fn: Function, path: Path): GraphNode {
    const member = this.members.get(fn)
    if (member !== undefined) return member()
    const helper = this.imports.helper(fn)
    if (helper !== undefined) return helper
    const own = this.imports.shoalExport(fn) ?? this.imports.moduleExports(fn, path)
    if (own !== undefined) return own
    const text = sourceOf(fn)
    if (types.isProxy(fn))
      throw cannotTravel(path, 'is a Proxy', 'Pass what it stands for, or make it inside the function.')
    if (/\{\s*\[native code\]\s*\}\s*$/.test(text)) return this.#native(fn, path)
    const revealed = this.inspector.reveal(fn)
    const marked = this.surroundings.marker(revealed) !== undefined
    const home = this.homes.of(revealed, marked)
    if (home.kind === 'node') return this.#ofNode(fn, path)
    if (home.kind === 'shoal') return this.imports.shoalFunction(fn, home.file, path)
    const around = this.surroundings.of(revealed, text, home.kind === 'module' ? home.loaded : undefined)
    const found: FoundFunction = {
      fn,
      text,
      revealed,
      home,
      around,
      path,
      user: fn.name || pathText(path) || path.user,
    }
    this.imports.learnNamespaces(found)
    return this.#binding(found) ?? (isClassText(text) ? classNode(found, this) : this.#function(found))
  }

  /** A function that is a top-level variable of an imported module is that variable of the module there. */
  #binding({ fn, home, revealed, around, path }: FoundFunction): GraphNode | undefined {
    if (home.kind !== 'module') return undefined
    let name: string | undefined
    if (home.level !== undefined) name = nameWithValue(revealed.scopes[home.level].variables, fn)
    else if (home.commonjs) name = this.#commonJsName(fn, revealed, around)
    if (name !== undefined) return this.imports.binding(home, name, path)
    if (home.commonjs) return this.imports.commonJsExport(home, fn, path)
    if (this.surroundings.isDefaultExport(around)) return this.imports.export(home, 'default', path)
    return undefined
  }

  /** In a CommonJS module the top level is a function's scope like others: only the text tells it apart. */
  #commonJsName(fn: Function, revealed: Revealed, around: Surrounding): string | undefined {
    for (const { variables } of revealed.scopes.toReversed()) {
      const name = nameWithValue(variables, fn)
      if (name === undefined) continue
      const scope = this.surroundings.scopeOf(around)
      return scope !== undefined && this.surroundings.isTopLevelName(around, name) ? name : undefined
    }
    return undefined
  }

  #native(fn: Function, path: Path): GraphNode {
    const place = this.builtins.find(fn)
    // `console.log` is a bound function, too.
    const bound = place === undefined ? this.inspector.reveal(fn).bound : undefined
    if (bound !== undefined) {
      const node = this.values.add(new GraphNode('bound'))
      this.values.assign(fn, node)
      const inner = partPath(path, 'a bound function')
      node.define = [
        this.values.slot(bound.target, inner),
        this.values.slot(bound.receiver, partPath(path, 'what it is bound to')),
        this.values.slot(bound.args, inner),
        fn.name,
      ]
      return node
    }
    return this.#ofNode(fn, path)
  }

  /** Whether a function is one of Node's internal ones, which no other process can name. */
  isOfNode(fn: Function): boolean {
    const revealed = this.inspector.reveal(fn)
    return (
      revealed.location !== undefined &&
      this.homes.of(revealed, this.surroundings.marker(revealed) !== undefined).kind === 'node'
    )
  }

  #ofNode(fn: Function, path: Path): GraphNode {
    const place = this.builtins.find(fn)
    if (place !== undefined) return this.values.builtin(place)
    const what = fn.name === '' ? 'a native function without a name' : `${fn.name}, a native function`
    throw cannotTravel(
      path,
      `is ${what} that cannot be named elsewhere`,
      'Get it inside the function, from the module or the object that it belongs to.',
    )
  }

  /** Analyses a text, and refuses what cannot be taken out of its surroundings. */
  analyse(found: FoundFunction, text: string, method: boolean): FunctionText {
    const { around, home, path } = found
    const strict =
      isStrictBySelf(found) ??
      (home.kind === 'module'
        ? !home.commonjs || this.surroundings.isStrict(around)
        : this.surroundings.isStrict(around))
    const analysed = functionText(text, strict, method)
    if (typeof analysed === 'string') {
      const target = /new\.target/.test(analysed)
      throw cannotTravel(
        path,
        target ? 'uses the `new.target` of what is around it' : `cannot be taken out of its file: ${analysed}`,
        target
          ? 'Put `new.target` into a variable outside, and use that instead.'
          : 'Move it into a module of its own.',
      )
    }
    if (analysed.directEval) {
      throw cannotTravel(
        path,
        'calls `eval` directly, so the variables that it uses are not known',
        'Call `(0, eval)(…)` instead, and pass what it needs as arguments.',
      )
    }
    return analysed
  }

  #function(found: FoundFunction): GraphNode {
    const { fn, path } = found
    const isMethod = !Object.hasOwn(fn, 'prototype') && /^function\b/.test(found.text)
    const original = this.analyse(found, found.text, isMethod)
    const text = this.#standalone(found, original)
    const analysed = text === found.text ? original : this.analyse(found, text, isMethod)
    if (analysed.outer.has('super') || analysed.privateNames.length > 0) {
      const owner = findOwner(found, this)
      if (owner !== undefined) return owner
      const what = analysed.outer.has('super') ? '`super`' : `#${analysed.privateNames[0]}`
      throw cannotTravel(
        path,
        `uses ${what} of the object or class around it`,
        'Capture the class and call the method there, or pass the object as an argument.',
      )
    }
    refuseOuterReceiver(found, analysed, this.surroundings)
    const node = this.values.add(new GraphNode('function'))
    this.values.assign(fn, node)
    const piece = this.piece(found, analysed, this.imports.edited(text, analysed, found.home))
    node.define = [piece, null]
    this.values.later(() => {
      const slots = this.variables(found, node, piece, analysed, analysed.free)
      const properties = this.values.properties(fn, path, key => isStandard(key, fn))
      if (properties.length > 0) this.values.mutable = true
      this.#prototype(fn, path)
      const proto = Object.getPrototypeOf(fn) as object
      const usual = proto === Function.prototype || this.builtins.find(proto)?.[0] === 'hidden'
      node.fill = [slots, properties, usual ? [] : [this.values.slot(proto, partPath(path, 'its prototype'))]]
    })
    return node
  }

  /**
   * The text as it can stand alone: a computed or private name of a method is out (the name itself travels apart); so is
   * that of a declaration which means a variable by now.
   */
  #standalone(found: FoundFunction, analysed: FunctionText): string {
    const { node, shift, form } = analysed
    const edits = new Edits(found.text, shift)
    if (node.type === 'Property' && node.computed) edits.replace(node.key, '0')
    if (form === 'private-member' && node.type === 'MethodDefinition')
      edits.blank({ start: node.key.start, end: node.key.start + 1 })
    if (node.type === 'FunctionExpression' && node.id && this.#isRebound(found, analysed)) edits.blank(node.id)
    return edits.text()
  }

  /** A piece for a function; where it is compiled is settled with its variables. */
  piece({ fn, around }: FoundFunction, analysed: FunctionText, text: string): Piece {
    const name = Object.getOwnPropertyDescriptor(fn, 'name')
    const piece: Piece = {
      text,
      form: analysed.form === 'private-member' ? 'member' : analysed.form,
      name: typeof name?.value === 'string' ? name.value : '',
      strict: analysed.strict,
      url: around.url,
      line: around.line,
      column: around.column,
      place: ['none'],
      variables: [],
    }
    this.parts.pieces.push(piece)
    return piece
  }

  /** Finds the free names of a piece. What travels by value becomes the piece's variables; gives their slots. */
  variables(
    found: FoundFunction,
    node: GraphNode,
    piece: Piece,
    analysed: FunctionText,
    names: Map<string, { writes: boolean }>,
  ): unknown[] {
    const { home, path, user } = found
    const slots: unknown[] = []
    const environment = new Map<string, { target: LinkTarget; imported: string }>()
    let inModule = home.kind === 'module' && analysed.imports.some(one => one.type !== 'CallExpression')
    const set = (name: string, slot: unknown) => {
      const known = piece.variables.indexOf(name)
      if (known < 0) piece.variables.push(name)
      slots[known < 0 ? piece.variables.length - 1 : known] = slot
    }
    for (const [name, { writes }] of names) {
      const inner = variablePath(name, user, path)
      const resolved = resolveVariable(found, name, inner, this)
      switch (resolved.kind) {
        case 'global':
        case 'own':
          break
        case 'module':
          inModule = true
          break
        case 'import': {
          const slot = this.imports.valueOf(resolved.target, resolved.imported)
          if (slot === undefined) environment.set(name, resolved)
          else set(name, slot)
          break
        }
        case 'value': {
          const slot = this.values.slot(resolved.value, inner)
          set(name, slot)
          if (writes) this.values.mutable = true
          const { depth, level } = resolved
          this.uses.push({ ...found, node, piece, name, depth, level, writes, slot, path: inner })
        }
      }
    }
    for (const [name, slot] of this.imports.helpersOf(found, analysed)) set(name, slot)
    if (inModule && home.kind === 'module') piece.place = this.imports.modulePlace(home, path)
    else if (environment.size > 0) this.environments.set(piece, environment)
    return slots
  }

  /** Gives back a function that takes back everything that was added since. */
  checkpoint(): () => void {
    const uses = this.uses.length
    const environments = new Map(this.environments)
    const members = new Map(this.members)
    const restore = [this.parts.checkpoint(), this.imports.checkpoint()]
    return () => {
      this.uses.length = uses
      for (const piece of this.environments.keys()) if (!environments.has(piece)) this.environments.delete(piece)
      for (const fn of this.members.keys()) if (!members.has(fn)) this.members.delete(fn)
      for (const one of restore) one()
    }
  }

  /** Gives each piece that imports its environment. */
  settlePlaces(): void {
    for (const [piece, imports] of this.environments) piece.place = ['environment', this.parts.environment(imports)]
  }

  /** A function declaration whose name has another value by now, or that assigns to it: inside, the name is the variable. */
  #isRebound({ fn, revealed, around }: FoundFunction, analysed: FunctionText): boolean {
    const { ownName } = analysed
    if (ownName === undefined || !(analysed.usesOwnName || analysed.assignsOwnName)) return false
    const level = revealed.scopes.find(({ variables }) => Object.hasOwn(variables, ownName))
    if (level === undefined) return false
    let value: unknown
    try {
      value = Object.getOwnPropertyDescriptor(level.variables, ownName)!.value
    } catch {
      return false
    }
    if (value === fn && !analysed.assignsOwnName) return false
    return this.surroundings.isDeclaration(around)
  }

  /** What a function constructs inherits from its `prototype`; that of an old-style class has methods. */
  #prototype(fn: Function, path: Path): void {
    const prototype: unknown = Object.getOwnPropertyDescriptor(fn, 'prototype')?.value
    if (typeof prototype !== 'object' || prototype === null || types.isGeneratorFunction(fn)) return
    const keys = Reflect.ownKeys(prototype)
    const isUsual =
      keys.length === 1 && keys[0] === 'constructor' && Object.getPrototypeOf(prototype) === Object.prototype
    if (!isUsual) this.prototype(fn, prototype, partPath(path, 'its prototype'))
  }

  /** The node of a function's or class's `prototype`. */
  prototype(owner: Function, prototype: object, path: Path): GraphNode {
    const known = this.values.known(prototype)
    if (known !== undefined) return known
    const slot = this.values.slot(owner, path)
    const again = this.values.known(prototype)
    if (again !== undefined) return again
    const node = this.values.add(new GraphNode('prototype'))
    this.values.assign(prototype, node)
    node.define = [slot]
    const ownerNode = slot instanceof Reference ? slot.node : undefined
    if (ownerNode?.kind === 'function') {
      this.values.later(() => {
        const inherited = Object.getPrototypeOf(prototype) as object | null
        const inheritedSlot =
          inherited === Object.prototype
            ? []
            : [inherited === null ? null : this.values.slot(inherited, partPath(path, 'its prototype'))]
        const properties = this.values.properties(prototype, path, key => {
          const descriptor = Object.getOwnPropertyDescriptor(prototype, key)!
          return key === 'constructor' && descriptor.value === owner && !descriptor.enumerable
        })
        if (properties.length > 0 && !Object.isFrozen(prototype)) this.values.mutable ||= holdsData(prototype)
        node.fill = [inheritedSlot, properties, [], 0]
      })
    }
    return node
  }
}
