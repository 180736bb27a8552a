/** Why a task or object failed, where the agent itself says so. Its shell turns them into the errors that users see. */
export type Failure =
  | { kind: 'infeasible'; name: string; resource: string; requested: string; has: string; timeoutMs: number }
  | { kind: 'timeout'; name: string; timeoutMs: number }
  | {
      kind: 'worker-died'
      name: string
      exitCode: number | null
      lastLines: string[]
      stoppedTask?: string
      reason: string
    }
  | { kind: 'lost'; reason: string }
  | { kind: 'owner-died'; peerId: string }
  | { kind: 'peer-died'; name: string; peerId: string }
  | { kind: 'code'; bytes: Uint8Array }

/** How a worker thread ended. */
export interface ThreadEnd {
  exitCode: number | null
  lastLines: string[]
  /** Token of the task that ended it, or -1 where nobody knows. */
  culprit: number
  /** The task that was stopped by ending the thread, by name. */
  stoppedTask?: string
  reason: string
}
