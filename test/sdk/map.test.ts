import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { asCompleted, get, init, type ObjectRef, put, task } from '../../sdk/index.ts'

const upTo = (n: number) => Array.from({ length: n }, (_, index) => index)
const mesh = await init({ address: 'local', cpus: 2 })
t.teardown(() => mesh.close())

const nap = task(
  async (ms: number) => {
    await new Promise(resolve => setTimeout(resolve, ms))
    return ms
  },
  { cpus: 0 },
)
const square = task((x: number) => x * x, { cpus: 0.1 })
const picky = task(
  (x: number) => {
    if (x === 5) throw new RangeError('no five')
    return x
  },
  { cpus: 0.1 },
)

/** What a loop over it gave, and what ended it. */
async function read<T>(items: AsyncIterable<T>): Promise<{ values: T[]; error: any }> {
  const values: T[] = []
  try {
    for await (const value of items) values.push(value)
  } catch (error) {
    return { values, error }
  }
  return { values, error: undefined }
}

t.test('map gives results in the order of the items, or as they come', async t => {
  t.same(
    await Array.fromAsync(square.map(upTo(300))),
    upTo(300).map(x => x * x),
  )
  t.same(await Array.fromAsync(nap.map([400, 10], { ordered: true })), [400, 10])
  t.same(await Array.fromAsync(nap.map([400, 10], { ordered: false })), [10, 400])
  t.same(await Array.fromAsync(square.map([])), [])
})

t.test('map takes refs among its items, from sync and async inputs', async t => {
  const three = await put(3)
  t.same(await Array.fromAsync(square.map([2, three])), [4, 9])
  const later = async function* () {
    yield three
    yield 4
  }
  t.same(await Array.fromAsync(square.map(later())), [9, 16])
})

t.test('map starts nothing before it is read, and reads at most 2 × concurrency ahead', async t => {
  let pulled = 0
  let closed = false
  const naturals = function* () {
    try {
      for (;;) yield pulled++
    } finally {
      closed = true
    }
  }
  const results = square.map(naturals(), { concurrency: 3 })
  await delay(20)
  t.equal(pulled, 0)
  t.same(await results.next(), { done: false, value: 0 })
  await get(upTo(20).map(x => square.remote(x))) // those read ahead are done by now
  t.ok(pulled >= 3 && pulled <= 7, `${pulled} read`)
  t.same(await results.return?.(), { done: true, value: undefined })
  t.equal(closed, true)
  t.same(await results.next(), { done: true, value: undefined })
})

t.test('map has at most `concurrency` items in work', async t => {
  const file = join(t.testdir({ log: '' }), 'log')
  const mark = task(
    async (ms: number) => {
      appendFileSync(file, '+')
      await new Promise(resolve => setTimeout(resolve, ms))
      appendFileSync(file, '-')
    },
    { cpus: 0 },
  )
  for (const ordered of [true, false]) {
    writeFileSync(file, '')
    const items = upTo(15).map(index => 5 + (index % 3) * 10)
    await Array.fromAsync(mark.map(items, { concurrency: 3, ordered }))
    let working = 0
    const most = Math.max(...[...readFileSync(file, 'utf8')].map(sign => (working += sign === '+' ? 1 : -1)))
    t.equal(most, 3)
  }
})

t.test('map ends at the item that failed, after the results before it, and closes its input', async t => {
  let closed = false
  const items = function* () {
    try {
      yield* upTo(100)
    } finally {
      closed = true
    }
  }
  const { values, error } = await read(picky.map(items(), { concurrency: 4 }))
  t.same(values, upTo(5))
  t.equal(error.code, 'SHOAL_TASK_FAILED')
  t.equal(error.cause.message, 'no five')
  t.equal(closed, true)
  const unordered = await read(picky.map(upTo(20), { ordered: false }))
  t.equal(unordered.error.cause.message, 'no five')
})

t.test('map ends with the error of its input, after the results of what came before', async t => {
  const broken = function* () {
    yield 1
    yield 2
    throw new Error('no more')
  }
  const brokenLater = async function* () {
    yield* broken()
  }
  for (const ordered of [true, false]) {
    for (const items of [broken, brokenLater]) {
      const { values, error } = await read(square.map(items(), { ordered }))
      t.same(values.toSorted(), [1, 4])
      t.equal(error.message, 'no more')
    }
  }
  const noIterator = { [Symbol.iterator]: (): Iterator<number> => { throw new Error('no iterator') } } // biome-ignore format: one line
  t.equal((await read(square.map(noIterator))).error.message, 'no iterator')
})

t.test('a slow async input holds up neither results nor the end of the loop', async t => {
  let closed = false
  const slow: AsyncIterable<number> = {
    [Symbol.asyncIterator]: () => {
      let index = 0
      return {
        next: () => (index < 3 ? Promise.resolve({ done: false, value: index++ }) : new Promise(() => {})),
        return: () => {
          closed = true
          return new Promise(() => {})
        },
      }
    },
  }
  const values: number[] = []
  for await (const value of square.map(slow)) {
    values.push(value)
    if (values.length === 3) break
  }
  t.same(values, [0, 1, 4])
  t.equal(closed, true)
})

t.test('map with refs gives refs, of failed items too', async t => {
  const refs: ObjectRef<number>[] = []
  for await (const ref of picky.map([4, 5, 6], { refs: true })) refs.push(ref)
  t.equal(await get(refs[0]!), 4)
  await t.rejects(get(refs[1]!), { code: 'SHOAL_TASK_FAILED' })
  t.equal(await refs[2]!.get(), 6)
})

t.test('several readers of one map each get results of their own', async t => {
  const results = square.map([1, 2, 3])
  const four = await Promise.all([results.next(), results.next(), results.next(), results.next()])
  t.same(four.map(each => each.value), [1, 4, 9, undefined]) // biome-ignore format: one line
})

t.test('map refuses wrong items and options at the call', async t => {
  for (const options of [{ concurrency: 0 }, { concurrency: 1.5 }, { ordered: 'yes' }, { refs: 1 }, { order: true }]) {
    t.throws(() => square.map([1], options as any), { code: 'SHOAL_INVALID_OPTION' })
  }
  for (const items of [5, undefined, null, {}, () => [1]]) {
    t.throws(() => square.map(items as any), { code: 'SHOAL_INVALID_OPTION', option: 'items' })
  }
})

t.test('asCompleted gives the same refs as they become ready, failed ones too', async t => {
  const failed = picky.remote(5)
  await t.rejects(failed.get())
  const refs: ObjectRef<number>[] = [nap.remote(400), failed, nap.remote(100)]
  const seen = await Array.fromAsync(asCompleted(refs))
  t.same(seen.map(ref => refs.indexOf(ref)), [1, 2, 0]) // biome-ignore format: one line
  t.same(await Array.fromAsync(asCompleted([])), [])
  const twice = await Array.fromAsync(asCompleted(new Set([failed])))
  t.equal(twice[0], failed)
})

t.test('asCompleted of 10,000 refs takes time in proportion', async t => {
  const one = task((x: number) => x, { cpus: 0.1 })
  const refs = upTo(10_000).map(x => one.remote(x))
  const seen = new Set(await Array.fromAsync(asCompleted(refs)))
  t.equal(seen.size, 10_000)
  const from = performance.now()
  t.equal((await Array.fromAsync(asCompleted(refs))).length, 10_000)
  const ms = performance.now() - from
  t.ok(ms < 2000, `${ms} ms for refs that are ready: a square would take minutes`)
})

t.test('asCompleted ends at once with the reason of its signal, and when its loop is left', async t => {
  const slow = nap.remote(2000)
  const reason = new Error('enough')
  const controller = new AbortController()
  const waiting = read(asCompleted([slow, square.remote(2)], { signal: controller.signal }))
  controller.abort(reason)
  t.equal((await waiting).error, reason)
  t.equal((await read(asCompleted([slow], { signal: AbortSignal.abort(reason) }))).error, reason)
  const left = asCompleted([slow])
  const next = left.next()
  await left.return?.()
  t.same(await next, { done: true, value: undefined })
  t.throws(() => asCompleted([slow, 5 as any]), { code: 'SHOAL_INVALID_OPTION', option: 'refs[1]' })
  t.throws(() => asCompleted(slow as any), { code: 'SHOAL_INVALID_OPTION', option: 'refs' })
  t.throws(() => asCompleted([slow], { signal: 1 as any }), { code: 'SHOAL_INVALID_OPTION', option: 'signal' })
})
