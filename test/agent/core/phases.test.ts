import t from 'tap'
import { Phases } from '../../../agent/core/phases.ts'

const task = (number: number) => ({ client: 1, number, attempt: 0 })

t.test('the newest phases are kept, and read on from where a page ended', t => {
  const phases = new Phases(3)
  t.same([...phases.entries()], [])
  phases.clock = () => 50
  for (let n = 0; n < 5; n++) phases.add(task(n), 'fetch', { startedAt: n, bytes: 10 * n })
  t.same(
    [...phases.entries()].map(({ place, number, startedAt, endedAt, bytes }) => [
      place,
      number,
      startedAt,
      endedAt,
      bytes,
    ]),
    [
      [2, 2, 2, 50, 20],
      [3, 3, 3, 50, 30],
      [4, 4, 4, 50, 40],
    ],
  )
  t.same(
    [...phases.entries(4)].map(({ number }) => number),
    [4],
  )
  t.same([...phases.entries(5)], [])
  phases.add({ client: -2, number: 2 ** 40, attempt: 3 }, 'store', { startedAt: 60, endedAt: 55 })
  t.match(
    [...phases.entries(5)],
    [{ client: -2, number: 2 ** 40, attempt: 3, phase: 'store', startedAt: 60, endedAt: 60, bytes: 0 }],
  )
  const seen: number[] = []
  for (const { number } of phases.entries()) {
    if (seen.push(number) === 1) for (let n = 10; n < 13; n++) phases.add(task(n), 'wait', { startedAt: 0 })
  }
  t.same(seen, [3, 10, 11, 12], 'what came meanwhile, without what fell out')
  t.end()
})
