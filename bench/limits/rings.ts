// The limit of dispatch inside one machine: driver thread → agent thread → worker threads → agent → driver, all event
// loops, shared rings of fixed records, one doorbell a consumer, a table row a task at the agent; nothing else.
import { Worker } from 'node:worker_threads'
import { sibling } from '../sibling.ts'
import { makeBell, makeRing, openRing, place, ring, workOn } from './ring.ts'

/** What a thread of the limit is started with. */
export interface RingsThread {
  role: 'agent' | 'worker'
  fromDriver: SharedArrayBuffer
  toDriver: SharedArrayBuffer
  agentBell: SharedArrayBuffer
  driverBell: SharedArrayBuffer
  workers: { toWorker: SharedArrayBuffer; fromWorker: SharedArrayBuffer; bell: SharedArrayBuffer }[]
  /** Which of the workers this is. */
  index: number
}

/** A running limit. */
export interface Rings extends AsyncDisposable {
  /** A no-op task with an integer argument. */
  submit(argument: number): Promise<number>
}

/** Starts the threads; resolves when they answer. */
export async function startRings(workerCount: number): Promise<Rings> {
  const shared: Omit<RingsThread, 'role' | 'index'> = {
    fromDriver: makeRing(),
    toDriver: makeRing(),
    agentBell: makeBell(),
    driverBell: makeBell(),
    workers: Array.from({ length: workerCount }, () => ({
      toWorker: makeRing(),
      fromWorker: makeRing(),
      bell: makeBell(),
    })),
  }
  const start = (role: RingsThread['role'], index: number) =>
    new Worker(sibling('./rings-thread', import.meta.url), { workerData: { ...shared, role, index } })
  const threads = [start('agent', 0), ...shared.workers.map((_, index) => start('worker', index))]

  const submissions = openRing(shared.fromDriver)
  const results = openRing(shared.toDriver)
  const agentBell = new Int32Array(shared.agentBell)
  const pending = new Map<number, (value: number) => void>()
  let nextId = 0
  let written = 0
  let read = 0
  let isFlushDue = false

  const flush = () => {
    isFlushDue = false
    Atomics.store(submissions.head, 0, written)
    ring(agentBell)
  }
  const submit = (argument: number): Promise<number> => {
    const id = nextId++
    const at = place(written)
    submissions.data[at] = id
    submissions.data[at + 1] = 0
    submissions.data[at + 2] = argument
    written = (written + 1) | 0
    if (!isFlushDue) {
      isFlushDue = true
      queueMicrotask(flush)
    }
    return new Promise(resolve => pending.set(id, resolve))
  }

  void workOn(new Int32Array(shared.driverBell), () => {
    const end = Atomics.load(results.head, 0)
    if (end === read) return false
    while (read !== end) {
      const at = place(read)
      const id = results.data[at]
      const resolve = pending.get(id)
      pending.delete(id)
      resolve?.(results.data[at + 1])
      read = (read + 1) | 0
    }
    return true
  })

  await submit(0)
  return {
    submit,
    async [Symbol.asyncDispose]() {
      await Promise.all(threads.map(thread => thread.terminate()))
    },
  }
}
