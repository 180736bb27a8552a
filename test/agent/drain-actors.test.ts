import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { type ActorHandle, actor, context, drain, get, init, task } from 'shoal'
import t from 'tap'
import { eventually } from '../sdk/meshes.ts'
import { AgentMesh } from './mesh-support.ts'

const linesOf = (file: string): string[] => readFileSync(file, 'utf8').split('\n').filter(Boolean)

class Slow {
  /** Writes down where it is made; the constructor holds its thread until `gate` is there, or for so long. */
  constructor(seen: string, gate: string, mostMs = 60_000) {
    appendFileSync(seen, `${context().peerId}\n`)
    const until = Date.now() + mostMs
    // Only the first one is slow.
    if (linesOf(seen).length > 1) return
    while (!existsSync(gate) && Date.now() < until) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
  }
  where() {
    return context().peerId
  }
}

t.test(
  'an actor whose constructor runs moves, or ends, with the drain: there is never a second one',
  { timeout: 120_000 },
  async t => {
    await using mesh = await AgentMesh.start(3, '--cpus', '2')
    const [first, second, third] = mesh.agents
    await using attached = await init({ address: first.socket, logToDriver: false })
    const soft = { placement: { peer: second.peerId, soft: true } }
    const living = async () =>
      (await Array.fromAsync(attached.state.actors({ className: 'Slow' }))).filter(({ state }) => state === 'alive')
    const dir = t.testdir({})

    await t.test('finished in time, one that may restart moves; one that may not lives to the deadline', async t => {
      const gate = `${dir}/gate`
      const moves = actor(Slow, { ...soft, restarts: 2 }).remote(`${dir}/moves`, gate)
      const stays = actor(Slow, { ...soft, restarts: 0 }).remote(`${dir}/stays`, gate)
      await eventually('they are being made', () => [`${dir}/moves`, `${dir}/stays`].every(existsSync))
      let ended = false
      const drained = drain(second.peerId, { deadlineMs: 30_000 }).then(() => {
        ended = true
      })
      await eventually('it says so', async () =>
        (await attached.peers()).some(({ peerId, state }) => peerId === second.peerId && state === 'draining'),
      )
      writeFileSync(gate, '')
      await eventually('it has moved', async () => (await get(moves.where.remote())) !== second.peerId)
      t.equal(await get(stays.where.remote(), { timeoutMs: 20_000 }), second.peerId)
      t.notOk(ended)
      await drain(second.peerId, { deadlineMs: 0 })
      await drained
      await t.rejects(get(stays.where.remote()), { code: 'SHOAL_ACTOR_DIED', message: /its peer was drained/ })
      const [row, ...others] = await living()
      t.same([row?.restarts, others], [1, []])
      t.same([linesOf(`${dir}/moves`).length, linesOf(`${dir}/stays`)], [2, [second.peerId]])
      moves[Symbol.dispose]()
      stays[Symbol.dispose]()
    })

    await t.test('past the deadline the constructor runs again elsewhere', async t => {
      const late = { placement: { peer: third.peerId, soft: true }, restarts: 0 }
      const handle = actor(Slow, late).remote(`${dir}/late`, `${dir}/never`)
      await eventually('it is being made', () => existsSync(`${dir}/late`))
      await drain(third.peerId, { deadlineMs: 500 })
      t.equal(await get(handle.where.remote(), { timeoutMs: 20_000 }), first.peerId)
      t.same(linesOf(`${dir}/late`), [third.peerId, first.peerId])
      t.equal((await living()).length, 1)
      handle[Symbol.dispose]()
    })
  },
)

class Nested {
  inner(): number {
    return 1
  }
  /** Waits until it is drained, then for another call of itself: of its own, or of a task's somewhere else. */
  async outer([self]: ActorHandle<Nested>[], seen: string, elsewhere?: string): Promise<number> {
    appendFileSync(seen, 'runs\n')
    while (!existsSync(`${seen}-drained`)) await delay(20)
    if (elsewhere === undefined) return await get(self.inner.remote())
    return await get(calls.options({ placement: { peer: elsewhere } }).remote([self]))
  }
}
const calls = task(async ([one]: ActorHandle<Nested>[]) => await get(one.inner.remote()))

t.test(
  'while an actor waits to move, calls go through that those which run wait for',
  { timeout: 120_000 },
  async t => {
    await using mesh = await AgentMesh.start(2, '--cpus', '2')
    const [first, second] = mesh.agents
    await using attached = await init({ address: first.socket, logToDriver: false })
    const seen = `${t.testdir({})}/seen`
    const handle = actor(Nested, { placement: { peer: second.peerId, soft: true }, restarts: 1 }).remote()
    const own = handle.outer.remote([handle], seen)
    const other = handle.outer.remote([handle], seen, first.peerId)
    await eventually('they run', () => existsSync(seen) && linesOf(seen).length === 2)
    const drained = drain(second.peerId)
    await eventually('it is drained', async () =>
      (await attached.peers()).some(({ peerId, state }) => peerId === second.peerId && state === 'draining'),
    )
    writeFileSync(`${seen}-drained`, '')
    t.same(await get([own, other], { timeoutMs: 30_000 }), [1, 1])
    await drained
    t.equal(await get(handle.inner.remote(), { timeoutMs: 20_000 }), 1)
    const [row] = await Array.fromAsync(attached.state.actors({ className: 'Nested' }))
    t.match(row, { state: 'alive', peerId: first.peerId, restarts: 1 })
    handle[Symbol.dispose]()
  },
)

t.test('one whose restarts are used up lives to the deadline', { timeout: 120_000 }, async t => {
  class Frail {
    where() {
      return context().peerId
    }
    die() {
      process.exit(1)
    }
  }
  await using mesh = await AgentMesh.start(2, '--cpus', '2')
  const [first, second] = mesh.agents
  await using _attached = await init({ address: first.socket, logToDriver: false })
  const at = { placement: { peer: second.peerId, soft: true } }
  const [used, left] = [1, 2].map(restarts => actor(Frail, { ...at, restarts, callRetries: 0 }).remote())
  for (const one of [used, left]) {
    await t.rejects(get(one.die.remote()), { code: 'SHOAL_ACTOR_DIED' })
    t.equal(await get(one.where.remote(), { timeoutMs: 20_000 }), second.peerId)
  }
  const drained = drain(second.peerId, { deadlineMs: 60_000 })
  await eventually('the other one has moved', async () => (await get(left.where.remote())) === first.peerId)
  t.equal(await get(used.where.remote()), second.peerId)
  await drain(second.peerId, { deadlineMs: 0 })
  await drained
  await t.rejects(get(used.where.remote()), { code: 'SHOAL_ACTOR_DIED', message: /may not be made anew elsewhere/ })
  for (const one of [used, left]) one[Symbol.dispose]()
})

t.test('an actor of a program at the drained peer moves once, with what others call', { timeout: 120_000 }, async t => {
  class Counts {
    async add(x: number) {
      await delay(1)
      return { x, at: context().peerId }
    }
  }
  const many = task(async ([one]: ActorHandle<Counts>[], gate: string) => {
    const seen: { x: number; at: string }[] = []
    for (let x = 0; x < 50 || !existsSync(gate); x++) seen.push(await get(one.add.remote(x)))
    return seen
  })
  await using mesh = await AgentMesh.start(2, '--cpus', '2')
  const [first, second] = mesh.agents
  await using attached = await init({ address: second.socket, logToDriver: false })
  const handle = actor(Counts, { placement: { peer: second.peerId, soft: true }, restarts: -1 }).remote()
  t.equal((await get(handle.add.remote(0))).at, second.peerId)
  const gate = `${t.testdir({})}/gate`
  const calling = many.options({ placement: { peer: first.peerId } }).remote([handle], gate)
  await eventually('it is called', async () => {
    const [row] = await Array.fromAsync(attached.state.tasks({ name: 'many', state: 'running' }))
    return row !== undefined
  })
  await drain(second.peerId, { deadlineMs: 20_000 })
  const ends = handle.add.remote(0)
  t.equal((await get(ends, { timeoutMs: 20_000 })).at, first.peerId)
  writeFileSync(gate, '')
  const seen = await get(calling, { timeoutMs: 20_000 })
  t.ok(seen.every(({ x }, i) => x === i))
  t.match(await Array.fromAsync(attached.state.actors({ className: 'Counts' })), [{ state: 'alive', restarts: 1 }])
  // Nobody else is left that could take it: it comes back, and is called.
  mesh.kill(first)
  await eventually('it has come back', async () => {
    const at = await get(handle.add.options({ retries: -1 }).remote(0), { timeoutMs: 20_000 }).catch(() => undefined)
    return at?.at === second.peerId
  })
  handle[Symbol.dispose]()
})

t.test('an actor that was to move stays when nobody is left to take it', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(2, '--cpus', '2')
  const [first, second] = mesh.agents
  await using _attached = await init({ address: second.socket, logToDriver: false })
  class Busy {
    async hold(ms: number): Promise<void> {
      await delay(ms)
    }
    ping(): number {
      return 1
    }
  }
  const busy = actor(Busy, { restarts: -1, placement: { peer: second.peerId, soft: true } }).remote()
  await get(busy.ping.remote())
  const held = busy.hold.remote(8000)
  const drained = drain(second.peerId).catch(() => undefined)
  // New calls of it are held back now.
  await delay(1100)
  mesh.kill(first)
  t.equal(await get(busy.ping.remote(), { timeoutMs: 30_000 }), 1)
  await get(held)
  await drained
})
