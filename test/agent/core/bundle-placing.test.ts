import fc from 'fast-check'
import t from 'tap'
import { placeBundles, type Strategy } from '../../../agent/core/bundle-placing.ts'
import { randomOf } from '../../sim/cores.ts'

const rooms = (...cpus: number[]) => cpus.map((n, i) => ({ peerId: `p${i}`, free: { cpus: n } }))
const bundles = (...cpus: number[]) => cpus.map(n => ({ cpus: n }))
const place = (strategy: Strategy, asked: number[], free: number[], kept: (string | undefined)[] = []) => {
  const found = placeBundles({ bundles: bundles(...asked), strategy, kept: asked.map((_, i) => kept[i]) }, rooms(...free), () => 0.5) // biome-ignore format: one line
  return 'peers' in found ? found.peers.join(' ') : `stuck at ${found.stuck}`
}

t.test('each strategy puts bundles where it says', async t => {
  t.equal(place('pack', [2, 2], [4, 4, 4]), 'p0 p0')
  t.equal(place('pack', [2, 2], [3, 4, 4]), 'p1 p1', 'on one peer, if there is one')
  t.equal(place('pack', [2, 2, 2], [4, 4]), 'p0 p0 p1')
  t.equal(place('strict-pack', [2, 2, 2], [4, 4]), 'stuck at 2')
  t.equal(place('strict-pack', [2, 2, 2], [4, 6]), 'p1 p1 p1')
  t.equal(place('spread', [2, 2], [4, 4]), 'p0 p1')
  t.equal(new Set(place('spread', [1, 1, 1], [4, 4]).split(' ')).size, 2)
  t.equal(place('strict-spread', [2, 2, 2], [4, 4]), 'stuck at 2')
  t.equal(place('strict-spread', [1, 4, 1], [4, 1, 1]), 'p1 p0 p2', 'the large one takes the place of a small one')
})

t.test('what is lost goes to where the rest is not in its way', async t => {
  t.equal(place('strict-spread', [1, 1, 1], [4, 4, 4], ['p0', undefined, 'p2']), 'p0 p1 p2')
  t.equal(place('strict-pack', [1, 1], [4, 4], ['p1', undefined]), 'p1 p1')
  t.equal(place('pack', [1, 1], [4, 4], [undefined, 'p1']), 'p1 p1')
  t.equal(place('spread', [1, 1, 1], [4, 4, 4], ['p0', 'p1', undefined]), 'p0 p1 p2')
})

t.test('every placing keeps to its strategy and to what is free', async t => {
  const strategy = fc.constantFrom<Strategy>('pack', 'spread', 'strict-pack', 'strict-spread')
  const amounts = fc.record({ cpus: fc.nat({ max: 4 }), gpus: fc.nat({ max: 2 }) })
  const all = fc.record({
    strategy,
    bundles: fc.array(amounts, { minLength: 1, maxLength: 6 }),
    free: fc.array(amounts, { maxLength: 5 }),
    seed: fc.nat(),
  })
  fc.assert(
    fc.property(all, ({ strategy, bundles, free, seed }) => {
      const there = free.map((amounts, i) => ({ peerId: `p${i}`, free: amounts }))
      const found = placeBundles({ bundles, strategy, kept: bundles.map(() => undefined) }, there, randomOf(seed))
      if ('stuck' in found) return found.stuck >= 0 && found.stuck < bundles.length
      const { peers } = found
      const used = new Map(there.map(({ peerId, free }) => [peerId, { ...free }]))
      for (const [index, peer] of peers.entries()) {
        const left = used.get(peer)
        if (!left) return false
        left.cpus -= bundles[index].cpus
        left.gpus -= bundles[index].gpus
      }
      const fits = [...used.values()].every(({ cpus, gpus }) => cpus >= 0 && gpus >= 0)
      const { size } = new Set(peers)
      return (
        fits && (strategy !== 'strict-pack' || size === 1) && (strategy !== 'strict-spread' || size === peers.length)
      )
    }),
  )
  t.pass()
})
