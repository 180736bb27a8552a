import type { ActorRow, ObjectRow, PeerInfo, Resources, TaskRow, WorkerRow } from '../../wire/state.ts'

/** How a program joins. Everything but `address`, `namespace` and `logToDriver` is what an embedded peer offers. */
export interface InitOptions {
  /**
   * `'auto'`, the default: `$SHOAL_ADDRESS`, else this machine's running agent, else an embedded peer on its own.
   * `'local'`: an embedded peer on its own, whatever is running. A ticket (`shoal1…`): an embedded peer that joins that
   * mesh (`AdmissionError` where the ticket is not good). A path: the agent behind that socket (`ConnectError` if there is
   * none). `$SHOAL_ADDRESS` takes the same.
   */
  address?: string
  /** 0 or more, to 0.0001. Default: `os.availableParallelism()`. */
  cpus?: number
  /** Default 0. */
  gpus?: number
  /** Memory that tasks may reserve, in bytes. Default: 70 % of what the machine or the container may use. */
  memoryBytes?: number
  /** Size of the object store, in bytes, at least 1 MiB. Default: 30 % of `memoryBytes`. */
  objectStoreBytes?: number
  /** Resources of one's own, by name. */
  resources?: Record<string, number>
  /** What `placement: { labels }` looks at. */
  labels?: Record<string, string>
  /** Of named things. Default: one of this driver's own. */
  namespace?: string
  /** Whether console output of remote code appears here, prefixed. Default `true`. */
  logToDriver?: boolean
}

/** What a ticket allows. */
export interface TicketOptions {
  /** How many may join with it. Default 1. */
  uses?: number
  /** How long it is good, in milliseconds. Default 15 minutes, at most 30 days. */
  ttlMs?: number
  /** `'driver'`: who joins with it offers nothing to others. Default `'peer'`. */
  role?: 'peer' | 'driver'
}

/** A number of peers, and amounts of resources by name. */
export interface WaitForNeed {
  peers?: number
  cpus?: number
  [resource: string]: number | undefined
}

export interface WaitForOptions {
  timeoutMs?: number
  signal?: AbortSignal
}

/** Options of `drain`. */
export interface DrainOptions {
  /** What runs there has so long to finish, in milliseconds. Default: as long as it takes. */
  deadlineMs?: number
}

/** Rows of what the mesh is doing, as it is when they are asked for. A filter names fields and the values they must have. */
export interface MeshState {
  tasks(filter?: RowFilter<TaskRow>): AsyncIterable<TaskRow>
  actors(filter?: RowFilter<ActorRow>): AsyncIterable<ActorRow>
  objects(filter?: RowFilter<ObjectRow>): AsyncIterable<ObjectRow>
  workers(filter?: RowFilter<WorkerRow>): AsyncIterable<WorkerRow>
}

/** Fields of a row that can be filtered by: those with plain values. */
export type RowFilter<Row> = {
  [Field in keyof Row as NonNullable<Row[Field]> extends string | number | boolean ? Field : never]?: Row[Field]
}

/** The mesh this program is part of: what `init()` gives, and `mesh()` anywhere else. */
export interface Mesh extends AsyncDisposable {
  /** The peer this program talks to. */
  readonly peerId: string
  readonly meshId: string
  /** Every peer; eventually consistent, and each row says how old it is. */
  peers(): Promise<PeerInfo[]>
  /** What all live peers together have. */
  resources(): Promise<Resources>
  /** What of it is free now. */
  available(): Promise<Resources>
  readonly state: MeshState
  /**
   * Chrome trace JSON of what all peers remember: of each task its submission, its waiting for arguments and in the queue, the
   * bytes fetched for it, each run, the storing of a large result. Opens in Perfetto. Each peer remembers its last 10,000
   * tasks; times are by this peer's clock, with which those of the others are compared at the call.
   */
  timeline(): Promise<Uint8Array>
  /**
   * A ticket by which others join: `shoal join TICKET`, `init({ address: ticket })`. A secret. An embedded peer on its own
   * opens a port for its mesh with the first one. Rejects with `AdmissionError` where this peer may issue none.
   */
  ticket(options?: TicketOptions): Promise<string>
  /**
   * Resolves when the live peers are at least so many, and have at least so much in all. Rejects with `GetTimeoutError`
   * past `timeoutMs`, with the signal's reason when that is aborted.
   */
  waitFor(need: WaitForNeed, options?: WaitForOptions): Promise<void>
  /** Finishes what runs at this peer, and takes nothing new from then on. */
  drain(): Promise<void>
  /** Ends this program's job and what it started; waiting `get`s reject with `ClosedError`. Twice is nothing. `await using` calls it. */
  close(): Promise<void>
}
