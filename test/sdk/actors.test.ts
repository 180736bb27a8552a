import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay, setInterval as every, scheduler } from 'node:timers/promises'
import {
  type ActorHandle,
  type ActorRow,
  actor,
  cancel,
  checkpoint,
  context,
  exitActor,
  get,
  getActor,
  init,
  kill,
  type Mesh,
  type ObjectRef,
  placementGroup,
  put,
  release,
  task,
  wait,
} from 'shoal'
import t, { type Test } from 'tap'
import { shapeFrom } from '../../sdk/actor-shape.ts'
import { eventually, ways } from './meshes.ts'

/** Keeps the thread, as a computation does. */
function hold(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

async function failure(
  work: ObjectRef<unknown> | Promise<unknown>,
): Promise<{ code: string; message: string; cause?: Error }> {
  try {
    await ('get' in work ? work.get() : work)
  } catch (error) {
    return error as { code: string; message: string }
  }
  throw new Error('it did not fail')
}

function logIn(test: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-test-'))
  test.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'log')
}
const linesOf = (file: string): string[] =>
  existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []

async function rowsOf(mesh: Mesh, className: string): Promise<ActorRow[]> {
  return await Array.fromAsync(mesh.state.actors({ className }))
}

/** A small store: the memory of a closed mesh is free only after a collection. */
const local = { address: 'local', objectStoreBytes: 1 << 27, logToDriver: false } as const

class Counter {
  n: number
  constructor(n = 0) {
    this.n = n
  }
  add(by = 1): number {
    this.n += by
    return this.n
  }
  async later(ms: number): Promise<number> {
    await delay(ms)
    return this.n
  }
  *upTo(n: number): Generator<number> {
    for (let i = 0; i < n; i++) yield i
  }
  boom(): never {
    throw new RangeError('too far')
  }
  who(): string | undefined {
    return context().actorId
  }
  pid(): number {
    return process.pid
  }
  quit(): void {
    exitActor()
  }
  exit(code: number): void {
    process.exit(code)
  }
  keep(ms: number): void {
    hold(ms)
  }
}

for (const { way, open } of ways) {
  t.test(`${way}: state, order, errors, streams, several results, and the end`, async t => {
    await using opened = await open({ cpus: 2 })
    const { mesh } = opened
    const counter = actor(Counter).remote(10)
    t.same(await get([counter.add.remote(), counter.add.remote(5), counter.add.remote()]), [11, 16, 17])
    const failed = await failure(counter.boom.remote())
    t.same([failed.code, failed.cause?.name, failed.cause?.message], ['SHOAL_TASK_FAILED', 'RangeError', 'too far'])
    const items: number[] = []
    for await (const item of counter.upTo.remote(4)) items.push(await item.get())
    t.same(items, [0, 1, 2, 3])
    const [row] = await rowsOf(mesh, 'Counter')
    t.same([row?.state, row?.lifetime, row?.restarts], ['alive', 'refs', 0])
    t.equal(await get(counter.who.remote()), row?.actorId)
    release(counter)
    await eventually('it is over', async () => (await rowsOf(mesh, 'Counter'))[0]?.state === 'dead')
  })

  t.test(`${way}: a handle is passed to tasks, into values and between actors`, async t => {
    await using opened = await open({ cpus: 2 })
    t.ok(opened.mesh)
    type H = ActorHandle<Counter>
    const counter: H = actor(Counter).remote()
    const use = task(async (handle: H) => await get(handle.add.remote()))
    const useInside = task(async (value: { handles: H[] }) => await get(value.handles[0]!.add.remote()))
    t.equal(await get(use.remote(counter)), 1)
    t.equal(await get(useInside.remote({ handles: [counter] })), 2)
    t.equal(await get(use.remote(await put(counter))), 3)
    const C = actor(Counter)
    const make = task(() => C.remote(40))
    const made: H = await get(make.remote())
    t.equal(await get(made.add.remote(2)), 42, 'one that a task made and gave back')
    const captured = task(async () => await get(counter.add.remote()))
    t.equal(await get(captured.remote()), 4, 'one that a closure holds')
  })
}

t.test('what is reachable, and what is not', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  class Base {
    inherited(): string {
      return 'inherited'
    }
  }
  class Some extends Base {
    static made(): string {
      return 'static'
    }
    field = (): string => 'field'
    #hidden(): string {
      return 'hidden'
    }
    _under(): string {
      return this.#hidden()
    }
    get got(): string {
      return this._under()
    }
    open(): string {
      return this.got
    }
  }
  const some = actor(Some).remote() as unknown as Record<string, { remote(): ObjectRef<string> }>
  t.equal(await get(some.open!.remote()), 'hidden')
  t.equal(await get(some.inherited!.remote()), 'inherited')
  for (const name of ['made', 'field', '_under', 'got', 'constructor', 'toString', 'then', '__proto__'])
    t.throws(() => some[name]!.remote(), name)
})

t.test('a constructor that throws, an argument that failed, a handle that was let go of', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  class Bad {
    constructor() {
      throw new TypeError('no')
    }
    m(): void {}
  }
  const died = await failure(actor(Bad).remote().m.remote())
  t.match(died, {
    code: 'SHOAL_ACTOR_DIED',
    message: /constructor threw: no/,
    cause: { name: 'TypeError', message: 'no' },
  })
  const fails = task((): number => {
    throw new Error('first')
  })
  t.equal((await failure(actor(Counter).remote(fails.remote()).add.remote())).code, 'SHOAL_TASK_FAILED')
  const counter = actor(Counter).remote()
  await get(counter.add.remote())
  release(counter)
  t.match(await failure(counter.add.remote()), { code: 'SHOAL_ACTOR_DIED', message: /released/ })
})

t.test('concurrency: one at a time, groups, bounds on what waits', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  class Meter {
    now = 0
    most = 0
    async run(ms: number): Promise<void> {
      this.most = Math.max(this.most, ++this.now)
      await delay(ms)
      this.now--
    }
    async stuck(): Promise<void> {
      await new Promise(() => undefined)
    }
    async peak(): Promise<number> {
      return this.most
    }
  }
  const three = actor(Meter, { maxConcurrency: 3 }).remote()
  await get(Array.from({ length: 12 }, () => three.run.remote(10)))
  t.equal(await get(three.peak.remote()), 3)
  const groups = actor(Meter, { groups: { slow: 1 }, methodGroups: { stuck: 'slow' } }).remote()
  const stuck = groups.stuck.remote()
  t.equal(await get(groups.peak.remote()), 0)
  t.same((await wait([stuck, groups.run.options({ group: 'slow' }).remote(1)], { timeoutMs: 200 })).ready, [])
  const typo = { code: 'SHOAL_INVALID_OPTION', option: 'group', message: /Meter\.run: group .*'slwo'.*known are slow/ }
  t.throws(() => groups.run.options({ group: 'slwo' }), typo, 'the class knows no such group')
  t.throws(() => three.run.options({ group: 'slow' }), { message: /Meter has no groups/ })
  const sent = task((handle: ActorHandle<Meter>) => {
    try {
      handle.run.options({ group: 'slwo' })
    } catch (error) {
      return (error as Error).message
    }
    return ''
  })
  t.match(await get(sent.remote(groups)), typo.message, 'a handle that travelled knows them too')
  const bounded = actor(Meter, { maxPendingCalls: 2, maxConcurrency: 1 }).remote()
  const first = [bounded.run.remote(50), bounded.run.remote(1)]
  t.throws(() => bounded.run.remote(1), { code: 'SHOAL_PENDING_CALLS' })
  await get(first)
  await get(bounded.run.remote(1))
})

t.test('a shape that does not tell its groups', async t => {
  const told = shapeFrom('["Meter",[["run",0]],0,-1,["slow"]]')
  t.same(told.groups, ['slow'])
  t.equal(shapeFrom('["Meter",[["run",0]],0,-1]').groups, undefined)
})

t.test('options that are wrong say so at the call', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  const invalid = { code: 'SHOAL_INVALID_OPTION' }
  t.throws(() => actor(5 as never), invalid)
  t.throws(() => actor((() => 1) as never), invalid)
  t.throws(() => actor(Counter, { maxConcurrency: 0 }), invalid)
  t.throws(() => actor(Counter, { methodGroups: { nope: 'g' }, groups: { g: 1 } }), invalid)
  t.throws(() => actor(Counter, { methodGroups: { add: 'g' } }), invalid)
  t.throws(() => actor(Counter, { getIfExists: true }), invalid)
  t.throws(() => actor(Counter, { lifetime: 'detached' }), invalid)
  const inGroup = { placement: { group: placementGroup([{ cpus: 1 }]) } }
  t.doesNotThrow(() => actor(Counter, inGroup))
  t.throws(() => actor(Counter, { ...inGroup, name: 'one', lifetime: 'detached' }), invalid)
  t.throws(() => actor(Counter, { checkpoint: { everyCalls: 1 } }), invalid)
  t.throws(() => actor(Counter, { env: { A: 'b' } }), invalid)
  const counter = actor(Counter).remote()
  t.throws(() => counter.add.options({ timeoutMs: -1 }), invalid)
  t.throws(() => counter.upTo.options({ returns: 2 }), invalid)
  await t.rejects(getActor(''), invalid)
  await t.rejects(kill({} as never), invalid)
  t.throws(() => exitActor(), invalid)
})

t.test('in a shared thread: one that exits, is killed or blocks costs the others nothing', async t => {
  await using mesh = await init({ ...local, cpus: 1 })
  const file = logIn(t)
  class Beating {
    constructor(name: string, log: string) {
      setInterval(() => appendFileSync(log, `${name}\n`), 10)
      setTimeout(async () => {
        for (;;) {
          await delay(10)
          appendFileSync(log, `${name} slept\n`)
        }
      }, 1)
      setTimeout(async () => {
        for await (const _ of every(10)) appendFileSync(log, `${name} every\n`)
      }, 1)
      setTimeout(async () => {
        for (;;) {
          await scheduler.wait(10)
          await scheduler.yield()
          appendFileSync(log, `${name} waited\n`)
        }
      }, 1)
    }
    exit(): void {
      process.exit(3)
    }
    pid(): number {
      return process.pid
    }
  }
  const B = actor(Beating)
  const [a, b, c] = [B.remote('a', file), B.remote('b', file), B.remote('c', file)]
  await get([a.pid.remote(), b.pid.remote(), c.pid.remote()])
  t.match(await failure(a.exit.remote()), { code: 'SHOAL_ACTOR_DIED', message: /process\.exit\(3\)/ })
  await kill(b)
  await delay(100)
  const before = linesOf(file).length
  await delay(200)
  const beats = new Set(linesOf(file).slice(before))
  t.same([...beats].sort(), ['c', 'c every', 'c slept', 'c waited'], 'timers and sleeps of the others are cleared')
  t.equal(await get(c.pid.remote()), process.pid)
  const workers = await Array.fromAsync(mesh.state.workers())
  t.equal(workers.flatMap(worker => worker.actorIds).length, 1)
})

t.test('an actor that is killed while it is made, or cannot be made, leaves no timers behind', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  const file = logIn(t)
  class Beats {
    constructor(log: string, throws: boolean) {
      setInterval(() => appendFileSync(log, 'beat\n'), 5)
      appendFileSync(log, 'up\n')
      if (throws) throw new Error('not today')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150)
    }
    one(): number {
      return 1
    }
  }
  const counter = actor(Counter).remote()
  await get(counter.add.remote())
  t.match(await failure(actor(Beats).remote(file, true).one.remote()), { message: /not today/ })
  const killed = actor(Beats).remote(file, false)
  await eventually('its constructor runs', () => linesOf(file).filter(line => line === 'up').length === 2)
  await kill(killed)
  t.equal(await get(counter.add.remote()), 2, 'those beside it stay')
  await delay(50)
  const before = linesOf(file).length
  await delay(50)
  t.equal(linesOf(file).length, before)
})

t.test(
  'an actor that cannot be told to stop takes its thread with it; the others there say who it was, and restart',
  async t => {
    await using mesh = await init({ ...local, cpus: 1 })
    const C = actor(Counter)
    const busy = C.remote()
    const beside = C.options({ restarts: 1 }).remote(5)
    const alone = C.remote()
    await get([busy.add.remote(), beside.add.remote(), alone.add.remote()])
    const held = busy.keep.remote(60_000)
    await delay(100)
    await kill(busy)
    t.match(await failure(held), { code: 'SHOAL_ACTOR_DIED', message: /killed/ })
    t.match(await failure(alone.add.remote()), { code: 'SHOAL_ACTOR_DIED', message: /thread ended.*Counter/ })
    await eventually('it was made anew', async () => {
      const rows = await rowsOf(mesh, 'Counter')
      return rows.some(({ state, restarts }) => state === 'alive' && restarts === 1)
    })
    t.equal(await get(beside.add.remote()), 6)
  },
)

t.test(
  'a method that blocks its thread is reported, and later ones of its class have threads of their own',
  async t => {
    await using mesh = await init({ ...local, cpus: 1 })
    const C = actor(Counter)
    const first = C.remote()
    await get(first.keep.remote(300))
    const second = C.remote()
    await get(second.add.remote())
    const workers = (await Array.fromAsync(mesh.state.workers())).filter(({ actorIds }) => actorIds.length > 0)
    t.equal(workers.length, 2)
  },
)

t.test('processes: the environment, restarts, and how one ended', async t => {
  await using mesh = await init({ ...local, cpus: 1 })
  const counter = actor(Counter, { isolation: 'process', restarts: 1 }).remote()
  const pid = await get(counter.pid.remote())
  t.not(pid, process.pid)
  process.kill(pid, 'SIGKILL')
  await eventually('it was made anew', async () => {
    const [row] = await rowsOf(mesh, 'Counter')
    return row?.state === 'alive' && row.restarts === 1
  })
  t.equal(await get(counter.add.remote()), 1)
  t.match(await failure(counter.exit.remote(43)), { code: 'SHOAL_ACTOR_DIED', message: /\b43\b/ })
  t.match(await failure(counter.add.remote()), { code: 'SHOAL_ACTOR_DIED', message: /\b43\b/ })
})

t.test('a call that is tried again keeps its key and counts its attempts; other errors are not', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  const file = logIn(t)
  class Flaky {
    go(log: string): string {
      const { idempotencyKey, attempt } = context()
      appendFileSync(log, `${idempotencyKey} ${attempt}\n`)
      if (attempt < 3) throw new RangeError(`attempt ${attempt}`)
      return 'done'
    }
  }
  const flaky = actor(Flaky).remote()
  t.equal(await get(flaky.go.options({ retries: 5, retryErrors: [RangeError] }).remote(file)), 'done')
  const lines = linesOf(file).map(line => line.split(' '))
  t.same(
    lines.map(([, attempt]) => attempt),
    ['1', '2', '3'],
  )
  t.equal(new Set(lines.map(([key]) => key)).size, 1)
  t.equal(
    (await failure(flaky.go.options({ retries: 5, retryErrors: [SyntaxError] }).remote(file))).code,
    'SHOAL_TASK_FAILED',
  )
  t.equal(linesOf(file).length, 4)
})

t.test('checkpoints: by calls, and of detached actors', async t => {
  await using _mesh = await init({ ...local, cpus: 1, namespace: 'test' })
  class Saved {
    n = 0
    big = new Float64Array(0)
    add(): number {
      return ++this.n
    }
    grow(size: number): void {
      this.big = new Float64Array(size).fill(this.n)
    }
    read(): [number, number, number | undefined] {
      return [this.n, this.big.length, this.big[0]]
    }
    [checkpoint.save](): unknown {
      return { n: this.n, big: this.big }
    }
    [checkpoint.restore](saved: { n: number; big: Float64Array<ArrayBuffer> }): void {
      this.n = saved.n
      this.big = saved.big
    }
  }
  const options = { restarts: -1, checkpoint: { everyCalls: 1 } }
  const named = { name: 'saved', lifetime: 'detached' } as const
  for (const saved of [actor(Saved, options).remote(), actor(Saved, { ...options, ...named }).remote()]) {
    await get([saved.add.remote(), saved.add.remote()])
    await get(saved.grow.remote(100_000))
    await delay(300)
    await kill(saved, { restart: true })
    let read: unknown
    await eventually('it answers', async () => {
      read = await get(saved.read.remote()).catch(() => undefined)
      return read !== undefined
    })
    t.same(read, [2, 100_000, 2])
  }
})

t.test('names: one holder, found by all of the namespace, free with the last handle', async t => {
  await using _mesh = await init({ ...local, cpus: 1, namespace: 'test' })
  const N = actor(Counter, { name: 'one' })
  const one = N.remote()
  t.equal(await get(one.add.remote()), 1)
  t.equal(await get((await getActor<Counter>('one')).add.remote()), 2)
  t.equal(await get(N.options({ getIfExists: true }).remote().add.remote()), 3)
  class Other {
    quite(): number {
      return 1
    }
  }
  const other = actor(Other, { name: 'one', getIfExists: true }).remote()
  await t.rejects(get(other.quite.remote()), { message: /of class \w+, not Other: it has no method quite/ })
  t.match(await failure(N.remote().add.remote()), { code: 'SHOAL_NAME_TAKEN', actorName: 'one', namespace: 'test' })
  t.match(await failure(getActor('one', { namespace: 'other' })), { code: 'SHOAL_ACTOR_NOT_FOUND', message: /other/ })
  const find = task(async () => await get((await getActor<Counter>('one')).add.remote()))
  t.equal(await get(find.remote()), 4, 'a task looks in the namespace of its program')
  await kill(one)
  const free = async (): Promise<boolean> => (await failure(getActor('one'))).code === 'SHOAL_ACTOR_NOT_FOUND'
  await eventually('the name is free', free)
  const next = N.remote()
  t.equal(await get(next.add.remote()), 1)
  release(next)
  await eventually('the name is free again', free)
})

t.test('a call is cancelled, and never forced; the actor goes on', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  class Slow {
    aborted = 0
    async wait(): Promise<void> {
      const { signal } = context()
      signal.addEventListener('abort', () => this.aborted++)
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))))
    }
    async count(): Promise<number> {
      return this.aborted
    }
  }
  const slow = actor(Slow).remote()
  const ref = slow.wait.remote()
  t.equal(await get(slow.count.remote()), 0)
  await t.rejects(cancel(ref, { force: true }), { code: 'SHOAL_INVALID_OPTION' })
  await cancel(ref)
  t.equal((await failure(ref)).code, 'SHOAL_CANCELLED')
  await eventually('it was told', async () => (await get(slow.count.remote())) === 1)
  t.equal((await failure(slow.wait.options({ timeoutMs: 50 }).remote())).code, 'SHOAL_TASK_TIMEOUT')
  await eventually('it was told again', async () => (await get(slow.count.remote())) === 2)
})

t.test('a thousand actors are made, called and over, and nothing is left of them', async t => {
  await using mesh = await init({ ...local, cpus: 2 })
  const total = await mesh.available()
  const C = actor(Counter, { resources: {} })
  const all = Array.from({ length: 1000 }, (_, i) => C.remote(i))
  t.same(
    await get(all.map(one => one.add.remote())),
    all.map((_, i) => i + 1),
  )
  release(...all)
  await eventually('all are over', async () => (await rowsOf(mesh, 'Counter')).every(({ state }) => state === 'dead'))
  t.same(await mesh.available(), total)
  t.same(
    (await Array.fromAsync(mesh.state.workers())).flatMap(({ actorIds }) => actorIds),
    [],
  )
})

class Model {
  readonly weights: Float64Array
  constructor(weights: Float64Array) {
    this.weights = weights
  }
  size(): number {
    return this.weights.length
  }
}

t.test('an actor that is made anew has its large arguments, which go with it', async t => {
  await using mesh = await init({ ...local, cpus: 1 })
  const M = actor(Model, { restarts: 1 })
  const ref = await put(new Float64Array(100_001))
  const made = task(() => new Float64Array(100_002)).remote()
  const all = [M.remote(new Float64Array(100_000)), M.remote(ref), M.remote(made)]
  const sizes = () => get(all.map(one => one.size.remote()))
  t.same(await sizes(), [100_000, 100_001, 100_002])
  release(ref, made)
  await delay(200)
  await Promise.all(all.map(one => kill(one, { restart: true })))
  t.same(await sizes(), [100_000, 100_001, 100_002])
  await Promise.all(all.map(one => kill(one)))
  await eventually('nothing large is held', async () =>
    (await Array.fromAsync(mesh.state.objects())).every(({ bytes }) => bytes < 1000),
  )
})

t.test('a detached actor has what it was made of, whatever its maker lets go, until it is over', async t => {
  await using mesh = await init({ ...local, cpus: 1, namespace: 'test' })
  const M = actor(Model, { name: 'a', lifetime: 'detached', restarts: -1 })
  const ref = await put(new Float64Array(100_001))
  const all = [M.remote(new Float64Array(100_000)), M.options({ name: 'b' }).remote(ref)]
  release(ref)
  const sizes = () => get(all.map(one => one.size.remote()))
  t.same(await sizes(), [100_000, 100_001])
  await delay(2500)
  await Promise.all(all.map(one => kill(one, { restart: true })))
  t.same(await sizes(), [100_000, 100_001])
  await Promise.all(all.map(one => kill(one)))
  await eventually('nothing large is held', async () =>
    (await Array.fromAsync(mesh.state.objects())).every(({ bytes }) => bytes < 1000),
  )
})
