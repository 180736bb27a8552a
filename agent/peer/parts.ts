import type { FunctionSpec } from '../../wire/records.ts'
import type { Client, Demand, Kind, Owner } from '../core/index.ts'
import type { ClientRecords } from './client-records.ts'
import type { Codes } from './codes.ts'
import type { Store } from './store.ts'

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
  now(): number
  /** Why no peer could ever run tasks with this spec, or undefined. */
  impossible(spec: FunctionSpec, demand: Demand): Kind['impossible']
  /** Sends a stored value over a client's socket. */
  sendPieces(client: ClientRecords, row: number, slot: number): void
  /** Answers a question of a client or of the command line. */
  answer(method: string, params: unknown, client: Client | undefined): Promise<unknown>
}
