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
  readonly role?: 'peer' | 'driver'
  addresses?(): string[]
  jobId(job: number): string
  draining(): boolean
}

/** What a peer knows of the others. */
export interface Others {
  /** Rows as `peers` gives them. */
  members(): Row[]
  /** The answers of those that are linked and answer in time. */
  ask(method: string, params: unknown): Promise<unknown[]>
}

/** Answers questions about what this peer is doing, from its tables, when asked (api.md §7). */
export class PeerState {
  readonly #peer: StateSources

  constructor(peer: StateSources) {
    this.#peer = peer
  }

  /** The answer for the whole mesh, or undefined where the question is somebody else's. */
  async answer(method: string, params: unknown, others: Others): Promise<unknown> {
    const question = (params ?? {}) as RowsQuestion
    switch (method) {
      case 'tasks':
      case 'objects':
      case 'workers': {
        const all = { filter: question.filter, limit: limits.stateRowsMax, after: 0 }
        const answers = (await others.ask(method, all)) as { rows: Row[] }[]
        return page([...this.#rows(method), ...answers.flatMap(({ rows }) => rows)], question)
      }
      case 'peers':
        return this.#peers(others)
      case 'resources':
      case 'available':
        return sum(this.#peers(others), method)
      case 'status':
        return await this.#status(others)
      default:
        return undefined
    }
  }

  /** What this peer alone knows, for another one. */
  here(method: string, params: unknown): unknown {
    const question = (params ?? {}) as RowsQuestion
    if (method === 'tasks' || method === 'objects' || method === 'workers') return page(this.#rows(method), question)
    if (method === 'counts') return this.#counts()
    throw new Error(`this agent answers other peers no '${method}'`)
  }

  #rows(method: 'tasks' | 'objects' | 'workers'): Iterable<Row> {
    return method === 'tasks' ? this.#tasks() : method === 'objects' ? this.#objects() : this.#workers()
  }

  /** Rows of the members; of one that has come back, the last. */
  #peers(others: Others): Row[] {
    return [this.row(), ...others.members()]
  }

  row(): Row {
    const { peerId, labels, version, parts, draining, role, addresses } = this.#peer
    const { owner, store } = parts
    const { spilling } = owner.objects
    return {
      peerId,
      address: addresses?.() ?? [],
      state: draining() ? 'draining' : 'alive',
      role: role ?? 'peer',
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
        spilledBytes: spilling.spilledBytes,
        spilledObjects: spilling.spilledObjects,
        restoredBytes: spilling.restoredBytes,
        restoredObjects: spilling.restoredObjects,
      },
    }
  }

  #counts(): { tasks: Record<string, number>; waiting: Row[] } {
    const { owner } = this.#peer.parts
    const { rows, history, scheduler } = owner
    const tasks: Record<string, number> = {
      waiting: 0,
      queued: 0,
      running: 0,
      finished: history.finished,
      failed: history.failed,
      cancelled: history.cancelled,
    }
    for (const row of owner.liveTasks()) if (!rows.extra[row]?.home) tasks[stateName(rows.state[row])]++
    const waiting = [...scheduler.waiting()]
      .filter(({ kind }) => !kind.guest)
      .map(({ kind, count, reason }) => ({ reason, resources: owner.resources.named(kind.demand), count }))
    return { tasks, waiting }
  }

  async #status(others: Others): Promise<Row> {
    const { tasks, waiting } = this.#counts()
    for (const counts of (await others.ask('counts', undefined)) as ReturnType<PeerState['here']>[]) {
      const more = counts as { tasks: Record<string, number>; waiting: Row[] }
      for (const [state, count] of Object.entries(more.tasks)) tasks[state] = (tasks[state] ?? 0) + count
      waiting.push(...(more.waiting as typeof waiting))
    }
    const peers = this.#peers(others)
    return {
      meshId: this.#peer.meshId,
      peers,
      resources: sum(peers, 'resources'),
      available: sum(peers, 'available'),
      waiting,
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
      // A guest is in the rows of its home.
      if (rows.extra[row]?.home) continue
      const attempts = [...(rows.extra[row]?.attempts ?? [])]
      if (at === state.granted) {
        const { peerId } = owner.peers.get(rows.peer[row])
        const { pid } = this.#peer.parts.peerFacts(peerId)
        attempts.push({ thread: -1, startedAt: rows.startedAt[row], at: { peerId, workerId: '', pid } })
      } else if (at >= state.running) attempts.push({ thread: rows.thread[row], startedAt: rows.startedAt[row] })
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
    const { kind, failed, startedAt, endedAt, thread, error, at } = task
    const attempts: Attempt[] = [...(task.attempts ?? [])]
    if ((thread >= 0 || at) && startedAt > 0)
      attempts.push({
        thread,
        startedAt,
        endedAt: endedAt || startedAt,
        ...(error ? { error } : {}),
        ...(at ? { at } : {}),
      })
    const reason = failed ? error : undefined
    return this.#task(kind, {
      ...task,
      attempt: task.attempt + 1,
      state: error === 'cancelled' ? 'cancelled' : failed ? 'failed' : 'finished',
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
    const attempts = task.attempts.map(({ thread, startedAt, endedAt, error, at }) => ({
      peerId: at?.peerId ?? peer.peerId,
      workerId: at?.workerId ?? this.#workerId(thread),
      pid: at?.pid ?? peer.parts.processPid(thread) ?? process.pid,
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
      ...(attempts.length > 0 ? { peerId: attempts[attempts.length - 1].peerId } : {}),
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
      if (at !== state.ready && at !== state.failed && at !== state.remote) continue
      const extra = rows.extra[row]
      // What another peer owns is in that peer's rows.
      if (extra?.home || extra?.products || parts.owner.objects.isForeign(row)) continue
      const forLineage = extra?.lineageHolders ?? 0
      if (rows.holders[row] === forLineage && forLineage > 0) continue
      const borrowers = extra?.borrowers?.size ?? 0
      const locations = (extra?.locations ?? []).map(({ peer }) => parts.owner.peers.get(peer).peerId)
      if (at !== state.remote || parts.owner.objects.isHere(row)) locations.unshift(peerId)
      const task = extra?.madeBy?.task ?? row
      const isTask = rows.kind[task] >= 0
      const local = clients.get(rows.client[row])
      const name = isTask ? kinds[rows.kind[task]]?.name : undefined
      yield {
        objectId: objectIdText(this.#peer, rows.client[row], rows.number[row]),
        bytes: extra?.bytes ?? 0,
        kind: isTask ? 'result' : 'put',
        ownerId: peerId,
        jobId: jobId(isTask ? rows.job[task] : (local?.job ?? 0)),
        locations,
        spilled: at === state.remote && extra?.disk !== undefined,
        references: { local: rows.holders[row] - borrowers - forLineage, borrowers, tasks: extra?.pins ?? 0 },
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
        workerId: this.#workerId(thread.id),
        peerId,
        kind: thread.isProcess ? 'process' : 'thread',
        pid: hosts.get(thread.id)?.channel.pid ?? process.pid,
        state: thread.busy ? 'busy' : 'idle',
        ...(taskId === undefined ? {} : { taskId }),
        actorIds: [],
        memoryBytes: hosts.get(thread.id)?.memoryBytes ?? 0,
      }
    }
  }

  #workerId(worker: number): string {
    return `${this.#peer.parts.processPid(worker) === undefined ? 't' : 'p'}${worker}`
  }
}

const names = ['', 'waiting', 'queued', 'running', 'running', 'running', 'running'] as const

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

/** What the peers that live have together. */
function sum(peers: Row[], what: 'resources' | 'available'): Record<string, number> {
  const all: Record<string, number> = { cpus: 0, gpus: 0, memoryBytes: 0 }
  for (const peer of peers) {
    if (peer.state === 'dead' || peer.state === 'left' || peer.role === 'driver') continue
    for (const [name, amount] of Object.entries(peer[what] as Record<string, number>)) {
      all[name] = Math.round(((all[name] ?? 0) + amount) * 1e4) / 1e4
    }
  }
  return all
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
