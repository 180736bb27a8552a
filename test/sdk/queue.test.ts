import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { context, get, init, type ObjectRef, put, Queue, task } from 'shoal'
import t from 'tap'
import { QueueActor } from '../../sdk/queue-actor.ts'
import { AgentMesh } from '../agent/mesh-support.ts'
import { startAgent, ways } from './meshes.ts'

const upTo = (n: number) => Array.from({ length: n }, (_, index) => index)
const full = { code: 'SHOAL_QUEUE_FULL' }
const empty = { code: 'SHOAL_QUEUE_EMPTY' }
const waiter = fileURLToPath(new URL('queue-waiter.ts', import.meta.url))

t.test('the actor: first come, first served, for items and for room', async t => {
  await using _mesh = await init({ address: 'local', cpus: 1 })
  const queue = new QueueActor(2)
  const takes = [queue.take(1), queue.take(3), queue.take(1)]
  t.equal(queue.add([1, 2]), true)
  t.same(await Promise.all(takes.slice(0, 2)), [[1], [2]])
  t.equal(queue.add([3, 4, 5]), false, 'all or nothing')
  t.equal(queue.add([3, 4]), true)
  t.same(await takes[2], [3])
  t.equal(queue.put([5]), true)
  const puts = [queue.put([6]), queue.put([7]), queue.put([8], 10)]
  t.equal(await puts[2], false, 'one that gives up is not put')
  t.equal(queue.add([9]), false, 'nobody overtakes those who wait')
  t.same(await queue.take(5), [4, 5])
  t.same(await Promise.all(puts.slice(0, 2)), [true, true])
  t.same(await queue.take(5), [6, 7])
  t.same(queue.take(1, 0), [])
  t.same(await queue.take(1, 5), [])
  t.equal(queue.size(), 0)
})

t.test('the actor: without a bound, many items', async t => {
  await using _mesh = await init({ address: 'local', cpus: 1 })
  const queue = new QueueActor(0)
  t.ok(upTo(30_000).every(i => queue.put([i]) === true))
  const got: unknown[] = []
  while (queue.size() > 0) got.push(...(await queue.take(7)))
  t.same(got, upTo(30_000))
})

for (const { way, open } of ways) {
  t.test(`${way}: items in their order, at once or waiting, one or many`, async t => {
    await using _opened = await open({ cpus: 2 })
    await using queue = new Queue<number>(3)
    t.equal(queue.maxSize, 3)
    await t.rejects(queue.getNow(), empty)
    await t.rejects(queue.get({ timeoutMs: 20 }), { ...empty, timeoutMs: 20 })
    await queue.put(1)
    await queue.putNow(2)
    t.equal(await queue.size(), 2)
    await t.rejects(queue.putBatch([3, 4]), { ...full, maxSize: 3 })
    await queue.putBatch([3])
    await t.rejects(queue.putNow(4), full)
    await t.rejects(queue.put(4, { timeoutMs: 20 }), { ...full, timeoutMs: 20 })
    const putting = [queue.put(4), queue.put(5)]
    t.same(await queue.getBatch(2), [1, 2])
    await Promise.all(putting)
    t.equal(await queue.get(), 3)
    t.equal(await queue.getNow(), 4)
    t.same(await queue.getBatch(10), [5])
    const waiting = [queue.get(), queue.get({ timeoutMs: 20_000 }), queue.getBatch(5)]
    await queue.putBatch([6, 7, 8])
    t.same(await Promise.all(waiting), [6, 7, [8]])
    t.equal(await queue.size(), 0)
  })

  t.test(`${way}: one that gave up takes nothing`, async t => {
    await using _opened = await open({ cpus: 2 })
    await using queue = new Queue<number>()
    await Promise.all(upTo(20).map(() => t.rejects(queue.get({ timeoutMs: 1 }), empty)))
    await queue.putBatch([1, 2])
    t.same([await queue.get(), await queue.get()], [1, 2])
  })

  t.test(`${way}: refs stay refs, undefined is an item, values are copies`, async t => {
    await using _opened = await open({ cpus: 2 })
    await using queue = new Queue<unknown>()
    const ref = await put(new Float64Array(50_000).fill(2))
    await queue.put(ref)
    await queue.put({ inside: [ref] })
    await queue.put(undefined)
    await queue.put(new Map([['a', new Date(0)]]))
    ref.release()
    const first = (await queue.get()) as ObjectRef<Float64Array>
    const second = (await queue.get()) as { inside: ObjectRef<Float64Array>[] }
    t.equal((await get(first))[49_999], 2)
    t.equal((await get(second.inside[0])).length, 50_000)
    t.equal(await queue.getNow(), undefined)
    t.same(await queue.get(), new Map([['a', new Date(0)]]))
  })

  t.test(`${way}: it can be passed on, in values and in closures, and sent back`, async t => {
    await using _opened = await open({ cpus: 2 })
    await using queue = new Queue<number>(2)
    const produce = task(async (to: Queue<number>, n: number) => {
      for (let i = 0; i < n; i++) await to.put(i)
    })
    const consume = task(async ({ from }: { from: Queue<number> }, n: number) => {
      const got: number[] = []
      while (got.length < n) got.push(await from.get({ timeoutMs: 20_000 }))
      return got
    })
    const consumed = consume.remote({ from: queue }, 50)
    await get(produce.remote(queue, 50))
    t.same(await get(consumed), upTo(50))
    const captured = task(async () => {
      await queue.put(77)
      return { queue, is: queue instanceof Queue }
    })
    const back = await get(captured.remote())
    t.equal(back.is, true)
    t.ok(back.queue instanceof Queue)
    t.equal(back.queue.maxSize, 2)
    t.equal(await back.queue.get(), 77)
  })

  t.test(`${way}: close ends those who wait and those who come`, async t => {
    await using _opened = await open({ cpus: 2 })
    const queue = new Queue<number>()
    const waiting = [queue.get(), queue.get({ timeoutMs: 60_000 })].map(one =>
      t.rejects(one, { code: 'SHOAL_ACTOR_DIED' }),
    )
    await queue.size()
    await queue.close()
    await Promise.all(waiting)
    await t.rejects(queue.put(1), { code: 'SHOAL_ACTOR_DIED' })
    await queue.close()
  })

  t.test(`${way}: what is no size, no option and no batch is refused`, async t => {
    await using _opened = await open({ cpus: 2 })
    const refused = { code: 'SHOAL_INVALID_OPTION' }
    for (const size of [-1, 1.5, '3', null]) t.throws(() => new Queue(size as never), refused)
    t.throws(() => new Queue(1, { cpu: 1 } as never), refused)
    await using queue = new Queue<number>()
    await t.rejects(queue.get({ timeoutMs: -1 }), refused)
    await t.rejects(queue.put(1, { timeout: 1 } as never), refused)
    await t.rejects(queue.putBatch(3 as never), refused)
    await t.rejects(queue.getBatch(0), refused)
    t.equal(await queue.size(), 0)
  })
}

t.test('a program that dies while it waits takes nothing with it', async t => {
  await using agent = await startAgent('--cpus', '2')
  await using _mesh = await init({ address: agent.socket, namespace: 'queues' })
  await using queue = new Queue<number>(0, { name: 'shared' })
  const other = spawn(process.execPath, [waiter, 'shared'], {
    env: { ...process.env, SHOAL_ADDRESS: agent.socket },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.equal(await queue.get(), 0, 'it is the same queue')
  await once(other.stdout, 'data')
  await delay(300)
  other.kill('SIGKILL')
  await once(other, 'close')
  await delay(500)
  await queue.putBatch([1, 2, 3])
  t.same(await queue.getBatch(5), [1, 2, 3])
})

t.test('producers and consumers on two peers: every item once, each producer in its order', async t => {
  await using agents = await AgentMesh.start(2, '--cpus', '2')
  await using _mesh = await init({ address: agents.agents[0].socket })
  await using queue = new Queue<[number, number]>(5)
  const options = { cpus: 0.1, placement: 'spread' } as const
  const produce = task(async (to: Queue<[number, number]>, who: number) => {
    for (const i of Array(20).keys()) await to.put([who, i])
    return context().peerId
  }, options)
  const consume = task(async (from: Queue<[number, number]>) => {
    const got: [number, number][] = []
    while (got.length < 20) got.push(await from.get({ timeoutMs: 30_000 }))
    return got
  }, options)
  const consumers = upTo(6).map(() => consume.remote(queue))
  const producers = upTo(6).map(who => produce.remote(queue, who))
  t.equal(new Set(await get(producers)).size, 2)
  const got = await get(consumers)
  t.same(
    got
      .flat()
      .map(([who, i]) => who * 20 + i)
      .sort((a, b) => a - b),
    upTo(120),
  )
  for (const one of got) {
    for (const who of upTo(6)) {
      const items = one.filter(([producer]) => producer === who).map(([, i]) => i)
      t.same(
        items,
        [...items].sort((a, b) => a - b),
      )
    }
  }
})
