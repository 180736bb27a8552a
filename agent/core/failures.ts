/** Why a task or object failed, where the agent itself says so. Its shell turns them into the errors that users see. */
export type Failure =
  | { kind: 'infeasible'; name: string; resource: string; requested: string; has: string; timeoutMs: number }
  | { kind: 'timeout'; name: string; timeoutMs: number }
  | { kind: 'cancelled'; name: string }
  | {
      kind: 'worker-died'
      name: string
      exitCode: number | null
      /** Of a process that a signal ended. */
      signal?: string | undefined
      isProcess?: boolean | undefined
      lastLines: string[]
      stoppedTask?: string
      reason: string
    }
  | ({ kind: 'out-of-memory'; name: string } & MemoryUse)
  | { kind: 'lost'; reason: string }
  | { kind: 'owner-died'; peerId: string }
  | { kind: 'peer-died'; name: string; peerId: string }
  | { kind: 'actor-died'; name?: string; reason: string; lastLines?: readonly string[]; cause?: Error }
  | { kind: 'name-taken'; actorName: string; namespace: string }
  | { kind: 'no-bundle'; name: string; resource: string; requested: string; has: string }
  | { kind: 'group-removed'; name: string; group: string; reason: string }
  | { kind: 'code'; bytes: Uint8Array }

/** A process past its limit, in bytes. */
export interface MemoryUse {
  limitBytes: number
  usedBytes: number
}

/** How a worker, a thread or a process, ended. */
export interface ThreadEnd {
  exitCode: number | null
  signal?: string | undefined
  isProcess?: boolean
  /** It was ended since it took more memory than its task may. */
  outOfMemory?: MemoryUse | undefined
  lastLines: string[]
  /** Token of the task that ended it, or -1 where nobody knows. */
  culprit: number
  /** The task that was stopped by ending the thread, by name. */
  stoppedTask?: string
  reason: string
}

/** What a task fails with whose worker has ended under it. */
export function workerFailure(name: string, end: ThreadEnd, stoppedTask: string | undefined): Failure {
  const { exitCode, signal, isProcess, lastLines, reason, outOfMemory } = end
  if (outOfMemory && stoppedTask === undefined) return { kind: 'out-of-memory', name, ...outOfMemory }
  return { kind: 'worker-died', name, exitCode, signal, isProcess, lastLines, reason, stoppedTask }
}

/** Why, in words, as the state shows it. */
export function reasonOf(failure: Failure): string {
  switch (failure.kind) {
    case 'infeasible':
      return `no peer could ever give it ${failure.requested} ${failure.resource}: the mesh has ${failure.has}`
    case 'name-taken':
      return `the name '${failure.actorName}' was held by another`
    default:
      return 'reason' in failure ? failure.reason : failure.kind
  }
}
