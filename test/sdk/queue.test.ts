import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { cancel, context, get, init, type ObjectRef, put, Queue, task } from 'shoal'
import t from 'tap'
import { QueueActor } from '../../sdk/queue-actor.ts'
import { AgentMesh } from '../agent/mesh-support.ts'
import { startAgent, ways } from './meshes.ts'

const upTo = (n: number) => Array.from({ length: n }, (_, index) => index)
const full = { code: 'SHOAL_QUEUE_FULL' }
const empty = { code: 'SHOAL_QUEUE_EMPTY' }
const waiter = fileURLToPath(new URL('queue-waiter.ts', import.meta.url))

/** What a caller does that is told to ask again. */
async function asking<A>(ask: (place?: number) => A | Promise<A>): Promise<Exclude<A, number>> {
  let said = await ask()
  while (typeof said === 'number') said = await ask(said)
  return said as Exclude<A, number>
}

t.test('before init all methods say the same', async t => {
  const queue = new Queue<number>()
  const needed = { code: 'SHOAL_NOT_INITIALIZED', message: /a remote call needs a mesh: call `await init\(\)` first/ }
  for (const call of [queue.put(1), queue.get(), queue.getBatch(1), queue.putNow(1), queue.getNow(), queue.size()])
    await t.rejects(call as Promise<unknown> as Promise<void>, needed)
})

t.test('the actor: first come, first served, for items and for room', async t => {
  await using _mesh = await init({ address: 'local', cpus: 1 })
  const queue = new QueueActor(2)
  const take = (count: number, timeoutMs?: number) => asking(place => queue.take(count, timeoutMs, place))
  const put = (item: unknown, timeoutMs?: number) => asking(place => queue.put([item], timeoutMs, place))
  const takes = [take(1), take(3), take(1)]
  await delay(1)
  t.equal(queue.add([1, 2]), true)
  t.same(await Promise.all(takes.slice(0, 2)), [[1], [2]])
  t.equal(queue.add([3, 4, 5]), false, 'all or nothing')
  t.equal(queue.add([3, 4]), true)
  t.same(await takes[2], [3])
  t.equal(queue.put([5]), true)
  const puts = [put(6), put(7), put(8, 10)]
  t.equal(await puts[2], false, 'one that gives up is not put')
  t.equal(queue.add([9]), false)
  t.same(await take(5), [4, 5])
  t.same(await Promise.all(puts.slice(0, 2)), [true, true])
  t.same(await take(5), [6, 7])
  t.same(queue.take(1, 0), [])
  t.same(await take(1, 5), [])
  t.equal(queue.size(), 0)
})

t.test('the actor: one that is called and does not come takes nothing; who comes late keeps its place', async t => {
  await using _mesh = await init({ address: 'local', cpus: 1 })
  const queue = new QueueActor(1)
  const gone = queue.take(1) as Promise<number>
  const late = queue.take(1) as Promise<number>
  const other = queue.take(1) as Promise<number>
  queue.add(['a'])
  const [first, second] = [await gone, await late]
  t.equal(queue.size(), 1, 'it is there until it is taken')
  const behind = queue.take(1) as Promise<number>
  t.same(await queue.take(1, undefined, second), ['a'])
  t.equal(queue.add(['b']), true)
  const third = await other
  t.same(queue.take(1, 0), ['b'], 'who does not wait takes what is there')
  const again = queue.take(1, undefined, third) as Promise<number>
  queue.add(['c'])
  t.equal(await again, third, 'it stands where it stood')
  t.same(await queue.take(1, undefined, third), ['c'])
  queue.add(['d'])
  t.same(await queue.take(1, undefined, await behind), ['d'])
  t.equal(queue.size(), 0)
  t.ok(first < second && second < third)

  const both = [queue.take(1), queue.take(1)] as Promise<number>[]
  queue.add(['x'])
  const [slow, called] = await Promise.all(both)
  t.same(await queue.take(1, undefined, slow), ['x'], 'one that comes late is before those behind it')
  const after = queue.take(1, undefined, called) as Promise<number>
  queue.add(['y'])
  t.same(await queue.take(1, undefined, await after), ['y'])

  queue.add(['e'])
  const putting = queue.put(['f']) as Promise<number>
  t.same(await queue.take(1), ['e'])
  const place = await putting
  const next = asking(at => queue.put(['g'], undefined, at))
  t.equal(await next, true, 'room is kept for a while only')
  t.equal(queue.put(['f'], 0, place), false)
})

t.test('the actor: without a bound, many items', async t => {
  await using _mesh = await init({ address: 'local', cpus: 1 })
  const queue = new QueueActor(0)
  t.ok(upTo(30_000).every(i => queue.put([i]) === true))
  const got: unknown[] = []
  while (queue.size() > 0) got.push(...(queue.take(7) as unknown[]))
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
    for (const own of [{ maxConcurrency: 1 }, { groups: { a: 1 } }, { methodGroups: { put: 'a' } }])
      t.throws(() => new Queue(1, own as never), { ...refused, option: Object.keys(own)[0] }, 'it could give no item')
    await using queue = new Queue<number>()
    await t.rejects(queue.get({ timeoutMs: -1 }), refused)
    await t.rejects(queue.put(1, { timeout: 1 } as never), refused)
    await t.rejects(queue.putBatch(3 as never), refused)
    await t.rejects(queue.getBatch(0), refused)
    t.equal(await queue.size(), 0)
  })
}

t.test('a task that is cancelled, stopped or killed while it waits takes nothing', async t => {
  await using _mesh = await init({ address: 'local', cpus: 2, logToDriver: false })
  await using queue = new Queue<number>()
  const waiting = task(async (from: Queue<number>) => await from.get(), { retries: 0 })
  const dying = task(
    async (from: Queue<number>) => {
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), 300)
      return await from.get()
    },
    { retries: 0, isolation: 'process' },
  )
  const cancelled = waiting.remote(queue)
  const others = [waiting.options({ timeoutMs: 300 }).remote(queue), dying.remote(queue)]
  await delay(500)
  await cancel(cancelled)
  const codes = await Promise.all([cancelled, ...others].map(one => get(one).catch(error => error.code)))
  t.same(codes, ['SHOAL_CANCELLED', 'SHOAL_TASK_TIMEOUT', 'SHOAL_WORKER_DIED'])
  const started = performance.now()
  await queue.putBatch([1, 2])
  t.same([await queue.get({ timeoutMs: 10_000 }), await queue.get({ timeoutMs: 10_000 })], [1, 2])
  t.ok(performance.now() - started < 5000)
})

t.test('a program that dies while it waits takes nothing with it', async t => {
  await using agent = await startAgent('--cpus', '2')
  await using _mesh = await init({ address: agent.socket, namespace: 'queues' })
  await using queue = new Queue<number>(0, { name: 'shared' })
  const other = spawn(process.execPath, [waiter, 'shared'], {
    env: { ...process.env, SHOAL_ADDRESS: agent.socket },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.equal(await queue.get({ timeoutMs: 20_000 }), 0, 'it is the same queue')
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
