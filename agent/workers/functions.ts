import type { WorkerFunction } from '../../wire/records.ts'
import { type Decoder, type Encoder, TypeRegistry } from '../../wire/values/index.ts'
import { blobsOf, type CodeLoader, type Instance, type LoadedCode, type LoadedType } from '../code/index.ts'

/** What an attempt runs: a function, the classes that its `retryErrors` names, and how its arguments are decoded. */
export interface Runnable {
  // biome-ignore lint/complexity/noBannedTypes: any function of a user
  call: Function
  retryClasses: readonly unknown[]
  codec: ThreadCodec
}

/** What reads arguments and writes results; `inner` reads values inside arguments' bytes. */
export interface ThreadCodec {
  encoder: Encoder
  decoder: Decoder
  inner: Decoder
  /** What a program has registered; undefined: nothing. */
  types?: TypeRegistry
}

/** A function that this thread has learned, with its attempts that wait for their turn. */
export interface WorkerFunctionState {
  readonly index: number
  readonly spec: WorkerFunction
  /** How many of it may run at a time, as the agent said last. */
  width: number
  running: number
  /** What its attempts run, where all run the same. */
  runnable: Runnable | undefined
  /** Copies of `run` records that arrived while it ran already. */
  readonly queue: { field: number; buffer: ArrayBuffer }[]
  code: { state: 'loading' } | { state: 'ready'; loaded: LoadedCode } | { state: 'failed'; error: Error } | undefined
}

/** The code of which an instance is being made. */
export interface LoadingCode {
  readonly hash: string
  readonly blobs: readonly string[]
  readonly codes: readonly string[]
  /** Of an instance that tasks share: gives each one of its own from now on. */
  readonly startAfresh?: () => void
}

/** The functions of one thread. */
export class WorkerFunctions {
  readonly #functions = new Map<number, WorkerFunctionState>()
  readonly #codes = new Map<string, Uint8Array>()
  readonly #loader: CodeLoader
  readonly #makeCodec: (types: TypeRegistry) => ThreadCodec
  loading: LoadingCode | undefined
  /** For functions of programs that registered no types. */
  readonly plain: ThreadCodec
  readonly #codecs = new WeakMap<object, ThreadCodec>()
  readonly #wanted = new Map<string, ((bytes: Uint8Array) => void)[]>()

  constructor(
    loader: (blob: (hash: string) => Uint8Array | undefined) => CodeLoader,
    types: TypeRegistry,
    makeCodec: (types: TypeRegistry) => ThreadCodec,
  ) {
    this.#loader = loader(hash => this.#codes.get(hash))
    this.#makeCodec = makeCodec
    this.plain = makeCodec(types)
  }

  learn(index: number, spec: WorkerFunction): void {
    this.#functions.set(index, { index, spec, width: 1, running: 0, runnable: undefined, queue: [], code: undefined })
  }

  get(index: number): WorkerFunctionState {
    const fn = this.#functions.get(index)
    if (!fn) throw new Error(`this thread has not learned function ${index}`)
    return fn
  }

  addCode(hash: string, bytes: Uint8Array): void {
    this.#codes.set(hash, bytes)
    for (const resolve of this.#wanted.get(hash) ?? []) resolve(bytes)
    this.#wanted.delete(hash)
  }

  /** Loads a function's code if it is not yet. Calls `then` when it has come to something, unless it has already. */
  load(fn: WorkerFunctionState, then: () => void): void {
    if (fn.code) return
    const bytes = this.#codes.get(fn.spec.code)
    if (!bytes) {
      fn.code = { state: 'failed', error: new Error(`the code of ${fn.spec.name} did not arrive`) }
      return
    }
    fn.code = { state: 'loading' }
    try {
      // Remote functions that it holds can be called plainly too.
      const inner = fn.spec.codes.map(hash => this.prepare(hash)).filter(one => one !== undefined)
      const loaded = this.#loader.load(fn.spec.code, bytes)
      if (!(loaded instanceof Promise) && inner.length === 0) {
        fn.code = { state: 'ready', loaded }
        return
      }
      Promise.all([loaded, ...inner]).then(
        ([code]) => {
          fn.code = { state: 'ready', loaded: code }
          then()
        },
        (error: Error) => {
          fn.code = { state: 'failed', error }
          then()
        },
      )
    } catch (error) {
      fn.code = { state: 'failed', error: error as Error }
    }
  }

  /** What the next attempt runs: a new instance where the code holds anything that it could change. */
  runnable(fn: WorkerFunctionState, loaded: LoadedCode): Runnable {
    if (fn.runnable && !loaded.fresh) return fn.runnable
    const { spec } = fn
    const instance = this.#instance(loaded, { hash: spec.code, blobs: spec.blobs, codes: spec.codes })
    const { root, companions, types } = instance
    let codec = this.plain
    if (types.length > 0) {
      const registry = registryOf(types)
      codec = this.#codecs.get(root) ?? { ...this.#makeCodec(registry), types: registry }
      this.#codecs.set(root, codec)
    }
    const made = { call: entryOf(instance, spec.entry), retryClasses: spec.retryClasses.map(i => companions[i]), codec }
    fn.runnable = loaded.fresh ? undefined : made
    return made
  }

  #instance(loaded: LoadedCode, code: LoadingCode): Instance {
    const outer = this.loading
    this.loading = loaded.fresh ? code : { ...code, startAfresh: loaded.startAfresh }
    try {
      return loaded.instance()
    } finally {
      this.loading = outer
    }
  }

  /** A function that came as a value, for a plain call in this thread; undefined while its code is not loaded. */
  local(hash: string, entry: number): unknown {
    const bytes = this.#codes.get(hash)
    const loaded = bytes && this.#loader.load(hash, bytes)
    if (!loaded || loaded instanceof Promise) return undefined
    return entryOf(this.#instance(loaded, { hash, blobs: blobsOf(bytes), codes: [] }), entry)
  }

  isLoaded(hash: string): boolean {
    const bytes = this.#codes.get(hash)
    return bytes !== undefined && !(this.#loader.load(hash, bytes) instanceof Promise)
  }

  /** Loads a function's code for `local`, once it is here; undefined if that is done already. */
  prepare(hash: string): Promise<unknown> | undefined {
    const bytes = this.#codes.get(hash)
    if (!bytes)
      return this.#arrival(hash).then(arrived => (arrived.length > 0 ? this.#loader.load(hash, arrived) : undefined))
    const loaded = this.#loader.load(hash, bytes)
    return loaded instanceof Promise ? loaded : undefined
  }

  #arrival(hash: string): Promise<Uint8Array> {
    return new Promise(resolve => {
      const waiting = this.#wanted.get(hash)
      if (waiting) waiting.push(resolve)
      else this.#wanted.set(hash, [resolve])
    })
  }
}

/** The types that a program has registered, as the classes of one instance of its code. */
export function registryOf(types: readonly LoadedType[]): TypeRegistry {
  const registry = new TypeRegistry()
  for (const { name, Class, encode, decode } of types)
    registry.register(Class as never, { name, encode, decode } as never)
  return registry
}

// biome-ignore lint/complexity/noBannedTypes: any function of a user
function entryOf({ root, companions }: Instance, entry: number): Function {
  // biome-ignore lint/complexity/noBannedTypes: any function of a user
  return entry === 0 ? root : (companions[entry - 1] as Function)
}
