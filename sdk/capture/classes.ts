// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
import { isNodeGlobal } from './builtins.ts'
import { cannotTravel, type Path, partPath, propertyPath } from './capture-error.ts'
import { type ClassText, classText, sourceOf } from './class-text.ts'
import { type FoundFunction, holdsData, isClassText } from './found-function.ts'
import type { FunctionText } from './function-text.ts'
import { functionText } from './function-text.ts'
import type { Functions } from './functions.ts'
import { GraphNode, Reference } from './nodes.ts'

/** What capturing a class needs from the capture of functions. */
export type ClassSurroundings = Pick<
  Functions,
  'analyse' | 'piece' | 'variables' | 'values' | 'inspector' | 'imports' | 'members' | 'prototype'
>

type Constructor = Function & { prototype: object }

/**
 * The node of a class. Its text is evaluated again there, but nothing that ran when it was made runs again: what it extends,
 * its computed names and its static fields are values, as they are now.
 */
export function classNode(found: FoundFunction, around: ClassSurroundings): GraphNode {
  const { text, path, home } = found
  const { values } = around
  const Class = found.fn as Constructor
  const original = around.analyse(found, text, false)
  const complain = (what: string): never => {
    throw cannotTravel(
      path,
      `has a field with a computed name ([${what}]) that may have changed since`,
      'Put the name into a constant, or make the class inside the function.',
    )
  }
  const changed = classText(Class, text, original, complain)
  const analysed = around.analyse(found, changed.text, false)
  refuseOuter(analysed, path)
  const edited = around.imports.edited(changed.text, analysed, home)
  const node = values.add(new GraphNode('class'))
  values.assign(Class, node)
  const piece = around.piece(found, analysed, edited)
  if (changed.privates.length > 0) piece.privates = changed.privates
  const early = new Map<string, unknown>()
  const heritage = Object.getPrototypeOf(Class) as Function
  if (changed.heritage !== undefined) {
    const parentPrototype: unknown = Object.getPrototypeOf(Class.prototype)
    if (parentPrototype !== heritage.prototype)
      throw cannotTravel(path, 'had its prototype exchanged after it was made', 'Make the class inside the function.')
    early.set(changed.heritage, values.slot(heritage, partPath(path, 'what it extends')))
  }
  for (const { variable, key } of changed.keys) early.set(variable, values.slot(key, path))
  for (const name of changed.early) early.set(name, undefined)
  piece.variables.push(...early.keys())
  piece.early = early.size
  claimMembers(Class, changed, text, node, around)
  values.later(() => {
    const names = new Map(analysed.free)
    // Its wrapper and its early variables are no names of the user's.
    names.delete('$shoalStatics')
    for (const name of early.keys()) if (!changed.early.includes(name)) names.delete(name)
    const slots = around.variables(found, node, piece, analysed, names)
    const known = changed.early.filter(name => {
      const at = piece.variables.indexOf(name)
      if (at in slots) return true
      // V8 keeps no variable that only a computed name has used.
      if (!isNodeGlobal(name)) complain(name)
      piece.variables.splice(at, 1)
      slots.splice(at, 1)
      early.delete(name)
      return false
    })
    piece.early = early.size
    piece.variables.slice(0, early.size).forEach((name, i) => {
      if (known.includes(name)) early.set(name, slots[i])
      else slots[i] = early.get(name)
    })
    node.define = [piece, null, [...early.values()]]
    for (const [name, one] of early) {
      if (known.includes(name) && typeof one === 'object' && one !== null && !(one instanceof Reference)) complain(name)
    }
    const isOwn = (key: string | symbol, isStatic: boolean) => isOfText(Class, key, isStatic, changed, text)
    const statics = values.properties(Class, path, key => isUsualStatic(Class, key) || isOwn(key, true))
    const patches = values.properties(
      Class.prototype,
      propertyPath(path, 'prototype'),
      key => key === 'constructor' || isOwn(key, false),
    )
    const secrets = privateStatics(Class, changed, around, path)
    if (secrets.length > 0 || statics.length > 0)
      values.mutable ||= secrets.length > 0 || holdsData(withoutUsual(Class))
    node.fill = [slots, statics, secrets, patches]
  })
  return node
}

function refuseOuter({ outer, privateNames }: FunctionText, path: Path): void {
  for (const name of outer) {
    if (name === 'arguments') continue
    throw cannotTravel(
      path,
      `uses the \`${name}\` of what is around it`,
      'Put what is needed of it into a variable outside.',
    )
  }
  if (privateNames.length > 0) {
    throw cannotTravel(
      path,
      `uses #${privateNames[0]} of the class around it`,
      'Move the class out of that class, or capture the outer one.',
    )
  }
}

/** From here on the class's methods, met as values, are those of the class there. */
function claimMembers(
  Class: Constructor,
  changed: ClassText,
  text: string,
  node: GraphNode,
  around: ClassSurroundings,
): void {
  for (const { key, static: isStatic } of changed.members) {
    if (!isOfText(Class, key, isStatic, changed, text)) continue
    const descriptor = Object.getOwnPropertyDescriptor(isStatic ? Class : Class.prototype, key)
    for (const part of ['value', 'get', 'set'] as const) {
      const fn: unknown = descriptor?.[part]
      if (typeof fn === 'function' && !around.members.has(fn))
        around.members.set(fn, () => memberNode(fn, node, isStatic, key, part, around))
    }
  }
}

function memberNode(
  fn: Function,
  owner: GraphNode,
  isStatic: boolean,
  key: string | symbol,
  part: string,
  { values }: ClassSurroundings,
): GraphNode {
  const node = values.add(new GraphNode('member'))
  values.assign(fn, node)
  node.define = [
    new Reference(owner),
    isStatic,
    typeof key === 'symbol' ? values.slot(key, { parent: undefined, text: '', user: '' }) : key,
    part,
  ]
  return node
}

/**
 * The member node of a method that cannot live outside its class, because of `super` or private names: the class is looked
 * for among the variables around the method.
 */
export function findOwner({ fn, revealed, path }: FoundFunction, around: ClassSurroundings): GraphNode | undefined {
  const seen = new Set<unknown>()
  for (const { variables } of revealed.scopes) {
    for (const name of Object.getOwnPropertyNames(variables)) {
      let value: unknown
      try {
        value = Object.getOwnPropertyDescriptor(variables, name)?.value
      } catch {
        continue
      }
      if (typeof value !== 'function' || seen.has(value) || !isClassText(sourceOf(value))) continue
      seen.add(value)
      for (const [object, isStatic] of [
        [value.prototype as object, false],
        [value, true],
      ] as const) {
        for (const key of Reflect.ownKeys(object)) {
          const descriptor = Object.getOwnPropertyDescriptor(object, key)!
          const part = (['value', 'get', 'set'] as const).find(one => descriptor[one] === fn)
          if (part === undefined || key === 'constructor') continue
          const slot = around.values.slot(value, partPath(path, 'its class'))
          if (!(slot instanceof Reference)) continue
          return around.values.known(fn) ?? memberNode(fn, slot.node, isStatic, key, part, around)
        }
      }
    }
  }
  return undefined
}

/** Whether an own property is still what the class's text makes it. */
function isOfText(
  Class: Constructor,
  key: string | symbol,
  isStatic: boolean,
  { members }: ClassText,
  text: string,
): boolean {
  if (!members.some(one => one.key === key && one.static === isStatic)) return false
  const descriptor = Object.getOwnPropertyDescriptor(isStatic ? Class : Class.prototype, key)
  if (descriptor === undefined) return false
  const { value, get, set } = descriptor
  return [value, get, set].every(fn => fn === undefined || (typeof fn === 'function' && text.includes(sourceOf(fn))))
}

function isUsualStatic(Class: Constructor, key: string | symbol): boolean {
  if (key === 'length' || key === 'prototype') return true
  if (key !== 'name') return false
  const { value, enumerable } = Object.getOwnPropertyDescriptor(Class, key)!
  return typeof value === 'string' && !enumerable
}

function withoutUsual(Class: Constructor): object {
  const rest: object = {}
  for (const key of Reflect.ownKeys(Class)) {
    if (!isUsualStatic(Class, key)) Object.defineProperty(rest, key, Object.getOwnPropertyDescriptor(Class, key)!)
  }
  return rest
}

function privateStatics(
  Class: Constructor,
  { privates }: ClassText,
  { inspector, values }: ClassSurroundings,
  path: Path,
): unknown[] {
  if (privates.length === 0) return []
  const fields = inspector.privateFields(Class)
  return privates.map(name => {
    const field = fields.find(one => one.name === name)
    return values.slot(field?.value, propertyPath(path, name))
  })
}

const privates = new Map<string, boolean>()

/** Whether instances of a class have private fields or methods, by its text. */
export function hasPrivates(Class: Function): boolean {
  const text = sourceOf(Class)
  if (!isClassText(text) || !text.includes('#')) return false
  let known = privates.get(text)
  if (known === undefined) {
    const analysed = functionText(text, true, false)
    known =
      typeof analysed !== 'string' &&
      analysed.node.type === 'ClassExpression' &&
      analysed.node.body.body.some(
        member => member.type !== 'StaticBlock' && !member.static && member.key.type === 'PrivateIdentifier',
      )
    privates.set(text, known)
  }
  return known
}
