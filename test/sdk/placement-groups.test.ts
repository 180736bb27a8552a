import { setTimeout as delay } from 'node:timers/promises'
import { actor, context, get, init, placementGroup, release, task, wait } from 'shoal'
import t from 'tap'
import { eventually, nothingLeft } from './meshes.ts'

const span = task(async (ms: number) => {
  const start = Date.now()
  await delay(ms)
  return { start, end: Date.now(), gpus: context().gpuIds.length }
})

/** The most that ran at one time. */
function peak(spans: { start: number; end: number }[]): number {
  const events = spans.flatMap(({ start, end }) => [[start, 1], [end, -1]]).sort((a, b) => a[0] - b[0] || a[1] - b[1]) // biome-ignore format: one line
  let now = 0
  return Math.max(...events.map(([, change]) => (now += change)))
}

t.test(
  'a group reserves what it asks: others see it as taken, its tasks stay within it, and all comes back',
  async t => {
    await using mesh = await init({
      address: 'local',
      cpus: 4,
      gpus: 1,
      resources: { slot: 3 },
      objectStoreBytes: 1 << 26,
    })
    const group = placementGroup([{ cpus: 1 }, { cpus: 1.5, gpus: 1, slot: 2 }])
    await group.ready({ timeoutMs: 5000 })
    t.match(await mesh.available(), { cpus: 1.5, gpus: 0, slot: 1 })
    t.match(await group.bundles(), [{ resources: { cpus: 1 }, peerId: mesh.peerId }, { resources: { slot: 2 } }])
    const inside = Array.from({ length: 4 }, () => span.options({ placement: { group, bundle: 0 } }).remote(300))
    const outside = Array.from({ length: 4 }, () => span.options({ cpus: 0.5 }).remote(500))
    t.equal(peak(await get(inside)), 1, 'a bundle of one CPU runs one task at a time')
    t.equal(peak(await get(outside)), 3, '1.5 CPUs are left for the others')
    const any = Array.from({ length: 6 }, () => span.options({ placement: { group } }).remote(300))
    t.equal(peak(await get(any)), 2, 'one task in each bundle')
    t.equal((await get(span.options({ gpus: 1, placement: { group, bundle: 1 } }).remote(1))).gpus, 1)
    const blocked = span.options({ gpus: 1, cpus: 0 }).remote(1)
    t.equal((await wait([blocked], { timeoutMs: 1500 })).ready.length, 0, 'the GPU is reserved')
    await get(span.remote(1), { timeoutMs: 5000 })
    await group.remove()
    t.equal((await get(blocked, { timeoutMs: 5000 })).gpus, 1)
    await nothingLeft(mesh)
  },
)

t.test('what fits no bundle fails at once', async t => {
  await using _mesh = await init({ address: 'local', cpus: 4, gpus: 1, objectStoreBytes: 1 << 26 })
  const group = placementGroup([{ cpus: 2 }, { cpus: 1 }])
  const noBundle = { code: 'SHOAL_INFEASIBLE', message: /no bundle of its placement group/ }
  await t.rejects(get(span.options({ cpus: 3, placement: { group } }).remote(1)), { ...noBundle, requested: '3', has: 'bundle 0 { cpus: 2 }, bundle 1 { cpus: 1 }' }) // biome-ignore format: one line
  await t.rejects(get(span.options({ cpus: 2, placement: { group, bundle: 1 } }).remote(1)), noBundle)
  await t.rejects(get(span.options({ gpus: 1, placement: { group } }).remote(1)), { ...noBundle, resource: 'gpus' })
  t.throws(() => span.options({ placement: { group, bundle: 2 } }), { code: 'SHOAL_INVALID_OPTION' })
})

t.test('remove ends what runs and what waits, and may be repeated', async t => {
  await using mesh = await init({ address: 'local', cpus: 4, objectStoreBytes: 1 << 26 })
  const group = placementGroup([{ cpus: 2 }, { cpus: 2 }], { name: 'pair' })
  const refs = Array.from({ length: 5 }, () => span.options({ cpus: 2, placement: { group } }).remote(60_000))
  await eventually('both bundles are in use', async () => (await Array.fromAsync(mesh.state.tasks({ state: 'running' }))).length === 2) // biome-ignore format: one line
  await group.remove()
  await group.remove()
  for (const ref of refs) await t.rejects(get(ref, { timeoutMs: 5000 }), { code: 'SHOAL_PLACEMENT_GROUP_REMOVED', groupId: group.id }) // biome-ignore format: one line
  await t.rejects(group.ready(), { code: 'SHOAL_PLACEMENT_GROUP_REMOVED' })
  await t.rejects(group.bundles(), { code: 'SHOAL_PLACEMENT_GROUP_REMOVED' })
  await t.rejects(get(span.options({ placement: { group } }).remote(1)), { code: 'SHOAL_PLACEMENT_GROUP_REMOVED' })
  await get(span.options({ cpus: 4 }).remote(1), { timeoutMs: 5000 })
  for (const ref of refs) ref.release()
  await nothingLeft(mesh)
})

t.test('actors live in a bundle, and end with their group', async t => {
  await using mesh = await init({ address: 'local', cpus: 4, objectStoreBytes: 1 << 26 })
  const group = placementGroup([{ cpus: 2 }, { cpus: 1 }])
  const Counter = actor(
    class {
      #n = 0
      next() {
        return ++this.#n
      }
    },
  )
  const counter = Counter.options({ cpus: 2, placement: { group }, restarts: -1 }).remote()
  t.equal(await get(counter.next.remote()), 1)
  t.equal((await mesh.available()).cpus, 1)
  const waits = span.options({ cpus: 2, placement: { group, bundle: 0 } }).remote(1)
  t.equal((await wait([waits], { timeoutMs: 300 })).ready.length, 0, 'the actor has the whole bundle')
  const large = Counter.options({ cpus: 3, placement: { group } }).remote()
  await t.rejects(get(large.next.remote()), { code: /SHOAL_(INFEASIBLE|ACTOR_DIED)/, message: /bundle/ })
  await group.remove()
  await t.rejects(get(counter.next.remote(), { timeoutMs: 5000 }), { message: /group/ })
  await t.rejects(get(waits), { code: 'SHOAL_PLACEMENT_GROUP_REMOVED' })
  await get(span.options({ cpus: 4 }).remote(1), { timeoutMs: 5000 })
  release(counter, large, waits)
  await nothingLeft(mesh)
})
