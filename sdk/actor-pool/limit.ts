import { waitForMesh } from '../client/index.ts'
import { GetTimeoutError } from '../errors/index.ts'

/** How long a call may take in all: several waits share one. */
export class Limit {
  readonly #call: string
  readonly #timeoutMs: number | undefined
  readonly #startedAt = performance.now()

  constructor(call: string, timeoutMs: number | undefined) {
    this.#call = call
    this.#timeoutMs = timeoutMs
  }

  /** What is left of it, as an option of `get`. */
  get rest(): { timeoutMs?: number } {
    return this.#timeoutMs === undefined ? {} : { timeoutMs: this.#leftMs(this.#timeoutMs) }
  }

  get isOver(): boolean {
    return this.#timeoutMs !== undefined && this.#leftMs(this.#timeoutMs) === 0
  }

  /**
   * Waits until `resolve` is called, as for the mesh: a task's CPUs are free meanwhile. `subscribe` gives what ends its
   * listening, which is called at once when the time is over.
   */
  wait<T>(subscribe: (resolve: (value: T) => void) => () => void): Promise<T> {
    const waiting = new Promise<T>((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      const unsubscribe = subscribe(value => {
        clearTimeout(timer)
        resolve(value)
      })
      if (this.#timeoutMs === undefined) return
      timer = setTimeout(() => {
        unsubscribe()
        reject(this.#late(this.#timeoutMs!))
      }, this.#leftMs(this.#timeoutMs))
    })
    return waitForMesh(waiting)
  }

  #leftMs(timeoutMs: number): number {
    return Math.max(0, timeoutMs - (performance.now() - this.#startedAt))
  }

  #late(timeoutMs: number): GetTimeoutError {
    const message = `${this.#call} took longer than its timeoutMs of ${timeoutMs} ms; what it waited for is there for the next one`
    return new GetTimeoutError(message, { timeoutMs })
  }
}
