import { setTimeout as delay } from 'node:timers/promises'
import {
  type ActorHandle,
  actor,
  cancel,
  checkpoint,
  context,
  exitActor,
  get,
  getActor,
  init,
  kill,
  release,
  task,
} from 'shoal'
import t from 'tap'

const options = { cpus: 2, objectStoreBytes: 1 << 27, namespace: 'test', logToDriver: false }

class Log {
  seen: Record<string, number> = {}
  hit(who: string): void {
    this.seen[who] = (this.seen[who] ?? 0) + 1
  }
  get(): Record<string, number> {
    return this.seen
  }
}

const hit = task(async (log: ActorHandle<Log>, id: string) => await get(log.hit.remote(id)))

class Trainer {
  id: string
  log: ActorHandle<Log>
  constructor(log: ActorHandle<Log>) {
    this.log = log
    this.id = Math.random().toString(36).slice(2)
  }
  async run(): Promise<void> {
    for (;;) await get(this.log.hit.remote(this.id))
  }
  async stubborn(): Promise<void> {
    for (;;) {
      try {
        await get(this.log.hit.remote(this.id))
      } catch {
        await null
      }
    }
  }
  background(): void {
    const again = async (): Promise<void> => {
      await get(this.log.hit.remote(this.id))
      setTimeout(again, 1)
    }
    setTimeout(again, 1)
  }
  async tasks(): Promise<void> {
    for (;;) await get(hit.remote(this.log, this.id))
  }
  async leave(): Promise<void> {
    exitActor()
  }
  ping(): string {
    return this.id
  }
}

t.test('an actor that is over comes no further, in a thread that others share', { timeout: 60_000 }, async t => {
  await using _mesh = await init(options)
  const log = actor(Log).remote()
  const hits = async (who: string): Promise<number> => (await get(log.get.remote()))[who] ?? 0
  // Others live in the same threads.
  const others = Array.from({ length: 8 }, () => actor(Trainer).remote(log))
  await get(others.map(other => other.ping.remote()))
  const Lasting = actor(Trainer, { restarts: 1 })
  for (const how of ['run', 'stubborn', 'background', 'tasks'] as const) {
    for (const end of ['kill', 'restart', 'exit', 'release'] as const) {
      if (end === 'release' && how !== 'background') continue
      const one = Lasting.remote(log)
      const id = await get(one.ping.remote())
      const running = one[how].remote()
      while ((await hits(id)) < 3) await delay(5)
      if (end === 'exit') await get(one.leave.remote()).catch(() => undefined)
      else if (end === 'release') {
        await get(running)
        release(one)
      } else await kill(one, { restart: end === 'restart' })
      if (end === 'restart') t.not(await get(one.ping.remote()), id)
      if (how !== 'background')
        t.equal(await get(running, { timeoutMs: 5000 }).catch(error => error.code), 'SHOAL_ACTOR_DIED')
      // What it had sent is on its way still.
      await delay(100)
      const before = await hits(id)
      await delay(150)
      t.equal(await hits(id), before, `${how}, ${end}`)
    }
  }
  t.equal((await get(others.map(other => other.ping.remote()))).length, 8)
})

t.test("a save is the actor's: it knows where it is", { timeout: 60_000 }, async t => {
  await using _mesh = await init(options)
  class Saving {
    seen: unknown[] = []
    add(): unknown {
      return this.seen
    }
    async [checkpoint.save](): Promise<number> {
      const { actorId, namespace, jobId } = context()
      const store = await getActor<Log>('store')
      this.seen.push({ actorId, namespace, hasJob: jobId !== '', found: await get(store.get.remote()) })
      return 1
    }
    [checkpoint.restore](): void {}
  }
  const store = actor(Log, { name: 'store' }).remote()
  const saving = actor(Saving, { restarts: 1, checkpoint: { everyCalls: 1 } }).remote()
  await get(saving.add.remote())
  let seen: unknown[] = []
  while (seen.length === 0) seen = (await get(saving.add.remote())) as unknown[]
  t.match(seen[0], { actorId: /./, namespace: 'test', hasJob: true, found: {} })
  release(store)
})

t.test('what escapes from a save costs its actor nothing', { timeout: 60_000 }, async t => {
  await using _mesh = await init(options)
  const next = task((x: number) => x + 1)
  class Escapes {
    saves = 0
    n = 0
    inc(): number {
      return ++this.n
    }
    async ask(): Promise<number> {
      return (await get(next.remote(this.n))) as number
    }
    saved(): number {
      return this.saves
    }
    [checkpoint.save](): number {
      this.saves++
      void Promise.reject(new Error('floating'))
      setTimeout(() => {
        throw new Error('late')
      }, 1)
      if (this.saves === 2) throw new Proxy({}, { getPrototypeOf: () => { throw new Error('trap') } }) // biome-ignore format: one line
      return this.n
    }
    [checkpoint.restore](n: number): void {
      this.n = n
    }
  }
  const one = actor(Escapes, { checkpoint: { everyCalls: 2 }, restarts: 1 }).remote()
  for (let i = 1; i <= 8; i++) t.equal(await get(one.inc.remote()), i)
  await delay(50)
  t.equal(await get(one.ask.remote(), { timeoutMs: 5000 }), 9)
  t.ok((await get(one.saved.remote())) >= 4)
})

t.test('a getter that throws where a method is looked for is the error of the call', async t => {
  await using _mesh = await init(options)
  class Lazy {
    constructor() {
      Object.defineProperty(this, 'late', {
        get() {
          throw new RangeError('not ready yet')
        },
      })
    }
    late(): void {}
    async other(): Promise<void> {}
  }
  await t.rejects(get(actor(Lazy).remote().late.remote()), { message: /not ready yet/, cause: { name: 'RangeError' } })
})

t.test('a lone peer that is drained waits for no idle actor', { timeout: 30_000 }, async t => {
  await using mesh = await init(options)
  const one = actor(Log, { restarts: -1 }).remote()
  await get(one.get.remote())
  await mesh.drain()
  t.match(await get(one.get.remote(), { timeoutMs: 5000 }).catch(error => error), { code: /./ })
})

t.test('a method may be called as one that every object has', async t => {
  await using _mesh = await init(options)
  class Odd {
    log: string[] = []
    async slow(): Promise<void> {
      this.log.push('begins')
      await delay(50)
      this.log.push('ends')
    }
    toString(): string {
      this.log.push('toString')
      return 'odd'
    }
    hasOwnProperty(): boolean {
      this.log.push('hasOwnProperty')
      return true
    }
    get(): string[] {
      return this.log
    }
  }
  const odd = actor(Odd, { maxConcurrency: 1 }).remote()
  odd.slow.remote()
  odd.toString.remote()
  odd.hasOwnProperty.remote()
  t.same(await get(odd.get.remote()), ['begins', 'ends', 'toString', 'hasOwnProperty'])
})

t.test('thousands of calls that wait are cancelled in their number', { timeout: 60_000 }, async t => {
  await using _mesh = await init(options)
  class Slow {
    async hold(ms: number): Promise<void> {
      await delay(ms)
    }
    async add(): Promise<number> {
      return 1
    }
  }
  const times: number[] = []
  for (const n of [4_000, 16_000]) {
    const slow = actor(Slow, { maxConcurrency: 1 }).remote()
    const held = slow.hold.remote(60_000)
    const calls = Array.from({ length: n }, () => slow.add.remote())
    await delay(200)
    const from = performance.now()
    await Promise.all(calls.map(call => cancel(call)))
    times.push(performance.now() - from)
    t.equal(await get(calls[n - 1], { timeoutMs: 5000 }).catch(error => error.code), 'SHOAL_CANCELLED')
    await kill(slow)
    await get(held).catch(() => undefined)
  }
  t.ok(times[1] < times[0] * 10 + 500, `${times.map(Math.round)} ms`)
})
