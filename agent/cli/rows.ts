/** The rows that an agent's control methods give (docs/cli.md, "JSON"). Times in ms since the epoch. */
export interface Resources {
  cpus: number
  gpus: number
  memoryBytes: number
  [custom: string]: number
}

export interface PeerRow {
  peerId: string
  address: string[]
  state: 'alive' | 'suspect' | 'draining' | 'left' | 'dead'
  role: string
  resources: Resources
  available: Resources
  labels: Record<string, string>
  pid: number
  version: string
  ageMs: number
  store: {
    capacityBytes: number
    usedBytes: number
    objects: number
    spilledBytes: number
    spilledObjects: number
    restoredBytes: number
    restoredObjects: number
  }
}

export interface TaskRow {
  taskId: string
  name: string
  kind: 'task' | 'call'
  state: 'waiting' | 'queued' | 'running' | 'finished' | 'failed' | 'cancelled'
  reason?: string
  jobId: string
  ownerId: string
  peerId?: string
  actorId?: string
  attempt: number
  attempts: { peerId: string; workerId: string; pid: number; startedAt: number; endedAt?: number; error?: unknown }[]
  submittedAt: number
  resources: Resources
}

export interface ObjectRow {
  objectId: string
  bytes: number
  kind: 'put' | 'result'
  ownerId: string
  jobId: string
  locations: string[]
  spilled: boolean
  references: { local: number; borrowers: number; tasks: number }
  name?: string
}

export interface WorkerRow {
  workerId: string
  peerId: string
  kind: 'thread' | 'process'
  pid: number
  state: 'idle' | 'busy'
  taskId?: string
  actorIds: string[]
  memoryBytes: number
}

export interface StatusRow {
  meshId: string
  peers: PeerRow[]
  resources: Resources
  available: Resources
  waiting: { reason: string; resources: Resources; count: number }[]
  tasks: Record<string, number>
  actors: Record<string, number>
}
