import { get, init, put } from 'shoal'
import type { Reading } from '../figure.ts'
import { microsecondsEach } from '../statistics.ts'

const bytes = 2 ** 30

/** How long it takes to see an object of 1 GiB without a copy. */
export async function measure(): Promise<Reading[]> {
  await using _mesh = await init({ address: 'local', cpus: 1, objectStoreBytes: 1.25 * bytes })
  const startedAt = performance.now()
  const ref = await put(new Uint8Array(bytes))
  const putSeconds = (performance.now() - startedAt) / 1000

  const look = async () => {
    const view = await get(ref, { copy: false })
    if (view.byteLength !== bytes) throw new Error(`a view of ${view.byteLength} bytes in place of ${bytes}`)
  }
  const first = await microsecondsEach(1, look)
  const value = await microsecondsEach(500, look)
  return [
    { what: 'p50', value, unit: 'µs', mark: { of: 'value', atMost: 50 }, note: `the first ${first.toFixed(0)} µs` },
    { what: 'put of it', value: bytes / 1e6 / putSeconds, unit: 'MB/s' },
  ]
}
