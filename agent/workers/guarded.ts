/** `instanceof`, of what may be a proxy that throws. */
export function isA<C>(Class: abstract new (...args: never[]) => C, thrown: unknown): thrown is C {
  try {
    return thrown instanceof Class
  } catch {
    return false
  }
}

/** Whether `await` would ask it for its value; one that throws when it is looked at says so then. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false
  try {
    return typeof (value as { then?: unknown }).then === 'function'
  } catch {
    return true
  }
}
