import { chromeTrace } from '../wire/trace.ts'
import { traceSource } from '../wire/trace-source.ts'
import type { Engine } from './client/index.ts'
import { checkNeed, checkRowFilter, checkTicketOptions, checkWaitForOptions } from './options/index.ts'
import type {
  ActorRow,
  Mesh,
  MeshState,
  ObjectRow,
  PeerInfo,
  Resources,
  RowFilter,
  TaskRow,
  TicketOptions,
  WaitForNeed,
  WaitForOptions,
  WorkerRow,
} from './types.ts'
import { waitForPeers } from './wait-for.ts'

/** What names a row. */
const idOf: Record<keyof MeshState, (row: Record<string, unknown>) => string> = {
  tasks: ({ taskId }) => String(taskId),
  actors: ({ actorId }) => String(actorId),
  objects: ({ objectId }) => String(objectId),
  workers: ({ peerId, workerId }) => `${peerId}/${workerId}`,
}

/** Rows of one answer of the agent. */
const PAGE = 1000

/** The mesh as a program sees it: questions to its agent, and the end. */
export class MeshHandle implements Mesh {
  readonly peerId: string
  readonly meshId: string
  readonly state: MeshState
  readonly #engine: Engine
  readonly #close: () => Promise<void>

  constructor(engine: Engine, close: () => Promise<void>) {
    this.#engine = engine
    this.#close = close
    this.peerId = engine.welcome.peerId
    this.meshId = engine.welcome.meshId
    this.state = {
      tasks: filter => this.#rows<TaskRow>('tasks', filter),
      actors: filter => this.#rows<ActorRow>('actors', filter),
      objects: filter => this.#rows<ObjectRow>('objects', filter),
      workers: filter => this.#rows<WorkerRow>('workers', filter),
    }
  }

  #ask(method: string, params?: unknown): Promise<unknown> {
    return this.#engine.suspension.while(this.#engine.calls.call(method, params))
  }

  async peers(): Promise<PeerInfo[]> {
    return (await this.#ask('peers')) as PeerInfo[]
  }

  async resources(): Promise<Resources> {
    return (await this.#ask('resources')) as Resources
  }

  async available(): Promise<Resources> {
    return (await this.#ask('available')) as Resources
  }

  async ticket(options?: TicketOptions): Promise<string> {
    const { uses = 1, ttlMs, role = 'peer' } = checkTicketOptions(options)
    const made = (await this.#ask('ticket', { uses, ...(ttlMs === undefined ? {} : { ttlMs }), role })) as {
      ticket: string
    }
    return made.ticket
  }

  async waitFor(need: WaitForNeed, options?: WaitForOptions): Promise<void> {
    const checked = checkNeed(need)
    const how = checkWaitForOptions(options)
    await this.#engine.suspension.while(
      waitForPeers(() => this.#engine.calls.call('peers') as Promise<PeerInfo[]>, checked, how),
    )
  }

  async timeline(): Promise<Uint8Array> {
    return chromeTrace(await traceSource((method, params) => this.#ask(method, params)))
  }

  async drain(): Promise<void> {
    await this.#ask('drain')
  }

  #rows<Row>(kind: keyof MeshState, filter: RowFilter<Row> | undefined): AsyncIterable<Row> {
    const checked = checkRowFilter(kind, filter)
    const ask = (after: unknown): Promise<unknown> => this.#ask(kind, { filter: checked, limit: PAGE, after })
    return (async function* () {
      // What changes its place between two pages is listed once.
      const seen = new Set<string>()
      for (let after: unknown, more = true; more; ) {
        const page = (await ask(after)) as { rows: Row[]; next?: unknown }
        for (const row of page.rows) {
          const id = idOf[kind](row as Record<string, unknown>)
          if (seen.has(id)) continue
          seen.add(id)
          yield row
        }
        after = page.next
        more = after !== undefined
      }
    })()
  }

  close(): Promise<void> {
    return this.#close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close()
  }
}
