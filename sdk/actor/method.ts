import { inspect } from 'node:util'
import { ActorDiedError, PendingCallsError } from '../../wire/errors/index.ts'
import type { FunctionSpec } from '../../wire/records.ts'
import type { MethodShape, Shape } from '../actor-shape.ts'
import { type Engine, encodeArguments, type RefData, serializationError } from '../client/index.ts'
import { type HandleData, isMethod, type MethodData, methodBrand } from '../handle-data.ts'
import { releaseMoved } from '../move.ts'
import { checkCallOptions, type Own, own, refuseDetached } from '../options/index.ts'
import { type Submitted, submitted } from '../submitted.ts'
import type { CallOptions, ErrorClass } from '../types.ts'

/** Options of calls as they travel: classes of errors by their names, by which the actor's side knows them. */
export interface MethodOptions extends Omit<CallOptions, 'retryErrors'> {
  readonly retryErrors?: boolean | readonly string[]
}

/** Sets of options of one method that are remembered. One that falls out is made anew. */
const DERIVED_MAX = 1000

/** A method with its options, as the agent of an engine has been told of it. */
export class KnownMethod {
  readonly shape: Shape
  readonly method: MethodShape
  readonly options: MethodOptions
  /** The one without options: it remembers those with some. */
  readonly #plain: KnownMethod
  readonly #derived = new Map<string, KnownMethod>()
  #defined: { engine: Engine; index: number } | { engine: Engine; error: Error } | undefined

  constructor(shape: Shape, method: MethodShape, options: MethodOptions = {}, plain?: KnownMethod) {
    this.shape = shape
    this.method = method
    this.options = options
    this.#plain = plain ?? this
  }

  get text(): string {
    return `${this.shape.className}.${this.method.name}`
  }

  /** With options of a user's over its own. */
  with(options: unknown): KnownMethod {
    const { retryErrors, ...rest } = checkCallOptions(options, this.shape, this.method)
    if (retryErrors === undefined) return this.over(rest)
    return this.over({ ...rest, retryErrors: Array.isArray(retryErrors) ? namesOf(retryErrors) : retryErrors === true })
  }

  /** With options that have been checked over its own. */
  over(options: MethodOptions): KnownMethod {
    const merged = { ...this.options, ...options }
    const derived = this.#plain.#derived
    const key = JSON.stringify(merged)
    let known = derived.get(key)
    if (!known) {
      known = new KnownMethod(this.shape, this.method, merged, this.#plain)
      if (derived.size >= DERIVED_MAX) derived.delete(derived.keys().next().value as string)
      derived.set(key, known)
    }
    return known
  }

  /** What the agent calls it; it is told at the first call. */
  index(engine: Engine): number {
    let defined = this.#defined
    if (defined?.engine !== engine) {
      try {
        defined = { engine, index: engine.define(this.#spec()) }
      } catch (error) {
        defined = { engine, error: error as Error }
      }
      this.#defined = defined
    }
    if ('error' in defined) throw defined.error
    return defined.index
  }

  #spec(): FunctionSpec {
    const { className, callRetries } = this.shape
    const { name, isGenerator } = this.method
    const { retries = callRetries, retryErrors = false, timeoutMs = 0, group, returns = 1 } = this.options
    const names = typeof retryErrors === 'boolean' ? [] : [...retryErrors]
    return {
      name: this.options.name ?? this.text,
      code: '',
      entry: 0,
      retryClasses: [],
      blobs: [],
      codes: [],
      resources: {},
      retries,
      retryErrors: retryErrors === true || names.length > 0,
      timeoutMs,
      priority: 0,
      copy: true,
      external: [],
      infeasibleTimeoutMs: 0,
      returns: isGenerator ? 0 : returns,
      backpressure: 0,
      call: { method: name, className, retryNames: names, ...(group === undefined ? {} : { group }) },
    }
  }
}

function namesOf(classes: readonly ErrorClass[]): string[] {
  return classes.map(one => one.name)
}

/** One method of one actor: what `handle.method` gives. */
export class Method {
  readonly #handle: HandleData
  readonly #known: KnownMethod

  constructor(handle: HandleData, known: KnownMethod) {
    this.#handle = handle
    this.#known = known
  }

  get [methodBrand](): MethodData<KnownMethod> {
    return { handle: this.#handle, known: this.#known }
  }

  remote(...args: unknown[]): Submitted {
    if (!isMethod(this)) return refuseDetached('remote', this)
    const known = this.#known
    const { isGenerator } = known.method
    const count = isGenerator ? 1 : (known.options.returns ?? 1)
    const { ref, failed } = this.#handle
    const given = ref ? call(this.#handle, ref, known, args, count) : (failed as () => RefData)()
    return submitted(given, { isGenerator, count }, ref?.engine, failed as () => RefData)
  }

  options(options: CallOptions): Method {
    if (!isMethod(this)) return refuseDetached('options', this)
    return new Method(this.#handle, this.#known.with(options))
  }

  get [own](): Own {
    return { kind: 'method', text: `the method ${this.#known.text}` }
  }

  [inspect.custom](): string {
    return `ActorMethod ${this.#known.text}`
  }
}

/** Makes a call: a ref, or one for each of several values; one that has failed where nothing could be sent. */
function call(
  handle: HandleData,
  ref: RefData,
  known: KnownMethod,
  args: unknown[],
  count: number,
): RefData | RefData[] {
  const { shape } = handle
  const { engine } = ref
  const refusal = engine.refusal()
  if (refusal) return refusal
  if (ref.released) return engine.failedRef(releasedError(ref, shape, 'called'))
  const { maxPendingCalls, className } = shape
  const bounded = maxPendingCalls >= 0
  if (bounded && engine.pendingCalls(ref) >= maxPendingCalls) {
    const message = `${className} has ${engine.pendingCalls(ref)} calls of this program that have not ended, and its maxPendingCalls is ${maxPendingCalls}: await some of them first`
    throw new PendingCallsError(message, { className, maxPendingCalls })
  }
  try {
    const index = known.index(engine)
    const encoded = encodeArguments(engine, args)
    if ('failed' in encoded) return engine.failedLike(encoded.failed)
    const given = engine.invoke(ref, count, index, encoded, bounded)
    releaseMoved(args)
    return given
  } catch (error) {
    return engine.failedRef(serializationError(error))
  }
}

/** For what goes through a handle that was let go of: the actor may live, and cannot be reached by it. */
export function releasedError(ref: RefData, { className }: Shape, verb: 'called' | 'killed'): ActorDiedError {
  const reason = 'its handle was released here'
  return new ActorDiedError(`the actor ${className} cannot be ${verb}: ${reason}`, {
    actorId: ref.id,
    className,
    reason,
  })
}
