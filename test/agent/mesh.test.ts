import { setTimeout as delay } from 'node:timers/promises'
import { context, get, init, type ObjectRef, put, task } from 'shoal'
import t from 'tap'
import { eventually, nothingLeft } from '../sdk/meshes.ts'
import { AgentMesh } from './mesh-support.ts'

const here = task(() => context().peerId)
const sleepy = task(async (ms: number) => {
  await delay(ms)
  return context().peerId
})

t.test('tasks, objects and refs cross between agents', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(3, '--cpus', '2')
  await using attached = await init({ address: mesh.agents[0].socket, logToDriver: false })
  const [first, second, third] = mesh.agents.map(({ peerId }) => peerId)

  t.same(await get([first, second, third].map(peer => here.options({ placement: { peer } }).remote())), [
    first,
    second,
    third,
  ])
  const spread = await get(Array.from({ length: 6 }, () => sleepy.options({ placement: 'spread' }).remote(300)))
  t.equal(new Set(spread).size, 3, `spread over ${new Set(spread).size}`)
  const many = await get(Array.from({ length: 30 }, () => sleepy.remote(100)))
  t.equal(new Set(many).size, 3, 'surplus goes to those that are idle')

  const big = await put(new Float64Array(500_000).fill(2))
  const sum = task((values: Float64Array) => values.reduce((a, b) => a + b, 0), { placement: { peer: second } })
  t.equal(await get(sum.remote(big)), 1_000_000)
  const made = task((n: number) => new Float64Array(n).fill(3), { placement: { peer: second } }).remote(400_000)
  t.equal((await get(made)).length, 400_000)
  t.equal(await get(sum.options({ placement: { peer: third } }).remote(made)), 1_200_000)

  const inside = task(async (given: { ref: ObjectRef<Float64Array> }) => (await get(given.ref)).length, {
    placement: { peer: third },
  })
  t.same(await get([inside.remote({ ref: big }), inside.remote({ ref: made })]), [500_000, 400_000])
  const giver = task(async () => ({ small: await put('words'), large: await put(new Uint8Array(300_000).fill(7)) }), {
    placement: { peer: second },
  })
  const given = await get(giver.remote())
  t.equal(await get(given.small), 'words')
  t.equal((await get(given.large))[299_999], 7)
  const nested = task(async () => await get([here.remote(), here.options({ placement: { peer: first } }).remote()]), {
    placement: { peer: third },
  })
  t.equal((await get(nested.remote()))[1], first)

  const failing = task(
    () => {
      throw new RangeError('far away')
    },
    { placement: { peer: second }, retries: 0 },
  )
  await t.rejects(get(failing.remote()), {
    code: 'SHOAL_TASK_FAILED',
    peerId: second,
    cause: { name: 'RangeError', message: 'far away' },
  })
  // More than a frame holds; and more than any error may take, of which the text arrives.
  const verbose = task(
    (n: number) => {
      throw Object.assign(new Error('x'.repeat(n)), { n })
    },
    { placement: { peer: second }, retries: 0 },
  )
  const long = await get(verbose.remote(2_000_000)).catch((error: unknown) => error)
  t.equal((long as { cause: Error & { n: number } }).cause.n, 2_000_000)
  t.equal((long as { cause: Error }).cause.message.length, 2_000_000)
  await t.rejects(get(verbose.remote(20_000_000)), {
    code: 'SHOAL_TASK_FAILED',
    message: /characters more\).*could not travel/,
  })
  await t.rejects(get(here.options({ placement: { peer: 'nobody' }, infeasibleTimeoutMs: 200 }).remote()), {
    code: 'SHOAL_INFEASIBLE',
  })
  await t.rejects(get(here.options({ cpus: 5, infeasibleTimeoutMs: 200 }).remote()), { code: 'SHOAL_INFEASIBLE' })

  for (const ref of [big, made, given.small, given.large]) ref.release()
  await nothingLeft(attached)
  t.equal((await attached.resources()).cpus, 6)
})

t.test('a peer is killed: what it ran runs elsewhere, and its row tells the story', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(3, '--cpus', '2')
  const [founder, attachedTo] = mesh.agents
  await using attached = await init({ address: attachedTo.socket, logToDriver: false })
  await get(Array.from({ length: 12 }, () => sleepy.remote(30)))
  const refs = Array.from({ length: 36 }, () => sleepy.options({ name: 'story' }).remote(200))
  await delay(400)
  const killedAt = Date.now()
  mesh.kill(founder)
  const places = await get(refs, { timeoutMs: 30_000 })
  t.equal(places.length, 36)
  await eventually(
    'dead',
    async () => (await attached.peers()).find(({ peerId }) => peerId === founder.peerId)?.state === 'dead',
  )
  t.equal(Date.now() - killedAt < 10_000, true)
  const again = (await Array.fromAsync(attached.state.tasks({ name: 'story' }))).filter(
    ({ attempts }) => attempts.length > 1,
  )
  t.equal(again.length > 0, true)
  t.equal(
    again.every(({ attempts }) => attempts[0].peerId === founder.peerId && attempts[0].error !== undefined),
    true,
  )
  const alone = sleepy.options({ placement: { peer: founder.peerId }, infeasibleTimeoutMs: 300 })
  await t.rejects(get(alone.remote(1)), { code: 'SHOAL_INFEASIBLE' })

  // Started again with its home it is the same peer of the same mesh, without a ticket.
  const back = await mesh.launch(founder.home, 'up', '--cpus', '2')
  mesh.agents[0] = back
  t.same([back.peerId, back.meshId], [founder.peerId, founder.meshId])
  await mesh.settled(attachedTo, 3)
  t.equal(await get(here.options({ placement: { peer: back.peerId } }).remote(), { timeoutMs: 10_000 }), back.peerId)
})

t.test('what was made at a peer that is lost is made again', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(3, '--cpus', '1')
  await using attached = await init({ address: mesh.agents[0].socket, logToDriver: false })
  const victim = { peer: mesh.agents[2].peerId, soft: true }
  const base = task((n: number) => new Uint8Array(200_000).fill(n), { placement: victim }).remote(5)
  const next = task((bytes: Uint8Array) => new Uint8Array(250_000).fill(bytes[0] + 1), { placement: victim }).remote(
    base,
  )
  const last = task((bytes: Uint8Array) => bytes[0] + 1, { placement: victim })
  t.equal(await get(last.remote(next)), 7)
  mesh.kill(mesh.agents[2])
  await eventually('dead', async () => (await attached.peers()).some(({ state }) => state === 'dead'))
  t.equal(await get(last.remote(next), { timeoutMs: 15_000 }), 7)
  t.equal((await get(base, { timeoutMs: 15_000 }))[199_999], 5)
})
