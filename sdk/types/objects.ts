/**
 * A future value, or one in the object store: what `.remote()` and `put` give. It is no promise, so async code can
 * return it without fetching it. A ref can be passed to tasks, stored in values and sent on; the object lives while any
 * ref to it lives.
 */
export interface ObjectRef<T> extends Disposable {
  /** The object's id, the same wherever the ref goes. */
  readonly id: string
  /**
   * The value, once it is there: the same as `get(ref)`.
   * Rejects with the task's own failure (`TaskError`, `WorkerDiedError`, …) or with `GetTimeoutError`.
   */
  get(options?: GetOptions): Promise<T>
  /** Lets go of the object: this ref cannot be read afterwards. Twice is nothing. Also what `using` calls. */
  release(): void
}

/**
 * What a task of a generator gives: an async iterable of the refs of its items, each readable as soon as it was yielded. It can
 * be read once, by one reader at a time. Passed as an argument it is read there, from where it was read up to here. Leaving the
 * loop, `return()`, `release()` and dropping it end the generator, whose `finally` runs. A failure of the generator is thrown
 * after the items before it, once; then the stream is at its end.
 */
export interface ObjectStream<T> extends AsyncIterableIterator<ObjectRef<T>, undefined, void>, AsyncDisposable {
  /** The stream's id, the same wherever it goes. */
  readonly id: string
  /** The next item, or the end. Rejects with what the generator threw, `WorkerDiedError`, `TaskTimeoutError`, … */
  next(): Promise<IteratorResult<ObjectRef<T>, undefined>>
  /** Reads no more: what was not read goes, and the generator comes to its end. */
  return(): Promise<IteratorResult<ObjectRef<T>, undefined>>
  /** The same as `return()`; a stream that was passed on goes on for its reader there. */
  release(): void
}

/** The type of a ref's value: `Value<ObjectRef<string>>` is `string`. */
export type Value<R> = R extends ObjectRef<infer T> ? T : never

/** The types of the values of a tuple or list of refs, in its order. */
export type Values<Refs extends readonly ObjectRef<unknown>[]> = { -readonly [Index in keyof Refs]: Value<Refs[Index]> }

/** Options of `get`. */
export interface GetOptions {
  /** Milliseconds, 0 or more; past it: `GetTimeoutError`, and the ref is as good as before. Default: no limit. */
  timeoutMs?: number
  /** Ends the waiting: the promise rejects with the signal's reason. Nothing else is touched. */
  signal?: AbortSignal
  /**
   * `false`: typed arrays are views of the store's shared memory, without a copy, and are not to be written (an
   * ArrayBuffer comes as a Uint8Array). They outlive `release()`. Default `true`: every `get` gives a value of its own.
   */
  copy?: boolean
}

/** Options of `put`. */
export interface PutOptions {
  /**
   * Where the object is kept. `'memory'`, the default: in the store of this machine's agent. `'replicated'`: two other peers
   * keep a copy each (fewer where there are fewer), and it survives the death of any of the three: `put` resolves when the
   * copies are there, and a copy that is lost is made anew.
   */
  tier?: 'memory' | 'replicated'
}

/** Options of `cancel`. */
export interface CancelOptions {
  /** Whether what runs and does not stop by itself is stopped, with its thread or process; others there run again. Default `false`. */
  force?: boolean
  /** Whether the tasks that it has submitted, and theirs, are cancelled too. Default `true`. */
  recursive?: boolean
}

/** Options of `wait`. */
export interface WaitOptions {
  /** How many must be ready, an integer of at least 1; more than there are refs means all of them. Default 1. */
  count?: number
  /** Milliseconds, 0 or more; past it `wait` comes back with what is ready. Default: no limit. */
  timeoutMs?: number
  /** Whether the objects are brought to this machine. Default `true`. */
  fetchLocal?: boolean
  /** Ends the waiting: the promise rejects with the signal's reason. */
  signal?: AbortSignal
}

/** What `wait` gives: each of the refs in one of the two lists, both in the given order. */
export interface WaitResult<R extends ObjectRef<unknown> | ObjectStream<unknown>> {
  /** Those that are ready, failed ones too; at most `count`. */
  ready: R[]
  /** The others. */
  pending: R[]
}

/** Options of `asCompleted`. */
export interface AsCompletedOptions {
  /** Ends the waiting: the loop throws the signal's reason. */
  signal?: AbortSignal
}
