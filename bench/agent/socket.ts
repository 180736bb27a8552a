import { init } from 'shoal'
import type { Reading } from '../figure.ts'
import { startEcho } from '../limits/echo.ts'
import { many, noOpTask } from '../no-op.ts'
import { callsPerSecond, interleave, microsecondsEach } from '../statistics.ts'
import { startOwnAgent } from './own-agent.ts'

const rounds = 7

/** No-op tasks through an agent's socket beside an echo of 64-byte frames in another process. */
export async function measure(): Promise<Reading[]> {
  using agent = startOwnAgent(2)
  await using echo = await startEcho()
  await using _mesh = await init({ address: agent.socket })
  const noOp = noOpTask()
  const echoMany = many(() => echo.send())
  await interleave(2, {
    shoal: () => callsPerSecond(100_000, 1000, noOp.many),
    echo: () => callsPerSecond(200_000, 1000, echoMany),
  })

  const perSecond = await interleave(rounds, {
    shoal: () => callsPerSecond(200_000, 1000, noOp.many),
    echo: () => callsPerSecond(300_000, 1000, echoMany),
  })
  const each = await interleave(rounds, {
    shoal: () => microsecondsEach(2000, noOp.one),
    echo: () => microsecondsEach(2000, () => echo.send()),
  })
  return [
    {
      what: '1,000 outstanding',
      value: perSecond.shoal,
      unit: '/s',
      limit: { what: 'batched echo over a bare Unix socket', value: perSecond.echo },
      mark: { of: 'ratio', atLeast: 0.3 },
    },
    {
      what: 'one at a time, p50',
      value: each.shoal,
      unit: 'µs',
      limit: { what: 'the same echo, one at a time', value: each.echo },
    },
  ]
}
