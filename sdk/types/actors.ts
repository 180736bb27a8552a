import type { ObjectRef } from './objects.ts'
import type { AnyFunction, RemoteArgs, Submitted, TaskOptions } from './tasks.ts'

/** PLACEHOLDER until actors are merged. */
export type ActorHandle<T> = {
  readonly [M in Methods<T>]: T[M] extends AnyFunction ? { remote(...args: RemoteArgs<T[M]>): Submitted<T[M]> } : never
} & Disposable
type Methods<T> = { [M in keyof T]: M extends string ? (T[M] extends AnyFunction ? M : never) : never }[keyof T]
export interface ActorOptions
  extends Pick<
    TaskOptions,
    'cpus' | 'gpus' | 'memoryBytes' | 'resources' | 'placement' | 'isolation' | 'env' | 'external'
  > {
  name?: string
  namespace?: string
  getIfExists?: boolean
  lifetime?: 'refs' | 'detached'
  restarts?: number
  callRetries?: number
  maxConcurrency?: number
  maxPendingCalls?: number
  groups?: Record<string, number>
  methodGroups?: Record<string, string>
}
// biome-ignore lint/suspicious/noExplicitAny: placeholder
export interface RemoteClass<C extends new (...args: any[]) => any> {
  remote(...args: RemoteArgs<(...args: ConstructorParameters<C>) => void>): ActorHandle<InstanceType<C>>
  options(options: ActorOptions): RemoteClass<C>
}
export type PlaceholderRef = ObjectRef<unknown>
