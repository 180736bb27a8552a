import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { context, get, init, type ObjectRef, put, task } from 'shoal'
import t from 'tap'
import { eventually, nothingLeft, run } from '../sdk/meshes.ts'
import { AgentMesh } from './mesh-support.ts'

const here = task(() => context().peerId)
const sleepy = task(async (ms: number) => {
  await delay(ms)
  return context().peerId
})
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

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

t.test('a program that dies leaves nothing running anywhere', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(2, '--cpus', '2')
  const program = `import { get, init, task } from 'shoal'
    import { setTimeout as delay } from 'node:timers/promises'
    await init({ address: ${JSON.stringify(mesh.agents[0].socket)} })
    const inner = task(async () => { await delay(100_000) }, { cpus: 0.5 })
    const outer = task(async () => { await get([inner.remote(), inner.remote()]) })
    await get(Array.from({ length: 4 }, () => outer.remote()))`
  const child = spawn(process.execPath, ['--conditions=shoal-source', '--input-type=module', '--eval', program], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    stdio: 'ignore',
  })
  await using attached = await init({ address: mesh.agents[1].socket, logToDriver: false })
  await eventually('it runs on all CPUs', async () => (await attached.available()).cpus === 0)
  await delay(700)
  t.equal((await attached.available()).cpus, 0)
  child.kill('SIGKILL')
  await eventually('all is free', async () => (await attached.available()).cpus === 4)
  t.equal(await get(here.options({ placement: { peer: mesh.agents[0].peerId } }).remote()), mesh.agents[0].peerId)
})

t.test('programs join by ticket, as peers and as drivers, again and again', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(1, '--cpus', '1')
  const [agent] = mesh.agents
  const ticket = await mesh.ticket(agent, '--uses', '12')
  for (let i = 0; i < 8; i++) {
    const joined = await init({ address: ticket, cpus: 1, objectStoreBytes: 1 << 26 })
    t.equal(joined.meshId, agent.meshId)
    t.equal(await get(here.options({ placement: { peer: agent.peerId } }).remote()), agent.peerId)
    // Once with bytes on their way.
    const moving =
      i === 3
        ? get(task(() => new Uint8Array(30_000_000), { placement: { peer: agent.peerId } }).remote()).catch(codeOf)
        : undefined
    if (moving) await delay(150)
    await joined.close()
    if (moving) t.match(String(await moving), /SHOAL_CLOSED|Uint8Array|^0,0/)
  }
  const rows = await mesh.peers(agent)
  t.equal(rows.filter(({ state }) => state === 'left').length, 8)
  const asDriver = await init({ address: await mesh.ticket(agent, '--role', 'driver'), logToDriver: false })
  t.equal(await get(here.remote()), agent.peerId)
  t.equal((await asDriver.resources()).cpus, 1)
  await asDriver.close()
  await t.rejects(init({ address: 'shoal1nothing' }), { code: 'SHOAL_ADMISSION' })
  const used = await mesh.ticket(agent)
  await (await init({ address: used, cpus: 1 })).close()
  await t.rejects(init({ address: used }), { code: 'SHOAL_ADMISSION', reason: 'used-up' })
})

t.test('a program makes a mesh of its own, and others join it', { timeout: 60_000 }, async t => {
  const mesh = await init({ address: 'local', cpus: 1, logToDriver: false })
  await t.rejects(mesh.ticket({ uses: 0 }), { code: 'SHOAL_INVALID_OPTION' })
  const ticket = await mesh.ticket({ ttlMs: 60_000 })
  const program = `import { context, get, init, task } from 'shoal'
    await using mesh = await init({ address: ${JSON.stringify(ticket)}, cpus: 1 })
    const here = task(() => context().peerId, { placement: { peer: ${JSON.stringify(mesh.peerId)} } })
    console.log(await get(here.remote()))`
  const other = await run(['--input-type=module', '--eval', program])
  t.equal(other.code, 0, other.err)
  t.equal(other.out.trim(), mesh.peerId)
  await mesh.close()
})

t.test('the command line of a mesh', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(2, '--cpus', '1')
  const [first, second] = mesh.agents
  const status = JSON.parse((await mesh.cli(second, 'status', '--json')).out)
  t.equal(status.resources.cpus, 2)
  t.equal(status.peers.length, 2)
  t.match((await mesh.cli(first, 'peers')).out, /alive[\s\S]*alive/)
  const ticket = JSON.parse(
    (await mesh.cli(second, 'ticket', '--json', '--uses', '3', '--ttl', '2h', '--role', 'driver')).out,
  )
  t.match(ticket, { ticket: /^shoal1/, uses: 3, role: 'driver' })
  t.equal(Math.abs(ticket.expiresAt - Date.now() - 7_200_000) < 10_000, true)
  for (const bad of [
    ['--uses', '0'],
    ['--ttl', '5parsecs'],
    ['--role', 'king'],
  ]) {
    const refused = await mesh.cli(first, 'ticket', ...bad)
    t.equal(refused.code, 2)
    t.match(refused.err, bad[1])
  }
  for (const text of ['garbage', ticket.ticket.slice(0, -3)]) {
    const refused = await mesh.cli({ ...first, home: mesh.home() }, 'join', text, '--detach', '--json')
    t.equal(refused.code, 1)
    t.equal(JSON.parse(refused.err).error.code, 'SHOAL_ADMISSION')
  }
  // This home has an agent already.
  const again = await mesh.cli(second, 'join', await mesh.ticket(first), '--detach', '--json')
  t.equal(JSON.parse(again.out).pid, second.pid)
  const down = await mesh.cli(second, 'down')
  t.equal(down.code, 0)
  await eventually(
    'left',
    async () => (await mesh.peers(first)).find(({ peerId }) => peerId === second.peerId)?.state === 'left',
  )
})
