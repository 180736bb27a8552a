import { isRef, type RefData, Waiting, type WaitingEnd } from './client/index.ts'
import { checkWaitOptions, checkWaitRefs } from './options/index.ts'
import { isStream, Stream } from './stream.ts'
import type { ObjectRef, ObjectStream, WaitOptions, WaitResult } from './types.ts'

/**
 * Waits until `count` of the refs are ready; a ref whose task failed is ready too, and a stream whose next item, or end, is there. Both lists keep the given order, and
 * `ready` has at most `count`. Past `timeoutMs` it comes back with what is ready then; 0 tells what is ready now.
 * Rejects with InvalidOptionError, or with the signal's reason.
 */
export async function wait<R extends ObjectRef<unknown> | ObjectStream<unknown>>(
  refs: readonly R[],
  options?: WaitOptions,
): Promise<WaitResult<R>> {
  const { count = 1, timeoutMs, fetchLocal = true, signal } = checkWaitOptions(options)
  checkWaitRefs(refs, value => isRef(value) || isStream(value))
  const list = refs.map(watched)
  if (signal?.aborted) throw signal.reason
  const needed = Math.min(count, list.length)
  if (list.length === 0) return { ready: [] as R[], pending: [] as R[] }
  const { engine } = list[0]
  const settled = list.filter(ref => engine.settled(ref)).length
  if (settled < needed && (timeoutMs !== 0 || list.some(ref => ref.owner !== engine.owner))) {
    const pending = list.filter(ref => !engine.settled(ref))
    const end = await new Promise<WaitingEnd>(resolve => {
      new Waiting(engine, pending, { needed: needed - settled, failFast: false, timeoutMs, signal }, resolve)
    })
    if (end.kind === 'aborted') throw end.reason
  }
  const ready: R[] = []
  const pending: R[] = []
  for (const [index, one] of list.entries()) {
    if (ready.length < needed && engine.settled(one)) {
      ready.push(refs[index])
      if (fetchLocal) engine.bring(one)
    } else pending.push(refs[index])
  }
  return { ready, pending }
}

/** What is looked at: of a stream whether its next item is there. */
function watched(ref: ObjectRef<unknown> | ObjectStream<unknown>): RefData {
  return isStream(ref) ? Stream.reader(ref).readiness() : (ref as unknown as RefData)
}
