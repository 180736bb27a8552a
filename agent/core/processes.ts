import { limits } from './limits.ts'
import type { Thread } from './threads.ts'

/** Who uses the processes of one pool. */
interface Pool {
  /** Jobs that have declared functions for it. */
  readonly jobs: Set<number>
  usedAt: number
}

/**
 * What makes processes different from threads for the scheduler: each serves one job only, and starting one takes a tenth
 * of a second. So one that nobody has used is kept ready for each pool that somebody is about to use.
 */
export class Processes {
  readonly #threads: readonly Thread[]
  readonly #host: { start(pool: string, now: number): void; end(thread: Thread): void }
  readonly #pools = new Map<string, Pool>()

  constructor(threads: readonly Thread[], host: { start(pool: string, now: number): void; end(thread: Thread): void }) {
    this.#threads = threads
    this.#host = host
  }

  /** A job will have tasks for this pool. */
  expect(pool: string, job: number, now: number): void {
    const { jobs } = this.#pool(pool, now)
    // Once: what its tasks have used meanwhile is made good now and then, and not for each of its functions.
    if (jobs.has(job)) return
    jobs.add(job)
    this.keep(now)
  }

  #pool(name: string, now: number): Pool {
    let pool = this.#pools.get(name)
    if (pool === undefined) {
      pool = { jobs: new Set(), usedAt: now }
      this.#pools.set(name, pool)
    }
    return pool
  }

  /** A task of a job goes to a process: it is this job's from now on. */
  used(thread: Thread, job: number, now: number): void {
    thread.bound = job
    this.#pool(thread.pool, now).usedAt = now
  }

  /** Whether it is kept although it is idle. */
  isSpare(thread: Thread): boolean {
    return thread.isProcess && thread.bound === -1 && this.#pools.has(thread.pool)
  }

  /** Starts what is to be ready, the pools used last first. To be called now and then. */
  keep(now: number): void {
    for (const [name, { jobs, usedAt }] of this.#pools) {
      if (jobs.size === 0 && now - usedAt > limits.spareMs) this.#pools.delete(name)
    }
    let spares = this.#threads.filter(thread => this.isSpare(thread)).length
    const wanted = [...this.#pools].sort(([, a], [, b]) => b.usedAt - a.usedAt)
    for (const [name] of wanted) {
      if (spares >= limits.sparesMax) return
      if (this.#threads.some(thread => thread.pool === name && thread.bound === -1)) continue
      this.#host.start(name, now)
      spares++
    }
  }

  /** Where no more may start: ends the idle process that was used longest ago. Whether there was one. */
  makeRoom(): boolean {
    let oldest: Thread | undefined
    for (const thread of this.#threads) {
      if (!thread.isProcess || thread.busy) continue
      if (oldest === undefined || thread.usedAt < oldest.usedAt) oldest = thread
    }
    if (oldest === undefined) return false
    this.#host.end(oldest)
    return true
  }

  /** A job is over: what served it ends, at once or when it is idle. */
  jobEnded(job: number): void {
    for (const { jobs } of this.#pools.values()) jobs.delete(job)
    for (const thread of [...this.#threads]) {
      if (!thread.isProcess || thread.bound !== job) continue
      if (thread.busy) thread.over = true
      else this.#host.end(thread)
    }
  }
}
