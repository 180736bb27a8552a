/** Amounts of resources, by name: `cpus`, `gpus`, `memoryBytes` in bytes, and one's own. */
export interface Resources {
  cpus: number
  gpus: number
  memoryBytes: number
  [resource: string]: number
}

/** Where a task is. */
export type TaskState = 'waiting' | 'queued' | 'running' | 'finished' | 'failed' | 'cancelled'

/** A peer, as another one sees it. Times are milliseconds since the epoch, here and in every row. */
export interface PeerInfo {
  peerId: string
  address: string[]
  state: 'alive' | 'suspect' | 'draining' | 'left' | 'dead'
  role: 'peer' | 'driver'
  resources: Resources
  available: Resources
  labels: Record<string, string>
  pid: number
  version: string
  /** How old this row is, in milliseconds. */
  ageMs: number
  store: StoreInfo
}

/** A peer's object store. */
export interface StoreInfo {
  capacityBytes: number
  usedBytes: number
  objects: number
  spilledBytes: number
  spilledObjects: number
  restoredBytes: number
  restoredObjects: number
}

/** One run of a task. */
export interface TaskAttempt {
  peerId: string
  workerId: string
  pid: number
  startedAt: number
  endedAt?: number
  error?: string
}

/** A task. */
export interface TaskRow {
  taskId: string
  name: string
  kind: 'task' | 'call'
  state: TaskState
  /** Why it waits or failed, in words. */
  reason?: string
  jobId: string
  ownerId: string
  peerId?: string
  actorId?: string
  attempt: number
  attempts: TaskAttempt[]
  submittedAt: number
  resources: Resources
}

/** Where an actor is. */
export type ActorState = 'pending' | 'alive' | 'restarting' | 'dead'

/** An actor. */
export interface ActorRow {
  actorId: string
  className: string
  name?: string
  namespace: string
  lifetime: 'refs' | 'detached'
  state: ActorState
  /** What it waits for, or why it died, in words. */
  reason?: string
  peerId?: string
  workerId?: string
  pid?: number
  restarts: number
  /** Calls that have not ended. */
  pendingCalls: number
  jobId: string
}

/** An object. */
export interface ObjectRow {
  objectId: string
  bytes: number
  kind: 'put' | 'result'
  ownerId: string
  jobId: string
  /** The peers that have a copy. */
  locations: string[]
  spilled: boolean
  /**
   * Who holds it, counted: refs and views in programs and workers of its owner's peer, other peers, tasks that are not over
   * and name it in their arguments, objects inside whose value it is.
   */
  references: { local: number; borrowers: number; tasks: number; objects: number }
  name?: string
}

/** A worker: a thread or a process in which tasks run. */
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

/** The mesh at a glance: what `shoal status` prints. */
export interface Status {
  meshId: string
  peers: PeerInfo[]
  resources: Resources
  available: Resources
  waiting: { reason: string; resources: Resources; count: number }[]
  tasks: Record<TaskState, number>
  actors: Record<ActorState, number>
}
