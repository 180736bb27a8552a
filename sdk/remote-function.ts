import { inspect } from 'node:util'
import { CodeError, NotInitializedError } from '../wire/errors/index.ts'
import { ValueError } from '../wire/values/index.ts'
import type { ClassShape } from './actor-shape.ts'
import { type Engine, encodeArguments, type RefData, serializationError } from './client/index.ts'
import { expectProcess } from './expected-processes.ts'
import { entryInCapture, FunctionSource, sendCodes, type TravellingCode } from './function-code.ts'
import { functionSpec } from './function-spec.ts'
import { map } from './map.ts'
import { releaseMoved } from './move.ts'
import { checkMapped, checkTaskOptions, checkTogether, type Own, own, refuseDetached } from './options/index.ts'
import type { Ref } from './ref.ts'
import { type Branded, brand, isRemoteFunction } from './remote-brand.ts'
import { currentSession } from './session.ts'
import { type Submitted, submitted } from './submitted.ts'
import type { AnyFunction, MapOptions, RemoteFunction, TaskOptions } from './types.ts'

/** What a remote function is made of. */
interface Remote {
  readonly source: FunctionSource
  readonly options: TaskOptions
  /** What the agent of an engine calls it, once it has been told of it. `types`: which had been registered by then. */
  defined: Defined | undefined
}

type Defined = { engine: Engine; types: number } & ({ index: number; held: readonly number[] } | { error: Error })

type RemoteBranded = Branded<Remote>

/** The methods of all remote functions. */
const methods = Object.create(Function.prototype, {
  remote: {
    value: function remote(this: RemoteBranded, ...args: unknown[]): Submitted {
      if (!isRemoteFunction(this)) return refuseDetached('remote', this)
      return submit(this[brand], args)
    },
  },
  map: {
    value: function mapOver(this: RemoteBranded, items: Iterable<unknown>, options?: MapOptions): unknown {
      const remote = this[brand]
      checkMapped(remote.options, remote.source.isGenerator)
      return map(item => submit(remote, [item]) as Ref<unknown>, items, options)
    },
  },
  options: {
    value: function withOptions(this: RemoteBranded, options: TaskOptions): unknown {
      if (!isRemoteFunction(this)) return refuseDetached('options', this)
      const { source, options: earlier } = this[brand]
      const merged = { ...earlier, ...checkTaskOptions(options, 'options') }
      checkTogether(merged, 'options', source.isGenerator)
      expectProcess(merged)
      return remoteFunction(source, merged)
    },
  },
  [own]: {
    get(this: RemoteBranded & { name: string }): Own {
      return { kind: 'function', text: `the remote function ${this.name || '(anonymous)'}` }
    },
  },
  [inspect.custom]: {
    value(this: RemoteBranded & { name: string }): string {
      return `RemoteFunction ${this.name || '(anonymous)'}`
    },
  },
}) as object

/** A remote function over a source. */
export function remoteFunction<F extends AnyFunction>(source: FunctionSource, options: TaskOptions): RemoteFunction<F> {
  const { fn } = source
  const made = function (this: unknown, ...args: unknown[]): unknown {
    return Reflect.apply(fn, this, args)
  }
  Object.setPrototypeOf(made, methods)
  const remote: Remote = { source, options, defined: undefined }
  Object.defineProperty(made, brand, { value: remote })
  Object.defineProperty(made, 'name', { value: options.name ?? fn.name, configurable: true })
  Object.defineProperty(made, 'length', { value: fn.length, configurable: true })
  return made as unknown as RemoteFunction<F>
}

function submit(remote: Remote, args: unknown[]): Submitted {
  const { isGenerator } = remote.source
  const count = isGenerator ? 1 : (remote.options.returns ?? 1)
  const engine = currentSession()?.engine
  const given = engine ? submitTo(engine, remote, args, count) : notInitialized()
  return submitted(given, { isGenerator, count }, engine, notInitialized)
}

/** A ref, or one for each of several values; one that has failed where nothing could be sent. */
function submitTo(engine: Engine, remote: Remote, args: unknown[], count: number): RefData | RefData[] {
  let { defined } = remote
  if (defined?.engine !== engine || defined.types !== engine.types.version) {
    defined = define(remote, engine)
    remote.defined = defined
  }
  if ('error' in defined) return engine.failedRef(defined.error)
  const refusal = engine.refusal()
  if (refusal) return refusal
  try {
    const encoded = encodeArguments(engine, args)
    if ('failed' in encoded) return engine.failedLike(encoded.failed)
    const { index, held } = defined
    const given = count === 1 ? engine.submit(index, encoded, held) : engine.submitFor(count, index, encoded, held)
    releaseMoved(args)
    return given
  } catch (error) {
    return engine.failedRef(serializationError(error))
  }
}

/** Tells the agent of a function, with its code; what cannot travel is noted for every call. */
function define(remote: Remote, engine: Engine): Defined {
  const types = engine.types.version
  try {
    const code = remote.source.code(remote.options, engine)
    sendCodes(engine, code)
    const spec = functionSpec(remote.options, code, remote.source.isGenerator)
    const index = engine.define(spec)
    engine.beginEncoding()
    for (const ref of code.refs) engine.share(ref)
    return { engine, types, index, held: [...engine.contained] }
  } catch (error) {
    return { engine, types, error: error instanceof ValueError ? serializationError(error) : (error as Error) }
  }
}

/** A ref that can only be asked why. */
export function notInitialized(): RefData {
  return orphan(new NotInitializedError('a remote call needs a mesh: call `await init()` first'))
}

let orphans: ((error: Error) => RefData) | undefined

/** Set by the module that can make refs without a mesh. */
export function setOrphans(make: (error: Error) => RefData): void {
  orphans = make
}

function orphan(error: Error): RefData {
  if (!orphans) throw error
  return orphans(error)
}

// ---- as values

/** A remote function as it travels inside a value. */
export interface FunctionData {
  /** Empty: the code that this value is part of. */
  hash: string
  entry: number
  retryClasses: number[]
  name: string
  blobs: string[]
  codes: string[]
  options: TaskOptions
  isGenerator: boolean
  /** Of a class of actors: what it is. */
  actor?: ClassShape
  /** Refs that its code holds: whoever has the function holds them. */
  refs: RefData[]
}

/** What a remote function travels as; its code goes to the agent. */
export function functionDataOf(value: object, engine: Engine): FunctionData {
  const { source, options, actor } = (value as Branded<Remote & { actor?: ClassShape }>)[brand]
  const { retryErrors, ...rest } = options
  const travels =
    retryErrors === undefined ? rest : { ...rest, retryErrors: retryErrors !== false && !isEmptyList(retryErrors) }
  const entry = entryInCapture(source)
  if (entry !== undefined) {
    const { name } = source
    const { isGenerator } = source
    return {
      hash: '',
      entry,
      retryClasses: [],
      name,
      blobs: [],
      codes: [],
      options: travels,
      isGenerator,
      actor,
      refs: [],
    }
  }
  const code = source.code(options, engine)
  sendCodes(engine, code)
  const { hash, retryClasses, name, blobs, codes, refs } = code
  return {
    hash,
    entry: code.entry,
    retryClasses: [...retryClasses],
    name,
    blobs: [...blobs],
    codes: [...codes],
    options: travels,
    isGenerator: source.isGenerator,
    actor,
    refs: [...refs],
  }
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

/** Where a function that came inside a value has its code from: it keeps it, and is not captured again. */
export function receivedSource(data: FunctionData, engine: Engine): FunctionSource {
  const around = data.hash === '' ? engine.bridge?.loading() : undefined
  const { entry, retryClasses, name, refs } = data
  const { hash, blobs, codes } = around ?? data
  const received: TravellingCode = { hash, entry, retryClasses, name, blobs, codes, refs, parts: [] }
  if (!around) engine.prepare(hash)
  const local = (...args: unknown[]): unknown => {
    const fn = engine.bridge?.local(hash, entry)
    if (typeof fn === 'function') return fn(...args)
    const reason = 'it came from elsewhere, and its code is not loaded in this thread'
    throw new CodeError(`${name} cannot be called plainly here: ${reason}. Call it with .remote()`, {
      functionName: name,
      peerId: engine.welcome.peerId,
      reason,
    })
  }
  Object.defineProperty(local, 'name', { value: name })
  return new FunctionSource(local, { received, isGenerator: data.isGenerator === true })
}
