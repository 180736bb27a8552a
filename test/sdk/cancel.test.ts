import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CancelledError, cancel, context, get, put, task, wait } from 'shoal'
import t from 'tap'
import { AgentMesh } from '../agent/mesh-support.ts'
import { eventually, nothingLeft, ways } from './meshes.ts'

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code
const quick = task((x: number) => x + 1)
/** Ends when it is told to, or after a minute. */
const patient = task(async (_x?: number) => {
  await delay(60_000, undefined, { signal: context().signal })
  return 'late'
})

for (const { way, open } of ways) {
  t.test(`${way}: what waits, what runs and what needs it is cancelled; what is finished is not`, async t => {
    await using opened = await open({ cpus: 1 })
    const running = patient.remote()
    await eventually('it runs', async () => (await opened.mesh.available()).cpus === 0)
    const queued = patient.remote()
    const after = quick.remote(queued as never)
    await cancel(queued)
    t.equal(await get(queued).catch(codeOf), 'SHOAL_CANCELLED')
    t.equal(await get(after).catch(codeOf), 'SHOAL_CANCELLED')
    await Promise.all([cancel(running), cancel(running)])
    const error = await get(running).catch((thrown: unknown) => thrown)
    t.ok(error instanceof CancelledError)
    t.match(error, { functionName: 'patient', message: /^patient was cancelled$/ })
    t.same((await wait([running], { timeoutMs: 1000 })).ready, [running])
    t.equal(await get(quick.remote(1)), 2, 'its CPU is free')
    const done = quick.remote(2)
    t.equal(await get(done), 3)
    await cancel(done, { force: true })
    t.equal(await get(done), 3)
    const kept = await put('kept')
    await cancel(kept)
    t.equal(await get(kept), 'kept')
    const states = (await Array.fromAsync(opened.mesh.state.tasks({ name: 'patient' }))).map(({ state }) => state)
    t.same(states, ['cancelled', 'cancelled'])
    await t.rejects(cancel({} as never), { code: 'SHOAL_INVALID_OPTION', option: 'ref' })
    await t.rejects(cancel(done, { forced: true } as never), {
      code: 'SHOAL_INVALID_OPTION',
      message: /did you mean force/,
    })
    for (const ref of [running, queued, after, done, kept]) ref.release()
    await nothingLeft(opened.mesh)
  })

  t.test(
    `${way}: force stops what listens to nobody; children go with their parent unless they are to stay`,
    async t => {
      await using opened = await open({ cpus: 2 })
      const spins = task(() => {
        for (;;);
      })
      const spinning = spins.remote()
      await eventually('it runs', async () => (await opened.mesh.available()).cpus === 1)
      await cancel(spinning, { force: true })
      t.equal(await get(spinning).catch(codeOf), 'SHOAL_CANCELLED')
      await eventually('its CPU is free', async () => (await opened.mesh.available()).cpus === 2)
      const parent = task(async () => await get(patient.remote()))
      for (const recursive of [true, false]) {
        const ref = parent.remote()
        const children = async () =>
          (await Array.fromAsync(opened.mesh.state.tasks({ name: 'patient', state: 'running' }))).length
        await eventually('the child runs', async () => (await children()) === 1)
        await cancel(ref, { recursive })
        t.equal(await get(ref).catch(codeOf), 'SHOAL_CANCELLED')
        if (recursive) await eventually('the child is cancelled', async () => (await children()) === 0)
        else {
          await delay(500)
          t.equal(await children(), 1)
        }
      }
    },
  )
}

t.test('what waits inside a cancelled task goes on: its get ends by its signal, and it cleans up', async t => {
  const { init } = await import('shoal')
  await using mesh = await init({ address: 'local', cpus: 2, logToDriver: false })
  const pending = patient.remote()
  const folder = mkdtempSync(join(tmpdir(), 'shoal-test-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'left')
  const waits = task(async (refs: (typeof pending)[], path: string) => {
    try {
      await get(refs[0], { signal: context().signal })
    } finally {
      const { writeFileSync } = await import('node:fs')
      writeFileSync(path, String(await get(quick.remote(41))))
    }
  })
  const waiting = waits.remote([pending], file)
  await eventually('both run', async () => {
    const rows = await Array.fromAsync(mesh.state.tasks({ state: 'running' }))
    return rows.length === 2 && rows.some(({ reason }) => reason?.startsWith('awaits') === true)
  })
  await cancel(waiting)
  t.equal(await get(waiting).catch(codeOf), 'SHOAL_CANCELLED')
  await eventually('it has cleaned up', () => existsSync(file) && readFileSync(file, 'utf8') === '42')
  await cancel(pending)
  for (const ref of [pending, waiting]) ref.release()
  await nothingLeft(mesh)
})

t.test(
  'across peers: by the owner, by another who has the ref, and what the task submitted there',
  { timeout: 120_000 },
  async t => {
    await using mesh = await AgentMesh.start(2, '--cpus', '2')
    const { init } = await import('shoal')
    await using attached = await init({ address: mesh.agents[0].socket, logToDriver: false })
    const there = { placement: { peer: mesh.agents[1].peerId } }
    const free = (cpus: number) =>
      eventually(`${cpus} CPUs are free`, async () => (await attached.available()).cpus === cpus)
    const away = patient.options(there).remote()
    await free(3)
    await cancel(away)
    t.equal(await get(away).catch(codeOf), 'SHOAL_CANCELLED')
    await free(4)

    const submits = task(async () => [patient.remote()], there)
    const given = submits.remote()
    const [child] = await get(given)
    await free(3)
    await cancel(child)
    t.equal(await get(child).catch(codeOf), 'SHOAL_CANCELLED')
    await free(4)

    const mine = patient.options({ placement: { peer: mesh.agents[0].peerId } }).remote()
    await free(3)
    const stops = task(
      async (refs: (typeof mine)[]) => {
        await cancel(refs[0])
        return 'stopped'
      },
      { ...there, cpus: 0 },
    )
    const stopped = stops.remote([mine])
    t.equal(await get(stopped), 'stopped')
    t.equal(await get(mine).catch(codeOf), 'SHOAL_CANCELLED')
    await free(4)

    const parent = task(async () => await get(patient.remote()), there)
    const outer = parent.remote()
    await eventually('its child runs', async () => {
      const rows = await Array.fromAsync(attached.state.tasks({ name: 'patient', state: 'running' }))
      return rows.length === 1
    })
    await cancel(outer)
    t.equal(await get(outer).catch(codeOf), 'SHOAL_CANCELLED')
    await free(4)
  },
)
