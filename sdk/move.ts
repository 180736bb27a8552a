import type { RefData } from './client/index.ts'
import { isRef } from './client/index.ts'
import { isHandle, releaseHandle } from './handle-data.ts'
import { checkRef } from './options/index.ts'
import { isStream } from './stream.ts'
import type { ObjectRef, ObjectStream, SomeHandle } from './types.ts'

/** Refs that are let go of when the submission that they are an argument of has been accepted. */
const moving = new WeakSet<RefData>()

/**
 * As an argument: hands the object over. The ref is released here once the task is submitted, so that the object goes when
 * the task is done with it: `reduce.remote(move(a), move(b))`.
 * @throws InvalidOptionError where it is no ref
 */
export function move<T>(ref: ObjectRef<T>): ObjectRef<T> {
  checkRef('move', ref, isRef)
  moving.add(ref as unknown as RefData)
  return ref
}

/** Lets go of the refs that an accepted submission handed over. */
export function releaseMoved(args: readonly unknown[]): void {
  for (const arg of args) {
    if (isRef(arg) && moving.delete(arg)) arg.engine.release(arg)
  }
}

/**
 * Lets go of refs and handles: what they name goes when nobody else holds it. A stream is read no more. Twice is nothing.
 * @throws InvalidOptionError where something is neither
 */
export function release(...items: (ObjectRef<unknown> | ObjectStream<unknown> | SomeHandle)[]): void {
  const holds = (value: unknown): boolean => isRef(value) || isStream(value) || isHandle(value)
  for (const item of items) checkRef('release', item, holds, 'ref', 'an ObjectRef, a stream or the handle of an actor')
  for (const item of items) {
    if (isHandle(item)) releaseHandle(item)
    else (item as ObjectRef<unknown>).release()
  }
}
