import { get, init, task } from 'shoal'
import type { Reading } from '../figure.ts'
import { median } from '../statistics.ts'

const items = 200_000

/** Items of a generator, 1 KiB each, at most 100 of them unread. */
export async function measure(): Promise<Reading[]> {
  await using _mesh = await init({ address: 'local', cpus: 1 })
  const flow = task(
    function* (n: number) {
      const item = 'x'.repeat(1024)
      for (let i = 0; i < n; i++) yield item
    },
    { backpressure: 100 },
  )
  const once = async (n: number): Promise<number> => {
    const startedAt = performance.now()
    let seen = 0
    for await (const ref of flow.remote(n)) {
      if ((await get(ref)).length !== 1024) throw new Error('an item is wrong')
      ref.release()
      seen++
    }
    if (seen !== n) throw new Error(`${seen} items in place of ${n}`)
    return (n / (performance.now() - startedAt)) * 1000
  }
  await once(20_000)
  const rates = [await once(items), await once(items), await once(items)]
  return [
    {
      what: 'items of 1 KiB, backpressure 100',
      value: median(rates),
      unit: '/s',
      mark: { of: 'value', atLeast: 50_000 },
    },
  ]
}
