import { fileURLToPath } from 'node:url'
import { sendCode } from '../wire/texts.ts'
import type { CodeObject } from './capture/index.ts'
import { captureModule } from './capture-door.ts'
import type { Engine, RefData } from './client/index.ts'
import { isRef } from './client/index.ts'
import { type HandleData, handleData, isHandle, isMethod, methodBrand } from './handle-data.ts'
import { isQueue, queueBrand } from './queue-data.ts'
import { type Branded, brand, isRemoteFunction } from './remote-brand.ts'
import type { AnyFunction, ErrorClass, TaskOptions } from './types.ts'

/** The folder of this package: what lies in it is not shipped. */
const shoalRoot = fileURLToPath(new URL('..', import.meta.url))

/** A function's code as it travels: its hash, what it needs, and what it holds. */
export interface TravellingCode {
  readonly hash: string
  /** 0: the function that was captured; n: the companion n - 1 of that code. */
  readonly entry: number
  /** Companions that are the classes of `retryErrors`. */
  readonly retryClasses: readonly number[]
  readonly name: string
  /** Modules, by hash. */
  readonly blobs: readonly string[]
  /** Codes of the remote functions that it holds, by hash. */
  readonly codes: readonly string[]
  /** Refs that it holds, directly and in remote functions. */
  readonly refs: readonly RefData[]
  /** The bytes of all of these, where this program made them. */
  readonly parts: readonly { hash: string; bytes: Uint8Array }[]
}

/** A capture that is under way: the functions in it that have no hash of their own yet. */
interface Capturing {
  readonly root: FunctionSource
  readonly entries: Map<FunctionSource, number>
}

function functionSourceOf(value: Branded<unknown>): FunctionSource {
  return (value as Branded<{ source: FunctionSource }>)[brand].source
}

/** Captures nest: that of a function begins those of the remote functions that it holds. */
const capturing: Capturing[] = []

/** Where a remote function is, within the code that is being captured; undefined where it has a hash. */
export function entryInCapture(source: FunctionSource): number | undefined {
  return capturing.at(-1)?.entries.get(source)
}

/** Where a remote function's code comes from: captured here, once for each way of capturing it, or received. */
export class FunctionSource {
  readonly fn: AnyFunction
  /** Its tasks give streams. */
  readonly isGenerator: boolean
  readonly #stack: string | undefined
  readonly #received: TravellingCode | undefined
  readonly #captured = new Map<string, TravellingCode>()
  #name: string | undefined

  constructor(
    fn: AnyFunction,
    origin: { stack?: string | undefined; received?: TravellingCode; isGenerator?: boolean },
  ) {
    this.fn = fn
    this.isGenerator = origin.isGenerator ?? /Generator/.test(Object.prototype.toString.call(fn))
    this.#stack = origin.stack
    this.#received = origin.received
  }

  /** What it is called where no option says so: its own name, its variable's, or its place. */
  get name(): string {
    this.#name ??= this.#received?.name ?? captureModule().nameOf(this.fn, this.#stack)
    return this.#name
  }

  /**
   * The code, captured at the first call for these options.
   * @throws CaptureError
   */
  code(options: TaskOptions, engine: Engine): TravellingCode {
    if (this.#received) return this.#received
    const external = options.external ?? []
    const classes = Array.isArray(options.retryErrors) ? (options.retryErrors as ErrorClass[]) : []
    // What was registered after the last call travels with this one.
    const key = JSON.stringify([external, classes.map(identityOf), engine.types.version])
    let code = this.#captured.get(key)
    if (!code) {
      code = this.#capture(external, classes, engine)
      this.#captured.set(key, code)
    }
    return code
  }

  #capture(external: readonly string[], classes: readonly ErrorClass[], engine: Engine): TravellingCode {
    const { name } = this
    const context: Capturing = { root: this, entries: new Map([[this, 0]]) }
    capturing.push(context)
    try {
      const captured = captureModule().capture(this.fn, {
        extensions: engine.extensions,
        types: engine.types,
        external: [...external],
        shoalRoot,
        companions: classes,
        along: (value, add) => takeAlong(context, value, add, engine),
      })
      return travelling(captured, { name, retryClasses: classes.map((_, i) => i), entries: context.entries }, engine)
    } finally {
      capturing.pop()
    }
  }
}

/**
 * A remote function that a capture meets is captured on its own, and named by its hash, unless that is under way already: a
 * cycle of functions has no hash to be named by, so they travel in one code.
 */
function takeAlong(context: Capturing, value: object, add: (fn: AnyFunction) => number, engine: Engine): void {
  if (!isRemoteFunction(value)) return
  const source = functionSourceOf(value)
  if (context.entries.has(source)) return
  if (!capturing.some(({ root }) => root === source)) {
    source.code({}, engine)
    return
  }
  // Its entry is known before its own captures are looked at: it may refer to itself.
  context.entries.set(source, -1)
  context.entries.set(source, add(source.fn) + 1)
}

const identities = new WeakMap<object, number>()
let nextIdentity = 1

function identityOf(one: object): number {
  let identity = identities.get(one)
  if (identity === undefined) {
    identity = nextIdentity++
    identities.set(one, identity)
  }
  return identity
}

function travelling(
  captured: CodeObject,
  about: { name: string; retryClasses: number[]; entries: Map<FunctionSource, number> },
  engine: Engine,
): TravellingCode {
  const { hash, bytes, blobs, held } = captured
  const parts = [...blobs, { hash, bytes }]
  const codes: string[] = []
  const blobHashes = new Set(blobs.map(blob => blob.hash))
  const refs: RefData[] = []
  for (const one of held) {
    if (isRef(one)) refs.push(one)
    else if (isQueue(one)) refs.push(...refsOf(handleData(one[queueBrand].handle)))
    else if (isMethod(one)) refs.push(...refsOf(one[methodBrand].handle))
    else if (isHandle(one)) refs.push(...refsOf(handleData(one)))
    else if (isRemoteFunction(one) && !about.entries.has(functionSourceOf(one))) {
      const inner = functionSourceOf(one).code({}, engine)
      codes.push(inner.hash, ...inner.codes)
      for (const blob of inner.blobs) blobHashes.add(blob)
      refs.push(...inner.refs)
      parts.push(...inner.parts)
    }
  }
  const { name, retryClasses } = about
  return { hash, entry: 0, retryClasses, name, blobs: [...blobHashes], codes, refs, parts }
}

/** A handle that could not be made has none. */
function refsOf({ ref }: HandleData): RefData[] {
  return ref ? [ref] : []
}

/** Sends code that the agent of this engine has not had from it. */
export function sendCodes(engine: Engine, code: TravellingCode): void {
  for (const { hash, bytes } of code.parts) {
    if (engine.sentCodes.has(hash)) continue
    engine.sentCodes.add(hash)
    sendCode(engine.outbox, hash, bytes)
  }
}
