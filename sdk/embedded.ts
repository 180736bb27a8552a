import { rmSync } from 'node:fs'
import type { Worker } from 'node:worker_threads'
import { type EmbeddedAgent, startEmbeddedAgent } from '../agent/embedded-start.ts'
import { BellLoop } from '../wire/bell.ts'
import { control } from '../wire/embedded-control.ts'
import { errorOfFailure, type ReplyFailure } from '../wire/errors/index.ts'
import type { RecordMemory } from '../wire/inbox.ts'
import { type Hello, record, type Welcome } from '../wire/records.ts'
import { RingInbox, RingOutbox } from '../wire/ring.ts'
import { readText } from '../wire/texts.ts'
import { captureModule } from './capture-door.ts'
import { agentGone, type Connection } from './channels.ts'
import type { Engine } from './client/index.ts'
import { LogPrinter } from './log-printer.ts'
import type { InitOptions } from './types.ts'

/** How long `close` waits for the agent's thread to take its leave. */
const CLOSE_MS = 5000
/** The same, where it has others to tell and work of theirs to finish. */
const MESH_CLOSE_MS = 10_000
/** How long the end of a program that did not close waits for that. */
const EXIT_MS = 2000

/** Starts a peer in a thread of this program; nothing is loaded of the network, and no port is open. */
export async function startEmbedded(options: InitOptions, hello: Hello, ticket?: string): Promise<Connection> {
  return await new EmbeddedConnection(startEmbeddedAgent(options, hello, ticket), hello).opened()
}

class EmbeddedConnection implements Connection {
  readonly #worker: Worker
  readonly #outbox: RingOutbox
  readonly #store: SharedArrayBuffer
  readonly #control: Int32Array
  readonly #spillDir: string
  readonly #loop: BellLoop
  readonly #printer: LogPrinter
  #engine: Engine | undefined
  #welcome: Welcome | undefined
  #onWelcome: { resolve(): void; reject(error: Error): void } | undefined
  #closing = false
  readonly #inbox: RingInbox
  #draining = false

  constructor({ worker, store, toAgent, toDriver, control: cells, spillDir }: EmbeddedAgent, hello: Hello) {
    this.#control = cells
    this.#spillDir = spillDir
    process.on('exit', this.#atExit)
    const outbox = new RingOutbox(toAgent.memory, toAgent.bell)
    this.#worker = worker
    this.#outbox = outbox
    this.#store = store
    this.#printer = new LogPrinter(hello.logToDriver !== false)
    const inbox = new RingInbox(toDriver.memory, toAgent.bell, this)
    this.#loop = new BellLoop(toDriver.bell, () => {
      const found = this.#drain()
      outbox.flush()
      return found
    })
    this.#inbox = inbox
    outbox.onPending = () => queueMicrotask(() => outbox.flush())
    worker.on('error', error => this.#gone(`${error.name}: ${error.message}`))
    worker.on('exit', code => {
      // Its last word may have come in the same moment.
      inbox.drain()
      this.#gone(`its thread ended with exit code ${code}`)
    })
  }

  /** Reads what has arrived; not in the middle of doing so. */
  #drain(): boolean {
    if (this.#draining) return false
    this.#draining = true
    try {
      return this.#inbox.drain() > 0
    } finally {
      this.#draining = false
    }
  }

  async opened(): Promise<this> {
    const welcomed = new Promise<void>((resolve, reject) => {
      this.#onWelcome = { resolve, reject }
    })
    this.#loop.run().catch((error: Error) => this.#gone(error.message))
    // The threads start meanwhile.
    captureModule().prepareCapture()
    await welcomed
    this.#worker.unref()
    return this
  }

  get channel(): Connection['channel'] {
    return {
      outbox: this.#outbox,
      welcome: this.#welcome as Welcome,
      store: this.#store,
      bridge: undefined,
      hold: () => this.#worker.ref(),
      letGo: () => this.#worker.unref(),
      drain: () => void this.#drain(),
      log: (isError, line) => this.#printer.print(isError, line),
    }
  }

  bind(engine: Engine): void {
    this.#engine = engine
  }

  record(type: number, field: number, memory: RecordMemory, at: number, bytes: number): void {
    if (this.#engine) {
      this.#engine.record(type, field, memory, at, bytes)
    } else if (type === record.closed) {
      // It could not become a peer: its ticket, mostly.
      const { failure } = readText(memory, at, 0, bytes) as { failure: ReplyFailure }
      this.#closing = true
      this.#loop.stop()
      this.#onWelcome?.reject(errorOfFailure(failure))
    } else if (type === record.welcome) {
      this.#welcome = readText(memory, at, 0, bytes) as Welcome
      this.#onWelcome?.resolve()
    }
  }

  #gone(reason: string): void {
    if (this.#closing) return
    const error = agentGone(this.#welcome, reason)
    this.#onWelcome?.reject(error)
    this.#engine?.close(reason, error)
    this.#loop.stop()
  }

  async close(): Promise<void> {
    const engine = this.#engine
    if (!engine || this.#closing) return
    // Its answer comes after everything that was on its way here: the last lines of console output too.
    this.#worker.ref()
    const left = engine.calls.call('leave', { client: engine.welcome.client }).catch(() => undefined)
    const answer = (await within(CLOSE_MS, left)) as { mesh?: boolean } | undefined
    this.#closing = true
    this.#printer.close()
    engine.close(undefined)
    this.#loop.stop()
    process.off('exit', this.#atExit)
    if (answer?.mesh !== true) {
      await this.#worker.terminate()
      this.#removeSpilled()
      return
    }
    // It ends by itself: a thread that is ended with calls of the network's native code in flight takes the process with it.
    const exited = new Promise(resolve => this.#worker.once('exit', resolve))
    Atomics.store(this.#control, control.end, 1)
    Atomics.notify(this.#control, control.end)
    await within(MESH_CLOSE_MS, exited)
    this.#worker.unref()
    this.#removeSpilled()
  }

  /** The program ends without `close`: an agent with a mesh leaves it before its thread is stopped. */
  readonly #atExit = (): void => {
    if (Atomics.load(this.#control, control.mesh) !== 0) {
      Atomics.store(this.#control, control.end, 2)
      Atomics.notify(this.#control, control.end)
      Atomics.wait(this.#control, control.ended, 0, EXIT_MS)
    }
    this.#removeSpilled()
  }

  #removeSpilled(): void {
    try {
      rmSync(this.#spillDir, { recursive: true, force: true })
    } catch {
      // It goes with the next program that spills.
    }
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
