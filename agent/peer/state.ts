import { objectIdText, taskIdText } from '../../wire/ids.ts'
import { type Attempt, type FinishedTask, type Kind, state } from '../core/index.ts'
import { limits } from './limits.ts'
import type { PeerParts } from './parts.ts'
import type { WorkerHost } from './worker-host.ts'

/** What a question about rows may say. */
interface RowsQuestion {
  filter?: Record<string, unknown>
  limit?: number
  /** How many rows to pass over. */
  after?: number
}

type Row = Record<string, unknown>

/** What the state needs to know of its peer. */
export interface StateSources {
  readonly peerId: string
  readonly incarnation: number
  readonly meshId: string
  readonly labels: Record<string, string>
  readonly version: string
  readonly parts: PeerParts
  readonly hosts: ReadonlyMap<number, WorkerHost>
  jobId(job: number): string
  draining(): boolean
}

/** Answers questions about what this peer is doing, from its tables, when asked (api.md §7). */
export class PeerState {
  readonly #peer: StateSources

  constructor(peer: StateSources) {
    this.#peer = peer
  }

  /** The answer, or undefined where the question is somebody else's. */
  answer(method: string, params: unknown): unknown {
    const question = (params ?? {}) as RowsQuestion
    const { owner } = this.#peer.parts
    switch (method) {
      case 'tasks':
        return page(this.#tasks(), question)
      case 'objects':
        return page(this.#objects(), question)
      case 'workers':
        return page(this.#workers(), question)
      case 'peers':
        return [this.#row()]
      case 'resources':
        return owner.resources.total()
      case 'available':
        return owner.resources.available()
      case 'status':
        return this.#status()
      default:
        return undefined
    }
  }

  #row(): Row {
    const { peerId, labels, version, parts, draining } = this.#peer
    const { owner, store } = parts
    return {
      peerId,
      address: [],
      state: draining() ? 'draining' : 'alive',
      role: 'peer',
      resources: owner.resources.total(),
      available: owner.resources.available(),
      labels,
      pid: process.pid,
      version,
      ageMs: 0,
      store: {
        capacityBytes: store.capacityBytes,
        usedBytes: store.usedBytes,
        objects: store.objects,
        spilledBytes: 0,
        spilledObjects: 0,
        restoredBytes: 0,
        restoredObjects: 0,
      },
    }
  }

  #status(): Row {
    const { owner } = this.#peer.parts
    const { rows, history, scheduler } = owner
    const tasks: Record<string, number> = {
      waiting: 0,
      queued: 0,
      running: 0,
      finished: history.finished,
      failed: history.failed,
      cancelled: 0,
    }
    for (const row of owner.liveTasks()) tasks[stateName(rows.state[row])]++
    return {
      meshId: this.#peer.meshId,
      peers: [this.#row()],
      resources: owner.resources.total(),
      available: owner.resources.available(),
      waiting: [...scheduler.waiting()].map(({ kind, count, reason }) => ({
        reason,
        resources: owner.resources.named(kind.demand),
        count,
      })),
      tasks,
      actors: {},
    }
  }

  *#tasks(): Iterable<Row> {
    const { owner } = this.#peer.parts
    const { rows } = owner
    for (const row of owner.liveTasks()) {
      const kind = owner.kinds[rows.kind[row]] as Kind
      const at = rows.state[row]
      const attempts = [...(rows.extra[row]?.attempts ?? [])]
      if (at >= state.running) attempts.push({ thread: rows.thread[row], startedAt: rows.startedAt[row] })
      yield this.#task(kind, {
        client: rows.client[row],
        number: rows.number[row],
        job: rows.job[row],
        state: stateName(at),
        reason: reasonOf(at, () => owner.scheduler.reason(row)),
        attempt: rows.attempt[row] + 1,
        attempts,
        submittedAt: rows.submittedAt[row],
      })
    }
    for (const task of owner.history.entries()) yield this.#finished(task)
  }

  #finished(task: FinishedTask): Row {
    const { kind, failed, startedAt, endedAt, thread, error } = task
    const attempts: Attempt[] = [...(task.attempts ?? [])]
    if (thread >= 0 && startedAt > 0)
      attempts.push({ thread, startedAt, endedAt: endedAt || startedAt, ...(error ? { error } : {}) })
    const reason = failed ? error : undefined
    return this.#task(kind, {
      ...task,
      attempt: task.attempt + 1,
      state: failed ? 'failed' : 'finished',
      reason,
      attempts,
    })
  }

  #task(
    kind: Kind,
    task: {
      client: number
      number: number
      job: number
      state: string
      reason: string | undefined
      attempt: number
      attempts: Attempt[]
      submittedAt: number
    },
  ): Row {
    const peer = this.#peer
    const attempts = task.attempts.map(({ thread, startedAt, endedAt, error }) => ({
      peerId: peer.peerId,
      workerId: workerId(thread),
      pid: process.pid,
      startedAt,
      ...(endedAt === undefined ? {} : { endedAt }),
      ...(error === undefined ? {} : { error }),
    }))
    return {
      taskId: taskIdText(peer, task.client, task.number),
      name: kind.name,
      kind: 'task',
      state: task.state,
      ...(task.reason === undefined ? {} : { reason: task.reason }),
      jobId: peer.jobId(task.job),
      ownerId: peer.peerId,
      ...(attempts.length > 0 ? { peerId: peer.peerId } : {}),
      attempt: task.attempt,
      attempts,
      submittedAt: task.submittedAt,
      resources: peer.parts.owner.resources.named(kind.demand),
    }
  }

  *#objects(): Iterable<Row> {
    const { peerId, parts, jobId } = this.#peer
    const { rows, clients, kinds } = parts.owner
    for (let row = 0; row < rows.capacity; row++) {
      const at = rows.state[row]
      if (at !== state.ready && at !== state.failed) continue
      const extra = rows.extra[row]
      const isTask = rows.kind[row] >= 0
      const local = clients.get(rows.client[row])
      const name = isTask ? kinds[rows.kind[row]]?.name : undefined
      yield {
        objectId: objectIdText(this.#peer, rows.client[row], rows.number[row]),
        bytes: extra?.bytes ?? 0,
        kind: isTask ? 'result' : 'put',
        ownerId: peerId,
        jobId: jobId(isTask ? rows.job[row] : (local?.job ?? 0)),
        locations: [peerId],
        spilled: false,
        references: { local: rows.holders[row], borrowers: 0, tasks: extra?.pins ?? 0 },
        ...(name === undefined ? {} : { name }),
      }
    }
  }

  *#workers(): Iterable<Row> {
    const { peerId, parts, hosts } = this.#peer
    const { rows, scheduler } = parts.owner
    for (const thread of scheduler.threads.values()) {
      const running =
        thread.running > 0 ? [...parts.owner.liveTasks()].find(row => rows.thread[row] === thread.id) : undefined
      const taskId =
        running === undefined ? undefined : taskIdText(this.#peer, rows.client[running], rows.number[running])
      yield {
        workerId: workerId(thread.id),
        peerId,
        kind: 'thread',
        pid: process.pid,
        state: thread.busy ? 'busy' : 'idle',
        ...(taskId === undefined ? {} : { taskId }),
        actorIds: [],
        memoryBytes: hosts.get(thread.id)?.memoryBytes ?? 0,
      }
    }
  }
}

function workerId(thread: number): string {
  return `t${thread}`
}

const names = ['', 'waiting', 'queued', 'running', 'running', 'running'] as const

function stateName(at: number): string {
  return names[at] ?? 'finished'
}

function reasonOf(at: number, queued: () => string): string | undefined {
  switch (at) {
    case state.waiting:
      return 'waits for its arguments'
    case state.queued:
      return queued()
    case state.suspended:
      return 'awaits other tasks; its resources are free meanwhile'
    case state.resuming:
      return 'could go on, and waits for its resources and its thread'
    default:
      return undefined
  }
}

/** The rows that fit, a page of them, and where the next page begins. */
function page(
  rows: Iterable<Row>,
  { filter = {}, limit = limits.stateRowsMax, after = 0 }: RowsQuestion,
): { rows: Row[]; next?: number } {
  const wanted = Object.entries(filter)
  const found: Row[] = []
  let passed = 0
  for (const row of rows) {
    if (!wanted.every(([key, value]) => String(row[key]) === String(value))) continue
    if (passed++ < after) continue
    if (found.length === Math.min(limit, limits.stateRowsMax)) return { rows: found, next: after + found.length }
    found.push(row)
  }
  return { rows: found }
}
