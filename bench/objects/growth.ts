import { setTimeout as delay } from 'node:timers/promises'
import { get, init, put, task } from 'shoal'
import type { Reading } from '../figure.ts'

const perRound = 100_000
const batch = 1000

/** Objects of 1 KiB that are put, passed to a task and released, in rounds: what is left after each. */
export async function measure(): Promise<Reading[]> {
  await using mesh = await init({ address: 'local', cpus: 1 })
  const length = task((text: string) => text.length)
  const value = 'x'.repeat(1024)
  const memory: number[] = []
  const objects: number[] = []
  const startedAt = performance.now()
  for (let round = 0; round < 4; round++) {
    for (let done = 0; done < perRound; done += batch) {
      const refs = await Promise.all(Array.from({ length: batch }, () => put(value)))
      const lengths = await get(refs.map(ref => length.remote(ref)))
      if (lengths.some(n => n !== 1024)) throw new Error('a value is wrong')
      for (const ref of refs) ref.release()
    }
    await delay(500)
    globalThis.gc?.()
    await delay(100)
    memory.push(process.memoryUsage().rss / 1e6)
    objects.push((await Array.fromAsync(mesh.state.objects())).length)
  }
  const seconds = (performance.now() - startedAt) / 1000
  const [first] = memory.slice(1)
  const last = memory.at(-1) as number
  return [
    { what: 'objects left', value: Math.max(...objects), unit: 'B', mark: { of: 'value', atMost: 0 } },
    {
      what: 'resident memory from the second round to the fourth',
      value: last - first,
      unit: 'MB',
      mark: { of: 'value', atMost: 0.05 * first },
      note: memory.map(mb => mb.toFixed(0)).join(', '),
    },
    { what: 'put, passed and released', value: (4 * perRound) / seconds, unit: '/s' },
  ]
}
