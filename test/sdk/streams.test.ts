import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cancel, context, get, init, type ObjectRef, type ObjectStream, put, release, task, wait } from 'shoal'
import t, { type Test } from 'tap'
import { AgentMesh } from '../agent/mesh-support.ts'
import { eventually, nothingLeft, ways } from './meshes.ts'

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code
const range = task(function* (n: number) {
  for (let i = 0; i < n; i++) yield i
})
/** Items of 300 kB: they lie in the store. */
const large = task(async function* (n: number) {
  for (let i = 0; i < n; i++) yield new Uint8Array(300_000).fill(i)
})

async function all<T>(stream: AsyncIterable<ObjectRef<T>>): Promise<T[]> {
  const values: T[] = []
  for await (const ref of stream) {
    values.push(await get(ref))
    ref.release()
  }
  return values
}

function scratch(test: Test): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'shoal-test-'))
  test.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return name => join(folder, name)
}

for (const { way, open } of ways) {
  t.test(`${way}: items of generators, small and large, and the end`, async t => {
    await using opened = await open({ cpus: 1 })
    t.same(await all(range.remote(5)), [0, 1, 2, 3, 4])
    t.same(await all(range.remote(0)), [])
    const sizes = (await all(large.remote(4))).map(item => [item.length, item[7]])
    t.same(
      sizes,
      [0, 1, 2, 3].map(i => [300_000, i]),
    )
    const many = await all(range.remote(2000))
    t.equal(many.length, 2000)
    t.equal(many[1999], 1999)
    const stream = range.remote(1)
    t.match(stream.id, /./)
    t.equal(stream[Symbol.asyncIterator](), stream)
    const [first, end, after] = await Promise.all([stream.next(), stream.next(), stream.next()])
    t.equal(await get(first.value as ObjectRef<number>), 0)
    t.same([end, after], Array(2).fill({ done: true, value: undefined }))
    release(first.value as ObjectRef<number>)
    await nothingLeft(opened.mesh)
  })

  t.test(`${way}: what a generator throws comes after its items, once`, async t => {
    await using opened = await open({ cpus: 1 })
    const failing = task(function* () {
      yield 1
      throw new RangeError('no more')
    })
    const stream = failing.remote()
    const { value } = await stream.next()
    t.equal(await get(value as ObjectRef<number>), 1)
    await t.rejects(stream.next(), { code: 'SHOAL_TASK_FAILED', cause: { name: 'RangeError', message: 'no more' } })
    t.same(await stream.next(), { done: true, value: undefined })
    const unsendable = task(function* () {
      yield 1
      yield new WeakMap()
    })
    const refs = unsendable.remote()
    release((await refs.next()).value as ObjectRef<unknown>)
    t.equal(await refs.next().catch(codeOf), 'SHOAL_SERIALIZATION')
    release(value as ObjectRef<number>)
    await nothingLeft(opened.mesh)
  })

  t.test(`${way}: backpressure holds a generator up, with its CPU free, and leaving ends it`, async t => {
    const at = scratch(t)
    await using opened = await open({ cpus: 1 })
    const counting = task(
      function* (log: string) {
        try {
          for (let i = 0; ; i++) {
            appendFileSync(log, '.')
            yield i
          }
        } finally {
          appendFileSync(log, 'finally')
        }
      },
      { backpressure: 2 },
    )
    const made = (): string => readFileSync(at('log'), 'utf8')
    const stream = counting.remote(at('log'))
    await eventually('two are made', () => existsSync(at('log')) && made().length === 2)
    await delay(200)
    t.equal(made(), '..', 'nobody reads: no third')
    t.equal(await get(task(() => 'free').remote()), 'free', 'its CPU is')
    for await (const ref of stream) {
      const i = await get(ref)
      ref.release()
      if (i === 3) break
    }
    await eventually('it has ended', () => made().endsWith('finally'))
    t.ok(made().length <= 'finally'.length + 6, made())
    const patient = task(async function* (log: string) {
      try {
        yield 1
        await delay(60_000, undefined, { signal: context().signal })
      } finally {
        writeFileSync(log, 'ended')
      }
    })
    const waiting = patient.remote(at('patient'))
    release((await waiting.next()).value as ObjectRef<number>)
    await waiting.return()
    await eventually('its signal ended it', () => existsSync(at('patient')))
    await nothingLeft(opened.mesh)
  })

  t.test(`${way}: streams travel: read by a task, from where they were read before`, async t => {
    const at = scratch(t)
    await using opened = await open({ cpus: 1 })
    const sum = task(async (stream: ObjectStream<number>) => {
      let total = 0
      for await (const ref of stream) total += await get(ref)
      return total
    })
    t.equal(await get(sum.remote(range.remote(100))), 4950)
    const given = range.remote(20)
    const total = sum.remote(given)
    release(given)
    t.equal(await get(total), 190, 'a stream that was passed on is read there')
    const stream = range.remote(10)
    for (let i = 0; i < 5; i++) release((await stream.next()).value as ObjectRef<number>)
    t.equal(await get(sum.remote(stream)), 5 + 6 + 7 + 8 + 9)
    // A stage of a pipeline is a generator that reads a stream.
    const doubled = task(async function* (from: ObjectStream<number>) {
      for await (const ref of from) yield 2 * (await get(ref))
    })
    t.same(await all(doubled.remote(doubled.remote(range.remote(4)))), [0, 4, 8, 12])
    // Who goes on reading is not disturbed by who read before, and leaves its loop late.
    const begun = at('begun')
    const slowly = task(async (from: ObjectStream<number>) => {
      const seen: number[] = []
      for await (const ref of from) {
        seen.push(await get(ref))
        ref.release()
        writeFileSync(begun, '')
        if (seen.length < 3) await delay(100)
      }
      return seen
    })
    let rest: ObjectRef<number[]> | undefined
    const passed = range.options({ backpressure: 2 }).remote(8)
    for await (const ref of passed) {
      ref.release()
      rest = slowly.remote(passed)
      await eventually('the task reads', () => existsSync(begun))
      break
    }
    t.same(await get(rest as ObjectRef<number[]>, { timeoutMs: 10_000 }), [1, 2, 3, 4, 5, 6, 7])
    const inside = await get(task((box: { stream: ObjectStream<number> }) => box).remote({ stream: range.remote(3) }))
    t.same(await all(inside.stream), [0, 1, 2])
    await nothingLeft(opened.mesh)
  })

  t.test(`${way}: wait, cancel, time limits and dying workers`, async t => {
    const at = scratch(t)
    await using opened = await open({ cpus: 2 })
    const gated = task(async function* (door: string) {
      while (!existsSync(door)) await delay(5)
      yield 1
    })
    const stream = gated.remote(at('door'))
    t.same(await wait([stream], { timeoutMs: 100 }), { ready: [], pending: [stream] })
    writeFileSync(at('door'), '')
    t.same(await wait([stream]), { ready: [stream], pending: [] })
    release((await stream.next()).value as ObjectRef<number>)
    t.same(await wait([stream]), { ready: [stream], pending: [] }, 'its end is there')
    t.equal((await stream.next()).done, true)

    const endless = task(async function* () {
      yield 1
      await delay(60_000, undefined, { signal: context().signal })
    })
    const cancelled = endless.remote()
    await wait([cancelled])
    await cancel(cancelled)
    release((await cancelled.next()).value as ObjectRef<number>)
    t.equal(await cancelled.next().catch(codeOf), 'SHOAL_CANCELLED')

    const late = endless.options({ timeoutMs: 300 }).remote()
    release((await late.next()).value as ObjectRef<number>)
    t.equal(await late.next().catch(codeOf), 'SHOAL_TASK_TIMEOUT')

    // Made again from the first on: what is there stays, and what is made twice is dropped.
    const dying = task(async function* (log: string) {
      const isFirst = !existsSync(log)
      writeFileSync(log, '')
      for (let i = 0; i < 4; i++) {
        if (isFirst && i === 2) {
          await delay(200)
          process.exit(1)
        }
        yield i
      }
    })
    t.same(await all(dying.remote(at('dying'))), [0, 1, 2, 3])
    const dies = dying.options({ retries: 0 }).remote(at('dies'))
    for (let i = 0; i < 2; i++) release((await dies.next()).value as ObjectRef<number>)
    t.equal(await dies.next().catch(codeOf), 'SHOAL_WORKER_DIED')
    await nothingLeft(opened.mesh)
  })

  t.test(`${way}: a reader that dies begins anew: with all items, also where it had left the stream`, async t => {
    const at = scratch(t)
    await using opened = await open({ cpus: 2 })
    // The first attempt takes a few, and dies; so does one that leaves the loop first.
    const reader = task(async (stream: ObjectStream<Uint8Array>, log: string, { leaves }: { leaves: boolean }) => {
      const isFirst = !existsSync(log)
      writeFileSync(log, '')
      const die = async (): Promise<never> => process.exit((await delay(200)) ?? 1)
      const seen: number[] = []
      for await (const ref of stream) {
        seen.push((await get(ref))[0])
        ref.release()
        if (isFirst && seen.length === 3) {
          if (leaves) break
          await die()
        }
        if (seen.length === 6) break
      }
      if (isFirst) await die()
      return seen
    })
    const endless = task(
      function* () {
        for (let i = 0; ; i++) yield new Uint8Array(10).fill(i)
      },
      { backpressure: 2 },
    )
    for (const leaves of [false, true]) {
      const seen = reader.remote(endless.remote(), at(`leaves ${leaves}`), { leaves })
      t.same(await get(seen, { timeoutMs: 20_000 }), [0, 1, 2, 3, 4, 5], `leaves: ${leaves}`)
    }
    await nothingLeft(opened.mesh)
  })

  t.test(`${way}: returns: n gives a ref for each value`, async t => {
    await using opened = await open({ cpus: 1 })
    const pair = task((n: number) => [n, new Uint8Array(300_000).fill(n)] as const, { returns: 2 })
    const [number, bytes] = pair.remote(7)
    t.equal(await get(number), 7)
    t.equal((await get(bytes))[5], 7)
    t.equal(await get(task((x: Uint8Array) => x.length).remote(bytes)), 300_000)
    const failing = task((): number[] => {
      throw new RangeError('none')
    })
    for (const ref of failing.options({ returns: 3 }).remote()) {
      await t.rejects(get(ref), { code: 'SHOAL_TASK_FAILED', cause: { message: 'none' } })
    }
    const wrong = task(() => [1, 2], { returns: 3 })
    for (const ref of wrong.remote())
      await t.rejects(get(ref), { code: 'SHOAL_TASK_FAILED', message: /array of 2, and its returns is 3/ })
    const none = task((): number[] => 5 as never, { returns: 2 })
    await t.rejects(get(none.remote()[0]), { message: /gave 5, and its returns is 2/ })
    for (const one of [number, bytes]) one.release()
    await nothingLeft(opened.mesh)
  })
}

t.test(
  'streams between peers: items made there, read here and elsewhere; a peer that dies',
  { timeout: 120_000 },
  async t => {
    await using mesh = await AgentMesh.start(3, '--cpus', '2')
    await using attached = await init({ address: mesh.agents[0].socket, logToDriver: false })
    const [, second, third] = (await attached.peers())
      .map(({ peerId }) => peerId)
      .sort((a, b) => (a === attached.peerId ? -1 : b === attached.peerId ? 1 : 0))
    const there = { placement: { peer: second } } as const
    t.same(
      await all(range.options({ ...there, backpressure: 3 }).remote(50)),
      Array.from({ length: 50 }, (_, i) => i),
    )
    t.same(
      (await all(large.options(there).remote(5))).map(item => item[9]),
      [0, 1, 2, 3, 4],
    )
    const sum = task(
      async (stream: ObjectStream<number>) => {
        let total = 0
        for await (const ref of stream) total += await get(ref)
        return total
      },
      { placement: { peer: third } },
    )
    t.equal(await get(sum.remote(range.options({ ...there, backpressure: 10 }).remote(500))), 124_750)
    const [a, b] = task(() => [1, new Uint8Array(500_000).fill(2)] as const, { ...there, returns: 2 }).remote()
    t.same([await get(a), (await get(b))[3]], [1, 2])
    const withRefs = task(async function* (n: number) {
      for (let i = 0; i < n; i++) yield [await put(i)]
    }, there)
    const inner: number[] = []
    for await (const ref of withRefs.remote(3)) {
      const [one] = await get(ref)
      inner.push(await get(one))
      release(ref, one)
    }
    t.same(inner, [0, 1, 2])
    release(a, b)
    // A reader at another peer that dies in the middle, and does not come again, leaves nothing.
    const dies = task(
      async (stream: ObjectStream<number>) => {
        for await (const ref of stream) {
          await get(ref)
          await delay(200)
          process.exit(1)
        }
      },
      { placement: { peer: third }, retries: 0 },
    )
    const patient = task(async function* () {
      yield 1
      await delay(600_000, undefined, { signal: context().signal })
    }, there)
    const endless = task(
      function* () {
        for (let i = 0; ; i++) yield i
      },
      { ...there, backpressure: 2 },
    )
    // Nothing here holds the streams but the calls.
    const ends = [() => get(dies.remote(patient.remote())), () => get(dies.remote(endless.remote()))]
    for (const end of ends) t.equal(await end().catch(codeOf), 'SHOAL_WORKER_DIED')
    await nothingLeft(attached)
  },
)
