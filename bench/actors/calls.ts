import { actor, get, init } from 'shoal'
import type { Reading } from '../figure.ts'
import { startRings } from '../limits/rings.ts'
import { many } from '../no-op.ts'
import { callsPerSecond, interleave, microsecondsEach } from '../statistics.ts'

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
  const shoalMany = (count: number) => get(Array.from({ length: count }, (_, i) => echo.same.remote(i)))
  const ringsMany = many(rings.submit)
  await interleave(2, {
    shoal: () => callsPerSecond(100_000, 1000, shoalMany),
    rings: () => callsPerSecond(200_000, 1000, ringsMany),
  })
  const perSecond = await interleave(rounds, {
    shoal: () => callsPerSecond(200_000, 1000, shoalMany),
    rings: () => callsPerSecond(500_000, 1000, ringsMany),
  })
  const each = await interleave(rounds, {
    shoal: () => microsecondsEach(2000, () => get(echo.same.remote(1))),
    rings: () => microsecondsEach(2000, () => rings.submit(1)),
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
