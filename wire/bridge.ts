import type { RecordHandler, RecordMemory } from './inbox.ts'
import type { Outbox } from './outbox.ts'
import type { Welcome } from './records.ts'
import type { Extension, TypeRegistry } from './values/index.ts'

/** Where a worker leaves what the `shoal` module in its thread needs, and the other way round. */
export const bridgeKey = Symbol.for('shoal.worker')

/** A task as the code that runs in it sees it. */
export interface RunningTask {
  readonly token: number
  readonly taskId: string
  /** Who owns it and its result. */
  readonly owner: { readonly peerId: string }
  readonly attempt: number
  readonly jobId: string
  readonly namespace: string
  readonly functionName: string
  /** The actor whose call it is. */
  readonly actorId: string | undefined
  /** It holds what it was given while it awaits: an actor's calls do. */
  readonly keeps: boolean
  /** The types that its program has registered, as the classes that its function sees. */
  readonly types: TypeRegistry | undefined
  /** GPUs granted to it. */
  readonly gpuIds: readonly number[]
  /** Aborted when the task is to stop. Made when first asked for. */
  readonly signal: AbortSignal
  /** `get`s and `wait`s that are not over. */
  waits: number
  /** Its function has returned or thrown. */
  ended: boolean
  /** Its agent has given it up, though it still runs: it holds no resources. */
  abandoned: boolean
  /** Its actor is over: its code comes no further, as far as the mesh and timers reach. */
  readonly over: boolean
  /** It has been suspended at least once. */
  awaited: boolean
  /** It awaits the mesh: another may have its turn in this thread. */
  park(): void
  /** It goes on. */
  unpark(): void
}

/** What the worker gives. */
export interface WorkerBridge {
  readonly outbox: Outbox
  readonly welcome: Welcome
  /** The object store, where this worker sees it. */
  readonly store: SharedArrayBuffer | undefined
  current(): RunningTask | undefined
  /** A received function, to be called in this thread; undefined while `prepare` has not come to its end. */
  local(hash: string, entry: number): unknown
  /** The code of which an instance is being made: values in it may mean it. `startAfresh`: see `LoadingCode`. */
  loading(): { hash: string; blobs: readonly string[]; codes: readonly string[]; startAfresh?: () => void } | undefined
  isLoaded(hash: string): boolean
  /** Loads a received function's code, once it has arrived. */
  prepare(hash: string): Promise<void>
  /** Ends the actor whose code calls it. */
  exitActor(): never
  /** Whether the code that runs belongs to an actor. */
  inActor(): boolean
  /** Given by the `shoal` module: keeps a value safe from the end of this peer, and gives it back. */
  keeping?: { keep(value: unknown): Promise<object>; read(ref: object): Promise<unknown> }
  /** What the `shoal` module gives. */
  client?: WorkerClient
}

/** What the `shoal` module of that thread gives. */
export interface WorkerClient extends RecordHandler {
  readonly types: TypeRegistry
  readonly extensions: readonly Extension[]
  /** Refs that the last encoding met: pairs of client and number. */
  readonly contained: number[]
  /** Settles when code that values brought is here; undefined if nothing is awaited. */
  preparing(): Promise<unknown> | undefined
  /** Encoding begins: forgets what earlier ones met. */
  beginEncoding(): void
  /** Waits as for the mesh: the resources of the task that runs are free meanwhile. */
  suspended<T>(work: Promise<T>): Promise<T>
  /** The agent has given a task up: it goes on without being given its resources again. */
  abandoned(token: number): void
  /** A task comes to its end; its outcome is encoded, and not yet said. */
  taskEnds(task: RunningTask): void
  record(type: number, field: number, memory: RecordMemory, at: number, bytes: number): void
}

/** The bridge of this thread, in a worker. */
export function workerBridge(): WorkerBridge | undefined {
  return (globalThis as { [bridgeKey]?: WorkerBridge })[bridgeKey]
}

export function setWorkerBridge(bridge: WorkerBridge): void {
  Object.defineProperty(globalThis, bridgeKey, { value: bridge, configurable: true })
}
