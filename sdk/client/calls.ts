import { errorOfFailure, type ReplyFailure } from '../../wire/errors/index.ts'
import type { Outbox } from '../../wire/outbox.ts'
import { record } from '../../wire/records.ts'
import { sendText } from '../../wire/texts.ts'

/** Questions to the agent. */
export class Calls {
  readonly #outbox: Outbox
  readonly #open = new Map<number, { resolve: (value: unknown) => void; reject: (reason: Error) => void }>()
  #next = 1
  #closed: Error | undefined

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  call(method: string, params?: unknown): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#closed)
    return new Promise((resolve, reject) => {
      const request = this.#next++
      this.#open.set(request, { resolve, reject })
      sendText(this.#outbox, record.call, 0, [request], { method, params })
    })
  }

  reply(request: number, ok: boolean, value: unknown): void {
    const call = this.#open.get(request)
    this.#open.delete(request)
    if (ok) call?.resolve(value)
    else {
      call?.reject(errorOfFailure(value as ReplyFailure))
    }
  }

  close(error: Error): void {
    this.#closed = error
    for (const { reject } of this.#open.values()) reject(error)
    this.#open.clear()
  }
}
