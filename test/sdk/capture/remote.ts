// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
// Runs captured functions in a worker thread, as the rest of Shoal does, without the rest of Shoal.
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { type CodeObject, capture } from '../../../sdk/capture/index.ts'
import { type Extension, TypeRegistry } from '../../../wire/values/index.ts'

/** Stands for refs and remote functions: something that the caller's extension encodes. */
export class Token {
  readonly id: string
  constructor(id: string) {
    this.id = id
  }
}

export const tokens: Extension = {
  tag: 1,
  matches: value => value instanceof Token,
  encode: (value, encoder) => encoder.string((value as Token).id),
  decode: decoder => new Token(decoder.string()),
}

export const types = new TypeRegistry()
export const shoalRoot = fileURLToPath(new URL('../../../', import.meta.url))

export function captured(fn: Function, external: string[] = []): CodeObject {
  return capture(fn, { extensions: [tokens], types, shoalRoot, external })
}

/** A worker thread that runs code objects. */
export class Remote {
  readonly #worker: Worker
  readonly #waiting = new Map<number, PromiseWithResolvers<any>>()
  #next = 0

  /** @param folders where it looks for packages that are not shipped */
  constructor(folders: string[] = []) {
    this.#worker = new Worker(new URL('./remote-worker.ts', import.meta.url), { workerData: { folders } })
    this.#worker.unref()
    this.#worker.on('message', ({ id, value, error }) => {
      const waiting = this.#waiting.get(id)!
      this.#waiting.delete(id)
      if (this.#waiting.size === 0) this.#worker.unref()
      if (error === undefined) waiting.resolve(value)
      else waiting.reject(Object.assign(new Error(error.message), error))
    })
    this.#worker.on('error', error => {
      for (const waiting of this.#waiting.values()) waiting.reject(error)
    })
  }

  send(code: Pick<CodeObject, 'hash' | 'bytes' | 'blobs'>, args: unknown[] = []): Promise<any> {
    const id = this.#next++
    const waiting = Promise.withResolvers<any>()
    this.#waiting.set(id, waiting)
    this.#worker.ref()
    const { hash, bytes, blobs } = code
    this.#worker.postMessage({ id, hash, bytes, blobs, args })
    return waiting.promise
  }

  close(): Promise<number> {
    return this.#worker.terminate()
  }
}

let only: Remote | undefined

/** Captures a function and calls it in a worker thread. */
export async function remote(fn: Function, ...args: unknown[]): Promise<any> {
  const code = captured(fn)
  only ??= new Remote()
  return only.send(code, args)
}

/** Ends the worker of `remote`. */
export async function close(): Promise<void> {
  await only?.close()
  only = undefined
}
