import type { Engine, RefData } from './client/index.ts'
import { Stream } from './stream.ts'

/** What a call gives: a ref, one for each of its values, or a stream. */
export type Submitted = RefData | RefData[] | Stream<unknown>

/**
 * What the caller sees of what was sent, or of the one ref that says why nothing could be: each of several refs says it, and
 * the first does should nobody ask.
 */
export function submitted(
  given: RefData | RefData[],
  { isGenerator, count }: { isGenerator: boolean; count: number },
  engine: Engine | undefined,
  failure: () => RefData,
): Submitted {
  if (isGenerator) return new Stream(given as RefData)
  if (count === 1 || Array.isArray(given)) return given
  return [given, ...Array.from({ length: count - 1 }, () => (engine ? silentlyLike(engine, given) : failure()))]
}

function silentlyLike(engine: Engine, failed: RefData): RefData {
  const ref = engine.failedLike(failed)
  engine.unasked.forget(ref)
  return ref
}
