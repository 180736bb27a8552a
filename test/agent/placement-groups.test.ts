import { setTimeout as delay } from 'node:timers/promises'
import { context, drain, get, init, type Mesh, type PlacementGroup, placementGroup, put, task } from 'shoal'
import t from 'tap'
import { eventually, nothingLeft } from '../sdk/meshes.ts'
import { AgentMesh } from './mesh-support.ts'

const here = task(() => context().peerId)
const sleepy = task(async (ms: number) => {
  await delay(ms)
  return context().peerId
})
const free = (mesh: Mesh, cpus: number) =>
  eventually(`${cpus} CPUs are free`, async () => (await mesh.available()).cpus === cpus)

t.test('groups over several peers, used by whoever has them', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(3, '--cpus', '2')
  const [first, second, third] = mesh.agents.map(({ peerId }) => peerId)
  await using attached = await init({ address: mesh.agents[0].socket, logToDriver: false })

  const group = placementGroup([{ cpus: 1 }, { cpus: 1 }, { cpus: 1 }], { strategy: 'strict-spread', name: 'three' })
  await group.ready({ timeoutMs: 10_000 })
  const peers = (await group.bundles()).map(({ peerId }) => peerId as string)
  t.same([...peers].sort(), [first, second, third].sort())
  await free(attached, 3)
  const at = (bundle: number) => here.options({ placement: { group, bundle } })
  t.same(await get(peers.map((_, bundle) => at(bundle).remote())), peers)
  const began = Date.now()
  const any = await get(Array.from({ length: 12 }, () => sleepy.options({ placement: { group } }).remote(200)))
  t.equal(new Set(any).size, 3)
  t.ok(Date.now() - began < 3000, `4 rounds of 200 ms took ${Date.now() - began} ms`)
  t.equal((await get(Array.from({ length: 3000 }, () => here.options({ placement: { group, bundle: 1 } }).remote()))).filter(peer => peer !== peers[1]).length, 0) // biome-ignore format: one line
  const large = await put(new Float64Array(200_000).fill(1))
  const sum = task((values: Float64Array) => values.length, { placement: { group, bundle: 2 } })
  t.equal(await get(sum.remote(large)), 200_000)
  large.release()

  // Passed on, in a value and in a closure, to a peer that neither owns it nor was asked.
  const inside = task(
    async (given: { group: PlacementGroup }) => {
      await given.group.ready()
      const ran = await get((await given.group.bundles()).map((_, bundle) => here.options({ placement: { group, bundle } }).remote())) // biome-ignore format: one line
      return [given.group.id, given.group.name, await get(here.options({ cpus: 0.5, placement: { group: given.group, bundle: 0 } }).remote()), ...ran] // biome-ignore format: one line
    },
    { placement: { peer: third } },
  )
  t.same(await get(inside.remote({ group })), [group.id, 'three', peers[0], ...peers])
  // Made by a task elsewhere, and removed here.
  const made = await get(
    task(
      async () => {
        const made = placementGroup([{ cpus: 1 }])
        await made.ready()
        return made
      },
      { placement: { peer: second } },
    ).remote(),
  )
  await made.ready({ timeoutMs: 5000 })
  t.match(await get(here.options({ placement: { group: made } }).remote()), /^12D3/)
  await made.remove()
  await t.rejects(get(here.options({ placement: { group: made } }).remote()), { code: 'SHOAL_PLACEMENT_GROUP_REMOVED' })
  await free(attached, 3)

  const running = peers.map((_, bundle) => sleepy.options({ placement: { group, bundle } }).remote(60_000))
  await eventually('they run', async () => (await Array.fromAsync(attached.state.tasks({ state: 'running' }))).length === 3) // biome-ignore format: one line
  await group.remove()
  for (const ref of running) {
    await t.rejects(get(ref, { timeoutMs: 5000 }), { code: 'SHOAL_PLACEMENT_GROUP_REMOVED', groupId: group.id })
    ref.release()
  }
  await free(attached, 6)
  await nothingLeft(attached)
})

t.test(
  'bundles are reserved elsewhere when their peer is killed or drained; tasks of the group wait',
  { timeout: 120_000 },
  async t => {
    await using mesh = await AgentMesh.start(3, '--cpus', '2')
    const [, second, third] = mesh.agents
    await using attached = await init({ address: mesh.agents[0].socket, logToDriver: false })
    const blocker = placementGroup([{ cpus: 2 }])
    await blocker.ready({ timeoutMs: 10_000 })
    t.equal((await blocker.bundles())[0].peerId, attached.peerId)
    const group = placementGroup([{ cpus: 1 }, { cpus: 1 }], { strategy: 'strict-pack' })
    await group.ready({ timeoutMs: 10_000 })
    const [{ peerId: at }] = await group.bundles()
    const [lost, other] = second.peerId === at ? [second, third] : [third, second]
    const refs = Array.from({ length: 4 }, () => sleepy.options({ placement: { group } }).remote(1000))
    await delay(300)
    mesh.kill(lost)
    t.same(await get(refs, { timeoutMs: 30_000 }), Array(4).fill(other.peerId))
    t.same((await group.bundles()).map(({ peerId }) => peerId), [other.peerId, other.peerId]) // biome-ignore format: one line
    await blocker.remove()
    const kept = sleepy.options({ placement: { group, bundle: 0 } }).remote(2000)
    await delay(500)
    await Promise.all([drain(other.peerId, { deadlineMs: 20_000 }), group.ready({ timeoutMs: 10_000 })])
    t.equal(await get(kept), other.peerId, 'what ran there has finished there')
    t.equal(
      await get(here.options({ placement: { group, bundle: 0 } }).remote(), { timeoutMs: 10_000 }),
      attached.peerId,
    )
    await group.remove()
    for (const ref of [...refs, kept]) ref.release()
  },
)

t.test('a group goes with its program or its owner, a detached one with its owner', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(2, '--cpus', '2')
  const [first, second] = mesh.agents
  await using attached = await init({ address: first.socket, logToDriver: false })
  const elsewhere = (lifetime: 'refs' | 'detached') =>
    get(
      task(
        async () => {
          const made = placementGroup([{ cpus: 1 }], { lifetime })
          await made.ready()
          return made
        },
        { placement: { peer: second.peerId } },
      ).remote(),
    )
  const group = await elsewhere('detached')
  const bound = await elsewhere('refs')
  const other = placementGroup([{ cpus: 1 }], { lifetime: 'detached' })
  await Promise.all([group, bound, other].map(one => one.ready({ timeoutMs: 5000 })))
  await free(attached, 1)
  await attached.close()

  await using again = await init({ address: first.socket, logToDriver: false })
  await free(again, 2)
  t.equal(
    (await again.peers()).every(({ state }) => state === 'alive'),
    true,
  )
  mesh.kill(second)
  await eventually('the owner is gone, and what it had reserved here is free', async () => {
    const [mine] = (await again.peers()).filter(({ peerId }) => peerId === first.peerId)
    return mine.available.cpus === 1
  })
  await other.remove()
  await free(again, 2)
  await t.rejects(group.ready({ timeoutMs: 10_000 }), {
    code: 'SHOAL_PLACEMENT_GROUP_REMOVED',
    reason: /its owner is gone/,
  })
})

t.test('a group that no mesh could hold says so, and waits for a peer that could', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(1, '--cpus', '2')
  await using attached = await init({ address: mesh.agents[0].socket, logToDriver: false })
  const group = placementGroup([{ cpus: 1 }, { dragon: 1 }])
  await t.rejects(group.ready({ timeoutMs: 500 }), { code: 'SHOAL_GET_TIMEOUT', message: /dragon in bundle 1/ })
  const waits = here.options({ placement: { group, bundle: 0 }, name: 'waits', infeasibleTimeoutMs: 60_000 }).remote()
  const gives = here.options({ placement: { group }, infeasibleTimeoutMs: 300 }).remote()
  await t.rejects(get(gives), { code: 'SHOAL_INFEASIBLE', message: /dragon/ })
  const [row] = await Array.fromAsync(attached.state.tasks({ name: 'waits' }))
  t.match(row.reason, /dragon/)
  const { waiting } = JSON.parse((await mesh.cli(mesh.agents[0], 'status', '--json')).out)
  t.match(waiting.map(({ reason }: { reason: string }) => reason).join(), /placement group .*dragon/)
  const began = Date.now()
  await t.rejects(group.ready(), { code: 'SHOAL_INFEASIBLE', resource: 'dragon in bundle 1', requested: '1', has: '0' })
  t.ok(Date.now() - began > 9000)
  await mesh.add('--cpus', '1', '--resource', 'dragon=1')
  await group.ready({ timeoutMs: 10_000 })
  t.match(await get(waits), /^12D3/)
  await group.remove()
  for (const ref of [waits, gives]) ref.release()
})
