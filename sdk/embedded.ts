import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { EmbeddedData } from '../agent/embedded-data.ts'
import { defaultResources, objectStoreShare } from '../agent/home/machine.ts'
import { BellLoop, bellMemory } from '../wire/bell.ts'
import type { RecordMemory } from '../wire/inbox.ts'
import { type Hello, record, type Welcome } from '../wire/records.ts'
import { RingInbox, RingOutbox, ringMemory } from '../wire/ring.ts'
import { readText } from '../wire/texts.ts'
import { agentGone, type Connection } from './channels.ts'
import { prepareCapture } from './capture/index.ts'
import type { Engine } from './client/engine.ts'
import { LogPrinter } from './log-printer.ts'
import type { InitOptions } from './types.ts'

/** How long `close` waits for the agent's thread to take its leave. */
const CLOSE_MS = 5000

/** Starts a peer in a thread of this program; nothing is loaded of the network, and no port is open. */
export async function startEmbedded(options: InitOptions, hello: Hello): Promise<Connection> {
  const defaults = defaultResources()
  const memoryBytes = options.memoryBytes ?? defaults.memoryBytes
  const store = new SharedArrayBuffer(options.objectStoreBytes ?? Math.max(objectStoreShare(memoryBytes), 1 << 20))
  const toAgent = ringMemory()
  const toDriver = ringMemory()
  const bell = bellMemory()
  const agentBell = bellMemory()
  const entry = process.argv[1]
  const workerData: EmbeddedData = {
    channel: { in: toAgent, out: toDriver, bell: agentBell, peerBell: bell },
    store,
    hello,
    resources: { ...options.resources, cpus: options.cpus ?? defaults.cpus, gpus: options.gpus ?? 0, memoryBytes },
    labels: options.labels ?? {},
    folders: [...new Set([process.cwd(), ...(entry ? [dirname(entry)] : [])])],
  }
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const worker = new Worker(new URL(`../agent/embedded.${extension}`, import.meta.url), {
    workerData,
    execArgv: [],
    name: 'shoal agent',
  })
  const outbox = new RingOutbox(toAgent, agentBell)
  return await new EmbeddedConnection(worker, outbox, { memory: toDriver, agentBell, bell }, store, hello).opened()
}

class EmbeddedConnection implements Connection {
  readonly #worker: Worker
  readonly #outbox: RingOutbox
  readonly #store: SharedArrayBuffer
  readonly #loop: BellLoop
  readonly #printer: LogPrinter
  #engine: Engine | undefined
  #welcome: Welcome | undefined
  #onWelcome: { resolve(): void; reject(error: Error): void } | undefined
  #closing = false

  constructor(
    worker: Worker,
    outbox: RingOutbox,
    ring: { memory: SharedArrayBuffer; agentBell: Int32Array; bell: Int32Array },
    store: SharedArrayBuffer,
    hello: Hello,
  ) {
    this.#worker = worker
    this.#outbox = outbox
    this.#store = store
    this.#printer = new LogPrinter(hello.logToDriver !== false)
    const inbox = new RingInbox(ring.memory, ring.agentBell, this)
    this.#loop = new BellLoop(ring.bell, () => {
      const found = inbox.drain() > 0
      outbox.flush()
      return found
    })
    outbox.onPending = () => queueMicrotask(() => outbox.flush())
    worker.on('error', (error) => this.#gone(`${error.name}: ${error.message}`))
    worker.on('exit', (code) => this.#gone(`its thread ended with exit code ${code}`))
  }

  async opened(): Promise<this> {
    const welcomed = new Promise<void>((resolve, reject) => {
      this.#onWelcome = { resolve, reject }
    })
    this.#loop.run().catch((error: Error) => this.#gone(error.message))
    // The threads start meanwhile.
    prepareCapture()
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
      log: (isError, line) => this.#printer.print(isError, line),
    }
  }

  bind(engine: Engine): void {
    this.#engine = engine
  }

  record(type: number, field: number, memory: RecordMemory, at: number, bytes: number): void {
    if (this.#engine) {
      this.#engine.record(type, field, memory, at, bytes)
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
    let timer: NodeJS.Timeout | undefined
    await Promise.race([
      left,
      new Promise((resolve) => {
        timer = setTimeout(resolve, CLOSE_MS)
      }),
    ])
    clearTimeout(timer)
    this.#closing = true
    this.#printer.close()
    engine.close(undefined)
    this.#loop.stop()
    await this.#worker.terminate()
  }
}
