import type { Task } from './running-task.ts'

/** A generator that says one item after the other gives the event loop a turn at least this often. */
const TURN_MS = 5

/** What a generator needs of the worker that drives it. */
export interface GeneratorDoor {
  /** Gives an item to the agent; a promise where that has to wait for room. */
  give(index: number, value: unknown): Promise<void> | undefined
  /** What was said leaves. */
  flush(): void
  /** Waits as for the mesh: the task's CPUs are free meanwhile. */
  suspended<T>(work: Promise<T>): Promise<T>
}

/** What is known of the readers of a generator's items. */
export class StreamDemand {
  #taken = 0
  #wake: (() => void) | undefined
  /** Nobody reads any more. */
  closed = false

  /** So many items have been taken; -1: nobody reads any more. */
  credit(taken: number): void {
    if (taken < 0) this.closed = true
    else this.#taken = Math.max(this.#taken, taken)
    this.wake()
  }

  wake(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  /** Whether one more item may be made after so many. */
  hasRoom(made: number, backpressure: number): boolean {
    return backpressure === 0 || made - this.#taken < backpressure
  }

  changed(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }
}

type Iterator_ = Iterator<unknown> | AsyncIterator<unknown>

/** Has a generator make its items, as many ahead of its reader as `backpressure` says (0: any number), to its end or the reader's. */
export async function drive(
  task: Task,
  iterator: Iterator_,
  demand: StreamDemand,
  { backpressure, door }: { backpressure: number; door: GeneratorDoor },
): Promise<void> {
  const isOver = (): boolean => demand.closed || task.abandoned || task.ended
  let turnAt = performance.now() + TURN_MS
  for (let made = 0; ; made++) {
    while (!isOver() && !demand.hasRoom(made, backpressure)) await door.suspended(demand.changed())
    if (isOver()) {
      await iterator.return?.()
      return
    }
    const next = iterator.next()
    const step = next instanceof Promise ? await next : next
    if ((step as IteratorResult<unknown>).done) return
    try {
      const { value } = step as IteratorResult<unknown>
      const room = door.give(made, value instanceof Promise ? await value : value)
      if (room !== undefined) await room
    } catch (error) {
      await iterator.return?.()
      throw error
    }
    door.flush()
    if (performance.now() < turnAt) continue
    await new Promise(setImmediate)
    turnAt = performance.now() + TURN_MS
  }
}
