import { setTimeout as delay } from 'node:timers/promises'
import {
  asCompleted,
  ClosedError,
  context,
  get,
  InfeasibleError,
  type ObjectRef,
  put,
  release,
  StoreFullError,
  TaskError,
  TaskTimeoutError,
  task,
  WorkerDiedError,
  wait,
} from 'shoal'
import t from 'tap'
import { nothingLeft, ways } from './meshes.ts'

async function failure(ref: ObjectRef<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await get(ref)
  } catch (error) {
    return error as Error & Record<string, unknown>
  }
  throw new Error('it did not fail')
}

for (const { way, open } of ways) {
  t.test(`${way}: values in, values out, through refs at any depth, of any size`, async t => {
    await using opened = await open()
    const { mesh } = opened
    const add = task((a: number, b: number) => a + b)
    t.equal(await get(add.remote(add.remote(1, 2), await put(4))), 7)
    const large = task((n: number) => new Float64Array(n).fill(2))
    const sum = task((values: Float64Array) => values.reduce((a, b) => a + b, 0))
    const made = large.remote(300_000)
    t.equal(await get(sum.remote(made)), 600_000)
    t.equal(await get(sum.remote(new Float64Array(200_000).fill(1))), 200_000, 'a large argument')
    t.equal((await get(made)).length, 300_000)
    const nested = task(async (box: { list: ObjectRef<Float64Array>[] }) => (await box.list[0].get()).length)
    t.equal(await get(nested.remote({ list: [made] })), 300_000)
    const twice = task((a: unknown, b: unknown) => a === b)
    t.equal(await get(twice.remote(made, made)), true, 'one object, however often it is an argument')
    const back = task(async () => [await put('inner'), { deep: await put([1]) }] as const)
    const pair = back.remote()
    const [inner, { deep }] = await get(pair)
    t.same([await get(inner), await get(deep)], ['inner', [1]])
    const mutable = { n: 1 }
    const seen = task(async (value: { n: number }) => value.n).remote(mutable)
    mutable.n = 2
    t.equal(await get(seen), 1, 'arguments are taken at the call')
    release(made, inner, deep, pair)
    await nothingLeft(mesh)
  })

  t.test(`${way}: views are zero-copy, copies are one's own, released ones cannot be read`, async t => {
    await using opened = await open()
    const { mesh } = opened
    const ref = await put(new Float64Array(100_000).fill(3))
    const [a, b] = [await get(ref), await get(ref)]
    a.fill(0)
    t.equal(b[5], 3)
    const view = await get(ref, { copy: false })
    t.equal(view[99_999], 3)
    if (way === 'embedded') t.ok(view.buffer instanceof SharedArrayBuffer, 'the store itself')
    const shared = task((values: Float64Array) => values.buffer instanceof SharedArrayBuffer && values[7] === 3, {
      copy: false,
    })
    t.equal(await get(shared.remote(ref)), true)
    ref.release()
    ref.release()
    t.equal(view[0], 3, 'a view outlives its ref')
    await t.rejects(get(ref), { code: 'SHOAL_OBJECT_LOST' })
    await t.rejects(get(shared.remote(ref)), { code: 'SHOAL_SERIALIZATION' })
    using small = await put({ gone: 'soon' })
    t.same(await get(small), { gone: 'soon' })
    t.equal((await mesh.peers()).length, 1)
  })

  t.test(`${way}: errors arrive as what they are, with the user's file and line, and who ran it`, async t => {
    await using opened = await open()
    const { mesh } = opened
    class Odd extends RangeError {
      extra = 5
    }
    const throws = task(
      (text: string) => {
        throw new Odd(text, { cause: new TypeError('inner') })
      },
      { name: 'thrower' },
    )
    const ref = throws.remote('bad input')
    const error = await failure(ref)
    t.ok(error instanceof TaskError)
    t.match(error.message, /thrower.*bad input/)
    t.match(error, { code: 'SHOAL_TASK_FAILED', peerId: mesh.peerId, attempt: 1, functionName: 'thrower' })
    const cause = error.cause as Odd
    t.match(cause, { message: 'bad input', extra: 5 })
    t.ok((cause.cause as Error) instanceof TypeError)
    t.match(cause.stack, /tasks\.test\.ts:\d+:\d+/)
    t.notMatch(cause.stack, /agent\/(workers|code)/)
    const after = await failure(task((x: unknown) => x).remote(ref))
    t.equal(after.cause && (after.cause as Error).message, 'bad input', 'what depends on it fails with it')
    t.equal((await failure(task(() => Promise.reject(undefined)).remote())).code, 'SHOAL_TASK_FAILED', 'nothing thrown')
  })

  t.test(
    `${way}: a thread that ends under a task: exit code, last words, retries; the next task has a new one`,
    async t => {
      await using opened = await open({ cpus: 1 })
      const exits = task(
        async (code: number) => {
          console.log('last words')
          await delay(10)
          process.exit(code)
        },
        { retries: 1 },
      )
      const error = await failure(exits.remote(7))
      t.ok(error instanceof WorkerDiedError)
      t.match(error, { exitCode: 7, lastLines: [/last words/], attempt: 2 })
      t.equal(await get(task(() => 'alive').remote()), 'alive')
      const rows = await Array.fromAsync(opened.mesh.state.tasks({ state: 'failed' }))
      t.equal(rows[0].attempts.length, 2)
      await nothingLeft(opened.mesh)
    },
  )

  t.test(
    `${way}: timeoutMs stops what computes and what awaits, and tells the task; others on its thread run again`,
    async t => {
      await using opened = await open({ cpus: 1 })
      const busy = task(
        () => {
          for (;;);
        },
        { timeoutMs: 200, cpus: 0.5 },
      )
      const lazy = task(
        async () => {
          await new Promise(resolve => context().signal.addEventListener('abort', resolve))
        },
        { timeoutMs: 200, cpus: 0.5 },
      )
      for (const one of [busy, lazy]) t.ok((await failure(one.remote())) instanceof TaskTimeoutError)
      t.equal(await get(task(() => 1).remote()), 1)
      await nothingLeft(opened.mesh)
    },
  )

  t.test(
    `${way}: what is infeasible says what is missing, and a full store is an error of the one who asked`,
    async t => {
      await using opened = await open({ objectStoreBytes: 4 << 20 })
      const { mesh } = opened
      const error = await failure(task(() => 1, { gpus: 2, infeasibleTimeoutMs: 50 }).remote())
      t.ok(error instanceof InfeasibleError)
      t.match(error.message, /2 gpus/)
      const here = task(() => 1, { placement: { peer: mesh.peerId } })
      t.equal(await get(here.remote()), 1)
      const elsewhere = task(() => 1, { placement: { peer: 'nobody' }, infeasibleTimeoutMs: 50 })
      t.ok((await failure(elsewhere.remote())) instanceof InfeasibleError)
      await t.rejects(put(new Uint8Array(8 << 20)), StoreFullError)
      t.ok((await failure(task(() => new Uint8Array(8 << 20)).remote())) instanceof StoreFullError)
      t.ok((await failure(task((x: Uint8Array) => x.length).remote(new Uint8Array(8 << 20)))) instanceof StoreFullError)
      const fits = await put(new Uint8Array(3 << 20))
      fits.release()
      const again = await put(new Uint8Array(3 << 20))
      t.equal((await get(again)).length, 3 << 20)
      again.release()
      await nothingLeft(mesh)
    },
  )

  t.test(`${way}: tasks in tasks in tasks, on one CPU; a deep recursion; functions that call one another`, async t => {
    await using opened = await open({ cpus: 1 })
    const leaf = task((x: number) => x + 1)
    const middle = task(async (x: number) => (await get([leaf.remote(x), leaf.remote(x)])).reduce((a, b) => a + b))
    const top = task(async (x: number) => {
      const refs = [1, 2, 3].map(i => middle.remote(x + i))
      let sum = 0
      for await (const ref of asCompleted(refs)) sum += await ref.get()
      const { ready } = await wait(refs, { count: 3 })
      return sum + ready.length
    })
    t.same(
      await get(Array.from({ length: 20 }, (_, i) => top.remote(i))),
      Array.from({ length: 20 }, (_, i) => 6 * i + 21),
    )
    const isEven: (n: number) => Promise<boolean> = async n => n === 0 || (await get(odd.remote(n - 1)))
    const isOdd: (n: number) => Promise<boolean> = async n => n !== 0 && (await get(even.remote(n - 1)))
    const even = task(isEven)
    const odd = task(isOdd)
    t.same(await get([even.remote(8), odd.remote(8), even.remote(7)]), [true, false, false])
    const down: (n: number) => Promise<number> = async n => (n === 0 ? 0 : 1 + (await get(deep.remote(n - 1))))
    const deep = task(down)
    t.equal(await get(deep.remote(300)), 300)
    await nothingLeft(opened.mesh)
  })

  t.test(`${way}: 20,000 tasks of many kinds at once, and nothing is left`, async t => {
    await using opened = await open()
    const kinds = Array.from({ length: 10 }, (_, k) => task((x: number) => x * k))
    const refs = Array.from({ length: 20_000 }, (_, i) => kinds[i % 10].remote(i))
    t.same(
      await get(refs),
      refs.map((_, i) => i * (i % 10)),
    )
    const lazy = task(
      async (x: number) => {
        await delay(x % 3)
        return x
      },
      { cpus: 0.01 },
    )
    const slow = Array.from({ length: 1000 }, (_, i) => lazy.remote(i))
    t.equal(
      (await get(slow)).reduce((a, b) => a + b),
      499_500,
    )
    await nothingLeft(opened.mesh)
  })

  t.test(`${way}: closing ends what waits, with ClosedError, and a new mesh can be joined`, async t => {
    let waiting: Promise<unknown>
    {
      await using opened = await open({ cpus: 1 })
      const long = task(async () => {
        await delay(60_000)
      }).remote()
      waiting = t.rejects(get(long), ClosedError)
      await opened.mesh.close()
      await opened.mesh.close()
      await t.rejects(get(long), ClosedError)
    }
    await waiting
    await using again = await open()
    t.equal(await get(task(() => 'again').remote()), 'again')
    t.ok(again.mesh.meshId)
  })
}

t.test('a ref that is released at once after it was passed on: the task has its value all the same', async t => {
  await using opened = await ways[0].open({ cpus: 1 })
  const one = task((x: number) => ({ x }))
  const use = task((v: { x: number }) => v.x)
  const sums: ObjectRef<number>[] = []
  for (let i = 0; i < 2000; i++) {
    const ref = one.remote(i)
    if (i % 3 === 0) await get(ref)
    if (i % 7 === 0) await null
    sums.push(use.remote(ref))
    ref.release()
  }
  t.same(
    await get(sums),
    sums.map((_, i) => i),
  )
  await nothingLeft(opened.mesh)
})

t.test('long chains: the failure of the first ends all, and nested objects of any depth go', async t => {
  await using opened = await ways[0].open({ cpus: 1 })
  const next = task((x: number) => x + 1)
  const late = task(async (): Promise<number> => {
    await delay(500)
    throw new RangeError('the first')
  })
  let last: ObjectRef<number> = late.remote()
  const all = [last]
  // More answers than a ring holds, while the driver has nothing to say: they go on when there is room.
  for (let i = 0; i < 20_000; i++) {
    last = next.remote(last)
    all.push(last)
  }
  t.match((await failure(last)).message, /the first/)
  for (const ref of all) ref.release()
  let outer: ObjectRef<unknown> = await put('the innermost')
  for (let i = 0; i < 5000; i++) {
    const inner = outer
    outer = await put({ inner })
    inner.release()
  }
  outer.release()
  await nothingLeft(opened.mesh)
})
