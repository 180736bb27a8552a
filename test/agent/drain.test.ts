import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { context, drain, get, init, type Mesh, put, task } from 'shoal'
import t from 'tap'
import { eventually } from '../sdk/meshes.ts'
import { AgentMesh } from './mesh-support.ts'

const here = task(() => context().peerId)
const hold = task(async (seen: string, gate: string) => {
  appendFileSync(seen, `${context().peerId}\n`)
  while (!existsSync(gate)) await delay(20)
  return context().peerId
})
const linesOf = (file: string): string[] =>
  existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []
const stateOf = async (mesh: Mesh, peerId: string) => (await mesh.peers()).find(peer => peer.peerId === peerId)?.state

t.test(
  'drain: what runs finishes, nothing new lands there, and what it keeps is handed over',
  { timeout: 120_000 },
  async t => {
    await using mesh = await AgentMesh.start(3, '--cpus', '2')
    const [first, second, third] = mesh.agents
    await using attached = await init({ address: first.socket, logToDriver: false })
    const leaving = second.peerId
    const dir = t.testdir({})
    const [seen, gate] = [`${dir}/seen`, `${dir}/gate`]
    const at = { placement: { peer: leaving } }
    const made = task(() => new Float64Array(200_000).fill(3), at).remote()
    const owned = await get(
      task(async () => ({ ref: await put(new Float64Array(200_000).fill(4)), few: await put('words') }), at).remote(),
    )
    await made.get()
    const running = hold.options(at).remote(seen, gate)
    await eventually('it runs', () => linesOf(seen).length === 1)
    await t.rejects(drain('nobody'), {
      code: 'SHOAL_INVALID_OPTION',
      message: new RegExp(`${leaving}|${third.peerId}`),
    })
    let drained = 0
    const done = [drain(leaving), drain(leaving, { deadlineMs: 60_000 })].map(one => one.then(() => void drained++))
    await eventually('it says so', async () => (await stateOf(attached, leaving)) === 'draining')
    const others = await get(Array.from({ length: 20 }, () => here.options({ placement: 'spread' }).remote()))
    t.notOk(others.includes(leaving))
    t.not(await get(here.options({ placement: { peer: leaving, soft: true } }).remote()), leaving)
    await t.rejects(get(here.options({ ...at, infeasibleTimeoutMs: 300 }).remote()), { code: 'SHOAL_INFEASIBLE' })
    t.equal(drained, 0)
    writeFileSync(gate, '')
    t.equal(await get(running), leaving)
    await Promise.all(done)
    t.equal(linesOf(seen).length, 1)
    mesh.kill(second)
    t.equal((await get(made, { timeoutMs: 20_000 }))[199_999], 3)
    t.equal((await get(owned.ref, { timeoutMs: 20_000 }))[199_999], 4)
    t.equal(await get(owned.few, { timeoutMs: 20_000 }), 'words')
    for (const ref of [made, owned.ref, owned.few]) ref.release()
  },
)

t.test('past the deadline tasks go on elsewhere, and use up no retry', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(2, '--cpus', '2')
  const [first, second] = mesh.agents
  await using attached = await init({ address: first.socket, logToDriver: false })
  const leaving = second.peerId
  const seen = `${t.testdir({})}/seen`
  const soft = { placement: { peer: leaving, soft: true }, retries: 0, name: 'moved' }
  const long = task(async (file: string) => {
    appendFileSync(file, `${context().peerId}\n`)
    if (readFileSync(file, 'utf8').trim().split('\n').length === 1) await delay(60_000)
    return context().peerId
  }, soft)
  const child = task(async () => await delay(60_000), soft)
  const parent = task(async () => {
    if (context().peerId !== leaving) return context().peerId
    await get(child.remote())
    return ''
  }, soft)
  const ref = long.remote(seen)
  await eventually('it runs', () => linesOf(seen).length === 1)
  const nested = parent.remote()
  await delay(500)
  const began = Date.now()
  await drain(leaving, { deadlineMs: 1000 })
  t.ok(Date.now() - began >= 900)
  t.equal(await get(ref, { timeoutMs: 15_000 }), first.peerId)
  t.equal(await get(nested, { timeoutMs: 15_000 }), first.peerId)
  t.same(linesOf(seen), [leaving, first.peerId])
  const rows = await Array.fromAsync(attached.state.tasks({ name: 'moved' }))
  t.match(rows.find(({ attempts }) => attempts.length > 1)?.attempts[0], {
    peerId: leaving,
    error: 'its peer was drained',
  })
  for (const one of [ref, nested]) one.release()
})
