import { taskIdText } from '../../wire/ids.ts'
import type { TaskState } from '../../wire/state.ts'
import { busiestFirst, sumTaskNames, type TaskName } from '../../wire/task-names.ts'
import type { TracePhase } from '../../wire/trace.ts'
import { type Attempt, type FinishedTask, type Kind, state } from '../core/index.ts'
import { type ActorRowSources, actorCounts, actorRows } from './actor-rows.ts'
import { clock, clocks } from './clocks.ts'
import { objectRows } from './object-rows.ts'
import type { PeerParts } from './parts.ts'
import {
  isWanted,
  mergedPage,
  type Others,
  type Page,
  type Placed,
  page,
  type Row,
  type RowsQuestion,
} from './row-pages.ts'
import { taskNames } from './task-names.ts'
import type { WorkerHost } from './worker-host.ts'

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
  /** Placement groups that are not reserved. */
  waitingGroups(): Row[]
  /** Detached actors that live nowhere now, and those that are over: those are nobody's but the directory's. */
  homelessActors(): Promise<Row[]>
}

/** The questions whose answers are pages of rows. */
const rowQuestions = ['tasks', 'actors', 'objects', 'workers', 'phases'] as const
type Rows = (typeof rowQuestions)[number]

function isRows(method: string): method is Rows {
  return (rowQuestions as readonly string[]).includes(method)
}

/** Answers questions about what this peer is doing, from its tables, when asked (api.md §7). */
export class PeerState {
  readonly #peer: StateSources

  constructor(peer: StateSources) {
    this.#peer = peer
  }

  /** The answer for the whole mesh, or undefined where the question is somebody else's. */
  async answer(method: string, params: unknown, others: Others): Promise<unknown> {
    if (isRows(method)) {
      const here = (question: RowsQuestion<number>): Page<number> => this.#page(method, question)
      const question = (params ?? {}) as RowsQuestion
      const homeless = method === 'actors' && !question.after ? this.#peer.homelessActors() : []
      const merged = await mergedPage(method, question, { here, others })
      return { ...merged, rows: [...(await homeless).filter(row => isWanted(row, question.filter)), ...merged.rows] }
    }
    switch (method) {
      case 'peers':
        return this.#peers(others)
      case 'clocks':
        return await clocks(this.#peer.peerId, others)
      case 'resources':
      case 'available':
        return sum(this.#peers(others), method)
      case 'task-names':
        return await this.#taskNames(others)
      case 'status':
        return await this.#status(others)
      default:
        return undefined
    }
  }

  /** What this peer alone knows, for another one. */
  here(method: string, params: unknown): unknown {
    if (isRows(method)) return this.#page(method, (params ?? {}) as RowsQuestion<number>)
    if (method === 'counts') return this.#counts()
    if (method === 'clock') return clock()
    if (method === 'task-names') return taskNames(this.#peer.parts.owner, stateName)
    throw new Error(`this agent answers other peers no '${method}'`)
  }

  #page(method: Rows, question: RowsQuestion<number>): Page<number> {
    const after = Number.isSafeInteger(question.after) ? (question.after as number) : 0
    switch (method) {
      case 'tasks':
        return page(this.#tasks(after), question)
      case 'actors':
        return page(actorRows(this.#actorSources, after), question)
      case 'objects':
        return page(objectRows(this.#peer, after), question)
      case 'workers':
        return page(this.#workers(after), question)
      case 'phases':
        return page(this.#phases(after), question)
    }
  }

  get #actorSources(): ActorRowSources {
    const { peerId, parts, hosts } = this.#peer
    return {
      peerId,
      parts,
      jobId: job => this.#peer.jobId(job),
      actorId: (client, number) => this.#taskId(client, number),
      workerId: thread => this.#workerId(thread),
      pidOf: thread => hosts.get(thread)?.channel.pid ?? process.pid,
    }
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

  #counts(): { tasks: Record<string, number>; actors: Record<string, number>; waiting: Row[] } {
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
    for (const row of owner.liveTasks())
      if (!rows.extra[row]?.home && !owner.kinds[rows.kind[row]]?.actor) tasks[stateName(rows.state[row])]++
    const waiting = [...scheduler.waiting()]
      .filter(({ kind }) => !kind.guest)
      .map(({ kind, count, reason }) => ({ reason, resources: owner.resources.named(kind.demand), count }))
    return { tasks, actors: actorCounts(owner), waiting: [...waiting, ...this.#peer.waitingGroups()] }
  }

  async #taskNames(others: Others): Promise<TaskName[]> {
    const asked = others.ask('task-names', () => null)
    const own = taskNames(this.#peer.parts.owner, stateName)
    return sumTaskNames([own, ...(await asked).map(({ answer }) => answer as TaskName[])].flat()).sort(busiestFirst)
  }

  async #status(others: Others): Promise<Row> {
    const { tasks, actors, waiting } = this.#counts()
    const homeless = this.#peer.homelessActors()
    for (const { answer } of await others.ask('counts', () => null)) {
      const more = answer as { tasks: Record<string, number>; actors: Record<string, number>; waiting: Row[] }
      for (const [state, count] of Object.entries(more.tasks)) tasks[state] = (tasks[state] ?? 0) + count
      for (const [is, count] of Object.entries(more.actors)) actors[is] = (actors[is] ?? 0) + count
      waiting.push(...(more.waiting as typeof waiting))
    }
    for (const { state: is } of await homeless) actors[is as string] = (actors[is as string] ?? 0) + 1
    const peers = this.#peers(others)
    return {
      meshId: this.#peer.meshId,
      peers,
      resources: sum(peers, 'resources'),
      available: sum(peers, 'available'),
      waiting,
      tasks,
      actors,
    }
  }

  /**
   * Those that are not over from row `after` on, then those that are, newest first. What a page ended with is named by
   * what stays true: a row, or below zero the place in all that was ever remembered.
   */
  *#tasks(after: number): Iterable<Placed> {
    const { owner } = this.#peer.parts
    if (after >= 0) yield* this.#liveTasks(after)
    for (const task of owner.history.entries(after < 0 ? -after - 1 : undefined))
      yield { row: this.#finished(task), next: -task.place - 1 }
  }

  *#liveTasks(after: number): Iterable<Placed> {
    const { owner } = this.#peer.parts
    const { rows } = owner
    for (const row of owner.liveTasks(after)) {
      const kind = owner.kinds[rows.kind[row]] as Kind
      const at = rows.state[row]
      // A guest is in the rows of its home, an actor in those of actors.
      if (rows.extra[row]?.home || kind.actor) continue
      const attempts = [...(rows.extra[row]?.attempts ?? [])]
      if (at === state.granted) {
        const { peerId } = owner.peers.get(rows.peer[row])
        const { pid } = this.#peer.parts.peerFacts(peerId)
        attempts.push({ thread: -1, startedAt: rows.startedAt[row], at: { peerId, workerId: '', pid } })
      } else if (at >= state.running) attempts.push({ thread: rows.thread[row], startedAt: rows.startedAt[row] })
      const live = this.#task(kind, {
        client: rows.client[row],
        number: rows.number[row],
        job: rows.job[row],
        state: stateName(at),
        reason: kind.call ? callReason(at) : reasonOf(at, () => owner.scheduler.reason(row)),
        actorId: this.#actorOf(row),
        attempt: rows.attempt[row] + 1,
        attempts,
        submittedAt: rows.submittedAt[row],
      })
      yield { row: live, next: row + 1 }
    }
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
      actorId: task.actor && this.#taskId(task.actor.client, task.actor.number),
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
      actorId: string | undefined
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
      taskId: this.#taskId(task.client, task.number),
      name: kind.name,
      kind: kind.call ? 'call' : 'task',
      ...(task.actorId === undefined ? {} : { actorId: task.actorId }),
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

  /** Whether an actor in a worker has calls. */
  #calls(thread: number): boolean {
    const { actors, rows } = this.#peer.parts.owner
    for (const actor of actors.on(thread)) if ((rows.extra[actor]?.actor?.instance?.calls ?? 0) > 0) return true
    return false
  }

  /** Of a call: the id of its actor. */
  #actorOf(row: number): string | undefined {
    const { rows, actors } = this.#peer.parts.owner
    if (rows.actor[row] < 0) return undefined
    const actor = actors.resolve(rows.actor[row])
    return this.#taskId(rows.client[actor], rows.number[actor])
  }

  *#workers(after: number): Iterable<Placed> {
    const { peerId, parts, hosts } = this.#peer
    const { rows, scheduler } = parts.owner
    for (const thread of [...scheduler.threads.values()].sort((a, b) => a.id - b.id)) {
      if (thread.id < after) continue
      const running =
        thread.running > 0 ? [...parts.owner.liveTasks()].find(row => rows.thread[row] === thread.id) : undefined
      const taskId = running === undefined ? undefined : this.#taskId(rows.client[running], rows.number[running])
      const row = {
        workerId: this.#workerId(thread.id),
        peerId,
        kind: thread.isProcess ? 'process' : 'thread',
        pid: hosts.get(thread.id)?.channel.pid ?? process.pid,
        state: thread.running > 0 || thread.suspended > 0 || this.#calls(thread.id) ? 'busy' : 'idle',
        ...(taskId === undefined ? {} : { taskId }),
        actorIds: [...parts.owner.actors.on(thread.id)].map(actor =>
          this.#taskId(rows.client[actor], rows.number[actor]),
        ),
        memoryBytes: hosts.get(thread.id)?.memoryBytes ?? 0,
      }
      yield { row, next: thread.id + 1 }
    }
  }

  *#phases(after: number): Iterable<Placed> {
    const { peerId, parts } = this.#peer
    for (const { place, client, number, attempt, ...phase } of parts.owner.phases.entries(after)) {
      const row: TracePhase = { taskId: this.#taskId(client, number), attempt: attempt + 1, peerId, ...phase }
      yield { row: { ...row }, next: place + 1 }
    }
  }

  /** Of a guest by its home. */
  #taskId(client: number, number: number): string {
    const { owner, client: there } = this.#peer.parts.names.ownerOf(client)
    return taskIdText(owner, there, number)
  }

  #workerId(worker: number): string {
    return `${this.#peer.parts.processPid(worker) === undefined ? 't' : 'p'}${worker}`
  }
}

const names = ['finished', 'waiting', 'queued', 'running', 'running', 'running', 'running'] as const

function stateName(at: number): TaskState {
  return names[at] ?? 'finished'
}

function callReason(at: number): string | undefined {
  if (at === state.waiting) return 'waits for its arguments, its actor, or the calls before it'
  return at === state.queued ? 'waits for its turn at its actor' : undefined
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
