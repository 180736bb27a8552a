import { type Engine, hasFailed, isRef, late, type RefData, Waiting, type WaitingEnd } from './client/index.ts'
import { checkGetOptions, checkGetTarget } from './options/index.ts'
import type { GetOptions, ObjectRef, Value, Values } from './types.ts'

/**
 * The value of a ref, or the values of a list of refs in its order: each `get` gives a value of its own. The first failure
 * rejects at once.
 *
 * Rejects with the task's own failure (TaskError, WorkerDiedError, …), with GetTimeoutError past `timeoutMs`, with the
 * signal's reason when it is aborted, with InvalidOptionError where something is no ref.
 */
export function get<const Refs extends readonly ObjectRef<unknown>[]>(
  refs: Refs,
  options?: GetOptions,
): Promise<Values<Refs>>
export function get<T>(ref: ObjectRef<T>, options?: GetOptions): Promise<T>
export function get<R extends ObjectRef<unknown>>(ref: R, options?: GetOptions): Promise<Value<R>>
export function get(
  target: ObjectRef<unknown> | readonly ObjectRef<unknown>[],
  options?: GetOptions,
): Promise<unknown> {
  try {
    const checked = options === undefined ? {} : checkGetOptions(options)
    if (isRef(target)) return getOne(target, checked)
    checkGetTarget(target, isRef)
    return getAll(target as unknown as RefData[], checked)
  } catch (error) {
    return Promise.reject(error as Error)
  }
}

function getOne(ref: RefData, options: GetOptions): Promise<unknown> {
  const { engine } = ref
  const { signal, copy = true } = options
  if (signal?.aborted) return Promise.reject(signal.reason as Error)
  if (engine.settled(ref)) return settledValue(engine, ref, copy)
  if (engine.types.size > 0) return getInContext(ref, options)
  return new Promise((resolve, reject) => {
    new Waiting(engine, [ref], { needed: 1, failFast: true, ...options }, end => {
      if (end.kind === 'enough' || end.kind === 'failed') settledValue(engine, ref, copy).then(resolve, reject)
      else reject(reasonOf(end, ref, options))
    })
  })
}

/** The value is read where it was asked for: a task's program may have types of its own. */
async function getInContext(ref: RefData, options: GetOptions): Promise<unknown> {
  const { engine } = ref
  const end = await new Promise<WaitingEnd>(resolve => {
    new Waiting(engine, [ref], { needed: 1, failFast: true, ...options }, resolve)
  })
  if (end.kind !== 'enough' && end.kind !== 'failed') throw reasonOf(end, ref, options)
  return await settledValue(engine, ref, options.copy ?? true)
}

/** In one turn of the microtask queue where the value is here. */
function settledValue(engine: Engine, ref: RefData, copy: boolean): Promise<unknown> {
  try {
    const value = engine.read(ref, copy)
    const preparing = engine.preparing()
    return preparing === undefined ? Promise.resolve(value) : preparing.then(() => value)
  } catch (error) {
    return Promise.reject(error as Error)
  }
}

async function getAll(refs: readonly RefData[], options: GetOptions): Promise<unknown[]> {
  const { signal, copy = true } = options
  if (signal?.aborted) throw signal.reason
  if (refs.length === 0) return []
  const { engine } = refs[0]
  const pending = new Set<RefData>()
  let failed: RefData | undefined
  for (const ref of refs) {
    if (!engine.settled(ref)) pending.add(ref)
    else if (hasFailed(ref)) {
      // All are asked for, though one failure is enough.
      engine.unasked.forget(ref)
      failed ??= ref
    }
  }
  if (failed) {
    for (const ref of pending) ref.asked = true
    engine.read(failed, copy)
  }
  if (pending.size > 0) {
    const waited = [...pending]
    const end = await new Promise<WaitingEnd>(resolve => {
      new Waiting(engine, waited, { needed: waited.length, failFast: true, ...options }, resolve)
    })
    if (end.kind === 'failed') engine.read(end.ref, copy)
    else if (end.kind !== 'enough') throw reasonOf(end, waited.find(ref => !engine.settled(ref)) ?? waited[0], options)
  }
  const values: unknown[] = new Array(refs.length)
  let later: Promise<void>[] | undefined
  for (let i = 0; i < refs.length; i++) {
    const value = engine.read(refs[i], copy)
    if (value instanceof Promise) {
      later ??= []
      later.push(
        value.then((got: unknown) => {
          values[i] = got
        }),
      )
    } else values[i] = value
  }
  if (later) await Promise.all(later)
  await engine.preparing()
  return values
}

function reasonOf(end: WaitingEnd, ref: RefData, { timeoutMs = 0 }: GetOptions): Error {
  return end.kind === 'aborted' ? (end.reason as Error) : late(ref, timeoutMs)
}
