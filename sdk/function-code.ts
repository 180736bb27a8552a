import { fileURLToPath } from 'node:url'
import { record } from '../wire/records.ts'
import type { Outbox } from '../wire/outbox.ts'
import { type CodeObject, capture, nameOf } from './capture/index.ts'
import type { Engine } from './client/engine.ts'
import { isRef, type Ref } from './ref.ts'
import { functionSourceOf, isRemoteFunction } from './remote-function.ts'
import { registeredTypes } from './session.ts'
import type { AnyFunction, ErrorClass, TaskOptions } from './types.ts'

/** The folder of this package: what lies in it is not shipped. */
const shoalRoot = fileURLToPath(new URL('..', import.meta.url))

/** A function's code as it travels: its hash, what it needs, and what it holds. */
export interface TravellingCode {
  readonly hash: string
  readonly name: string
  /** Modules, by hash. */
  readonly blobs: readonly string[]
  /** Codes of the remote functions that it holds, by hash. */
  readonly codes: readonly string[]
  /** Refs that it holds, directly and in remote functions. */
  readonly refs: readonly Ref<unknown>[]
  /** The bytes of all of these, where this program made them. */
  readonly parts: readonly { hash: string; bytes: Uint8Array }[]
}

/** Where a remote function's code comes from: captured here, once for each way of capturing it, or received. */
export class FunctionSource {
  readonly fn: AnyFunction
  readonly #stack: string | undefined
  readonly #received: TravellingCode | undefined
  readonly #captured = new Map<string, TravellingCode>()

  constructor(fn: AnyFunction, origin: { stack?: string | undefined; received?: TravellingCode }) {
    this.fn = fn
    this.#stack = origin.stack
    this.#received = origin.received
  }

  get received(): TravellingCode | undefined {
    return this.#received
  }

  /**
   * The code, captured at the first call for these options.
   * @throws CaptureError
   */
  code(options: TaskOptions, engine: Engine): TravellingCode {
    if (this.#received) return this.#received
    const external = options.external ?? []
    const classes = Array.isArray(options.retryErrors) ? (options.retryErrors as ErrorClass[]) : []
    const key = JSON.stringify([external, classes.map(identityOf)])
    let code = this.#captured.get(key)
    if (!code) {
      const name = options.name ?? nameOf(this.fn, this.#stack)
      const captured = capture(this.fn, {
        extensions: engine.extensions,
        types: registeredTypes,
        external,
        shoalRoot,
        companions: classes,
      })
      code = travelling(captured, name, engine)
      this.#captured.set(key, code)
    }
    return code
  }
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

function travelling(captured: CodeObject, name: string, engine: Engine): TravellingCode {
  const { hash, bytes, blobs, held } = captured
  const parts = [...blobs, { hash, bytes }]
  const codes: string[] = []
  const blobHashes = new Set(blobs.map((blob) => blob.hash))
  const refs: Ref<unknown>[] = []
  for (const one of held) {
    if (isRef(one)) refs.push(one)
    else if (isRemoteFunction(one)) {
      const inner = functionSourceOf(one).code({}, engine)
      codes.push(inner.hash, ...inner.codes)
      for (const blob of inner.blobs) blobHashes.add(blob)
      refs.push(...inner.refs)
      parts.push(...inner.parts)
    }
  }
  return { hash, name, blobs: [...blobHashes], codes, refs, parts }
}

/** Sends code that the agent of this engine has not had from it. */
export function sendCodes(engine: Engine, code: TravellingCode): void {
  for (const { hash, bytes } of code.parts) {
    if (engine.sentCodes.has(hash)) continue
    engine.sentCodes.add(hash)
    sendCode(engine.outbox, hash, bytes)
  }
}

function sendCode(outbox: Outbox, hash: string, bytes: Uint8Array): void {
  const text = Buffer.from(JSON.stringify({ hash }))
  const head = (8 + text.length + 7) & ~7
  const at = outbox.begin(record.code, 0, head + bytes.length)
  outbox.i32[at >> 2] = bytes.length
  outbox.i32[(at >> 2) + 1] = text.length
  outbox.u8.set(text, at + 8)
  outbox.u8.set(bytes, at + head)
  outbox.end()
}
