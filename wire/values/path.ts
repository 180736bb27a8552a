import { ValueError } from './errors.ts'
import type { TypeRegistry } from './registry.ts'

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

/** Characters of a path that an error shows: its beginning and its end. */
const pathChars = 200

function shortened(path: string): string {
  return path.length <= pathChars ? path : `${path.slice(0, pathChars / 2)}…${path.slice(-pathChars / 2)}`
}

/** The error for a value that was refused. */
export function refusedAt(culprit: unknown, reason: string, value: unknown, root: string, cause: unknown): ValueError {
  return new ValueError(shortened(pathTo(culprit, value, root)), reason, cause === undefined ? undefined : { cause })
}

/**
 * The path of what throws when it is read: a getter, a proxy's trap, an `encode` of a registered type. Everything is read
 * again for it, in the order of an encoder; `root` where nothing throws this time.
 */
export function throwingPath(value: unknown, root: string, types: TypeRegistry): string {
  const seen = new Set<object>()
  const open: { read: () => unknown; path: string }[] = [{ read: () => value, path: root }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path } = next
    try {
      const at = next.read()
      if (typeof at !== 'object' || at === null || seen.has(at)) continue
      seen.add(at)
      const type = types.size > 0 ? types.byClass((at as { constructor?: unknown }).constructor) : undefined
      if (type) type.encode(at)
      else open.push(...readers(at, path).reverse())
    } catch {
      return path
    }
  }
  return root
}

function readers(value: object, path: string): { read: () => unknown; path: string }[] {
  if (value instanceof Map || value instanceof Set)
    return parts(value, path).map(({ at, path }) => ({ read: () => at, path }))
  return Object.keys(value).map(key => ({
    read: () => (value as Record<string, unknown>)[key],
    path: step(path, key, Array.isArray(value)),
  }))
}
