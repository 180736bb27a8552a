import { init } from 'shoal'
import t from 'tap'
import { randomOf } from '../sim/cores.ts'
import { operate } from './actor-operations.ts'
import { nothingLeft } from './meshes.ts'

const seeds = process.env.SEEDS ? process.env.SEEDS.split(',').map(Number) : [1, 2]

for (const seed of seeds) {
  t.test(`random operations on actors, seed ${seed}`, async t => {
    await using mesh = await init({ cpus: 2, objectStoreBytes: 1 << 27, logToDriver: false })
    const calls = await operate({ random: randomOf(seed), steps: 400 })
    t.ok(calls > 400, `${calls} calls`)
    await nothingLeft(mesh)
    const living = (await Array.fromAsync(mesh.state.actors())).filter(({ state }) => state !== 'dead')
    t.same(living, [])
  })
}
