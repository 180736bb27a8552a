import { actor, checkpoint, context, get, getActor, init, kill } from 'shoal'
import t from 'tap'
import { eventually } from '../sdk/meshes.ts'
import { AgentMesh, type MeshAgent } from './mesh-support.ts'

class Kept {
  n = 0
  add(): number {
    return ++this.n
  }
  [checkpoint.save](): number {
    return this.n
  }
  [checkpoint.restore](n: number): void {
    this.n = n
  }
}

/** What it saves is an object of its own. */
class Large {
  n = 0
  rest: Uint8Array = new Uint8Array(500_000).fill(7)
  add(): number {
    return ++this.n
  }
  where(): string {
    return context().peerId
  }
  [checkpoint.save](): { n: number; rest: Uint8Array } {
    return { n: this.n, rest: this.rest }
  }
  [checkpoint.restore]({ n, rest }: { n: number; rest: Uint8Array }): void {
    this.n = n
    this.rest = rest
  }
}

const options = { namespace: 'detached', logToDriver: false } as const

/** An agent is killed and started again with its home, where it listened before. */
async function again(mesh: AgentMesh, agent: MeshAgent): Promise<void> {
  Object.assign(agent, await mesh.launch(agent.home, 'up', '--listen', agent.listen[0], '--cpus', '2'))
}

t.test(
  'all agents are killed and started again: detached actors go on from what they saved',
  {
    timeout: 90_000,
  },
  async t => {
    await using mesh = await AgentMesh.start(3, '--cpus', '2')
    const names = ['without end', 'five times']
    {
      await using attached = await init({ ...options, address: mesh.agents[0].socket })
      for (const [i, restarts] of [-1, 5].entries()) {
        const rest = { lifetime: 'detached', checkpoint: { everyCalls: 1 } } as const
        const kept = actor(Kept, { name: names[i], restarts, ...rest }).remote()
        t.equal(await get(kept.add.remote()), 1)
        // The checkpoint of the one before has left by the time that this has ended.
        t.equal(await get(kept.add.remote()), 2)
      }
      t.equal((await Array.fromAsync(attached.state.actors())).length, 2)
    }
    for (const agent of mesh.agents) mesh.kill(agent)
    for (const agent of mesh.agents) await again(mesh, agent)
    await using _ = await init({ ...options, address: mesh.agents[1].socket })
    for (const name of names) {
      const kept = await getActor<Kept>(name)
      const n = await get(kept.add.remote())
      t.ok(n === 2 || n === 3, `${n}`)
    }
    t.match(
      JSON.parse((await mesh.cli(mesh.agents[0], 'names', '--json')).out),
      names.map(() => ({ epoch: 2, restarts: 1, state: 'alive' })),
    )
    for (const name of names) await kill(await getActor(name))
  },
)

t.test('a large checkpoint outlives its host, again and again', { timeout: 90_000 }, async t => {
  await using mesh = await AgentMesh.start(3, '--cpus', '2')
  const [first] = mesh.agents
  await using attached = await init({ ...options, address: first.socket })
  const elsewhere = { peer: mesh.agents[1].peerId, soft: true }
  const saves = { restarts: -1, callRetries: -1, checkpoint: { everyCalls: 1 } }
  const large = actor(Large, { name: 'large', lifetime: 'detached', ...saves, placement: elsewhere }).remote()
  let least = 1
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 5; n++) await get(large.add.remote())
    // One checkpoint at least has been kept by the time that the next ones are.
    const saved = await get(large.add.remote())
    t.ok(saved >= least, `${saved}, at least ${least}`)
    least = saved >= 6 ? 2 : least
    const peerId = await get(large.where.remote())
    const host = mesh.agents.find(agent => agent.peerId === peerId) as MeshAgent
    if (host === first) break
    mesh.kill(host)
    t.ok((await get(large.add.remote())) >= least)
    await again(mesh, host)
    await mesh.settled(first, 3)
  }
  await eventually('it is one', async () => (await Array.fromAsync(attached.state.actors())).length >= 1)
  await kill(large)
})
