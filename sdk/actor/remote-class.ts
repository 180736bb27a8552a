import { inspect } from 'node:util'
import type { FunctionSpec } from '../../wire/records.ts'
import { ValueError } from '../../wire/values/index.ts'
import { type ClassShape, type Shape, shapeOf, shapeOfClass } from '../actor-shape.ts'
import { type Engine, encodeArguments, serializationError } from '../client/index.ts'
import { expectProcess } from '../expected-processes.ts'
import { FunctionSource, sendCodes, type TravellingCode } from '../function-code.ts'
import { placementSpec, processSpec } from '../function-spec.ts'
import { releaseMoved } from '../move.ts'
import {
  checkActorClass,
  checkActorOptions,
  checkActorTogether,
  type Own,
  own,
  refuseDetached,
} from '../options/index.ts'
import { type Branded, brand, isRemoteFunction } from '../remote-brand.ts'
import { notInitialized } from '../remote-function.ts'
import { currentSession } from '../session.ts'
import type { ActorOptions, AnyClass, AnyFunction, RemoteClass } from '../types.ts'
import { makeHandle } from './handle.ts'

/** Calls of a class with an async method that run at a time, where no option says so. */
const ASYNC_CONCURRENCY = 1000
const INFEASIBLE_TIMEOUT_MS = 10_000

/** What a remote class is made of. Behind the same brand as a remote function, whose code it has. */
export interface RemoteClassData {
  readonly source: FunctionSource
  readonly options: ActorOptions
  readonly actor: ClassShape
  shape: Shape | undefined
  /** What the agent of an engine calls it, once it has been told of it. `types`: which had been registered by then. */
  defined: Defined | undefined
}

type Defined = { engine: Engine; types: number } & ({ index: number; held: readonly number[] } | { error: Error })

/**
 * Makes a class remote: `.remote(...)` makes an actor of it on the mesh, and gives its handle. Any class: exported or not, with
 * what it extends; what it uses travels with it.
 * @throws InvalidOptionError for a wrong option, or for what is no class
 */
export function actor<C extends AnyClass>(Class: C, options?: ActorOptions): RemoteClass<C> {
  checkActorClass(Class)
  const checked = checkActorOptions(options)
  const stack = Class.name === '' ? new Error('actor').stack : undefined
  const source = new FunctionSource(Class as unknown as AnyFunction, { stack, isGenerator: false })
  const classShape = shapeOfClass(Class)
  checkTogether(checked, 'actor', source, classShape)
  expectProcess(checked)
  return remoteClass<C>(source, checked, classShape)
}

function checkTogether(options: ActorOptions, call: string, source: FunctionSource, shape: ClassShape): void {
  const { methods, saves, restores } = shape
  const names = new Set(methods.map(method => method.name))
  checkActorTogether(options, call, { className: source.name, methods: names, saves, restores })
}

/** The methods of all remote classes. */
const methods = Object.create(Function.prototype, {
  remote: {
    value: function remote(this: Branded<RemoteClassData>, ...args: unknown[]): object {
      if (!isRemoteFunction(this)) return refuseDetached('remote', this)
      return make(this[brand], args)
    },
  },
  options: {
    value: function withOptions(this: Branded<RemoteClassData>, options: ActorOptions): unknown {
      const { source, options: earlier, actor: shape } = this[brand]
      const merged = { ...earlier, ...checkActorOptions(options, 'options') }
      checkTogether(merged, 'options', source, shape)
      expectProcess(merged)
      return remoteClass(source, merged, shape)
    },
  },
  [own]: {
    get(this: Branded<RemoteClassData>): Own {
      return { kind: 'class', text: `the remote class ${this[brand].source.name}` }
    },
  },
  [inspect.custom]: {
    value(this: Branded<RemoteClassData>): string {
      return `RemoteClass ${this[brand].source.name}`
    },
  },
}) as object

/** A remote class over a source. */
export function remoteClass<C extends AnyClass>(
  source: FunctionSource,
  options: ActorOptions,
  classShape: ClassShape,
): RemoteClass<C> {
  const made = (): never => {
    throw new TypeError(`${source.name} is a remote class: .remote(…) makes an actor of it`)
  }
  Object.setPrototypeOf(made, methods)
  const data: RemoteClassData = { source, options, actor: classShape, shape: undefined, defined: undefined }
  Object.defineProperty(made, brand, { value: data })
  Object.defineProperty(made, 'name', { value: source.name, configurable: true })
  return made as unknown as RemoteClass<C>
}

/** Makes an actor: its handle, whose calls say so where it cannot be made. */
function make(remote: RemoteClassData, args: unknown[]): object {
  const { source, options, actor: classShape } = remote
  remote.shape ??= shapeOf(source.name, classShape.methods, options)
  const { shape } = remote
  const engine = currentSession()?.engine
  if (!engine) return makeHandle({ shape, ref: undefined, failed: notInitialized })
  const fails = (error: Error): object =>
    makeHandle({ shape, ref: undefined, failed: () => engine.failedRef(error), why: error })
  if (engine.closed) return fails(engine.closed)
  const refusal = engine.refusal()
  if (refusal) return makeHandle({ shape, ref: undefined, failed: () => refusal })
  let { defined } = remote
  if (defined?.engine !== engine || defined.types !== engine.types.version) {
    defined = define(remote, shape, engine)
    remote.defined = defined
  }
  if ('error' in defined) return fails(defined.error)
  try {
    const encoded = encodeArguments(engine, args)
    if ('failed' in encoded) {
      const { failed } = encoded
      return makeHandle({ shape, ref: undefined, failed: () => engine.failedLike(failed) })
    }
    const ref = engine.make(defined.index, encoded, defined.held)
    releaseMoved(args)
    return makeHandle({ shape, ref })
  } catch (error) {
    return fails(serializationError(error))
  }
}

/** Tells the agent of a class, with its code; what cannot travel is noted for every actor of it. */
function define(remote: RemoteClassData, shape: Shape, engine: Engine): Defined {
  const types = engine.types.version
  try {
    const code = remote.source.code({ external: remote.options.external }, engine)
    sendCodes(engine, code)
    const index = engine.define(classSpec(remote, shape, code))
    engine.beginEncoding()
    for (const ref of code.refs) engine.share(ref)
    return { engine, types, index, held: [...engine.contained] }
  } catch (error) {
    return { engine, types, error: error instanceof ValueError ? serializationError(error) : (error as Error) }
  }
}

function classSpec({ options, actor: { isAsync } }: RemoteClassData, shape: Shape, code: TravellingCode): FunctionSpec {
  const { cpus = 0, gpus = 0, memoryBytes = 0, resources = {}, placement, isolation, checkpoint = {} } = options
  const { name, namespace, getIfExists } = options
  return {
    name: code.name,
    code: code.hash,
    entry: code.entry,
    retryClasses: [],
    blobs: [...code.blobs],
    codes: [...code.codes],
    resources: { ...resources, cpus, gpus, memoryBytes },
    retries: options.restarts ?? 0,
    retryErrors: false,
    timeoutMs: 0,
    priority: 0,
    copy: true,
    external: [...(options.external ?? [])],
    returns: 1,
    backpressure: 0,
    infeasibleTimeoutMs: options.infeasibleTimeoutMs ?? INFEASIBLE_TIMEOUT_MS,
    placement: placementSpec(placement),
    process: processSpec(options),
    actor: {
      maxConcurrency: options.maxConcurrency ?? (isAsync ? ASYNC_CONCURRENCY : 1),
      groups: options.groups ?? {},
      methodGroups: options.methodGroups ?? {},
      shares: cpus === 0 && isolation !== 'process',
      detached: options.lifetime === 'detached',
      checkpointCalls: checkpoint.everyCalls ?? 0,
      checkpointMs: checkpoint.everyMs ?? 0,
      ...(name === undefined ? {} : { name, ...(namespace === undefined ? {} : { namespace }) }),
      ...(getIfExists ? { getIfExists } : {}),
      shape: shape.text,
    },
  }
}
