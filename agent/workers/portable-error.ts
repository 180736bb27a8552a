/** Causes within causes beyond this are left out. */
const CAUSES_MAX = 20

/**
 * An error with all of its parts that can travel: class, name, message, stack, and those causes, inner errors and fields of
 * its own at which `probe` does not throw.
 */
export function portableError(thrown: unknown, probe: (value: unknown) => void, depth = 0): unknown {
  if (!(thrown instanceof Error) || depth > CAUSES_MAX) {
    probe(thrown)
    return thrown
  }
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  const copy = new Error()
  Error.stackTraceLimit = limit
  Object.setPrototypeOf(copy, Object.getPrototypeOf(thrown) as object)
  for (const key of ['name', 'message', 'stack', 'cause', 'errors', ...Object.keys(thrown)]) {
    if (!Object.hasOwn(thrown, key)) continue
    const from = Object.getOwnPropertyDescriptor(thrown, key) as PropertyDescriptor
    try {
      const held = (thrown as unknown as Record<string, unknown>)[key]
      const value = isMadeOfErrors(key, held) ? portableParts(held, probe, depth) : held
      probe(value)
      Object.defineProperty(copy, key, {
        value,
        enumerable: from.enumerable ?? false,
        writable: true,
        configurable: true,
      })
    } catch {
      // That one stays behind.
    }
  }
  return copy
}

function isMadeOfErrors(key: string, held: unknown): boolean {
  return key === 'cause' || (key === 'errors' && Array.isArray(held))
}

function portableParts(held: unknown, probe: (value: unknown) => void, depth: number): unknown {
  if (!Array.isArray(held)) return portableError(held, probe, depth + 1)
  return held.map(one => portableError(one, probe, depth + 1))
}
