import type { AnyFunction, ErrorClass, RemoteArgs, ReturnsOf, Submitted, TaskOptions } from './tasks.ts'

// biome-ignore lint/suspicious/noExplicitAny: any class of a user
export type AnyClass = new (...args: any[]) => any

/** How an actor is made: what it needs, what it is called, how long it lives, how its calls run. */
export interface ActorOptions
  extends Pick<
    TaskOptions,
    'gpus' | 'memoryBytes' | 'resources' | 'placement' | 'isolation' | 'env' | 'external' | 'infeasibleTimeoutMs'
  > {
  /**
   * Default 0 for an actor that runs; it is placed at a peer that has a CPU. Actors without CPUs of their own share threads;
   * any other has a thread of its own.
   */
  cpus?: number
  /** Under which `getActor` finds it: one that lives, on the whole mesh, in each namespace. */
  name?: string
  /** Of its name. Default: the driver's. */
  namespace?: string
  /** `true`: if the name is held already, the handle is of the actor that holds it. Needs `name`. Default `false`. */
  getIfExists?: boolean
  /**
   * `'refs'`, the default: it ends with its last handle, with the driver that made it and with its owner's peer. `'detached'`: it
   * lives until it is killed or ends itself; needs `name`.
   */
  lifetime?: 'refs' | 'detached'
  /** How often it is made anew after its worker or its peer died; -1: without end. Default 0. */
  restarts?: number
  /** How often a call that was lost with the actor is made again, and the budget of `retryErrors`; -1: without end. Default 0: at most once. */
  callRetries?: number
  /** Calls that run at a time. Default: 1 for classes whose methods are all synchronous, 1,000 for others. */
  maxConcurrency?: number
  /** Calls of one program that have not ended: past it the call throws `PendingCallsError`. -1, the default: no bound. */
  maxPendingCalls?: number
  /** Concurrency groups: how many calls of each run at a time. */
  groups?: Record<string, number>
  /** The group of a method; those that are not named are of the default group, which `maxConcurrency` bounds. */
  methodGroups?: Record<string, string>
  /** When `[checkpoint.save]()` is called; what it gives is what `[checkpoint.restore](value)` is given after a restart. */
  checkpoint?: { everyCalls?: number; everyMs?: number }
}

/** Options of one call: `handle.method.options({ … }).remote(…)`. */
export interface CallOptions {
  /** How often it is made again after it was lost with the actor, or for `retryErrors`. Default: the actor's `callRetries`. */
  retries?: number
  /** The method's own errors that are tried again. Default `false`. */
  retryErrors?: boolean | readonly ErrorClass[]
  /** Run time of one attempt, in milliseconds; past it: `TaskTimeoutError`, and the actor goes on. */
  timeoutMs?: number
  /** The concurrency group in which it runs. */
  group?: string
  /** n > 1: `.remote()` gives n refs. */
  returns?: number
  /** What logs and state call it. Default: `Class.method`. */
  name?: string
}

/** The methods of a class that are reachable: public ones, by name. */
export type Methods<T> = {
  [Name in keyof T]: Name extends `_${string}`
    ? never
    : T[Name] extends AnyFunction
      ? Name extends string
        ? Name
        : never
      : never
}[keyof T]

/** One method of an actor. */
export interface ActorMethod<F extends AnyFunction, N extends number = 1> {
  /** Makes a call; returns at once. One caller's calls run in the order it made them. */
  remote(...args: RemoteArgs<F>): Submitted<F, N>
  /** The same method with these options. */
  options<const Options extends CallOptions>(options: Options): ActorMethod<F, ReturnsOf<Options, N>>
}

/** An actor, wherever it is: can be passed, stored and sent on; all copies reach the same one. */
export type ActorHandle<T> = 0 extends 1 & T
  ? AnyHandle
  : {
      readonly [Name in Methods<T>]: T[Name] extends AnyFunction ? ActorMethod<T[Name]> : never
    } & Disposable &
      Of<T>

declare const instance: unique symbol

/** From this the compiler finds T where a function takes handles of any class, as `new ActorPool(handles)` does. There is no such property. */
interface Of<T> {
  readonly [instance]?: T
}

/** A handle of whatever class, for functions that call none of its methods. Not a ref: the `id` of that is a text, of a handle a method. */
export type SomeHandle = object &
  Disposable & {
    readonly [instance]?: unknown
    readonly id?: { remote: unknown }
  }

/** The handle of an actor of which nothing is known here: `ActorHandle<any>`. */
// biome-ignore lint/suspicious/noExplicitAny: its methods are not known
type AnyHandle = any

/** A class whose instances are actors: what `actor` gives. */
export interface RemoteClass<C extends AnyClass> {
  /** Makes an actor; returns at once. A constructor that throws rejects its calls. */
  remote(...args: RemoteArgs<(...args: ConstructorParameters<C>) => unknown>): ActorHandle<InstanceType<C>>
  /** The same class with these options over its earlier ones. */
  options(options: ActorOptions): RemoteClass<C>
}

/** The handle of a class: for `const Counter = actor(class { … })`, `HandleOf<typeof Counter>`. */
export type HandleOf<R> = R extends RemoteClass<infer C> ? ActorHandle<InstanceType<C>> : never
