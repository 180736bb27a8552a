// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
import { readFileSync } from 'node:fs'
import { basename, isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The last files looked into: programs make their tasks in few. */
const files = new Map<string, string[] | undefined>()
const filesMax = 20

const frame = /(?:\(|at )((?:file:\/\/\/|\/|[A-Za-z]:[\\/])[^()]*?):(\d+):(\d+)\)?$/
const own = new URL('../../', import.meta.url).pathname

/**
 * What logs and state call a task: the function's own name, else the variable that it is assigned to
 * (`const shrink = task(x => x)`, `shrink: task(…)`, `this.shrink = task(…)`), else `file:line`.
 * @param stack of an Error made where `task` or `actor` was called
 */
export function nameOf(fn: Function, stack: string | undefined): string {
  const named: unknown = Object.getOwnPropertyDescriptor(fn, 'name')?.value
  if (typeof named === 'string' && named !== '') return named
  const at = callSite(stack)
  if (at === undefined) return 'anonymous'
  return assignedName(at) ?? `${basename(at.path)}:${at.line}`
}

interface Site {
  path: string
  line: number
  column: number
}

/** The first frame outside of Shoal and Node. */
function callSite(stack: string | undefined): Site | undefined {
  for (const text of stack?.split('\n') ?? []) {
    const match = frame.exec(text)
    if (match === null) continue
    const url = match[1].replace(/[?#].*$/, '')
    const path = url.startsWith('file:') ? fileURLToPath(url) : url
    if (!isAbsolute(path) || isOwn(path)) continue
    return { path, line: Number(match[2]), column: Number(match[3]) }
  }
  return undefined
}

function isOwn(path: string): boolean {
  return path.startsWith(own) && /^(?:dist\/)?(?:sdk|agent|wire|mesh)\//.test(path.slice(own.length))
}

const assignment =
  /(?:(?:const|let|var)\s+([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*(?::[^=]*)?=|(?:^|[\s.,{;(])#?([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*(?::[^=,{}]*)?=|(?:^|[\s,{])([\p{ID_Start}$_][\p{ID_Continue}$]*)\s*:)\s*(?:\/\*.*?\*\/\s*)?(?:await\s+)?(?:[\p{ID_Continue}$]+\.)*$/u

/** Columns are those of the file: type stripping keeps them, and compiled code is read as it is. */
function assignedName({ path, line, column }: Site): string | undefined {
  const lines = linesOf(path)
  const text = lines?.[line - 1]
  if (text === undefined) return undefined
  const before = text.slice(0, column - 1)
  // `const name =` may stand on the line above.
  const match = assignment.exec(before.trim() === '' ? (lines![line - 2] ?? '').trimEnd() : before)
  return match?.[1] ?? match?.[2] ?? match?.[3]
}

function linesOf(path: string): string[] | undefined {
  if (files.has(path)) return files.get(path)
  let lines: string[] | undefined
  try {
    lines = readFileSync(path, 'utf8').split('\n')
  } catch {
    // A file that is gone, or code that came over the wire.
  }
  if (files.size >= filesMax) files.clear()
  files.set(path, lines)
  return lines
}
