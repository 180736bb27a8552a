import type { ObjectRef, ObjectStream } from './objects.ts'
import type { PlacementGroup } from './placement-groups.ts'

/** Any function, as a constraint. */
// biome-ignore lint/suspicious/noExplicitAny: parameters are contravariant, so only `any` admits every function
export type AnyFunction = (...args: any[]) => any

/** A class of errors: `RangeError`, one's own. */
// biome-ignore lint/suspicious/noExplicitAny: a constructor's parameters are contravariant too
export type ErrorClass = abstract new (...args: any[]) => Error

/** The value of a label that is asked for: exactly this, one of these, none of these (or no such label), there or not. */
export type LabelRule = string | { in: string[] } | { notIn: string[] } | { exists: boolean }

/**
 * Where a task may run. `'pack'`, the default: near its data and on few peers. `'spread'`: over many. `{ peer }`: on that
 * one. `{ labels }`: on peers whose labels fit. `{ group }`: within what a placement group has reserved, in one bundle or whichever
 * has room. With `soft` another peer will do where none fits; without, the task is
 * infeasible.
 */
export type Placement =
  | 'pack'
  | 'spread'
  | { peer: string; soft?: boolean }
  | { labels: Record<string, LabelRule>; soft?: boolean }
  | { group: PlacementGroup; bundle?: number }

/** How a task is run. `.options()` merges over what was said earlier. A wrong one throws `InvalidOptionError` at the call. */
export interface TaskOptions {
  /** CPUs it takes while it runs: 0 or more, to 0.0001 (finer ones are rounded). 0 = does not count. Default 1. */
  cpus?: number
  /** GPUs, to 0.0001; `context().gpuIds` names the ones granted. Default 0. */
  gpus?: number
  /**
   * Memory to reserve, in bytes. Default 0. With `isolation: 'process'` it is a limit, too: what its process has resident,
   * Node itself included (about 60 MB), may not grow past it, or the attempt ends with `OutOfMemoryError`, a system failure.
   */
  memoryBytes?: number
  /** Resources of one's own, by name: 0 or more, to 0.0001. */
  resources?: Record<string, number>
  /** How often a system failure (its thread or process, its peer or an object lost) is made good by running it again. Default 3; -1 = without end. */
  retries?: number
  /** Whether the function's own errors are retried too, within `retries`: all of them, or those of the given classes. Default `false`. */
  retryErrors?: boolean | readonly ErrorClass[]
  /** Run time of one attempt in milliseconds, above 0; past it the attempt is stopped: `TaskTimeoutError`. Default: no limit. */
  timeoutMs?: number
  /**
   * How many refs `.remote()` gives, an integer from 1 to 100,000. Above 1 the function has to give an array of so many values,
   * and `.remote()` gives a tuple of refs; another length rejects all of them. Not of generators. Default 1.
   */
  returns?: number
  /**
   * Of generators only: at most this many items are made that nobody has read, an integer of at least 1; then the generator
   * waits, and its CPUs are free meanwhile. Default: no bound.
   */
  backpressure?: number
  /** Where it may run. Default `'pack'`. */
  placement?: Placement
  /**
   * `'thread'`, the default: in a worker thread of the peer. `'process'`: in a process of its own, which it shares at most
   * with other tasks of its job: a crash, `process.exit`, native code or memory take nothing else with them.
   */
  isolation?: 'thread' | 'process'
  /** Variables over the environment of the peer. Of `isolation: 'process'` only; elsewhere `InvalidOptionError`. */
  env?: Record<string, string>
  /** Higher goes first, within one peer's queue. Default 0. */
  priority?: number
  /** What logs, state and traces call it. Default: the function's name, else its variable's, else file:line. */
  name?: string
  /** `false`: typed arrays and ArrayBuffers of its arguments are views of the store, zero-copy, not to be written. Default `true`. */
  copy?: boolean
  /** npm packages that are not shipped but found at the executing peer, from the folder its agent was started in. */
  external?: readonly string[]
  /** How long to wait for a peer that could run it, in milliseconds; past it: `InfeasibleError`. Default 10,000. */
  infeasibleTimeoutMs?: number
}

/** The arguments of `.remote()`: for each parameter its value, or a ref of it. Optional and rest parameters stay so. */
export type RemoteArgs<F extends AnyFunction> = OrRefs<Parameters<F>>

type OrRefs<Arguments extends readonly unknown[]> = {
  [Index in keyof Arguments]: Arguments[Index] | ObjectRef<Arguments[Index]>
}

/** What a task of this function gives: its result, awaited. */
export type RemoteResult<F extends AnyFunction> = Awaited<ReturnType<F>>

/** What generators give. */
type AnyGenerator<T> = Generator<T, unknown, unknown> | AsyncGenerator<T, unknown, unknown>

/** What `.remote()` gives: a ref, a stream of a generator, or with `returns: n` a tuple of refs. */
export type Submitted<F extends AnyFunction, N extends number = 1> =
  IsPlain<ReturnType<F>> extends true
    ? ObjectRef<RemoteResult<F>>
    : ReturnType<F> extends AnyGenerator<infer Item>
      ? ObjectStream<Awaited<Item>>
      : N extends 1
        ? ObjectRef<RemoteResult<F>>
        : RemoteResult<F> extends readonly unknown[]
          ? Parts<RemoteResult<F>, N>
          : never

/** `any` and `never` are no generators. */
type IsPlain<T> = 0 extends 1 & T ? true : [T] extends [never] ? true : false

/** Refs of the values of a tuple; of an array as many as `returns` says. */
type Parts<Values extends readonly unknown[], N extends number> = number extends Values['length']
  ? number extends N
    ? ObjectRef<Values[number]>[]
    : Tuple<ObjectRef<Values[number]>, N>
  : { -readonly [Index in keyof Values]: ObjectRef<Values[Index]> }

/** So many of one type; of more than 50 an array. */
type Tuple<Item, N extends number, Done extends Item[] = []> = Done['length'] extends N
  ? Done
  : Done['length'] extends 50
    ? Item[]
    : Tuple<Item, N, [...Done, Item]>

/** What options say of the number of values. */
export type ReturnsOf<Options, Otherwise extends number = 1> = Options extends { returns: infer N extends number }
  ? N
  : Otherwise

/** What `map` takes for a function: values of its first parameter, or refs of them. */
export type MapItem<F extends AnyFunction> = Parameters<F>[0] | ObjectRef<Parameters<F>[0]>

/** Options of `map`. */
export interface MapOptions {
  /**
   * How many items may be in work at once, an integer from 1 to 100,000; the input is read at most twice as far ahead.
   * Default 64, which keeps dozens of CPUs busy and little in memory: raise it on a larger mesh or for very short tasks.
   */
  concurrency?: number
  /** `true`, the default: results in the order of the items. `false`: as they come. */
  ordered?: boolean
  /** `true`: gives refs, of failed items too, and fetches nothing. Default `false`: gives values. */
  refs?: boolean
}

/** A function that can run elsewhere: what `task` gives. Called plainly it runs here, for tests and for serial runs. */
export interface RemoteFunction<F extends AnyFunction, N extends number = 1> {
  (...args: Parameters<F>): ReturnType<F>
  /** Runs it on the mesh; returns at once. A failure is the ref's: `InvalidOptionError` aside, nothing is thrown here. */
  remote(...args: RemoteArgs<F>): Submitted<F, N>
  /** Refs in, refs out: each is given when it is ready, and nothing passes through this program. */
  map(
    items: Iterable<MapItem<F>> | AsyncIterable<MapItem<F>>,
    options: MapOptions & { refs: true },
  ): AsyncIterableIterator<ObjectRef<RemoteResult<F>>>
  /** Runs it on every item and gives the results; lazy, bounded by `concurrency`, ends at the first item that failed. */
  map(
    items: Iterable<MapItem<F>> | AsyncIterable<MapItem<F>>,
    options?: MapOptions & { refs?: false },
  ): AsyncIterableIterator<RemoteResult<F>>
  /** The same function with these options over its earlier ones. */
  options<const Options extends TaskOptions>(options: Options): RemoteFunction<F, ReturnsOf<Options, N>>
}

/** Where remote code is, and for whom it runs: what `context()` gives. */
export interface Context {
  /** The peer it runs on. */
  readonly peerId: string
  /** The job it belongs to: one per driver. */
  readonly jobId: string
  /** The driver's namespace. */
  readonly namespace: string
  /** The task, inside one. */
  readonly taskId?: string
  /** The actor, inside one. */
  readonly actorId?: string
  /** Which attempt this is, counted from 1. */
  readonly attempt: number
  /** The GPUs granted to it. */
  readonly gpuIds: readonly number[]
  /** Aborted when the task is to stop: its time is over, its job has ended. */
  readonly signal: AbortSignal
  /** The same for all attempts of one task: what to hand to a service that must act once. */
  readonly idempotencyKey: string
  /** The peer that owns the task. */
  readonly owner: string
}
