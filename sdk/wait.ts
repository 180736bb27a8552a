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
  const list = listOf(refs)
  if (signal?.aborted) throw signal.reason
  const needed = Math.min(count, list.length)
  if (list.length === 0) return { ready: [] as R[], pending: [] as R[] }
  const { engine } = list[0]
  let settled = 0
  for (let index = 0; index < list.length && settled < needed; index++) if (engine.settled(list[index])) settled++
  if (settled < needed && (timeoutMs !== 0 || list.some(ref => ref.owner !== engine.owner))) {
    const pending = list.filter(ref => !engine.settled(ref))
    const end = await new Promise<WaitingEnd>(resolve => {
      new Waiting(engine, pending, { needed: needed - settled, failFast: false, timeoutMs, signal }, resolve)
    })
    if (end.kind === 'aborted') throw end.reason
  }
  const ready: R[] = []
  const pending: R[] = []
  let index = 0
  for (; index < list.length && ready.length < needed; index++) {
    const one = list[index]
    if (engine.settled(one)) {
      ready.push(refs[index])
      if (fetchLocal) engine.bring(one)
    } else pending.push(refs[index])
  }
  return { ready, pending: pending.length === 0 ? refs.slice(index) : pending.concat(refs.slice(index)) }
}

let waits = 0

/** What is looked at, each once. Programs wait for one of thousands in a loop: one pass, without a set. */
function listOf(refs: readonly (ObjectRef<unknown> | ObjectStream<unknown>)[]): RefData[] {
  const one = ++waits
  const list: RefData[] = []
  let fits = Array.isArray(refs)
  for (let index = 0; fits && index < refs.length; index++) {
    const ref = refs[index] as unknown
    const watching = isRef(ref) ? ref : isStream(ref) ? Stream.reader(ref).readiness() : undefined
    fits = watching !== undefined && watching.seenBy !== one
    if (!watching) break
    watching.seenBy = one
    list.push(watching)
  }
  if (!fits) checkWaitRefs(refs, value => isRef(value) || isStream(value))
  return list
}
