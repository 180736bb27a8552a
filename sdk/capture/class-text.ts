// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
import type { AnyNode, ClassExpression, MethodDefinition, PropertyDefinition } from 'acorn'
import { isNodeGlobal } from './builtins.ts'
import type { FunctionText } from './function-text.ts'
import { lookup, scopeTree } from './scope-tree.ts'
import { Edits } from './text-edits.ts'

/**
 * A class's text, changed so that evaluating it again runs nothing that ran before: static blocks and the initialisers of
 * static fields are out (their values travel instead, as they are now), what it extends and its computed names are
 * variables that hold what they were. Lines stay, columns mostly.
 */
export interface ClassText {
  text: string
  /** The variable that stands for what the class extends. */
  heritage: string | undefined
  /** Variables for computed names, with the names. */
  keys: { variable: string; key: string | symbol }[]
  /** Static private fields whose values have to travel. */
  privates: string[]
  /** Own properties that the text itself makes: their values need not travel while they are those of the text. */
  members: { key: string | symbol; static: boolean }[]
  /** Variables in computed names of fields: they must have their values before the class is made. */
  early: string[]
  /** The class, or its instances, have private methods or fields. */
  hasInstancePrivates: boolean
}

type Member = MethodDefinition | PropertyDefinition

/**
 * @param complain called with the name of a member whose computed name can no longer be known
 */
export function classText(
  Class: Function,
  original: string,
  analysed: FunctionText,
  complain: (what: string) => never,
): ClassText {
  const node = analysed.node as ClassExpression
  const edits = new Edits(original, analysed.shift)
  const result: ClassText = {
    text: original,
    heritage: undefined,
    keys: [],
    privates: [],
    members: [],
    early: [],
    hasInstancePrivates: false,
  }
  const fresh = freshNames(original)
  if (node.superClass && Object.getPrototypeOf((Class as { prototype: object }).prototype) !== null) {
    const { superClass } = node
    // A plain name keeps its place in the text; its variable then holds what the class does extend.
    const usedElsewhere = superClass.type !== 'Identifier' || isUsedIn(node, superClass.name)
    result.heritage = usedElsewhere ? fresh('$h') : superClass.type === 'Identifier' ? superClass.name : fresh('$h')
    if (usedElsewhere) edits.replace(superClass, result.heritage)
  }
  const computed = new ComputedKeys(Class, original, analysed.shift)
  for (const member of node.body.body) {
    if (member.type === 'StaticBlock') {
      edits.blank(member)
      continue
    }
    const isPrivate = member.key.type === 'PrivateIdentifier'
    if (!member.static && isPrivate) result.hasInstancePrivates = true
    if (member.type === 'PropertyDefinition' && member.static) {
      if (keepsInitialiser(Class, member, original, analysed.shift)) {
        result.members.push({ key: plainKey(member)!, static: true })
      } else if (isPrivate) {
        if (member.value) edits.blankInitialiser(member)
        result.privates.push(`#${member.key.type === 'PrivateIdentifier' ? member.key.name : ''}`)
      } else edits.blank(member)
      continue
    }
    if (isPrivate) continue
    if (!member.computed) {
      if (member.type === 'MethodDefinition') result.members.push({ key: plainKey(member)!, static: member.static })
      continue
    }
    const key = member.type === 'MethodDefinition' ? computed.keyOf(member) : undefined
    if (key !== undefined) {
      result.members.push({ key, static: member.static })
      const variable = fresh('$k')
      result.keys.push({ variable, key })
      edits.replace(member.key, variable)
    } else result.early.push(...namesInKey(member, original, analysed, complain))
  }
  const text = edits.text()
  // The setter of static private fields goes in last, before the closing brace: no column in front of it moves.
  if (result.privates.length > 0) {
    const at = text.lastIndexOf('}')
    const sets = result.privates.map((name, i) => `this.${name}=v[${i}]`).join(';')
    result.text = `${text.slice(0, at)};static{$shoalStatics=(v)=>{${sets}}}${text.slice(at)}`
  } else result.text = text
  return result
}

/** Variables that occur in no text: `$h`, `$k`, `$k1`, … */
function freshNames(text: string): (stem: string) => string {
  const taken = new Set<string>()
  return stem => {
    let name = stem
    for (let i = 1; taken.has(name) || text.includes(name); i++) name = stem + i
    taken.add(name)
    return name
  }
}

function isUsedIn(node: ClassExpression, name: string): boolean {
  const { references } = scopeTree(node.body as AnyNode, true)
  return references.some(one => one.name === name && lookup(one.scope, name) === undefined) || node.id?.name === name
}

/** A static arrow function that is still the one of the text needs the class's `this`: it is made again with the class. */
function keepsInitialiser(Class: Function, member: PropertyDefinition, text: string, shift: number): boolean {
  const { value } = member
  const key = plainKey(member)
  if (!value || key === undefined) return false
  if (value.type !== 'ArrowFunctionExpression' && value.type !== 'FunctionExpression') return false
  const now: unknown = Object.getOwnPropertyDescriptor(Class, key)?.value
  return typeof now === 'function' && sourceOf(now) === text.slice(value.start - shift, value.end - shift)
}

function plainKey(member: Member): string | undefined {
  if (member.computed) return undefined
  if (member.key.type === 'Identifier') return member.key.name
  return member.key.type === 'Literal' ? String(member.key.value) : undefined
}

export function sourceOf(fn: Function): string {
  return Function.prototype.toString.call(fn)
}

/** Finds the names that computed methods got, by their texts: own keys keep the order in which they were made. */
class ComputedKeys {
  readonly #text: string
  readonly #shift: number
  readonly #found = new Map<string, (string | symbol)[]>()

  constructor(Class: Function, text: string, shift: number) {
    this.#text = text
    this.#shift = shift
    for (const [object, side] of [
      [(Class as { prototype: object }).prototype, 'p'],
      [Class, 's'],
    ] as const) {
      for (const key of Reflect.ownKeys(object)) {
        const { value, get, set } = Object.getOwnPropertyDescriptor(object, key)!
        for (const fn of [value, get, set]) {
          if (typeof fn !== 'function') continue
          const source = side + sourceOf(fn)
          const keys = this.#found.get(source)
          if (keys === undefined) this.#found.set(source, [key])
          else keys.push(key)
        }
      }
    }
  }

  keyOf(member: MethodDefinition): string | symbol | undefined {
    const start = member.start - this.#shift
    const text = this.#text.slice(start, member.end - this.#shift)
    // V8's text of a static method begins after `static`.
    const own = member.static ? text.replace(/^static\s*/, '') : text
    return this.#found.get((member.static ? 's' : 'p') + own)?.shift()
  }
}

/** The variables in a computed name that has to be evaluated again. They must be simple values, or it might differ. */
function namesInKey(member: Member, text: string, analysed: FunctionText, complain: (what: string) => never): string[] {
  const names = new Set<string>()
  for (const { name, node } of scopeTree(member.key as AnyNode, true).references) {
    if (node.type === 'Identifier') names.add(name)
  }
  const simple =
    member.key.type === 'Identifier' || member.key.type === 'Literal' || isGlobalMember(member.key as AnyNode)
  const simpleTemplate =
    member.key.type === 'TemplateLiteral' && member.key.expressions.every(one => one.type === 'Identifier')
  if (!simple && !simpleTemplate)
    complain(text.slice(member.key.start - analysed.shift, member.key.end - analysed.shift))
  return [...names]
}

/** `Symbol.iterator` and the like. */
function isGlobalMember(node: AnyNode): boolean {
  return (
    node.type === 'MemberExpression' &&
    !node.computed &&
    node.object.type === 'Identifier' &&
    isNodeGlobal(node.object.name)
  )
}
