import type { ObjectRow, PeerInfo, Resources, TaskRow, WorkerRow } from '../../wire/state.ts'

/** How a program joins. Everything but `address`, `namespace` and `logToDriver` is what an embedded peer offers. */
export interface InitOptions {
  /**
   * `'auto'`, the default: `$SHOAL_ADDRESS`, else this machine's running agent, else an embedded peer on its own.
   * `'local'`: an embedded peer on its own, whatever is running. A path: the agent behind that socket (`ConnectError`
   * if there is none). `$SHOAL_ADDRESS` takes the same.
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

/** Rows of what the mesh is doing, as it is when they are asked for. A filter names fields and the values they must have. */
export interface MeshState {
  tasks(filter?: RowFilter<TaskRow>): AsyncIterable<TaskRow>
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
  /** Ends this program's job and what it started; waiting `get`s reject with `ClosedError`. Twice is nothing. `await using` calls it. */
  close(): Promise<void>
}
