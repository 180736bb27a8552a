import { setTimeout as delay } from 'node:timers/promises'
import { state } from '../core/index.ts'
import { limits } from './limits.ts'
import type { PeerParts } from './parts.ts'

/** How a peer is drained. */
export interface DrainOptions {
  /** What runs has so long to finish. */
  deadlineMs: number
  /** The peer ends afterwards: what its programs have elsewhere is waited for as well. */
  leaving?: boolean
}

/** What draining needs of its peer. */
export interface DrainHost {
  /** Nothing new begins here, and others are told so. */
  shut(): void
  /** Actors move, or end. Resolves when none is left; `deadlineAt` may come nearer while it waits. */
  drainActors(deadlineAt: () => number): Promise<void>
  /** No other peer is linked. */
  alone(): boolean
  /** Values that are kept here for others go to those. Resolves when they have them. */
  handOver(): Promise<void>
  /** What was decided outside a turn is done. */
  stirred(): void
}

/**
 * A peer gives up everything that it does (api.md, `drain`): nothing new begins, what runs has until the deadline and then runs
 * again elsewhere without using up a retry, and what it keeps for others goes to those. Once: who drains it again waits for the
 * same, and may bring the deadline forward.
 */
export class Drain {
  readonly #parts: PeerParts
  readonly #host: DrainHost
  #done: Promise<void> | undefined
  #isDone = false
  #deadlineAt = Number.POSITIVE_INFINITY
  #leaving = false
  #look: (() => void) | undefined

  constructor(parts: PeerParts, host: DrainHost) {
    this.#parts = parts
    this.#host = host
  }

  get begun(): boolean {
    return this.#done !== undefined
  }

  begin({ deadlineMs, leaving = false }: DrainOptions): Promise<void> {
    this.#deadlineAt = Math.min(this.#deadlineAt, performance.now() + deadlineMs)
    // It has been idle since; what it owns and keeps by now is handed over before it ends.
    const again = this.#isDone && leaving && !this.#leaving
    this.#leaving ||= leaving
    if (again) this.#done = this.#drain()
    else this.#done ??= this.#drain()
    this.#look?.()
    return this.#done
  }

  async #drain(): Promise<void> {
    this.#isDone = false
    const { owner, now } = this.#parts
    this.#host.shut()
    owner.returnGuests(now())
    this.#host.stirred()
    // Before the peer ends, or where nobody could take them, actors that do nothing are not waited for.
    const endsIdle = (): boolean => (this.#leaving || this.#host.alone()) && !owner.busy
    const actors = this.#host.drainActors(() => (endsIdle() ? 0 : this.#deadlineAt))
    await this.#idleUntil(() => this.#deadlineAt)
    if (this.#busy) {
      owner.evict(now())
      this.#host.stirred()
      const until = performance.now() + limits.evictMs
      await this.#idleUntil(() => until)
    }
    await actors
    await this.#handOver()
    this.#isDone = true
  }

  get #busy(): boolean {
    const { owner } = this.#parts
    return this.#leaving ? owner.busy : owner.busyHere
  }

  /** Waits until nothing runs here, or that time, which may change meanwhile. */
  async #idleUntil(deadlineAt: () => number): Promise<void> {
    while (this.#busy && performance.now() < deadlineAt()) {
      const wait = Math.min(deadlineAt() - performance.now(), limits.drainLookMs)
      const over = new AbortController()
      const idle = new Promise<void>(resolve => {
        this.#look = resolve
      })
      await Promise.race([idle, delay(Math.max(1, wait), undefined, { signal: over.signal }).catch(() => undefined)])
      over.abort()
    }
    this.#look = undefined
  }

  /** To be called after every turn: perhaps nothing runs any more. */
  settled(): void {
    if (this.#look && !this.#busy) this.#look()
  }

  async #handOver(): Promise<void> {
    const left = Math.max(0, this.#deadlineAt - performance.now())
    const most = (this.#leaving ? limits.handOverLeavingMs : limits.handOverMaxMs) + left
    const over = new AbortController()
    const late = delay(Math.min(most, 2 ** 31 - 1), undefined, { signal: over.signal }).catch(() => undefined)
    await Promise.race([Promise.all([this.#host.handOver(), this.#protectAll()]), late])
    over.abort()
  }

  /** What others hold of this peer's own objects survives it: two of them keep a copy, and follow as its owner. */
  async #protectAll(): Promise<void> {
    const { replicas } = this.#parts.owner
    // What is inside a value is held by its keepers only once they have that.
    for (let held = this.#held(); held.length > 0; held = this.#held()) {
      const done = Promise.all(held.map(row => replicas.protect(row)))
      this.#host.stirred()
      await done
    }
  }

  #held(): number[] {
    const { rows, objects } = this.#parts.owner
    const held: number[] = []
    for (let row = 0; row < rows.capacity; row++) {
      const extra = rows.state[row] === state.free ? undefined : rows.extra[row]
      if (!extra?.borrowers || extra.borrowers.size === 0 || extra.replicas || extra.home) continue
      if (objects.isForeign(row) || (rows.state[row] !== state.ready && !objects.isHere(row))) continue
      held.push(row)
    }
    return held
  }
}
