import { asCount, asText, type HeaderValue } from '../../mesh/wire/index.ts'

type Header = { [key: string]: HeaderValue | undefined }

const PART_BYTES = 512 * 1024

/** Questions between agents (rows of the state), with answers of any size. */
export class Questions {
  readonly #answer: (peer: number, method: string, params: unknown) => Promise<unknown>
  readonly #open = new Map<number, { peer: number; resolve(value: unknown): void; reject(error: Error): void }>()
  readonly #parts = new Map<number, Uint8Array[]>()
  #next = 1

  constructor(answer: (peer: number, method: string, params: unknown) => Promise<unknown>) {
    this.#answer = answer
  }

  ask(peer: number, method: string, params: unknown, send: (header: HeaderValue) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const q = this.#next++
      this.#open.set(q, { peer, resolve, reject })
      send({ t: 'question', q, m: method, p: JSON.stringify(params ?? null) })
    })
  }

  async answer(peer: number, map: Header, send: (header: HeaderValue, payload: Uint8Array) => void): Promise<void> {
    const q = asCount(map.q, 'q')
    let text: string
    let ok = true
    try {
      const params: unknown = JSON.parse(asText(map.p, 'params', 1 << 20))
      text = JSON.stringify(await this.#answer(peer, asText(map.m, 'method', 100), params)) ?? 'null'
    } catch (error) {
      ok = false
      text = (error as Error).message
    }
    const bytes = new TextEncoder().encode(text)
    for (let at = 0; at < bytes.length; at += PART_BYTES) {
      const last = at + PART_BYTES >= bytes.length
      send({ t: 'reply', q, ok, last }, bytes.subarray(at, at + PART_BYTES))
    }
  }

  reply(map: Header, payload: Uint8Array): void {
    const q = asCount(map.q, 'q')
    const question = this.#open.get(q)
    if (!question) return
    const parts = this.#parts.get(q) ?? []
    parts.push(payload.slice())
    if (map.last !== true) {
      this.#parts.set(q, parts)
      return
    }
    this.#parts.delete(q)
    this.#open.delete(q)
    const text = Buffer.concat(parts).toString('utf8')
    if (map.ok === true) question.resolve(JSON.parse(text))
    else question.reject(new Error(text))
  }

  /** Nobody answers for a peer that is gone. */
  ended(peer: number): void {
    for (const [q, question] of this.#open) {
      if (question.peer !== peer) continue
      this.#open.delete(q)
      this.#parts.delete(q)
      question.reject(new Error('that peer is gone'))
    }
  }
}
