import { init } from 'shoal'
import t from 'tap'
import { operate } from '../sdk/actor-operations.ts'
import { nothingLeft } from '../sdk/meshes.ts'
import { randomOf } from '../sim/cores.ts'
import { AgentMesh } from './mesh-support.ts'

const seeds = process.env.SEEDS ? process.env.SEEDS.split(',').map(Number) : [1]

for (const seed of seeds) {
  t.test(`random operations on actors of three peers, seed ${seed}`, { timeout: 120_000 }, async t => {
    await using mesh = await AgentMesh.start(3, '--cpus', '2')
    await using attached = await init({ address: mesh.agents[0].socket, logToDriver: false })
    const peers = mesh.agents.map(({ peerId }) => peerId)
    t.ok(await operate({ random: randomOf(seed), steps: 250, peers }))
    await nothingLeft(attached)
    const happens = () => mesh.kill(mesh.agents[2])
    t.ok(await operate({ random: randomOf(seed + 1000), steps: 250, peers, losses: true, at: { step: 120, happens } }))
    await nothingLeft(attached)
    const living = (await Array.fromAsync(attached.state.actors())).filter(({ state }) => state !== 'dead')
    t.same(living, [])
  })
}
