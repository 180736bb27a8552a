import { kill as killLater, actor as later } from './later.ts'
import type { ActorHandle, ActorOptions, AnyClass, RemoteClass } from './types.ts'

/** PLACEHOLDER until actors are merged. */
// biome-ignore lint/suspicious/noExplicitAny: placeholder
export function actor<C extends AnyClass>(Class: C, _options?: ActorOptions): RemoteClass<C> {
  return later(Class) as unknown as RemoteClass<C>
}

export function kill<T>(handle: ActorHandle<T>): Promise<void> {
  return killLater(handle)
}

export function isActorHandle(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}
