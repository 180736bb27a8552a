import { actor, init } from 'shoal'
import type { Reading } from '../figure.ts'
import { startRings } from '../limits/rings.ts'
import { callsOf, many } from '../no-op.ts'
import { ratesOf } from '../statistics.ts'

const rounds = 7

class Echo {
  same(x: number): number {
    return x
  }
}

/** Calls of one actor on an embedded peer beside shared rings through an agent thread, in the same process. */
export async function measure(): Promise<Reading[]> {
  await using rings = await startRings(2)
  await using _mesh = await init({ address: 'local', cpus: 2 })
  const echo = actor(Echo).remote()
  const { perSecond, each } = await ratesOf(rounds, {
    shoal: { ...callsOf(echo.same), warmUp: 100_000, total: 200_000, each: 2000 },
    rings: { many: many(rings.submit), one: () => rings.submit(1), warmUp: 200_000, total: 500_000, each: 2000 },
  })
  return [
    {
      what: '1,000 outstanding',
      value: perSecond.shoal,
      unit: '/s',
      limit: { what: 'shared rings through an agent thread', value: perSecond.rings },
      mark: { of: 'ratio', atLeast: 0.2 },
      note: 'Ray 2.60 on two cores: 3,750/s',
    },
    {
      what: 'one at a time, p50',
      value: each.shoal,
      unit: 'µs',
      limit: { what: 'the same rings, one at a time', value: each.rings },
      mark: { of: 'ratio', atMost: 3 },
      note: 'Ray 2.60 on two cores: 1,460/s, which is 685 µs',
    },
  ]
}
