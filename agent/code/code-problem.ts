import { CodeError, isShoalError } from '../../wire/errors/index.ts'

/** Code that cannot be loaded here: says why, and at which peer. */
export function cannotLoad(
  peerId: string,
  reason: string,
  more: { package?: string; functionName?: string; cause?: unknown } = {},
): Error {
  return new CodeError(`${reason} (at peer ${peerId})`, { peerId, reason, ...more })
}

/** The error for a module that cannot be evaluated here; a CodeError from further in stays what it is. */
export function moduleFailed(peerId: string, error: unknown): Error {
  if (isShoalError(error, 'SHOAL_CODE')) return error
  const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return cannotLoad(peerId, `a module that it needs could not be evaluated: ${said}`, { cause: error })
}
