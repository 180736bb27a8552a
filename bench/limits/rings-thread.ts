import { workerData } from 'node:worker_threads'
import { openRing, place, ring, workOn } from './ring.ts'
import type { RingsThread } from './rings.ts'

const thread = workerData as RingsThread
setInterval(() => {}, 1 << 30) // waitAsync keeps no event loop alive
if (thread.role === 'worker') runWorker()
else runAgent()

function runWorker(): void {
  const { toWorker, fromWorker, bell } = thread.workers[thread.index]
  const input = openRing(toWorker)
  const output = openRing(fromWorker)
  const agentBell = new Int32Array(thread.agentBell)
  const functions = [(x: number) => x]
  let read = 0
  let written = 0

  void workOn(new Int32Array(bell), () => {
    const end = Atomics.load(input.head, 0)
    if (end === read) return false
    while (read !== end) {
      const from = place(read)
      const to = place(written)
      output.data[to] = input.data[from]
      output.data[to + 1] = functions[input.data[from + 1]](input.data[from + 2])
      read = (read + 1) | 0
      written = (written + 1) | 0
    }
    Atomics.store(output.head, 0, written)
    ring(agentBell)
    return true
  })
}

function runAgent(): void {
  const submissions = openRing(thread.fromDriver)
  const results = openRing(thread.toDriver)
  const driverBell = new Int32Array(thread.driverBell)
  const workers = thread.workers.map(({ toWorker, fromWorker, bell }) => ({
    input: openRing(toWorker),
    output: openRing(fromWorker),
    bell: new Int32Array(bell),
    written: 0,
    read: 0,
  }))
  const rows = new Map<number, { state: number; worker: object; attempt: number }>()
  let read = 0
  let written = 0
  let turn = 0

  const dispatch = (): boolean => {
    const end = Atomics.load(submissions.head, 0)
    if (end === read) return false
    while (read !== end) {
      const worker = workers[turn++ % workers.length]
      const from = place(read)
      const to = place(worker.written)
      worker.input.data[to] = submissions.data[from]
      worker.input.data[to + 1] = submissions.data[from + 1]
      worker.input.data[to + 2] = submissions.data[from + 2]
      worker.written = (worker.written + 1) | 0
      rows.set(submissions.data[from], { state: 1, worker, attempt: 0 })
      read = (read + 1) | 0
    }
    for (const worker of workers) {
      Atomics.store(worker.input.head, 0, worker.written)
      ring(worker.bell)
    }
    return true
  }
  const collect = (): boolean => {
    let found = false
    for (const worker of workers) {
      const end = Atomics.load(worker.output.head, 0)
      while (worker.read !== end) {
        found = true
        const from = place(worker.read)
        const to = place(written)
        const id = worker.output.data[from]
        rows.delete(id)
        results.data[to] = id
        results.data[to + 1] = worker.output.data[from + 1]
        worker.read = (worker.read + 1) | 0
        written = (written + 1) | 0
      }
    }
    if (found) {
      Atomics.store(results.head, 0, written)
      ring(driverBell)
    }
    return found
  }

  void workOn(new Int32Array(thread.agentBell), () => {
    const dispatched = dispatch()
    return collect() || dispatched
  })
}
