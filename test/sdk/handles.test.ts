import { deepStrictEqual } from 'node:assert'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import {
  ActorPool,
  actor,
  cancel,
  get,
  getActor,
  init,
  kill,
  move,
  type ObjectRef,
  put,
  Queue,
  release,
  task,
  wait,
} from 'shoal'
import t from 'tap'
import { currentEngine } from '../../sdk/session.ts'
import { record } from '../../wire/records.ts'

const local = { objectStoreBytes: 1 << 27 }

t.test('refs, streams and handles in a log are their names, not the engine behind them', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  class Teller {
    *each(): Generator<number> {
      yield 1
    }
    toJSON(): string {
      return 'its own'
    }
  }
  class Plain {
    nothing(): void {}
  }
  const ref = task(() => 1).remote()
  const other = task(() => 2).remote()
  const plain = actor(Plain).remote()
  const teller = actor(Teller).remote()
  const stream = teller.each.remote()
  t.same(JSON.parse(JSON.stringify({ ref, stream })), { ref: ref.id, stream: stream.id })
  t.match(JSON.stringify([plain]), /^\["ActorHandle Plain \S+"\]$/)
  t.same(Object.keys(plain), [])
  t.equal(await teller.toJSON.remote().get(), 'its own', "a method of the user's by that name is reached")
  t.equal(JSON.stringify(teller), '{}')
  try {
    deepStrictEqual(ref, other)
    t.ok(false, 'two refs are not the same')
  } catch (error) {
    t.ok((error as Error).message.length < 2000, 'the difference of two refs is short')
  }
  t.same(await get([ref, other]), [1, 2])
})

t.test("Shoal's own objects, given where another is wanted, are called what they are, with a way out", async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  class Tally {
    up(): number {
      return 1
    }
    *each(): Generator<number> {
      yield 1
    }
  }
  const RemoteTally = actor(Tally)
  const named = task(function named() {})
  const ref = named.remote()
  const handle = RemoteTally.remote()
  const stream = handle.each.remote()
  const any = (value: unknown): never => value as never
  const cases: readonly (readonly [string, () => unknown, RegExp])[] = [
    ['get of a handle', () => get(any(handle)), /it was the handle of an actor of Tally\. Call .*\.remote\(…\)/],
    ['get of a method', () => get(any(handle.up)), /it was the method Tally\.up\. Call it: \.remote\(…\)/],
    ['get of a stream', () => get(any(stream)), /it was an ObjectStream\. .*for await \(const ref of stream\)/],
    ['get of a function', () => get(any(named)), /it was the remote function named\. Call it/],
    ['get of a class', () => get(any(RemoteTally)), /it was the remote class Tally\. \.remote/],
    ['wait for handles', () => wait(any([handle])), /refs\[0\] .* it was the handle of an actor of Tally/],
    ['kill of a ref', () => kill(any(ref)), /it was an ObjectRef\. cancel\(ref\)/],
    ['kill of a class', () => kill(any(RemoteTally)), /it was the remote class Tally\. \.remote/],
    ['cancel of a handle', () => cancel(any(handle)), /it was the handle of an actor of Tally/],
    ['release of a method', () => release(any(handle.up)), /an ObjectRef, a stream or the handle .* method Tally\.up/],
    ['a pool of refs', () => new ActorPool(any([ref])), /handles\[0\] .* it was an ObjectRef/],
    ['get of a queue', () => get(any(new Queue(1))), /it was a Queue\. await queue\.get\(\)/],
    ['actor of a remote function', () => actor(any(named)), /Class must be a class; it was the remote function named/],
    ['actor of a remote class', () => actor(any(RemoteTally)), /it was the remote class Tally\. \.options/],
  ]
  for (const [name, mistake, says] of cases)
    await t.rejects(async () => mistake(), { code: 'SHOAL_INVALID_OPTION', message: says }, name)
  await get(ref)
})

t.test('what a task lets go of among the refs and handles that it captured is there for the next one', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  class Answer {
    give(): number {
      return 7
    }
  }
  const ref = await put(5)
  const passed = await put(6)
  const handle = actor(Answer).remote()
  const plusOne = task((n: number) => n + 1)
  const releases = task(
    async () => {
      const value = await get(ref)
      release(ref)
      return value
    },
    { cpus: 0.01 },
  )
  const moves = task(async () => await get(plusOne.remote(move(passed))), { cpus: 0.01 })
  const uses = task(
    async () => {
      using mine = handle
      return await get(mine.give.remote())
    },
    { cpus: 0.01 },
  )
  for (const round of ['first', 'second', 'third']) {
    t.equal(await get(releases.remote()), 5, `release, the ${round} time`)
    t.equal(await get(moves.remote()), 7, `move, the ${round} time`)
    t.equal(await get(uses.remote()), 7, `using, the ${round} time`)
  }
  const many = Array.from({ length: 20 }, () => [releases.remote(), uses.remote()]).flat()
  t.same(new Set(await get(many)), new Set([5, 7]), 'at the same time in one thread')

  const reads = task(async () => {
    release(ref)
    return await get(ref)
  })
  await get(reads.remote()).catch(() => {})
  await t.rejects(get(reads.remote()), { cause: { code: 'SHOAL_OBJECT_LOST' } }, 'and gone for the task itself')

  class Holder {
    async read(): Promise<number> {
      const value = await get(ref)
      release(ref)
      return value
    }
  }
  const RemoteHolder = actor(Holder)
  const holders = [RemoteHolder.remote(), RemoteHolder.remote(), RemoteHolder.remote()]
  for (const holder of holders) t.equal(await get(holder.read.remote()), 5, 'each actor has its own')
})

t.test('a method of a handle is a value: an argument, a result, a part of a closure', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  class Sum {
    #sum = 0
    add(by = 1): number {
      this.#sum += by
      return this.#sum
    }
    pair(): number[] {
      return [1, 2]
    }
    *each(): Generator<number> {
      yield 5
    }
    fails(): void {
      this.#sum++
      throw new RangeError('always')
    }
  }
  const handle = actor(Sum).remote()
  type Handle = typeof handle
  const { add } = handle
  const calls = task(async (method: Handle['add'], by: number) => await get(method.remote(by)))
  t.equal(await get(calls.remote(add, 1)), 1, 'an argument')
  t.equal(await get(task(async () => await get(add.remote(10))).remote()), 11, 'in a closure')
  const tries = handle.fails.options({ retries: 2, retryErrors: [RangeError], name: 'thrice', timeoutMs: 60_000 })
  const failing = task(
    async (held: { method: Handle['fails'] }) => await get(held.method.remote()).catch(() => 'failed'),
  )
  t.equal(await get(failing.remote({ method: tries })), 'failed')
  t.equal(await get(add.remote(0)), 14, 'its options went with it: it was tried three times')

  const gives = task((given: Handle) => [given.pair.options({ returns: 2 }), given.each])
  const [pair, each] = (await get(gives.remote(handle))) as never as [{ remote(): ObjectRef<number>[] }, Handle['each']]
  t.same(await get(pair.remote()), [1, 2], 'a result')
  for await (const item of each.remote()) t.equal(await get(item), 5)
  t.equal(inspect(add), 'ActorMethod Sum.add')

  const detached = { code: 'SHOAL_INVALID_OPTION', message: /value => handle\.method\.remote\(value\)/ }
  await t.rejects(async () => [1, 2].map(handle.add.remote as never), detached, 'taken off its method')
  await t.rejects(async () => [1, 2].map(calls.remote as never), detached, 'taken off its function')

  const pool = new ActorPool([handle])
  await t.rejects(get(task((p: unknown) => p).remote(pool)), {
    code: 'SHOAL_SERIALIZATION',
    message: /pass its handles/,
  })
  const captures = task(() => pool.hasNext())
  await t.rejects(get(captures.remote()), { code: 'SHOAL_CAPTURE', message: /`pool`.* an ActorPool.* its handles/ })
})

t.test('options that are given anew for each call are told to the agent once', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  class Once {
    call(): number {
      return 1
    }
  }
  const told: number[] = []
  const { outbox } = currentEngine('test')
  const begin = outbox.begin.bind(outbox)
  outbox.begin = (type, field, bytes) => {
    if (type === record.define) told.push(type)
    return begin(type, field, bytes)
  }
  const handle = actor(Once).remote()
  const fn = task(() => 1)
  await get([handle.call.remote(), fn.remote()])
  t.equal(told.length, 3, 'the class, its method, the function')
  const refs = Array.from({ length: 50 }, () => [
    handle.call.options({ retryErrors: [RangeError, TypeError] }).remote(),
    handle.call.options({ name: 'named' }).remote(),
    handle.call.options({ name: 'named' }).options({ retries: 1 }).remote(),
    fn.options({ retries: 1, retryErrors: [RangeError] }).remote(),
    fn.options({ name: 'named' }).remote(),
  ])
  await get(refs.flat())
  t.equal(told.length, 8, 'and each set of options')
  class Other extends RangeError {}
  await get([handle.call.options({ retryErrors: [Other] }).remote()])
  t.equal(told.length, 9)
})

t.test('maxPendingCalls counts the calls of this program, whichever handle they are made with', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  class Slow {
    async wait(ms: number): Promise<void> {
      await delay(ms)
    }
  }
  const handle = actor(Slow, { maxPendingCalls: 2, name: 'slow' }).remote()
  await get(handle.wait.remote(0))
  const named = await getActor<Slow>('slow')
  const travelled = (await get(task((given: typeof handle) => given).remote(handle))) as typeof handle
  const pending = [handle.wait.remote(60_000), named.wait.remote(60_000)]
  const tooMany = { code: 'SHOAL_PENDING_CALLS', message: /Slow has 2 calls of this program/ }
  for (const one of [handle, named, travelled]) t.throws(() => one.wait.remote(0), tooMany)
  await cancel(pending[0])
  t.equal(await get(travelled.wait.remote(0)), undefined, 'one has ended')
  const third = travelled.wait.remote(60_000)
  t.throws(() => handle.wait.remote(0), tooMany)
  await kill(handle)
  await Promise.allSettled([...pending, third].map(ref => ref.get()))
  await t.rejects(get(handle.wait.remote(0)), { code: 'SHOAL_ACTOR_DIED' }, 'nothing is pending any more')
})

t.test('what was released here cannot be killed here', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  class Lives {
    here(): boolean {
      return true
    }
  }
  const handle = actor(Lives, { name: 'lives' }).remote()
  await get(handle.here.remote())
  const other = await getActor<Lives>('lives')
  release(handle)
  const released = {
    code: 'SHOAL_ACTOR_DIED',
    reason: 'its handle was released here',
    message: /Lives cannot be killed/,
  }
  await t.rejects(kill(handle), released)
  t.equal(await get(other.here.remote()), true)
  await kill(other)
  await kill(other)
})

t.test('an error with more causes in each other than can be read keeps the first ones', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  const nested = (depth: number): Error => {
    let error = new Error('innermost')
    for (let i = 1; i <= depth; i++) error = new Error(`level ${i}`, { cause: error })
    return error
  }
  const throws = task((depth: number) => {
    throw nested(depth)
  })
  for (const depth of [1000, 2000, 20_000]) {
    const message = new RegExp(`level ${depth}\\b`)
    await t.rejects(
      get(throws.remote(depth)),
      { code: 'SHOAL_TASK_FAILED', message, cause: { cause: Error } },
      `${depth}`,
    )
  }
  const gives = task((depth: number) => nested(depth))
  const tooDeep = { code: 'SHOAL_SERIALIZATION' }
  await t.rejects(get(gives.remote(2000)), tooDeep, 'a result')
  await t.rejects(get(task((given: unknown) => given).remote(nested(2000))), tooDeep, 'an argument')
})
