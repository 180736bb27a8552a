import { setTimeout as delay } from 'node:timers/promises'
import { type ActorHandle, ActorPool, actor, get, init, kill, type ObjectRef, put, task } from 'shoal'
import t from 'tap'

const upTo = (n: number) => Array.from({ length: n }, (_, index) => index)
const coded = (code: string) => ({ code })
class Worker {
  #now = 0
  #most = 0

  async work(value: number, ms: number): Promise<number> {
    this.#most = Math.max(this.#most, ++this.#now)
    await new Promise(resolve => setTimeout(resolve, ms))
    this.#now--
    if (value < 0) throw new RangeError(`no ${value}`)
    return value * 10
  }

  async most(): Promise<number> {
    return this.#most
  }
}

const mesh = await init({ address: 'local', cpus: 2 })
t.teardown(() => mesh.close())

const Remote = actor(Worker)
const workers = (n: number) => upTo(n).map(() => Remote.remote())
type Item = [value: number, ms: number]
const work = (worker: ActorHandle<Worker>, [value, ms]: Item): ObjectRef<number> => worker.work.remote(value, ms)

t.test('next gives results in the order of submission, one call at a time on each actor', async t => {
  const members = workers(3)
  const pool = new ActorPool(members)
  t.equal(pool.hasNext(), false)
  for (const [value, ms] of [300, 10, 100, 10, 10, 10].entries()) pool.submit(work, [value, ms] as Item)
  for (const value of upTo(6)) {
    t.equal(pool.hasNext(), true)
    t.equal(await pool.next(), value * 10)
  }
  t.equal(pool.hasNext(), false)
  t.same(await get(members.map(member => member.most.remote())), [1, 1, 1])
})

t.test('nextUnordered gives what is done first; several wait at once, each for an item of its own', async t => {
  const pool = new ActorPool(workers(2))
  pool.submit(work, [1, 400])
  pool.submit(work, [2, 10])
  pool.submit(work, [3, 10])
  const all = [pool.nextUnordered<number>(), pool.nextUnordered<number>(), pool.next<number>()]
  t.equal(pool.hasNext(), false)
  await t.rejects(pool.next(), coded('SHOAL_POOL_EMPTY'))
  t.same((await Promise.all(all)).sort(), [10, 20, 30])
})

t.test('a timeout loses nothing, in order and out of it', async t => {
  const pool = new ActorPool(workers(1))
  for (const next of ['next', 'nextUnordered'] as const) {
    pool.submit(work, [1, 400])
    pool.submit(work, [2, 1])
    await t.rejects(pool[next]({ timeoutMs: 20 }), coded('SHOAL_GET_TIMEOUT'))
    t.equal(pool.hasNext(), true)
    await t.rejects(
      Promise.all([pool[next]({ timeoutMs: 1 }), pool[next]({ timeoutMs: 1 })]),
      coded('SHOAL_GET_TIMEOUT'),
    )
    t.equal(await pool[next]({ timeoutMs: 10_000 }), 10)
    t.equal(await pool[next]({ timeoutMs: 10_000 }), 20)
    t.equal(pool.hasNext(), false)
  }
})

t.test('the error of one item rejects its next and loses nothing else', async t => {
  const pool = new ActorPool(workers(2))
  for (const value of [1, -2, 3]) pool.submit(work, [value, 10] as Item)
  pool.submit((_actor: ActorHandle<Worker>, _value: number): ObjectRef<number> => {
    throw new TypeError('no call at all')
  }, 4)
  pool.submit((() => 5) as never, 5)
  pool.submit(work, [6, 1])
  t.equal(await pool.next(), 10)
  await t.rejects(pool.next(), { code: 'SHOAL_TASK_FAILED', cause: { name: 'RangeError', message: 'no -2' } })
  t.equal(await pool.next(), 30)
  await t.rejects(pool.next(), { name: 'TypeError', message: 'no call at all' })
  await t.rejects(pool.next(), coded('SHOAL_INVALID_OPTION'))
  t.equal(await pool.next(), 60)
})

t.test('a pool without work or without actors says so; push brings work to an actor at once', async t => {
  const [first, second] = workers(2)
  const pool = new ActorPool<Worker>([])
  await t.rejects(pool.next(), { code: 'SHOAL_POOL_EMPTY', message: /without work/ })
  await t.rejects(pool.nextUnordered(), coded('SHOAL_POOL_EMPTY'))
  pool.submit(work, [1, 100])
  t.equal(pool.hasNext(), true)
  await t.rejects(pool.next(), { code: 'SHOAL_POOL_EMPTY', message: /without actors/ })
  pool.push(first)
  t.equal(pool.popIdle(), undefined)
  t.throws(() => pool.push(first), coded('SHOAL_INVALID_OPTION'))
  t.equal(await pool.next(), 10)
  t.throws(() => pool.push(first), coded('SHOAL_INVALID_OPTION'))
  pool.push(second)
  t.same(new Set([pool.popIdle(), pool.popIdle()]), new Set([first, second]))
  t.equal(pool.popIdle(), undefined)
  pool.push(second)
  pool.submit(work, [2, 1])
  t.equal(await pool.next(), 20)
})

t.test('map gives results in order, mapUnordered as they come, of many values', async t => {
  const pool = new ActorPool(workers(4))
  const items = [300, 1, 100, 1, 1].map((ms, value): Item => [value, ms])
  t.same(await Array.fromAsync(pool.map(work, items)), [0, 10, 20, 30, 40])
  const unordered = await Array.fromAsync(pool.mapUnordered(work, items))
  t.equal(unordered.at(-1), 0)
  t.same(unordered.sort(), [0, 10, 20, 30, 40])
  const many = upTo(2500).map((value): Item => [value, 0])
  t.same(
    await Array.fromAsync(pool.map(work, many)),
    many.map(([value]) => value * 10),
  )
  t.same(await Array.fromAsync(pool.map(work, [] as Item[])), [])
  const two = await put<Item>([2, 1])
  t.same(
    await Array.fromAsync(pool.map((_actor, v: ObjectRef<Item>) => task((item: Item) => item[0]).remote(v), [two])),
    [2],
  )
})

t.test('map begins at the call, and reads a value when an actor is free for it', async t => {
  const pool = new ActorPool(workers(2))
  let read = 0
  let closed = false
  const values = function* (): Generator<Item> {
    try {
      for (;;) yield [read++, 100]
    } finally {
      closed = true
    }
  }
  const mapped = pool.map(work, values())
  t.equal(read, 2)
  t.equal((await mapped.next()).value, 0)
  t.ok(read <= 4)
  await mapped.return?.()
  t.equal(closed, true)
  const after = read
  await delay(250)
  t.equal(read, after)
  t.same(await Array.fromAsync(pool.map(work, [[7, 1]] as Item[])), [70])
})

t.test('map takes async values, is unaffected by what was submitted, and is closed by leaving the loop', async t => {
  const pool = new ActorPool(workers(2))
  pool.submit(work, [99, 1000])
  let closed = false
  const values = async function* (): AsyncGenerator<Item> {
    try {
      for (let value = 0; ; value++) {
        await delay(1)
        yield [value, 1]
      }
    } finally {
      closed = true
    }
  }
  const got: number[] = []
  const startedAt = performance.now()
  for await (const result of pool.map(work, values())) {
    got.push(result)
    if (got.length === 10) break
  }
  t.ok(performance.now() - startedAt < 900)
  t.same(
    got,
    upTo(10).map(value => value * 10),
  )
  for (let turn = 0; turn < 100 && !closed; turn++) await delay(5)
  t.equal(closed, true)
  t.equal(await pool.next(), 990)
})

t.test('a failure in map rejects its next; the others come; a loop that it ended begins nothing more', async t => {
  const pool = new ActorPool(workers(2))
  const mapped = pool.map(
    work,
    [1, -2, 3, 4].map((value): Item => [value, 5]),
  )
  t.equal((await mapped.next()).value, 10)
  await t.rejects(mapped.next(), { code: 'SHOAL_TASK_FAILED', cause: { message: 'no -2' } })
  t.equal((await mapped.next()).value, 30)
  t.equal((await mapped.next()).value, 40)
  t.equal((await mapped.next()).done, true)
  t.equal((await mapped.next()).done, true)

  let read = 0
  const endless = function* (): Generator<Item> {
    for (;;) yield [read++ === 0 ? -1 : read, 1]
  }
  await t.rejects(Array.fromAsync(pool.mapUnordered(work, endless())), coded('SHOAL_TASK_FAILED'))
  await delay(100)
  t.ok(read < 100, `read ${read}`)
  const broken = pool.map(
    work,
    (function* (): Generator<Item> {
      yield [1, 1]
      throw new Error('no more values')
    })(),
  )
  t.equal((await broken.next()).value, 10)
  await t.rejects(broken.next(), { message: 'no more values' })
  t.equal((await broken.next()).done, true)
})

t.test('map that nobody reads stops at 1,000 results, and goes on when they are read', async t => {
  const pool = new ActorPool(workers(4))
  let read = 0
  const values = function* (): Generator<Item> {
    while (read < 1500) yield [read++, 0]
  }
  const mapped = pool.map(work, values())
  for (let turn = 0; turn < 1000 && read < 1000; turn++) await delay(10)
  await delay(100)
  t.equal(read, 1000)
  t.equal((await Array.fromAsync(mapped)).length, 1500)
})

t.test(
  'an actor that dies costs its call; one that is gone leaves the pool, one that is made anew goes on',
  async t => {
    const [first, second] = workers(2)
    const pool = new ActorPool([first, second])
    pool.submit(work, [1, 60_000])
    for (const value of upTo(20)) pool.submit(work, [value, 5] as Item)
    await delay(300)
    await kill(first)
    await t.rejects(pool.next(), coded('SHOAL_ACTOR_DIED'))
    const got: unknown[] = []
    for (let i = 0; i < 20; i++) got.push(await pool.next())
    t.same(
      got,
      upTo(20).map(value => value * 10),
    )
    for (const value of upTo(6)) pool.submit(work, [value, 20] as Item)
    while (pool.hasNext()) await pool.next()
    pool.push(first)
    t.equal(pool.popIdle(), second)
    pool.submit(work, [1, 1])
    await t.rejects(pool.next({ timeoutMs: 10_000 }), coded('SHOAL_ACTOR_DIED'))

    const anew = Remote.options({ restarts: 1 }).remote()
    const restarting = new ActorPool([anew, second])
    restarting.submit(work, [1, 60_000])
    await delay(300)
    await kill(anew, { restart: true })
    await t.rejects(restarting.next(), coded('SHOAL_ACTOR_DIED'))
    for (const value of upTo(4)) restarting.submit(work, [value, 100] as Item)
    while (restarting.hasNext()) await restarting.next()
    t.same(new Set([restarting.popIdle(), restarting.popIdle()]), new Set([anew, second]))
  },
)

t.test('what is no handle, no function, no iterable or no option is refused at the call', async t => {
  const [handle] = workers(1)
  t.throws(() => new ActorPool('x' as never), coded('SHOAL_INVALID_OPTION'))
  t.throws(() => new ActorPool([{}] as never), coded('SHOAL_INVALID_OPTION'))
  t.throws(() => new ActorPool([handle, handle]), coded('SHOAL_INVALID_OPTION'))
  const pool = new ActorPool([handle])
  t.throws(() => pool.submit(3 as never, 1), coded('SHOAL_INVALID_OPTION'))
  t.throws(() => pool.map(work, 3 as never), coded('SHOAL_INVALID_OPTION'))
  await t.rejects(pool.next({ timeout: 3 } as never), coded('SHOAL_INVALID_OPTION'))
})

t.test('a task that waits for a pool leaves its CPU to others', async t => {
  const pooled = task(
    async (members: ActorHandle<Worker>[]) => {
      const pool = new ActorPool(members)
      for (const value of upTo(6)) pool.submit(work, [value, 50] as Item)
      const got: unknown[] = []
      while (pool.hasNext()) got.push(await pool.next())
      return got
    },
    { cpus: 2 },
  )
  const running = get(pooled.remote(workers(2)))
  t.equal(await get(task(() => 1, { cpus: 2 }).remote()), 1)
  t.same(
    await running,
    upTo(6).map(value => value * 10),
  )
})
