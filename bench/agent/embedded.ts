import { init } from 'shoal'
import type { Reading } from '../figure.ts'
import { startRings } from '../limits/rings.ts'
import { many, noOpTask } from '../no-op.ts'
import { callsPerSecond, interleave, microsecondsEach } from '../statistics.ts'

const workers = 2
const rounds = 7

/** No-op tasks on an embedded peer beside shared rings through an agent thread, in the same process. */
export async function measure(): Promise<Reading[]> {
  await using rings = await startRings(workers)
  await using _mesh = await init({ address: 'local', cpus: workers })
  const noOp = noOpTask()
  const ringsMany = many(rings.submit)
  await interleave(2, {
    shoal: () => callsPerSecond(100_000, 1000, noOp.many),
    rings: () => callsPerSecond(200_000, 1000, ringsMany),
  })

  const perSecond = await interleave(rounds, {
    shoal: () => callsPerSecond(200_000, 1000, noOp.many),
    rings: () => callsPerSecond(500_000, 1000, ringsMany),
  })
  const each = await interleave(rounds, {
    shoal: () => microsecondsEach(2000, noOp.one),
    rings: () => microsecondsEach(2000, () => rings.submit(1)),
  })
  return [
    {
      what: '1,000 outstanding',
      value: perSecond.shoal,
      unit: '/s',
      limit: { what: 'shared rings through an agent thread', value: perSecond.rings },
      mark: { of: 'ratio', atLeast: 0.25 },
    },
    {
      what: 'one at a time, p50',
      value: each.shoal,
      unit: 'µs',
      limit: { what: 'the same rings, one at a time', value: each.rings },
      mark: { of: 'ratio', atMost: 2.5 },
    },
  ]
}
