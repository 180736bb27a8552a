import { setTimeout as delay } from 'node:timers/promises'
import { actor, cancel, context, exitActor, get, getActor, init, kill, release, task } from 'shoal'
import t from 'tap'

const options = { cpus: 2, objectStoreBytes: 1 << 27, namespace: 'test', logToDriver: false }

class Counter {
  n = 0
  add(by = 1): number {
    this.n += by
    return this.n
  }
  async hold(ms: number): Promise<void> {
    await delay(ms)
  }
  leave(): never {
    return exitActor()
  }
}

const codeOf = (error: Error & { code?: string }): string | undefined => error.code

t.test('a call that is over before it went does not hold up those behind it', async t => {
  await using _mesh = await init(options)
  const late = task(async (ms: number) => {
    await delay(ms)
    return 1
  })
  const bad = task((): number => {
    throw new Error('bad')
  })
  const a = actor(Counter).remote()
  const [failed, after] = [a.add.remote(bad.remote()), a.add.remote()]
  t.equal(await get(failed).catch(codeOf), 'SHOAL_TASK_FAILED')
  t.equal(await get(after, { timeoutMs: 5000 }), 1)
  const [cancelled, behind] = [a.add.remote(late.remote(60_000)), a.add.remote()]
  await cancel(cancelled)
  t.equal(await get(behind, { timeoutMs: 5000 }), 2)
  const b = actor(Counter).remote()
  await get(b.add.remote())
  await kill(b)
  const dead = [b.add.remote(late.remote(60_000)), b.add.remote()]
  for (const call of dead) t.equal(await get(call, { timeoutMs: 5000 }).catch(codeOf), 'SHOAL_ACTOR_DIED')
})

t.test('calls beyond those that were sent go to the next incarnation', async t => {
  await using _mesh = await init(options)
  const a = actor(Counter, { name: 'many', lifetime: 'detached', restarts: 1, cpus: 0.5, maxConcurrency: 1 }).remote()
  await get(a.add.remote())
  const calls = [a.hold.remote(60_000), ...Array.from({ length: 600 }, () => a.add.remote())]
  await delay(200)
  await kill(a, { restart: true })
  const ends = await Promise.all(calls.map(call => get(call, { timeoutMs: 20_000 }).catch(codeOf)))
  t.equal(ends[0], 'SHOAL_ACTOR_DIED')
  t.same(
    ends.filter(end => end !== 'SHOAL_ACTOR_DIED' && typeof end !== 'number'),
    [],
  )
  t.equal(await get(a.add.remote(), { timeoutMs: 10_000 }), ends.filter(end => typeof end === 'number').length + 1)
  await kill(a)
})

t.test('the time of one attempt is not that of the next', async t => {
  await using _mesh = await init(options)
  class Slow {
    attempts = 0
    async work(): Promise<number> {
      await delay(400)
      if (++this.attempts === 1) throw new Error('once more')
      return this.attempts
    }
  }
  const a = actor(Slow).remote()
  t.equal(await get(a.work.options({ timeoutMs: 600, retries: 2, retryErrors: true }).remote()), 2)
})

t.test('kill before an actor has its name ends the one that has it', async t => {
  await using _mesh = await init(options)
  const made = actor(Counter, { name: 'early', lifetime: 'detached' }).remote()
  await kill(made)
  t.equal(await getActor('early').catch(codeOf), 'SHOAL_ACTOR_NOT_FOUND')
  const first = actor(Counter, { name: 'held' }).remote()
  await get(first.add.remote())
  await kill(actor(Counter, { name: 'held', getIfExists: true }).remote())
  t.equal(await get(first.add.remote(), { timeoutMs: 5000 }).catch(codeOf), 'SHOAL_ACTOR_DIED')
})

t.test('a class whose method blocked: its first instance goes without the others of its thread', async t => {
  await using _mesh = await init(options)
  class Heavy {
    block(ms: number): void {
      const until = Date.now() + ms
      while (Date.now() < until);
    }
  }
  const other = actor(Counter).remote()
  await get(other.add.remote())
  const heavy = actor(Heavy).remote()
  await get(heavy.block.remote(300))
  release(heavy)
  await delay(300)
  t.equal(await get(other.add.remote()), 2)
})

t.test('tasks and actors call each other deeper than there are threads', async t => {
  await using _mesh = await init(options)
  type Caller = { call: { remote(there: Caller[], left: number): never } }
  const step = task(async (there: Caller[], left: number): Promise<number> => {
    return left === 0 ? 0 : 1 + Number(await get(there[left % there.length].call.remote(there, left - 1)))
  })
  class Link {
    async call(links: Caller[], n: number): Promise<number> {
      return n === 0 ? 0 : 1 + (await get(step.remote(links, n - 1)))
    }
    where(): string {
      return context().peerId
    }
  }
  const links = Array.from({ length: 4 }, () => actor(Link, { maxConcurrency: 1000 }).remote())
  await get(links.map(link => link.where.remote()))
  t.equal(await get(links[0].call.remote(links as never, 100), { timeoutMs: 25_000 }), 100)
})
