import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { bellMemory } from '../wire/bell.ts'
import { controlBytes } from '../wire/embedded-control.ts'
import type { Hello } from '../wire/records.ts'
import { ringMemory } from '../wire/ring.ts'
import type { EmbeddedData } from './embedded-data.ts'
import { embeddedSpillFolder } from './embedded-spill.ts'
import { defaultResources, objectStoreShare } from './machine.ts'

/** What an embedded peer offers; what is left out has the machine's own values. */
export interface EmbeddedOptions {
  cpus?: number | undefined
  gpus?: number | undefined
  memoryBytes?: number | undefined
  objectStoreBytes?: number | undefined
  resources?: Record<string, number> | undefined
  labels?: Record<string, string> | undefined
}

/** An embedded peer's thread, and the memory that its program shares with it. */
export interface EmbeddedAgent {
  worker: Worker
  store: SharedArrayBuffer
  /** From the program to the agent, and back; each with the doorbell of the one who reads it. */
  toAgent: { memory: SharedArrayBuffer; bell: Int32Array }
  toDriver: { memory: SharedArrayBuffer; bell: Int32Array }
  control: Int32Array
  /** Where it spills: to be removed when it has ended. */
  spillDir: string
}

/** The least that an object store has. */
const STORE_BYTES_MIN = 1 << 20

/** Starts a peer in a thread of this process. Its store's pages are taken when they are first written. */
export function startEmbeddedAgent(options: EmbeddedOptions, hello: Hello, ticket?: string): EmbeddedAgent {
  const defaults = defaultResources()
  const memoryBytes = options.memoryBytes ?? defaults.memoryBytes
  const store = new SharedArrayBuffer(
    options.objectStoreBytes ?? Math.max(objectStoreShare(memoryBytes), STORE_BYTES_MIN),
  )
  const toAgent = { memory: ringMemory(), bell: bellMemory() }
  const toDriver = { memory: ringMemory(), bell: bellMemory() }
  const control = new Int32Array(new SharedArrayBuffer(controlBytes))
  const spillDir = embeddedSpillFolder()
  const entry = process.argv[1]
  const workerData: EmbeddedData = {
    channel: { in: toAgent.memory, out: toDriver.memory, bell: toAgent.bell, peerBell: toDriver.bell },
    store,
    hello,
    resources: { ...options.resources, cpus: options.cpus ?? defaults.cpus, gpus: options.gpus ?? 0, memoryBytes },
    labels: options.labels ?? {},
    spillDir,
    ticket,
    control,
    folders: [...new Set([process.cwd(), ...(entry ? [dirname(entry)] : [])])],
  }
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const worker = new Worker(new URL(`./embedded.${extension}`, import.meta.url), {
    workerData,
    execArgv: [],
    name: 'shoal agent',
  })
  return { worker, store, toAgent, toDriver, control, spillDir }
}
