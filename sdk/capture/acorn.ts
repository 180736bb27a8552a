import { createRequire } from 'node:module'
import type * as Acorn from 'acorn'

let loaded: typeof Acorn | undefined

/** The parser, loaded at first use: programs that capture nothing do not pay for it. */
export function acorn(): typeof Acorn {
  loaded ??= createRequire(import.meta.url)('acorn') as typeof Acorn
  return loaded
}

/** A whole file's syntax tree, or undefined where it does not parse. */
export function parseFile(source: string, kind: 'module' | 'script'): Acorn.Program | undefined {
  try {
    return acorn().parse(source, {
      ecmaVersion: 'latest',
      sourceType: kind,
      allowHashBang: true,
      allowReturnOutsideFunction: kind === 'script',
    } as Acorn.Options)
  } catch {
    return undefined
  }
}
