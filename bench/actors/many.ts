import { setTimeout as delay } from 'node:timers/promises'
import { actor, get, init, type Mesh, type RemoteClass, release } from 'shoal'
import type { Reading } from '../figure.ts'

class Cell {
  n = 0
  add(by: number): number {
    this.n += by
    return this.n
  }
}

/** What idle threads no longer need is collected after so long. */
const IDLE_MS = 7000
/** After its release an actor is gone within so long, however many there are. */
const GONE_MS = 10_000
/** What 100,000 actors may leave: the rows of the newest that are over, and what allocators keep. */
const afterBytesMax = 200e6

/** Memory of the whole process, agent and threads included, once what can be collected has been. */
async function residentBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await delay(300)
  }
  return process.memoryUsage().rss
}

async function aliveActors(mesh: Mesh): Promise<number> {
  let count = 0
  for await (const { state } of mesh.state.actors({ className: 'Cell' })) if (state !== 'dead') count++
  return count
}

/** Many actors on one peer: made, called once each, let go of. */
export async function measure(): Promise<Reading[]> {
  await using mesh = await init({ address: 'local', cpus: 2 })
  const Cells = actor(Cell)
  // Threads, tables and heaps have their sizes before anything is counted.
  const warm = Array.from({ length: 3000 }, () => Cells.remote())
  await get(warm.map(cell => cell.add.remote(1)))
  release(...warm)
  await gone(mesh)
  await delay(IDLE_MS)
  const before = await residentBytes()

  const few = await makeAndCall(mesh, Cells, 10_000)
  const all = await makeAndCall(mesh, Cells, 100_000)
  await delay(2 * IDLE_MS)
  const after = await residentBytes()
  return [
    {
      what: '10,000 made and called once each',
      value: few.seconds * 1000,
      unit: 'ms',
      mark: { of: 'value', atMost: 3000 },
      note: 'Ray 2.60 on two cores: 100 take 43 s; none was left after release',
    },
    {
      what: 'memory of one of them',
      value: (few.most - before) / 10_000,
      unit: 'B',
      mark: { of: 'value', atMost: 4096 },
      note: 'resident, of the program, its agent and its threads together; Ray 2.60: 51 MiB',
    },
    {
      what: '100,000 made and called once each',
      value: all.seconds * 1000,
      unit: 'ms',
      note: 'none was left after release',
    },
    {
      what: 'memory with 100,000',
      value: all.most / 1e6,
      unit: 'MB',
      note: `before the first ${Math.round(before / 1e6)}`,
    },
    {
      what: 'memory after they are gone, over that before the first',
      value: (after - before) / 1e6,
      unit: 'MB',
      mark: { of: 'value', atMost: afterBytesMax / 1e6 },
      note: `${Math.round(after / 1e6)} in all`,
    },
  ]
}

/** Makes so many, calls each once, and lets go of them, of which none is left. How long the first two took, what memory there was. */
async function makeAndCall(
  mesh: Mesh,
  Cells: RemoteClass<typeof Cell>,
  count: number,
): Promise<{ seconds: number; most: number }> {
  const startedAt = performance.now()
  const cells = Array.from({ length: count }, () => Cells.remote())
  const values = await get(cells.map((cell, i) => cell.add.remote(i)))
  const seconds = (performance.now() - startedAt) / 1000
  if (values.some((value, i) => value !== i)) throw new Error('an actor gave what was not its own')
  await delay(IDLE_MS)
  const most = await residentBytes()
  release(...cells)
  await gone(mesh)
  return { seconds, most }
}

/** Waits until none is alive. */
async function gone(mesh: Mesh): Promise<void> {
  const end = performance.now() + GONE_MS
  for (;;) {
    const left = await aliveActors(mesh)
    if (left === 0) return
    if (performance.now() > end) throw new Error(`${left} actors are alive ${GONE_MS} ms after all were let go of`)
    await delay(100)
  }
}
