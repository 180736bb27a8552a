import { actor, init } from 'shoal'
import type { Reading } from '../figure.ts'
import { BareQuic } from '../limits/quic.ts'
import { BenchMesh } from '../mesh/own-mesh.ts'
import { callsOf, many } from '../no-op.ts'
import { ratesOf } from '../statistics.ts'

const rounds = 5

class Echo {
  same(x: number): number {
    return x
  }
}

/** Calls of one actor on another agent, beside the bare QUIC binding between two processes. */
export async function measure(): Promise<Reading[]> {
  using mesh = new BenchMesh(2, 2)
  await using bare = await BareQuic.start()
  await using attached = await init({ address: mesh.agents[0].socket })
  await attached.waitFor({ peers: 2 }, { timeoutMs: 10_000 })
  const echo = actor(Echo, { placement: { peer: mesh.agents[1].peerId } }).remote()
  const { perSecond, each } = await ratesOf(rounds, {
    shoal: { ...callsOf(echo.same), warmUp: 30_000, total: 100_000, each: 500 },
    bare: { many: many(() => bare.send()), one: () => bare.send(), warmUp: 100_000, total: 200_000, each: 500 },
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
    },
  ]
}
