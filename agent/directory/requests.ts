import { setTimeout as delay } from 'node:timers/promises'
import { NamesUnavailableError } from '../../wire/errors/index.ts'
import type { Known } from './knowledge.ts'
import { limits } from './limits.ts'
import { NotLeader } from './replica.ts'
import type { Answer, Request } from './wire.ts'

/** What requests need of their directory. */
export interface RequestsPort {
  readonly peerId: string
  known(): Known
  learn(known: Known): void
  /** Peers that a request can be sent to. */
  reachable(): string[]
  leads(): boolean
  /** At the leader. Rejects with NotLeader. */
  here(request: Request): Promise<unknown>
  send(peerId: string, q: number, hops: number, request: Request): void
}

/** How long one peer's answer is waited for: a holder that is not reached is waited for by the leader itself. */
export function answerMs(request: Request): number {
  return request.do === 'kill' ? limits.stopMs + limits.expireMs + limits.answerMs : limits.answerMs
}

/** The directory has said no, for good: a bound was reached. */
class Refused extends Error {}

/** Requests of this peer and of those that it passes on, until the leader has answered. */
export class Requests {
  readonly #port: RequestsPort
  readonly #open = new Map<number, { peerId: string; end(answer: Answer | undefined): void }>()
  #next = 1
  #changed = Promise.withResolvers<void>()
  #closed = false

  constructor(port: RequestsPort) {
    this.#port = port
  }

  /** Who decides has changed, or can be reached: what waits is tried again. */
  stirred(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  /** Over changes of leaders. Rejects with NamesUnavailableError. `instead`: an answer for want of a leader. */
  async ask(
    request: Request,
    timeoutMs: number = limits.requestMs,
    instead?: (waitedMs: number) => unknown,
  ): Promise<unknown> {
    if (this.#open.size >= limits.requestsOpenMax)
      throw this.#unavailable(timeoutMs, `${limits.requestsOpenMax} requests are open, the most`)
    const began = performance.now()
    const until = began + timeoutMs
    for (let attempt = 0; ; attempt++) {
      const left = until - performance.now()
      if (this.#closed || left <= 0) throw this.#unavailable(timeoutMs)
      try {
        const answer = await this.#attempt(request, attempt, Math.min(answerMs(request), left))
        if (answer && 'value' in answer) return answer.value
        if (answer && 'refused' in answer) throw new Refused(answer.refused)
        if (answer) this.#port.learn(answer.known)
      } catch (error) {
        if (error instanceof Refused) throw this.#unavailable(timeoutMs, error.message)
        if (!(error instanceof NotLeader)) throw error
      }
      const other = instead?.(performance.now() - began)
      if (other !== undefined) return other
      await this.#pause(Math.min(limits.retryMs * 2 ** Math.min(attempt, 6), limits.retryMaxMs, Math.max(1, left)))
    }
  }

  /** The leader first, then those who vote, then anybody. */
  async #attempt(request: Request, attempt: number, waitMs: number): Promise<Answer | undefined> {
    if (this.#port.leads()) return { value: await this.#within(this.#port.here(request), waitMs) }
    const { leader, voters } = this.#port.known()
    const reachable = new Set(this.#port.reachable())
    const first = [leader, ...voters].filter((peer): peer is string => peer !== undefined && reachable.has(peer))
    const order = [...new Set([...first, ...reachable])]
    if (order.length === 0) return undefined
    return await this.send(order[attempt % order.length], request, limits.hopsMax, waitMs)
  }

  async #within<T>(work: Promise<T>, ms: number): Promise<T> {
    const over = new AbortController()
    const late = delay(ms, undefined, { signal: over.signal, ref: false }).then(
      () => Promise.reject(new NotLeader()),
      () => new Promise<never>(() => {}),
    )
    try {
      return await Promise.race([work, late])
    } finally {
      over.abort()
    }
  }

  /** One peer's answer; undefined: none came. */
  async send(peerId: string, request: Request, hops: number, waitMs: number): Promise<Answer | undefined> {
    const q = this.#next++
    return await new Promise(resolve => {
      const timer = setTimeout(() => end(undefined), waitMs)
      const end = (answer: Answer | undefined): void => {
        clearTimeout(timer)
        this.#open.delete(q)
        resolve(answer)
      }
      this.#open.set(q, { peerId, end })
      this.#port.send(peerId, q, hops, request)
    })
  }

  answered(q: number, answer: Answer): void {
    this.#open.get(q)?.end(answer)
  }

  /** Nobody answers for a peer that is gone. */
  ended(peerId: string): void {
    for (const one of [...this.#open.values()]) if (one.peerId === peerId) one.end(undefined)
    this.stirred()
  }

  async #pause(ms: number): Promise<void> {
    const over = new AbortController()
    await Promise.race([delay(ms, undefined, { signal: over.signal }).catch(() => undefined), this.#changed.promise])
    over.abort()
  }

  #unavailable(timeoutMs: number, reason?: string): NamesUnavailableError {
    const { voters } = this.#port.known()
    const reachable = new Set([this.#port.peerId, ...this.#port.reachable()])
    const unreachable = voters.filter(peer => !reachable.has(peer))
    const who =
      voters.length === 0
        ? 'it is not known who votes'
        : `${voters.join(', ')} ${voters.length === 1 ? 'votes' : 'vote'}${unreachable.length > 0 ? `, and ${unreachable.join(', ')} ${unreachable.length === 1 ? 'is' : 'are'} not reached` : ''}`
    const what = this.#closed ? 'this peer is closed' : `the directory of names has not answered within ${timeoutMs} ms`
    return new NamesUnavailableError(
      reason === undefined
        ? `${what}: ${who}. It goes on when a majority is there again; if that will never be, shoal names recover --force makes this agent the only voter`
        : `the directory of names refuses: ${reason}`,
      { voters: [...voters], unreachable, timeoutMs },
    )
  }

  close(): void {
    this.#closed = true
    for (const one of [...this.#open.values()]) one.end(undefined)
    this.stirred()
  }
}
