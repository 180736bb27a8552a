import { setTimeout as delay } from 'node:timers/promises'
import { get, init, put } from 'shoal'
import type { Reading } from '../figure.ts'
import { interleave } from '../statistics.ts'

const bytes = 100 << 20
const rounds = 9

/** A typed array into the store beside a copy of the same bytes into shared memory, whose pages have been touched on both sides. */
export async function measure(): Promise<Reading[]> {
  await using _mesh = await init({ address: 'local', cpus: 1, objectStoreBytes: 4 * bytes })
  const source = new Float64Array(bytes / 8).fill(0.5)
  const target = new Float64Array(new SharedArrayBuffer(bytes))
  const seconds = async (work: () => unknown): Promise<number> => {
    const startedAt = performance.now()
    await work()
    return (performance.now() - startedAt) / 1000
  }
  const putOnce = async (): Promise<number> => {
    let ref: Awaited<ReturnType<typeof put>> | undefined
    const taken = await seconds(async () => {
      ref = await put(source)
    })
    ref?.release()
    // Its place is free again for the next.
    await delay(20)
    return bytes / 1e6 / taken
  }
  const copyOnce = async (): Promise<number> => bytes / 1e6 / (await seconds(() => target.set(source)))
  await interleave(3, { put: putOnce, copy: copyOnce })
  const { put: value, copy } = await interleave(rounds, { put: putOnce, copy: copyOnce })
  const ref = await put(source)
  const getOnce = async (): Promise<number> => bytes / 1e6 / (await seconds(() => get(ref)))
  const read = await interleave(5, { get: getOnce })
  return [
    {
      what: 'put of 100 MiB',
      value,
      unit: 'MB/s',
      limit: { what: 'memcpy into shared memory', value: copy },
      mark: { of: 'ratio', atLeast: 0.7 },
    },
    { what: 'get of it, with a copy', value: read.get, unit: 'MB/s', limit: { what: 'the same memcpy', value: copy } },
  ]
}
