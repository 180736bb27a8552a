import { type ActorHandle, actor, checkpoint, context, drain, get, getActor, init, kill, task } from 'shoal'
import t from 'tap'
import { eventually } from '../sdk/meshes.ts'
import { AgentMesh, type MeshAgent } from './mesh-support.ts'

class Single {
  id = `${Math.random()}`
  n = 0
  add(): { id: string; n: number } {
    return { id: this.id, n: ++this.n }
  }
  where(): string {
    return context().peerId
  }
}

class Saved extends Single {
  [checkpoint.save](): number {
    return this.n
  }
  [checkpoint.restore](n: number): void {
    this.n = n
  }
}

const softly = (peer: string) => ({ placement: { peer, soft: true } })

t.test('lives of actors on three peers', { timeout: 90_000 }, async t => {
  await using mesh = await AgentMesh.start(3, '--cpus', '2')
  const [a, b, c] = mesh.agents as [MeshAgent, MeshAgent, MeshAgent]
  await using attached = await init({ address: a.socket, namespace: 'lives', logToDriver: false })
  const rows = (className: string) => Array.fromAsync(attached.state.actors({ className }))

  await t.test('raced by tasks on every peer, getIfExists makes one', async t => {
    const One = actor(Single, { name: 'one', namespace: 'lives', getIfExists: true, lifetime: 'detached' })
    const race = task(async () => (await get(One.remote().add.remote())).id)
    const ids = await get(
      [a, b, c, a, b, c].map(({ peerId }) => race.options({ placement: { peer: peerId } }).remote()),
    )
    t.equal(new Set(ids).size, 1)
    await kill(await getActor('one'))
  })

  await t.test('what no peer can take is pending, and says for what', async t => {
    class Wanting extends Single {}
    const wanting = actor(Wanting, { resources: { spot: 1 } }).remote()
    await eventually('it waits', async () => /spot/.test((await rows('Wanting'))[0]?.reason ?? ''))
    t.match(await rows('Wanting'), [{ state: 'pending', reason: /spot/ }])
    t.match((await mesh.cli(a, 'actors')).out, /Wanting +pending[\s\S]*spot/)
    const listed = JSON.parse((await mesh.cli(b, 'actors', '--json')).out)
    t.match(
      listed.find((row: { className: string }) => row.className === 'Wanting'),
      { state: 'pending' },
    )
    wanting[Symbol.dispose]()
  })

  await t.test('callers on three peers see one restart', async t => {
    const single = actor(Single, { restarts: -1, callRetries: -1, ...softly(c.peerId) }).remote()
    t.equal(await get(single.where.remote()), c.peerId)
    const call = task(async (to: ActorHandle<Single>) => await get(to.add.remote()))
    mesh.kill(c)
    const seen = await get([
      single.add.remote(),
      ...[a, b].map(({ peerId }) => call.options({ placement: { peer: peerId } }).remote(single)),
    ])
    t.equal(new Set(seen.map(({ id }) => id)).size, 1)
    t.equal((await rows('Single')).filter(({ state }) => state === 'alive')[0]?.restarts, 1)
    t.same(seen.map(({ n }) => n).sort(), [1, 2, 3])
  })

  await t.test('drained, an actor moves with its checkpoint', async t => {
    const saved = actor(Saved, { restarts: 1, callRetries: -1, checkpoint: { everyCalls: 1 }, ...softly(b.peerId) })
    const handle = saved.remote()
    for (let n = 1; n <= 3; n++) t.equal((await get(handle.add.remote())).n, n)
    await drain(b.peerId, { deadlineMs: 1000 })
    t.equal((await get(handle.add.remote())).n, 4)
    t.equal(await get(handle.where.remote()), a.peerId)
  })
})
