import { setTimeout as delay } from 'node:timers/promises'
import { get, type Mesh, type ObjectRef, type ObjectRow, put, task, wait } from 'shoal'
import t from 'tap'
import { eventually, nothingLeft, ways } from './meshes.ts'

const hold = task(
  async (_: unknown, ms: number) => {
    await delay(ms)
    return 'held'
  },
  { name: 'hold', cpus: 0.1 },
)

async function rowOf(mesh: Mesh, ref: ObjectRef<unknown>): Promise<ObjectRow | undefined> {
  const [row] = await Array.fromAsync(mesh.state.objects({ objectId: ref.id }))
  return row
}

for (const { way, open } of ways) {
  t.test(`${way}: a small object that others know is listed as what it is, with all that hold it`, async t => {
    await using opened = await open()
    const { mesh } = opened
    const small = await put({ a: 1 })
    const result = task((x: number) => ({ x }), { name: 'small-result' }).remote(1)
    await wait([result])
    const holding = hold.remote({ small, result }, 60_000)
    await eventually('both are listed', async () => (await Array.fromAsync(mesh.state.objects())).length === 2)
    await eventually('the task has its refs', async () => (await rowOf(mesh, small))?.references.local === 2)
    const put1 = await rowOf(mesh, small)
    t.match(put1, { kind: 'put', ownerId: mesh.peerId, locations: [mesh.peerId], spilled: false, name: undefined })
    t.same(
      put1?.references,
      { local: 2, borrowers: 0, tasks: 1, objects: 0 },
      'here, in the worker, and the task itself',
    )
    const made = await rowOf(mesh, result)
    t.match(made, { kind: 'result', name: 'small-result', locations: [mesh.peerId] })
    t.ok(made && made.bytes > 0 && made.bytes < 100)
    const box = await put([small])
    t.same((await rowOf(mesh, small))?.references, { local: 2, borrowers: 0, tasks: 1, objects: 1 })
    t.same((await rowOf(mesh, box))?.references, { local: 1, borrowers: 0, tasks: 0, objects: 0 })
    small.release()
    t.same((await rowOf(mesh, small))?.references, { local: 1, borrowers: 0, tasks: 1, objects: 1 }, 'who leaks it')
    t.equal(made?.jobId, put1?.jobId)
    const [row] = await Array.fromAsync(mesh.state.tasks({ name: 'small-result' }))
    t.equal(made?.jobId, row.jobId)
    holding.release()
    result.release()
    box.release()
  })

  t.test(`${way}: what a task puts belongs to the task's job`, async t => {
    await using opened = await open()
    const { mesh } = opened
    const putting = task(async () => [await put(new Uint8Array(200_000)), await put({ small: true })], {
      name: 'putting',
    })
    const held = putting.remote()
    const refs = await get(held)
    const [{ jobId }] = await Array.fromAsync(mesh.state.tasks({ name: 'putting' }))
    for (const ref of refs) t.equal((await rowOf(mesh, ref))?.jobId, jobId)
    for (const ref of [held, ...refs]) ref.release()
    await nothingLeft(mesh)
  })

  t.test(`${way}: more rows than an answer holds: every one, once`, { timeout: 120_000 }, async t => {
    await using opened = await open()
    const { mesh } = opened
    const quick = task((n: number) => n, { name: 'quick' })
    const values = [...Array(12_000).keys()]
    const sum = task(async (refs: ObjectRef<number>[]) => refs.length)
    const refs: ObjectRef<number>[] = []
    for (let at = 0; at < values.length; at += 1000) refs.push(...values.slice(at, at + 1000).map(n => quick.remote(n)))
    await get(refs)
    const box = await put(refs)
    t.equal(await get(sum.remote(refs)), values.length)
    const objects = await Array.fromAsync(mesh.state.objects({ kind: 'result' }))
    t.equal(objects.length, values.length)
    t.equal(new Set(objects.map(({ objectId }) => objectId)).size, values.length)
    const tasks = await Array.fromAsync(mesh.state.tasks({ state: 'finished' }))
    t.equal(tasks.length, 10_000, 'the newest that are over')
    t.equal(new Set(tasks.map(({ taskId }) => taskId)).size, 10_000)
    for (const ref of [box, ...refs]) ref.release()
    await nothingLeft(mesh)
  })
}
