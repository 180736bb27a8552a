import { markOf, startProcess } from '../workers/index.ts'
import { FailedChannel } from './failed-channel.ts'
import { processOf } from './pools.ts'
import { ProcessChannel } from './process-channel.ts'
import type { WorkerChannel } from './worker-host.ts'

/** Processes whose pids are remembered after their end: the history of tasks names them. */
const PIDS_MAX = 10_000

/** What is the same for every worker process of a peer. */
type Setup = Omit<Parameters<typeof startProcess>[0], 'client'>

/** Starts worker processes, and knows the pids of those that there were. */
export class ProcessStarter {
  readonly #setup: Setup
  readonly #pids = new Map<number, number>()

  constructor({ peerId, meshId, incarnation, release, shoalUrl, folders }: Setup) {
    this.#setup = { peerId, meshId, incarnation, release, shoalUrl, folders }
  }

  start(worker: number, client: number, pool: string): WorkerChannel {
    const channel = this.#start(worker, client, pool)
    this.#pids.set(worker, channel.pid)
    for (const [oldest] of this.#pids) {
      if (this.#pids.size <= PIDS_MAX) break
      this.#pids.delete(oldest)
    }
    return channel
  }

  #start(worker: number, client: number, pool: string): WorkerChannel {
    const spec = processOf(pool)
    try {
      const identity = { ...this.#setup, client }
      const { memoryBytes } = spec
      return new ProcessChannel(worker, startProcess(identity, spec), { memoryBytes, mark: markOf(identity) })
    } catch (error) {
      return new FailedChannel(worker, error as Error)
    }
  }

  pid(worker: number): number | undefined {
    return this.#pids.get(worker)
  }
}
