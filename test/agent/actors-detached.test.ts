import { type ActorHandle, actor, checkpoint, context, get, getActor, init, kill, task } from 'shoal'
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
  saves = 0
  rest: Uint8Array = new Uint8Array(500_000).fill(7)
  add(): number {
    return ++this.n
  }
  saved(): number {
    return this.saves
  }
  where(): string {
    return context().peerId
  }
  [checkpoint.save](): { n: number; rest: Uint8Array } {
    this.saves++
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
  for (let round = 0; round < 2; round++) {
    // Each save begins when the one before has been kept by others: the first of them is the directory's by then.
    await eventually('some have been saved', async () => {
      await get(large.add.remote())
      return (await get(large.saved.remote())) >= 4
    })
    const peerId = await get(large.where.remote())
    const host = mesh.agents.find(agent => agent.peerId === peerId) as MeshAgent
    if (host === first) break
    mesh.kill(host)
    t.ok((await get(large.add.remote())) >= 2)
    await again(mesh, host)
    await mesh.settled(first, 3)
  }
  await eventually('it is one', async () => (await Array.fromAsync(attached.state.actors())).length >= 1)
  await kill(large)
})

t.test('a detached actor that no peer could ever host says so, and is over after its time', async t => {
  await using mesh = await init({ ...options, cpus: 1 })
  const rows = () => Array.fromAsync(mesh.state.actors())
  const wanting = (infeasibleTimeoutMs: number) =>
    actor(Kept, { name: 'wanting', lifetime: 'detached', resources: { spot: 1 }, infeasibleTimeoutMs })
  const patient = wanting(60_000).remote()
  await eventually('it waits', async () => /spot/.test((await rows())[0]?.reason ?? ''))
  t.match(await rows(), [{ state: 'pending', reason: /no peer has 1 spot: the mesh has 0/, jobId: /./ }])
  await kill(patient)
  const call = wanting(300).remote().add.remote()
  await t.rejects(get(call), { code: 'SHOAL_INFEASIBLE', resource: 'spot', requested: '1', has: '0' })
  t.match((await rows())[0], { state: 'dead', reason: /no peer could ever give it 1 spot/, name: 'wanting' })
  const room = actor(Kept, { name: 'large', lifetime: 'detached', cpus: 1 }).remote()
  t.equal(await get(room.add.remote()), 1)
  const second = actor(Kept, { name: 'second', lifetime: 'detached', cpus: 1 }).remote()
  await eventually('it waits', async () =>
    (await rows()).some(({ name, reason }) => name === 'second' && /asks for 1 cpus/.test(reason ?? '')),
  )
  await kill(room)
  t.equal(await get(second.add.remote()), 1)
  await kill(second)
})

t.test('rows of detached actors: one that lives again is alive, one that was killed says by whom', async t => {
  await using mesh = await init({ ...options, cpus: 1 })
  const rows = () => Array.fromAsync(mesh.state.actors())
  const kept = actor(Kept, { name: 'kept', lifetime: 'detached', restarts: -1, callRetries: -1 }).remote()
  await get(kept.add.remote())
  for (let n = 1; n <= 2; n++) {
    await kill(kept, { restart: true })
    await get(kept.add.remote())
    t.match(await rows(), [{ state: 'alive', restarts: n, name: 'kept' }])
    t.equal((await rows()).length, 1)
  }
  await kill(kept)
  t.match(await rows(), [
    { state: 'dead', name: 'kept', lifetime: 'detached', className: 'Kept', reason: /killed by a program on peer/ },
  ])
  t.equal((await rows()).length, 1)
})

t.test('two agents', { timeout: 90_000 }, async t => {
  await using mesh = await AgentMesh.start(2, '--cpus', '2')
  const [a, b] = mesh.agents
  await using attached = await init({ ...options, address: b.socket })

  await t.test('who has killed an actor of another peer can take its name', async t => {
    const end = task(async (one: ActorHandle<Kept>) => await kill(one), { placement: { peer: a.peerId } })
    for (let round = 0; round < 10; round++) {
      const one = actor(Kept, { name: 'one' }).remote()
      t.equal(await get(one.add.remote()), 1)
      await get(end.remote(one))
    }
  })

  await t.test('a name that cannot be had says why, and can be had when names go on', async t => {
    const Late = actor(Kept, { name: 'late' })
    process.kill(a.pid, 'SIGSTOP')
    await t.rejects(get(Late.remote().add.remote()), {
      code: 'SHOAL_ACTOR_DIED',
      cause: { code: 'SHOAL_NAMES_UNAVAILABLE' },
    })
    process.kill(a.pid, 'SIGCONT')
    // The first claim may have come to pass after all.
    await eventually('the name can be had', async () => {
      const late = Late.remote()
      const n = await get(late.add.remote()).catch(() => 0)
      if (n === 1) await kill(late)
      return n === 1
    })
  })
  t.ok(attached)
})
