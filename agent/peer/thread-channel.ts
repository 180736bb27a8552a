import type { Worker } from 'node:worker_threads'
import { record } from '../../wire/records.ts'
import { RingInbox, RingOutbox } from '../../wire/ring.ts'
import { sendWords } from '../../wire/texts.ts'
import { FREEZE, INSIDE, type StartedWorker } from '../workers/index.ts'
import { interruptWorker } from './interrupt.ts'
import type { ChannelEvents, WorkerChannel } from './worker-host.ts'

/** A worker thread: rings in shared memory, in the same process. */
export class ThreadChannel implements WorkerChannel {
  readonly outbox: RingOutbox
  readonly claims: Int32Array
  readonly pid = process.pid
  readonly workerId: string
  readonly isWorn = false
  readonly #started: StartedWorker
  readonly #worker: Worker
  #inbox: RingInbox | undefined

  constructor(id: number, started: StartedWorker) {
    this.workerId = `t${id}`
    this.#started = started
    this.#worker = started.worker
    this.claims = started.data.claims
    this.outbox = new RingOutbox(started.data.channel.in, started.data.channel.bell)
  }

  open(events: ChannelEvents): void {
    const { channel } = this.#started.data
    this.#inbox = new RingInbox(channel.out, channel.bell, events)
    this.#worker.stdout.on('data', (text: Buffer) => events.output(false, text.toString()))
    this.#worker.stderr.on('data', (text: Buffer) => events.output(true, text.toString()))
    let failure: Error | undefined
    this.#worker.on('error', (error: Error) => {
      failure = error
    })
    this.#worker.on('exit', exitCode => {
      this.drain()
      const reason = failure ? `${failure.name}: ${failure.message}` : `exit code ${exitCode}`
      events.ended({ exitCode, reason })
    })
  }

  drain(): boolean {
    return (this.#inbox?.drain() ?? 0) > 0
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate()
  }

  inside(): number {
    return Atomics.load(this.claims, INSIDE)
  }

  interrupt(isStill: () => boolean): Promise<boolean> {
    return interruptWorker(this.#worker, isStill)
  }

  freeze(frozen: boolean): void {
    const { claims } = this
    Atomics.store(claims, FREEZE, frozen ? 1 : 0)
    if (frozen) {
      sendWords(this.outbox, record.freeze, 0, 0)
      this.outbox.flush()
    } else Atomics.notify(claims, FREEZE)
  }

  async measure(): Promise<number> {
    const { used_heap_size: used } = await this.#worker.getHeapStatistics()
    return used
  }
}
