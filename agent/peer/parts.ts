import type { FunctionSpec } from '../../wire/records.ts'
import type { Client, Owner } from '../core/index.ts'
import type { Codes } from './codes.ts'
import type { Names } from './names.ts'
import type { Store } from './store.ts'
import type { Reading } from './streams.ts'

/** What the parts of a peer's shell share. */
export interface PeerParts {
  readonly owner: Owner
  readonly store: Store
  readonly codes: Codes
  /** By the index of their kinds. */
  readonly specs: FunctionSpec[]
  /** The job that defined each kind. */
  readonly kindJobs: number[]
  jobOfKind(kind: number): { jobId: string; namespace: string }
  /** The namespace of a job; where that is over, of what defined a kind. */
  namespaceOf(job: number, kind: number): string
  now(): number
  readonly names: Names
  /** What is known of another peer's process. */
  peerFacts(peerId: string): { pid: number }
  /** The pid of a worker that is, or was, a process; undefined for a thread. */
  processPid(worker: number): number | undefined
  /** Asks other peers for code. Resolves when it is here, or when nobody has it. */
  wantCode(hash: string): Promise<boolean>
  /** What a client says of a stream that it reads. */
  reading(client: Client, slot: number, what: Reading, count: number): void
  /** Functions of this peer's programs run in this placement group. */
  useGroup(id: string): void
  /** Answers a question of a client or of the command line. */
  answer(method: string, params: unknown, client: Client | undefined): Promise<unknown>
}
