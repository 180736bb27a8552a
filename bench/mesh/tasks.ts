import { get, init, put, task } from 'shoal'
import type { Reading } from '../figure.ts'
import { BareQuic } from '../limits/quic.ts'
import { many, noOpTask } from '../no-op.ts'
import { interleave, ratesOf } from '../statistics.ts'
import { BenchMesh } from './own-mesh.ts'

const rounds = 5
const objectBytes = 256 << 20

/** No-op tasks and an object on another agent, beside the bare QUIC binding between two processes. */
export async function measure(): Promise<Reading[]> {
  using mesh = new BenchMesh(2, 2)
  await using bare = await BareQuic.start()
  await using attached = await init({ address: mesh.agents[0].socket })
  await attached.waitFor({ peers: 2 }, { timeoutMs: 10_000 })
  const placement = { peer: mesh.agents[1].peerId }
  const { perSecond, each } = await ratesOf(rounds, {
    shoal: { ...noOpTask(placement), warmUp: 30_000, total: 100_000, each: 500 },
    bare: { many: many(() => bare.send()), one: () => bare.send(), warmUp: 100_000, total: 200_000, each: 500 },
  })
  const length = task((bytes: Uint8Array) => bytes.length, { placement, copy: false })
  const objects = await interleave(3, {
    shoal: async () => {
      using object = await put(new Uint8Array(objectBytes))
      await get(task(() => 0, { placement }).remote())
      const startedAt = performance.now()
      await get(length.remote(object))
      return objectBytes / (1 << 20) / ((performance.now() - startedAt) / 1000)
    },
    bare: async () => objectBytes / (1 << 20) / ((await bare.bulk(objectBytes)) / 1000),
  })
  return [
    {
      what: '1,000 outstanding',
      value: perSecond.shoal,
      unit: '/s',
      limit: { what: 'batched request/response on the bare binding', value: perSecond.bare },
      mark: { of: 'ratio', atLeast: 0.25 },
    },
    {
      what: 'one at a time, p50',
      value: each.shoal,
      unit: 'µs',
      limit: { what: 'one echo on the bare binding', value: each.bare },
      mark: { of: 'ratio', atMost: 2.5 },
    },
    {
      what: 'an object of 256 MiB to a task',
      value: objects.shoal,
      unit: 'MB/s',
      limit: { what: 'the bare binding', value: objects.bare },
      mark: { of: 'ratio', atLeast: 0.6 },
    },
  ]
}
