import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { clock, clocks } from '../../agent/peer/clocks.ts'
import type { Others } from '../../agent/peer/row-pages.ts'

function others(aheadMs: number, ways: number[]): Others {
  return {
    members: () => [],
    linked: () => ['B'],
    async ask(method) {
      t.equal(method, 'clock')
      const ms = ways.shift()
      if (ms === undefined) return []
      await delay(ms)
      return [{ peerId: 'B', answer: clock() + aheadMs }]
    },
  }
}

t.test('a clock that is ahead is measured by the quickest answer; one that agrees is not moved', async t => {
  const [own, ahead] = await clocks('A', others(60_000, [80, 5, 60, 70, 80]))
  t.same(own, { peerId: 'A', aheadMs: 0, uncertainMs: 0 })
  t.ok(ahead.uncertainMs < 25, `${ahead.uncertainMs}`)
  t.ok(Math.abs(ahead.aheadMs - 60_000) <= ahead.uncertainMs + 1, `${ahead.aheadMs}`)
  const [, same] = await clocks('A', others(0, [20, 10]))
  t.equal(same.aheadMs, 0, 'no more than its way may be')
  t.same(await clocks('A', others(0, [])), [own], 'one that does not answer')
})
