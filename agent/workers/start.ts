import { Worker } from 'node:worker_threads'
import { bellMemory } from '../../wire/bell.ts'
import { ringMemory } from '../../wire/ring.ts'
import type { WorkerData } from './data.ts'
import { CLAIMS, INSIDE } from './process-start.ts'

/** A worker thread that has been started, with the memory that its agent shares with it. */
export interface StartedWorker {
  worker: Worker
  data: WorkerData
}

/** What is the same for every worker of a peer. */
export type WorkerSetup = Omit<WorkerData, 'channel' | 'claims' | 'client'>

/** Starts a worker thread. Records for it may be written at once: it reads them when it is ready. */
export function startWorker(setup: WorkerSetup, client: number, agentBell: Int32Array): StartedWorker {
  const data: WorkerData = {
    ...setup,
    client,
    channel: { in: ringMemory(), out: ringMemory(), bell: bellMemory(), peerBell: agentBell },
    claims: newClaims(),
  }
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const worker = new Worker(new URL(`./thread.${extension}`, import.meta.url), {
    workerData: data,
    stdout: true,
    stderr: true,
    execArgv: [],
    name: 'shoal worker',
  })
  return { worker, data }
}

function newClaims(): Int32Array {
  const claims = new Int32Array(new SharedArrayBuffer(CLAIMS * 4))
  claims[INSIDE] = -1
  return claims
}

/** The module that captured code sees as `shoal`. */
export function shoalUrl(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`../../sdk/public.${extension}`, import.meta.url).href
}
