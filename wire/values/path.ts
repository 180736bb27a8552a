import { ValueError } from './errors.ts'

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u

/** Looks for `culprit` inside `value`, in the order in which an encoder meets it; its path from `root`. */
export function pathTo(culprit: unknown, value: unknown, root: string): string {
  const seen = new Set<object>()
  const open: { at: unknown; path: string }[] = [{ at: value, path: root }]
  // Depth first without recursion: the value may be deep.
  while (open.length > 0) {
    const { at, path } = open.pop() as { at: unknown; path: string }
    if (Object.is(at, culprit)) return path
    if (typeof at !== 'object' || at === null || seen.has(at)) continue
    seen.add(at)
    open.push(...parts(at, path).reverse())
  }
  return root
}

function parts(value: object, path: string): { at: unknown; path: string }[] {
  if (Array.isArray(value)) {
    const list: { at: unknown; path: string }[] = []
    for (const key of Object.keys(value))
      list.push({ at: value[key as unknown as number], path: step(path, key, true) })
    return list
  }
  if (value instanceof Map) {
    const list: { at: unknown; path: string }[] = []
    for (const [key, held] of value) {
      list.push({ at: key, path: `${path}.keys()` }, { at: held, path: `${path}.get(${shown(key)})` })
    }
    return list
  }
  if (value instanceof Set) return [...value].map(at => ({ at, path: `${path}.values()` }))
  const list = Object.keys(value).map(key => ({ at: read(value, key), path: step(path, key, false) }))
  if (value instanceof Error && 'cause' in value) list.push({ at: value.cause, path: step(path, 'cause', false) })
  return list
}

function read(value: object, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key]
  } catch {
    return undefined
  }
}

function step(path: string, key: string, inArray: boolean): string {
  if (inArray && /^\d+$/.test(key)) return `${path}[${key}]`
  if (!identifier.test(key)) return `${path}[${JSON.stringify(key)}]`
  return path === '' ? key : `${path}.${key}`
}

function shown(key: unknown): string {
  if (typeof key === 'string') return `'${key.length > 20 ? `${key.slice(0, 20)}…` : key}'`
  return typeof key === 'object' && key !== null ? '…' : String(key)
}

/** The error for a value that was refused. */
export function refusedAt(culprit: unknown, reason: string, value: unknown, root: string, cause: unknown): ValueError {
  return new ValueError(pathTo(culprit, value, root), reason, cause === undefined ? undefined : { cause })
}
