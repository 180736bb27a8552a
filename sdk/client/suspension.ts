import type { RunningTask, WorkerBridge } from '../../wire/bridge.ts'
import type { Outbox } from '../../wire/outbox.ts'
import { record } from '../../wire/records.ts'
import { sendWords } from '../../wire/texts.ts'

/** What a wait was begun with, to be given back when it is over. */
export type WaitingTask = RunningTask | undefined

/**
 * What waiting means to those around: a driver's event loop stays alive; a task's resources are free for others, and it goes
 * on only when it has them again (protocols §1, Nested).
 */
export class Suspension {
  readonly #outbox: Outbox
  readonly #bridge: WorkerBridge | undefined
  readonly #hold: () => void
  readonly #letGo: () => void
  /** What is to go on once the agent has given a task its resources again. */
  readonly #resuming = new Map<number, (() => void)[]>()
  #waits = 0
  #closed = false

  constructor(channel: { outbox: Outbox; bridge: WorkerBridge | undefined; hold(): void; letGo(): void }) {
    this.#outbox = channel.outbox
    this.#bridge = channel.bridge
    this.#hold = () => channel.hold()
    this.#letGo = () => channel.letGo()
  }

  /** Somebody begins to wait for the mesh. */
  begin(): WaitingTask {
    if (this.#closed) return undefined
    if (!this.#bridge) {
      if (this.#waits++ === 0) this.#hold()
      return undefined
    }
    const task = this.#bridge.current()
    if (task?.keeps) return task
    if (!task || task.ended || task.abandoned) return undefined
    task.awaited = true
    if (task.waits++ === 0) {
      sendWords(this.#outbox, record.suspend, 0, task.token)
      task.park()
    }
    return task
  }

  /** The wait is over: calls `go`, at once or when the task may go on; never where its actor is over. */
  end(task: WaitingTask, go: () => void): void {
    if (!this.#bridge) {
      if (!this.#closed && --this.#waits === 0) this.#letGo()
      go()
      return
    }
    // What waited for it is never told: that code comes no further.
    if (task?.over) return
    if (!task || task.keeps || task.ended || this.#closed) {
      go()
      return
    }
    if (task.waits > 1 || task.abandoned) {
      // Another of its waits goes on: it is suspended still, and this part of it runs meanwhile. Or nobody will resume it.
      task.waits--
      go()
      return
    }
    const waiting = this.#resuming.get(task.token)
    if (waiting) {
      waiting.push(go)
      return
    }
    this.#resuming.set(task.token, [
      () => {
        task.waits--
        task.unpark()
        go()
      },
    ])
    sendWords(this.#outbox, record.resume, 0, task.token)
  }

  resumed(token: number): void {
    const waiting = this.#resuming.get(token)
    this.#resuming.delete(token)
    for (const go of waiting ?? []) go()
  }

  /** A promise whose waiting counts as waiting for the mesh. */
  async while<T>(work: Promise<T>): Promise<T> {
    const task = this.begin()
    try {
      return await work
    } finally {
      await new Promise<void>(resolve => this.end(task, resolve))
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (!this.#bridge && this.#waits > 0) this.#letGo()
    for (const waiting of this.#resuming.values()) for (const go of waiting) go()
    this.#resuming.clear()
  }
}
