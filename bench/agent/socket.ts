import { init } from 'shoal'
import type { Reading } from '../figure.ts'
import { startEcho } from '../limits/echo.ts'
import { many, noOpTask } from '../no-op.ts'
import { ratesOf } from '../statistics.ts'
import { startOwnAgent } from './own-agent.ts'

const rounds = 7

/** No-op tasks through an agent's socket beside an echo of 64-byte frames in another process. */
export async function measure(): Promise<Reading[]> {
  using agent = startOwnAgent(2)
  await using echo = await startEcho()
  await using _mesh = await init({ address: agent.socket })
  const { perSecond, each } = await ratesOf(rounds, {
    shoal: { ...noOpTask(), warmUp: 100_000, total: 200_000, each: 2000 },
    echo: { many: many(() => echo.send()), one: () => echo.send(), warmUp: 200_000, total: 300_000, each: 2000 },
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
