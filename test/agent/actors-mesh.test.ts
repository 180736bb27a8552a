import { type ActorHandle, actor, context, get, getActor, init, kill, put, release, task } from 'shoal'
import t from 'tap'
import { eventually } from '../sdk/meshes.ts'
import { AgentMesh } from './mesh-support.ts'

class Kept {
  n = 0
  add(): number {
    return ++this.n
  }
  where(): string {
    return context().peerId
  }
}

const on = (peer: string) => ({ placement: { peer, soft: true } })

t.test('an actor goes on when its peer is lost, on another, with the same handle for all', async t => {
  await using mesh = await AgentMesh.start(3, '--cpus', '2')
  const [a, b, c] = mesh.agents as [(typeof mesh.agents)[0], (typeof mesh.agents)[0], (typeof mesh.agents)[0]]
  await using attached = await init({ address: a.socket, namespace: 'test', logToDriver: false })
  const K = actor(Kept)
  const fixed = K.options(on(c.peerId)).remote()
  const moves = K.options({ restarts: 1, callRetries: -1, ...on(c.peerId) }).remote()
  t.same(await get([fixed.where.remote(), moves.where.remote()]), [c.peerId, c.peerId])
  const call = task(async (handle: ActorHandle<Kept>) => await get(handle.add.remote()), {
    placement: { peer: b.peerId },
  })
  t.same(await get([call.remote(fixed), call.remote(moves)]), [1, 1])
  mesh.kill(c)
  const lost = await get(fixed.add.remote()).catch((error: Error & { code: string }) => error)
  t.match(lost, { code: 'SHOAL_ACTOR_DIED', message: /peer .* was lost|peer that had it/ })
  t.equal(await get(call.remote(moves)), 1, 'a fresh one, for a caller elsewhere')
  t.equal(await get(moves.add.remote()), 2)
  t.not(await get(moves.where.remote()), c.peerId)
  const rows = await Array.fromAsync(attached.state.actors({ className: 'Kept' }))
  t.same(rows.map(({ state, restarts }) => `${state} ${restarts}`).sort(), ['alive 1', 'dead 0'])
  t.match(
    rows.find(({ state }) => state === 'dead'),
    { reason: /lost/ },
  )
})

t.test('a detached actor is found by the handle of its maker when the peer of that is gone', async t => {
  await using mesh = await AgentMesh.start(3, '--cpus', '2')
  const [a, b, c] = mesh.agents as [(typeof mesh.agents)[0], (typeof mesh.agents)[0], (typeof mesh.agents)[0]]
  await using _attached = await init({ address: a.socket, namespace: 'test', logToDriver: false })
  const K = actor(Kept, { name: 'kept', lifetime: 'detached', ...on(c.peerId) })
  const make = task(
    async () => {
      const handle = K.remote()
      await get(handle.add.remote())
      return [handle]
    },
    { placement: { peer: b.peerId } },
  )
  const [made] = await get(make.remote())
  const handle = made as ActorHandle<Kept>
  mesh.kill(b)
  await eventually('it answers', async () => (await get(handle.where.remote()).catch(() => '')) === c.peerId)
  t.equal(await get(handle.add.remote()), 2, 'the same instance')
  t.equal(await get((await getActor<Kept>('kept')).add.remote()), 3)
})

t.test('a detached actor that lives nowhere is among the rows of every peer', async t => {
  await using mesh = await AgentMesh.start(2, '--cpus', '2')
  const [a, b] = mesh.agents as [(typeof mesh.agents)[0], (typeof mesh.agents)[0]]
  await using attached = await init({ address: a.socket, namespace: 'test', logToDriver: false })
  const K = actor(Kept, { name: 'kept', lifetime: 'detached', restarts: 1, placement: { peer: b.peerId } })
  const handle = K.remote()
  t.equal(await get(handle.add.remote()), 1)
  mesh.kill(b)
  const rowsOf = () => Array.fromAsync(attached.state.actors({ name: 'kept', state: 'restarting' }))
  await eventually('it has no place', async () => (await rowsOf()).length > 0)
  t.match(await rowsOf(), [
    { className: 'Kept', namespace: 'test', lifetime: 'detached', restarts: 1, reason: /no peer/ },
  ])
})

t.test('a detached actor that is made anew elsewhere has its arguments, which its maker has let go', async t => {
  await using mesh = await AgentMesh.start(3, '--cpus', '2')
  const [a, , c] = mesh.agents as [(typeof mesh.agents)[0], (typeof mesh.agents)[0], (typeof mesh.agents)[0]]
  await using _attached = await init({ address: a.socket, namespace: 'test', logToDriver: false })
  class Model extends Kept {
    readonly weights: Float64Array
    constructor(weights: Float64Array) {
      super()
      this.weights = weights
    }
    size(): number {
      return this.weights.length
    }
  }
  const ref = await put(new Float64Array(100_000))
  const model = actor(Model, { name: 'model', lifetime: 'detached', restarts: 1, ...on(c.peerId) }).remote(ref)
  t.equal(await get(model.where.remote()), c.peerId)
  release(ref)
  mesh.kill(c)
  await eventually('it answers', async () => (await get(model.size.remote()).catch(() => 0)) === 100_000)
  t.not(await get(model.where.remote()), c.peerId)
  await kill(model)
})
