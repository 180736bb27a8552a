import { Script } from 'node:vm'
import type { Piece, PieceForm } from '../../wire/code/format.ts'
import type { Evaluator } from './thread-modules.ts'

/** What a piece's wrapper gives: the function, or what makes the class, and what sets its variables. */
export interface Wrapped {
  made: unknown
  link(values: unknown[]): void
  /** Classes: sets the static private fields. */
  secrets?(values: unknown[]): void
}

/** Makes one instance of a piece; the marker tells scope instances apart, and where they came from. */
export type Factory = (marker: object) => Wrapped

/** What goes around a text of each form. */
const wrappers: Record<PieceForm, readonly [string, string]> = {
  // In an arrow function of its own V8 does not make up a name for it from what stands around.
  expression: ['(()=>(', '))()'],
  class: ['()=>(', ')'],
  member: ['({', '})'],
}

/**
 * Compiles a piece: its text as it stands in the user's file, on the user's lines, in a function whose parameters are its
 * variables. `link` sets them afterwards, so that functions can refer to one another in rings.
 * @param evaluate compiles it inside a module or a scope; without, it is compiled by itself
 */
export function compilePiece(piece: Piece, evaluate: Evaluator | undefined): Factory {
  const { text, form, strict, variables, url, line, column } = piece
  const marker = free('$shoal', piece)
  const [before, after] = wrappers[form]
  const parameters = [marker, '$shoalStatics', ...variables].join(',')
  const sets = variables.map((name, i) => `${name}=$shoalV[${i}];`).join('')
  const head = `(function(${parameters}){${strict ? '"use strict";' : ''}return[`
  const foot = `\n,$shoalV=>{if($shoalV===0)return ${marker};${sets}},$shoalV=>$shoalStatics($shoalV)]})`
  // The text's first line keeps its column where the wrapping leaves room for it.
  const pad = ' '.repeat(Math.max(0, column - before.length))
  const body = `${before}${text}\n${after}${foot}`
  const name = url === '' ? 'captured' : url
  const evaluated =
    evaluate !== undefined
      ? evaluate(
          `${line > 0 ? '\n'.repeat(line - 1) : ''}${head}${line > 0 ? `\n${pad}` : ''}${body}\n//# sourceURL=${name}`,
        )
      : new Script(`${head}\n${pad}${body}`, { filename: name, lineOffset: line - 1 }).runInThisContext()
  const factory = evaluated as (marker: object) => [unknown, Wrapped['link'], Wrapped['link']]
  return object => {
    const [made, link, secrets] = factory(object)
    return form === 'class' ? { made, link, secrets } : { made: memberOf(made, form), link }
  }
}

/** A live scope that several pieces are compiled in. */
export function compileScope(
  piece: Piece,
  names: string[],
  evaluate: Evaluator | undefined,
): (marker: object) => { evaluate: Evaluator; link(values: unknown[]): void } {
  const marker = free('$shoal', { ...piece, variables: names })
  const sets = names.map((name, i) => `${name}=$shoalV[${i}];`).join('')
  const text = `(function(${[marker, ...names].join(',')}){${piece.strict ? '"use strict";' : ''}return[$shoalText=>eval($shoalText),$shoalV=>{if($shoalV===0)return ${marker};${sets}}]})`
  const made = (
    evaluate === undefined ? new Script(text, { filename: 'captured' }).runInThisContext() : evaluate(text)
  ) as (marker: object) => [Evaluator, (values: unknown[]) => void]
  return object => {
    const [inner, link] = made(object)
    return { evaluate: inner, link }
  }
}

/** A name that neither the text nor its variables use. */
function free(stem: string, { text, variables }: { text: string; variables: string[] }): string {
  let name = stem
  for (let i = 0; text.includes(name) || variables.includes(name); i++) name = `${stem}${i}`
  return name
}

/** The one method or accessor of the object literal that its text was put into. */
function memberOf(made: unknown, form: PieceForm): unknown {
  if (form === 'expression') return made
  const object = made as object
  const [key] = Reflect.ownKeys(object)
  const { value, get, set } = Object.getOwnPropertyDescriptor(object, key)!
  return value ?? get ?? set
}
