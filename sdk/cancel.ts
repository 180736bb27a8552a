import { isRef, type RefData } from './client/index.ts'
import { checkCancelOptions, checkRef } from './options/index.ts'
import { isStream, Stream } from './stream.ts'
import type { CancelOptions, ObjectRef, ObjectStream } from './types.ts'

/**
 * Cancels the task that makes an object: what has not started never starts; one that runs sees `context().signal` aborted,
 * and its late value is dropped. The ref rejects with CancelledError at once, and so does what waits for it. It is not run
 * again. Resolves when nothing of it can start any more, anywhere. What is finished stays as it is; cancelling twice is once.
 * Whoever has a ref of the task may cancel it; one of several `returns` stands for all, a stream for its generator.
 * Rejects with InvalidOptionError.
 */
export async function cancel(ref: ObjectRef<unknown> | ObjectStream<unknown>, options?: CancelOptions): Promise<void> {
  checkRef('cancel', ref, value => isRef(value) || isStream(value))
  const { force = false, recursive = true } = checkCancelOptions(options)
  const data = isStream(ref) ? Stream.reader(ref).ref : (ref as unknown as RefData)
  const { engine, slot, number } = data
  if (data.released || engine.settled(data) || slot < 0) return
  // Whoever cancels it knows of its failure.
  data.asked = true
  await engine.suspension.while(engine.calls.call('cancel', { slot, number, force, recursive }))
}
