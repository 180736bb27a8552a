import { Socket } from 'node:net'
import { StreamOutbox } from '../../wire/stream.ts'
import { limits } from './limits.ts'
import type { ChannelEvents, WorkerChannel } from './worker-host.ts'

/** A process that could not be started: it ends a moment later, and says why. */
export class FailedChannel implements WorkerChannel {
  readonly outbox = new StreamOutbox(new Socket().on('error', () => undefined))
  readonly claims = undefined
  readonly pid = 0
  readonly workerId: string
  readonly isWorn = false
  readonly #reason: string

  constructor(id: number, error: Error) {
    this.workerId = `p${id}`
    this.#reason = `it could not be started: ${error.message}`
  }

  open(events: ChannelEvents): void {
    // Not at once: what is tried without end is not to be tried without a pause.
    setTimeout(() => events.ended({ exitCode: null, isProcess: true, reason: this.#reason }), limits.startAgainMs)
  }

  drain(): boolean {
    return false
  }

  async terminate(): Promise<void> {}

  inside(): number {
    return -1
  }

  async interrupt(): Promise<boolean> {
    return false
  }

  freeze(): void {}

  async measure(): Promise<number> {
    return 0
  }
}
