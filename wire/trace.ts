import type { PeerInfo, TaskRow } from './state.ts'
import { Lanes } from './trace-lanes.ts'
import { TraceWriter } from './trace-writer.ts'

/** A phase of a task that only some have, where it took place: waiting for arguments, fetching them, storing the result. */
export interface TracePhase {
  taskId: string
  attempt: number
  peerId: string
  phase: 'wait' | 'fetch' | 'store'
  startedAt: number
  endedAt: number
  bytes: number
}

/** What a peer's clock is ahead of that of the peer that was asked. */
export interface TraceClock {
  peerId: string
  aheadMs: number
  /** It may be so much more or less. */
  uncertainMs: number
}

/** What a timeline is made of: answers of the agent. Times are milliseconds since the epoch, by the clocks of their peers. */
export interface TraceSource {
  peers: readonly Pick<PeerInfo, 'peerId' | 'pid'>[]
  tasks: readonly TaskRow[]
  phases: readonly TracePhase[]
  clocks: readonly TraceClock[]
  /** By the clock of the peer that was asked: what has not ended is drawn up to here. */
  now: number
}

/** A stretch of time of one task, at one place. Milliseconds, by the clock of the peer that was asked. */
interface Slice {
  peer: string
  /** The group of lanes at that peer. */
  group: string
  name: string
  phase: string
  from: number
  to: number
  args: Record<string, unknown>
  /** Slices inside this one. */
  inner?: Slice[]
  /** The flow that begins or ends with it. */
  flows?: { begins: boolean; id: number }[]
}

/** Slices inside each other that mean no more than that they overlap; viewers draw at most 512. */
const waitingDepth = 64

/**
 * Chrome trace JSON, the object form: a process for each peer, a thread for each of its workers, and lanes for what was
 * submitted, waits and is fetched there; a flow from each submission to its runs. Opens in Perfetto and chrome://tracing.
 */
export function chromeTrace(source: TraceSource): Uint8Array {
  const slices = slicesOf(source)
  let first = Number.POSITIVE_INFINITY
  for (const { from } of slices) first = Math.min(first, from)
  const beginsAt = Number.isFinite(first) ? first : source.now
  const writer = new TraceWriter(beginsAt)
  for (const { peerId, pid } of source.peers) writer.process(peerId, `peer ${peerId.slice(-8)} (pid ${pid})`)
  const lanes = new Map<string, Lanes>()
  // Those that contain others come first.
  slices.sort((a, b) => a.from - b.from || b.to - a.to)
  for (const slice of slices) {
    const isRun = slice.phase === 'run'
    const key = `${slice.peer}/${slice.group}`
    const lanesHere = lanes.get(key) ?? new Lanes(isRun ? 1 : waitingDepth)
    lanes.set(key, lanesHere)
    const lane = slice.phase === 'submit' ? 0 : lanesHere.place(slice.from, slice.to)
    const thread = writer.thread(slice.peer, slice.group, lane)
    writeSlice(writer, thread, slice)
  }
  return writer.end({ clocks: source.clocks })
}

type Thread = ReturnType<TraceWriter['thread']>

function writeSlice(writer: TraceWriter, thread: Thread, slice: Slice): void {
  const { name, phase, from, to, args } = slice
  writer.slice(thread, { name: phase === 'run' ? name : `${phase} ${name}`, category: phase, from, to, args })
  for (const { begins, id } of slice.flows ?? []) writer.flow(thread, { id, begins, at: from })
  for (const inner of slice.inner ?? []) writeSlice(writer, thread, inner)
}

function slicesOf({ tasks, phases, clocks, now }: TraceSource): Slice[] {
  const ahead = new Map(clocks.map(({ peerId, aheadMs }) => [peerId, aheadMs]))
  const at = (peerId: string, time: number): number => time - (ahead.get(peerId) ?? 0)
  const phasesOf = Map.groupBy(phases, ({ taskId }) => taskId)
  const slices: Slice[] = []
  let flow = 0
  for (const task of tasks) {
    const mine = (phasesOf.get(task.taskId) ?? []).map(phase => ({
      ...phase,
      startedAt: at(phase.peerId, phase.startedAt),
      endedAt: at(phase.peerId, phase.endedAt),
    }))
    slices.push(...new TaskSlices(task, mine, { at, now, nextFlow: () => ++flow }).all())
  }
  return slices
}

/** The slices of one task. */
class TaskSlices {
  readonly #task: TaskRow
  readonly #phases: readonly TracePhase[]
  readonly #how: { at(peerId: string, time: number): number; now: number; nextFlow(): number }
  readonly #submit: Slice
  readonly #slices: Slice[] = []

  constructor(
    task: TaskRow,
    phases: readonly TracePhase[],
    how: { at(peerId: string, time: number): number; now: number; nextFlow(): number },
  ) {
    this.#task = task
    this.#phases = phases
    this.#how = how
    const submittedAt = how.at(task.ownerId, task.submittedAt)
    this.#submit = this.#slice('submit', { peer: task.ownerId, group: 'submitted', from: submittedAt, to: submittedAt })
    this.#submit.args = { ...this.#submit.args, state: task.state, ...(task.reason ? { reason: task.reason } : {}) }
    this.#submit.flows = []
  }

  all(): Slice[] {
    const { state, attempts, attempt: last } = this.#task
    this.#slices.push(this.#submit)
    let ready = this.#submit.from
    for (const [n, run] of attempts.entries()) {
      const attempt = Math.max(1, last - (attempts.length - 1 - n))
      const from = this.#how.at(run.peerId, run.startedAt)
      const to = run.endedAt === undefined ? this.#how.now : this.#how.at(run.peerId, run.endedAt)
      this.#before(ready, from, attempt)
      const ended = run.endedAt === undefined ? state : run.error === undefined ? 'finished' : 'failed'
      this.#run(run, { from, to: Math.max(from, to), attempt, state: attempts.length - 1 === n ? state : ended })
      ready = Math.max(from, to)
    }
    if (state === 'waiting' || state === 'queued') this.#before(ready, this.#how.now, last, state)
    return this.#slices
  }

  /** What came before an attempt: waiting for arguments, then standing in the queue, its way to another peer included. */
  #before(from: number, to: number, attempt: number, state?: 'waiting' | 'queued'): void {
    const { ownerId } = this.#task
    let ready = from
    for (const phase of this.#phases) {
      if (phase.attempt !== attempt) continue
      const { startedAt, endedAt, bytes, peerId } = phase
      const what = { attempt, from: Math.max(startedAt, this.#submit.from), to: endedAt, peer: peerId }
      if (phase.phase === 'fetch')
        this.#slices.push(this.#slice('fetch', { ...what, group: 'fetching', args: { bytes } }))
      if (phase.phase !== 'wait' || peerId !== ownerId) continue
      this.#slices.push(this.#slice('wait', { ...what, group: 'waiting' }))
      ready = Math.max(ready, endedAt)
    }
    if (to <= ready) return
    const phase = state === 'waiting' ? 'wait' : 'queue'
    this.#slices.push(this.#slice(phase, { peer: ownerId, group: 'waiting', from: ready, to, attempt }))
  }

  #run(
    run: TaskRow['attempts'][number],
    { from, to, attempt, state }: { from: number; to: number; attempt: number; state: string },
  ): void {
    const { peerId, workerId, pid, error } = run
    const group =
      workerId === '' ? 'granted' : workerId.startsWith('p') ? `worker ${workerId} (pid ${pid})` : `worker ${workerId}`
    const where = { peer: peerId, group, attempt }
    const slice = this.#slice('run', { ...where, from, to, args: { state, ...(error === undefined ? {} : { error }) } })
    slice.inner = this.#stores(where, { from, to })
    const id = this.#how.nextFlow()
    this.#submit.flows?.push({ begins: true, id })
    slice.flows = [{ begins: false, id }]
    this.#slices.push(slice)
  }

  /** Storing is part of a run; one at a time is shown. */
  #stores(
    where: { peer: string; group: string; attempt: number },
    { from, to }: { from: number; to: number },
  ): Slice[] {
    const stores: Slice[] = []
    let free = from
    for (const { phase, attempt, peerId, startedAt, endedAt, bytes } of this.#phases) {
      if (phase !== 'store' || attempt !== where.attempt || peerId !== where.peer) continue
      const begins = Math.min(to, Math.max(free, startedAt))
      const ends = Math.min(to, Math.max(begins, endedAt))
      stores.push(this.#slice('store', { ...where, from: begins, to: ends, args: { bytes } }))
      free = ends
    }
    return stores
  }

  #slice(
    phase: string,
    {
      peer,
      group,
      from,
      to,
      attempt = this.#task.attempt,
      args = {},
    }: {
      peer: string
      group: string
      from: number
      to: number
      attempt?: number
      args?: Record<string, unknown>
    },
  ): Slice {
    const { name, taskId, jobId, state, actorId } = this.#task
    const about = { name, phase, taskId, attempt, jobId, state, ...(actorId === undefined ? {} : { actorId }) }
    return { peer, group, name, phase, from, to: Math.max(from, to), args: { ...about, ...args } }
  }
}
