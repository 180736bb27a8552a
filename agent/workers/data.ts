import type { RingPair } from '../../wire/ring.ts'

/** What every worker, a thread or a process, is started with. */
export interface WorkerIdentity {
  /** Its number as a client of the agent. */
  client: number
  peerId: string
  meshId: string
  incarnation: number
  release: string
  /** The module that `import … from 'shoal'` gives in captured code. */
  shoalUrl: string
  /** Where packages that are not shipped are looked for. */
  folders: string[]
}

/** What a worker thread is started with. */
export interface WorkerData extends WorkerIdentity {
  channel: RingPair
  claims: Int32Array
  store: SharedArrayBuffer
}
