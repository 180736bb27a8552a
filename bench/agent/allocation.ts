import { syncBuiltinESMExports } from 'node:module'
import { GCProfiler, getHeapStatistics } from 'node:v8'
import workerThreads, { type Worker } from 'node:worker_threads'
import type { Reading } from '../figure.ts'
import { callsPerSecond, median } from '../statistics.ts'

const rounds = 9
const tasks = 20_000

/**
 * Bytes of heap that a no-op task makes the driver's and the agent's thread allocate. What a collection freed is added
 * for the driver; the agent's thread has a young generation (`--min-semi-space-size`) that no round fills.
 */
export async function measure(): Promise<Reading[]> {
  const threads = recordThreads()
  // Nothing of an idle mesh keeps a program alive while it waits for its threads' figures.
  const stays = setInterval(() => undefined, 1000)
  const { init, noOpTask } = await load()
  await using _mesh = await init({ address: 'local', cpus: 2 })
  const agent = threads[0]
  const noOp = noOpTask()
  await callsPerSecond(100_000, 1000, noOp.many)

  const driverBytes: number[] = []
  const agentBytes: number[] = []
  for (let round = 0; round < rounds; round++) {
    const agentBefore = (await agent.getHeapStatistics()).used_heap_size
    const countDriver = countAllocations()
    await callsPerSecond(tasks, 1000, noOp.many)
    driverBytes.push(countDriver() / tasks)
    const agentAllocated = (await agent.getHeapStatistics()).used_heap_size - agentBefore
    if (agentAllocated > 0) agentBytes.push(agentAllocated / tasks)
  }
  clearInterval(stays)
  return [
    { what: "the driver's thread", value: median(driverBytes), unit: 'B', mark: { of: 'value', atMost: 600 } },
    {
      what: "the agent's thread",
      value: median(agentBytes),
      unit: 'B',
      mark: { of: 'value', atMost: 100 },
      note:
        agentBytes.length < rounds ? `${rounds - agentBytes.length} of ${rounds} rounds left out: a collection` : '',
    },
  ]
}

/** Shoal, loaded when its threads are recorded. */
async function load() {
  const [{ init }, { noOpTask }] = await Promise.all([import('shoal'), import('../no-op.ts')])
  return { init, noOpTask }
}

/** Keeps every thread that this process starts from now on: the first that `init` starts is the agent. */
function recordThreads(): Worker[] {
  const threads: Worker[] = []
  workerThreads.Worker = class extends workerThreads.Worker {
    constructor(...parameters: ConstructorParameters<typeof Worker>) {
      super(...parameters)
      threads.push(this)
    }
  }
  syncBuiltinESMExports()
  return threads
}

/** Starts to count what this thread allocates; the function that it gives ends that and says how much it was. */
function countAllocations(): () => number {
  const profiler = new GCProfiler()
  profiler.start()
  const before = getHeapStatistics().used_heap_size
  return () => {
    const after = getHeapStatistics().used_heap_size
    const freed = profiler
      .stop()
      .statistics.map(
        ({ beforeGC, afterGC }) => beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize,
      )
    return freed.reduce((a, b) => a + b, after - before)
  }
}
