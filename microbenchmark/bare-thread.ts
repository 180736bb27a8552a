import { Worker } from 'node:worker_threads'

const source = `const { parentPort } = require('node:worker_threads')
parentPort.on('message', value => parentPort.postMessage(value))`

/** What Node gives by itself: a thread that sends back what it is sent. The yardstick of tasks, calls and actors. */
export class BareThread implements AsyncDisposable {
  readonly #worker = new Worker(source, { eval: true })
  #missing = 0
  #answered: (() => void) | undefined

  constructor() {
    this.#worker.on('message', () => {
      if (--this.#missing === 0) this.#answered?.()
    })
  }

  /** Sends so many at once; resolves when all are back. One call at a time. */
  echo(count: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#missing = count
      this.#answered = () => {
        this.#worker.off('error', reject)
        resolve()
      }
      this.#worker.once('error', reject)
      for (let index = 0; index < count; index++) this.#worker.postMessage(index)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }
}
