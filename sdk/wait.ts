import { isRef, type RefData, Waiting, type WaitingEnd } from './client/index.ts'
import { checkWaitOptions, checkWaitRefs } from './options/index.ts'
import type { ObjectRef, WaitOptions, WaitResult } from './types.ts'

/**
 * Waits until `count` of the refs are ready; a ref whose task failed is ready too. Both lists keep the given order, and
 * `ready` has at most `count`. Past `timeoutMs` it comes back with what is ready then; 0 tells what is ready now.
 * Rejects with InvalidOptionError, or with the signal's reason.
 */
export async function wait<R extends ObjectRef<unknown>>(
  refs: readonly R[],
  options?: WaitOptions,
): Promise<WaitResult<R>> {
  const { count = 1, timeoutMs, fetchLocal = true, signal } = checkWaitOptions(options)
  checkWaitRefs(refs, isRef)
  const list = refs as unknown as readonly RefData[]
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
  const result = split<R>(refs, needed, ref => engine.settled(ref))
  if (fetchLocal) for (const ref of result.ready) engine.bring(ref as unknown as RefData)
  return result
}

function split<R extends ObjectRef<unknown>>(
  refs: readonly R[],
  count: number,
  settled: (ref: RefData) => boolean,
): WaitResult<R> {
  const ready: R[] = []
  const pending: R[] = []
  for (const ref of refs) {
    const one = ref as unknown as RefData
    one.asked = true
    if (ready.length < count && settled(one)) ready.push(ref)
    else pending.push(ref)
  }
  return { ready, pending }
}
