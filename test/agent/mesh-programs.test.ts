import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { context, get, init, task } from 'shoal'
import t from 'tap'
import { eventually, run } from '../sdk/meshes.ts'
import { AgentMesh } from './mesh-support.ts'

const here = task(() => context().peerId)
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

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
