import { inspect } from 'node:util'
import { ActorDiedError, PendingCallsError } from '../../wire/errors/index.ts'
import { type FunctionSpec, record } from '../../wire/records.ts'
import { sendText } from '../../wire/texts.ts'
import type { MethodShape, Shape } from '../actor-shape.ts'
import { type Engine, encodeArguments, type RefData, serializationError } from '../client/index.ts'
import { brand, type Handle, type HandleData, releaseHandle } from '../handle-data.ts'
import { releaseMoved } from '../move.ts'
import { checkCallOptions, type Own, own } from '../options/index.ts'
import { type Submitted, submitted } from '../submitted.ts'
import type { CallOptions, ErrorClass } from '../types.ts'

/** What all handles have. */
const common = Object.create(null, {
  [inspect.custom]: {
    value(this: Handle): string {
      return textOf(this[brand])
    },
  },
  [own]: {
    get(this: Handle): Own {
      return { kind: 'handle', text: `the handle of an actor of ${this[brand].shape.className}` }
    },
  },
  /** For logs. A method of the user's class by this name is in front of it, and is nothing that JSON would call. */
  toJSON: {
    value(this: Handle): string {
      return textOf(this[brand])
    },
  },
  [Symbol.toStringTag]: { value: 'ActorHandle' },
  [Symbol.toPrimitive]: {
    value(this: Handle): string {
      return `ActorHandle ${this[brand].shape.className}`
    },
  },
  [Symbol.dispose]: {
    value(this: Handle): void {
      releaseHandle(this)
    },
  },
}) as object

function textOf({ shape, ref }: HandleData): string {
  return `ActorHandle ${shape.className}${ref ? ` ${ref.id}` : ''}`
}

/** What a shape's handles inherit from: a getter for each method. */
const prototypes = new WeakMap<Shape, object>()

function prototypeOf(shape: Shape): object {
  let made = prototypes.get(shape)
  if (!made) {
    made = Object.create(common) as object
    for (const method of shape.methods) {
      const known = new KnownMethod(shape, method)
      Object.defineProperty(made, method.name, {
        enumerable: true,
        get(this: Handle) {
          return new Method(this[brand], known)
        },
      })
    }
    prototypes.set(shape, made)
  }
  return made
}

export function makeHandle(data: HandleData): object {
  return Object.create(prototypeOf(data.shape), { [brand]: { value: data } }) as object
}

/** A method with its options, as the agent of an engine has been told of it. */
class KnownMethod {
  readonly shape: Shape
  readonly method: MethodShape
  readonly options: CallOptions
  #defined:
    | { engine: Engine; types: number; index: number }
    | { engine: Engine; types: number; error: Error }
    | undefined
  readonly #derived = new Map<string, KnownMethod>()

  constructor(shape: Shape, method: MethodShape, options: CallOptions = {}) {
    this.shape = shape
    this.method = method
    this.options = options
  }

  get text(): string {
    return `${this.shape.className}.${this.method.name}`
  }

  with(options: unknown): KnownMethod {
    const merged = { ...this.options, ...checkCallOptions(options, this.shape, this.method) }
    if (Array.isArray(merged.retryErrors)) return new KnownMethod(this.shape, this.method, merged)
    const key = JSON.stringify(merged)
    let known = this.#derived.get(key)
    if (!known) {
      known = new KnownMethod(this.shape, this.method, merged)
      this.#derived.set(key, known)
    }
    return known
  }

  /** What the agent calls it; it is told at the first call. */
  index(engine: Engine): number {
    let defined = this.#defined
    if (defined?.engine !== engine || defined.types !== engine.types.version) {
      const types = engine.types.version
      try {
        const spec = this.#spec()
        const index = engine.nextFunction()
        sendText(engine.outbox, record.define, 0, [index], spec)
        defined = { engine, types, index }
      } catch (error) {
        defined = { engine, types, error: error as Error }
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
    const names = Array.isArray(retryErrors) ? (retryErrors as ErrorClass[]).map(one => one.name) : []
    return {
      name: this.options.name ?? `${className}.${name}`,
      code: '',
      entry: 0,
      retryClasses: [],
      blobs: [],
      codes: [],
      resources: {},
      retries,
      retryErrors: Array.isArray(retryErrors) ? names.length > 0 : retryErrors === true,
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

/** One method of one actor: what `handle.method` gives. */
class Method {
  readonly #handle: HandleData
  readonly #known: KnownMethod

  constructor(handle: HandleData, known: KnownMethod) {
    this.#handle = handle
    this.#known = known
  }

  remote(...args: unknown[]): Submitted {
    const known = this.#known
    const { isGenerator } = known.method
    const count = isGenerator ? 1 : (known.options.returns ?? 1)
    const { ref, failed } = this.#handle
    const given = ref ? call(this.#handle, ref, known, args, count) : (failed as () => RefData)()
    return submitted(given, { isGenerator, count }, ref?.engine, failed as () => RefData)
  }

  options(options: CallOptions): Method {
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
  const { pending, shape } = handle
  const { engine } = ref
  if (engine.closed) return engine.failedRef(engine.closed)
  if (ref.released) return engine.failedRef(released(ref, shape))
  const { maxPendingCalls, className } = shape
  if (pending && pending.count >= maxPendingCalls) {
    const message = `${className} has ${pending.count} calls of this program that have not ended, and its maxPendingCalls is ${maxPendingCalls}: await some of them first`
    throw new PendingCallsError(message, { className, maxPendingCalls })
  }
  try {
    const index = known.index(engine)
    const encoded = encodeArguments(engine, args)
    if ('failed' in encoded) return engine.failedLike(encoded.failed)
    const given = engine.invoke(ref, count, index, encoded, pending)
    releaseMoved(args)
    return given
  } catch (error) {
    return engine.failedRef(serializationError(error))
  }
}

function released(ref: RefData, { className }: Shape): ActorDiedError {
  const reason = 'its handle was released here'
  return new ActorDiedError(`the actor ${className} cannot be called: ${reason}`, {
    actorId: ref.id,
    className,
    reason,
  })
}
