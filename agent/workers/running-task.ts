import { AsyncLocalStorage } from 'node:async_hooks'
import type { RunningTask } from '../../wire/bridge.ts'
import { taskIdText } from '../../wire/ids.ts'
import type { TypeRegistry } from '../../wire/values/index.ts'
import type { ActorInstance, Group } from './actor.ts'
import type { WorkerFunctionState } from './functions.ts'
import type { StreamDemand } from './generators.ts'

/** Which task the running code belongs to, through its awaits and timers too. */
export const currentTask = new AsyncLocalStorage<Task>()

/** One attempt, in the thread that runs it. */
export class Task implements RunningTask {
  readonly token: number
  readonly claim: number
  readonly fn: WorkerFunctionState
  readonly attempt: number
  readonly client: number
  readonly number: number
  readonly owner: { peerId: string; incarnation: number }
  startedAt = 0
  types: TypeRegistry | undefined
  gpuIds: readonly number[] = []
  waits = 0
  ended = false
  abandoned = false
  awaited = false
  /** It held its thread for long. */
  blocked = false
  /** Of a generator. */
  demand: StreamDemand | undefined
  /** Of a call: its actor, and the group in which it runs. */
  actor: ActorInstance | undefined
  group: Group | undefined
  /** It does not count among the running of its function. */
  parked = false
  readonly #onRoom: (fn: WorkerFunctionState) => void
  #controller: AbortController | undefined
  #stopped: Error | undefined

  constructor(
    fn: WorkerFunctionState,
    at: { token: number; claim: number; attempt: number; client: number; number: number },
    owner: { peerId: string; incarnation: number },
    onRoom: (fn: WorkerFunctionState) => void,
  ) {
    this.#onRoom = onRoom
    this.fn = fn
    this.token = at.token
    this.claim = at.claim
    this.attempt = at.attempt
    this.client = at.client
    this.number = at.number
    this.owner = owner
  }

  get taskId(): string {
    return taskIdText(this.owner, this.client, this.number)
  }

  get jobId(): string {
    return this.fn.spec.jobId
  }

  get namespace(): string {
    return this.fn.spec.namespace
  }

  get functionName(): string {
    return this.fn.spec.name
  }

  get actorId(): string | undefined {
    return this.actor?.id
  }

  /** Calls keep their place while they await: what an actor was granted stays its own. */
  get keeps(): boolean {
    return this.actor !== undefined || this.fn.spec.actor !== undefined
  }

  get over(): boolean {
    return this.actor?.over === true
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#stopped) this.#controller.abort(this.#stopped)
    return this.#controller.signal
  }

  park(): void {
    if (this.parked || this.ended) return
    this.parked = true
    this.fn.running--
    if (this.fn.queue.length > 0) this.#onRoom(this.fn)
  }

  unpark(): void {
    if (!this.parked) return
    this.parked = false
    this.fn.running++
  }

  /** Tells the code that it is to stop. */
  stop(reason: Error): void {
    this.#stopped = reason
    this.#controller?.abort(reason)
  }
}
