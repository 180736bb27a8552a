import { asCount, asText, type HeaderValue, MalformedFrameError } from '../../mesh/wire/index.ts'
import { limits as wireLimits } from '../../wire/limits.ts'
import type { Codes } from './codes.ts'

type Header = { [key: string]: HeaderValue | undefined }
type Send = (header: HeaderValue, payload?: Uint8Array) => void

const PART_BYTES = 512 * 1024

/** Code between peers, by its hash: who lacks it asks, and it travels once to each peer. */
export class CodeExchange {
  readonly #codes: Codes
  readonly #arriving = new Map<string, Uint8Array>()
  readonly #asked = new Map<string, { left: number; done: ((found: boolean) => void)[] }>()

  constructor(codes: Codes) {
    this.#codes = codes
  }

  /** Answers who asks. */
  send(hash: string, send: Send): void {
    const bytes = this.#codes.get(hash)
    if (!bytes) {
      send({ t: 'code', h: hash, n: 0, none: true })
      return
    }
    for (let at = 0; at < bytes.length || at === 0; at += PART_BYTES) {
      send({ t: 'code', h: hash, n: bytes.length, at }, bytes.subarray(at, at + PART_BYTES))
    }
  }

  /** A part has arrived. Gives the hash when the whole is here, and is what its name says. */
  arrived(map: Header, payload: Uint8Array, user: number): string | undefined {
    const hash = asText(map.h, 'hash', 64)
    if (map.none === true) {
      this.#answered(hash, false)
      return undefined
    }
    const total = asCount(map.n, 'n')
    if (total > wireLimits.messageBytesMax) throw new MalformedFrameError(`code of ${total} bytes`)
    const at = asCount(map.at, 'at')
    const bytes = this.#arriving.get(hash) ?? new Uint8Array(total)
    if (at + payload.length > bytes.length) throw new MalformedFrameError('code longer than it said')
    bytes.set(payload, at)
    if (at + payload.length < bytes.length) {
      this.#arriving.set(hash, bytes)
      return undefined
    }
    this.#arriving.delete(hash)
    if (!this.#codes.isRight(hash, bytes)) throw new MalformedFrameError('code with another hash than its name')
    this.#codes.add(hash, bytes, user)
    return hash
  }

  /** Tells those who asked for it everywhere. */
  found(hash: string): void {
    this.#answered(hash, true)
  }

  /** Asks all others for code that nobody here has. */
  want(hash: string, others: readonly Send[]): Promise<boolean> {
    if (others.length === 0) return Promise.resolve(false)
    return new Promise(resolve => {
      const open = this.#asked.get(hash)
      if (open) {
        open.done.push(resolve)
        return
      }
      this.#asked.set(hash, { left: others.length, done: [resolve] })
      for (const send of others) send({ t: 'want', h: [hash] })
    })
  }

  /** A peer that may have been asked is gone. */
  ended(): void {
    for (const hash of [...this.#asked.keys()]) this.#answered(hash, false)
  }

  #answered(hash: string, found: boolean): void {
    const open = this.#asked.get(hash)
    if (!open || (!found && --open.left > 0)) return
    this.#asked.delete(hash)
    for (const done of open.done) done(found)
  }
}
