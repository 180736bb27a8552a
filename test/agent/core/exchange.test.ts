import t from 'tap'
import { limits } from '../../../agent/core/limits.ts'
import { Scenario } from './scenario.ts'

const totals = { cpus: 4, gpus: 1, memoryBytes: 2 ** 30 }

/** A peer with `peers` others, and an actor `A1` that keeps its GPU. */
function scenario({ peers = 1 } = {}): Scenario {
  const s = new Scenario(totals)
  const { exchange } = s.owner
  exchange.self = { peerId: 'p0', totals, labels: {}, closed: false }
  exchange.open = true
  for (let peer = 1; peer <= peers; peer++)
    exchange.peerIs(peer, { peerId: `p${peer}`, totals: { ...totals, gpus: 0 }, labels: {}, closed: false })
  s.kind('A', { cpus: 0, gpus: 1, actor: {} })
  s.submit('A1')
  s.turn()
  s.end('A1')
  return s
}

/** What is said of free CPUs, some time after a turn. */
function parks(s: Scenario): string[] {
  s.turn()
  s.now += limits.parkedMs
  s.turn()
  return s.take().filter(line => line.startsWith('park'))
}

t.test('an actor that waits for what another keeps does not keep the tasks of others away', async t => {
  const s = scenario()
  s.submit('A2')
  t.same(parks(s).at(-1), 'park at p1: 4 cpus')
})

t.test('what waits for the end of a task that runs here keeps others from that alone', async t => {
  const s = scenario()
  s.kind('shader', { gpus: 0.5 })
  s.owner.endActor(s.row('A1'), 'ended', s.now)
  s.owner.actors.dismissed(s.owner.rows.token(s.row('A1')))
  s.submit('shader1')
  s.submit('shader2')
  s.submit('shader3')
  t.same(parks(s).at(-1), 'park at p1: 2 cpus')
  s.kind('wide', { cpus: 4 })
  s.submit('wide1')
  t.same(parks(s).at(-1), 'park at p1: 0 cpus', 'nothing, while one waits for CPUs')
})

t.test('a kind that one peer could run, and that says nothing, does not use up every offer', async t => {
  const s = scenario({ peers: 6 })
  const { exchange } = s.owner
  exchange.peerIs(7, { peerId: 'p7', totals, labels: {}, closed: false })
  s.kind('wide', { cpus: 4 })
  s.submit('A2')
  s.submit('wide1')
  s.submit('wide2')
  s.turn()
  const told = new Set<string>()
  for (let i = 0; i < 40; i++) {
    exchange.random = () => ((i * 7) % 40) / 40
    s.now += limits.offerMaxMs
    s.turn()
    for (const line of s.take()) if (line.startsWith('offer')) told.add(line)
  }
  t.same(
    [...told].sort(),
    Array.from({ length: 7 }, (_, i) => `offer to p${i + 1}`),
  )
})
