import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import {
  context,
  get,
  InvalidOptionError,
  init,
  type ObjectRef,
  put,
  type RemoteFunction,
  TaskError,
  task,
  WorkerDiedError,
} from 'shoal'
import t from 'tap'
import { eventually, nothingLeft, ways } from './meshes.ts'
import { running, scratch } from './process-support.ts'

const process_ = { isolation: 'process' } as const
const where = task(() => ({ pid: process.pid, main: isMainThread, colour: process.env.SHOAL_TEST_COLOUR }))

for (const { way, open } of ways) {
  t.test(`${way}: a process of its own, used again, with its own environment`, async t => {
    await using opened = await open()
    const inThread = await get(where.remote())
    t.equal(inThread.main, false)
    const first = await get(where.options(process_).remote())
    t.notSame(first.pid, inThread.pid)
    t.equal(first.main, true)
    t.equal((await get(where.options(process_).remote())).pid, first.pid, 'used again')
    const blue = where.options({ ...process_, env: { SHOAL_TEST_COLOUR: 'blue' } })
    const { pid, colour } = await get(blue.remote())
    t.equal(colour, 'blue')
    t.notSame(pid, first.pid)
    t.equal((await get(blue.options({ env: { SHOAL_TEST_COLOUR: 'red' } }).remote())).colour, 'red')
    t.equal((await get(where.options(process_).remote())).colour, undefined, 'no environment is left behind')
    t.equal(process.env.SHOAL_TEST_COLOUR, undefined)
    await nothingLeft(opened.mesh)
  })

  t.test(`${way}: values of all sizes go in and out, refs and nested tasks work as in threads`, async t => {
    await using opened = await open()
    const k = 3
    const sum = task((v: Float64Array, o: { m: Map<string, number> }) => {
      return { sum: v.reduce((a, b) => a + b) * k, m: o.m.get('x') }
    }, process_)
    t.same(await get(sum.remote(new Float64Array(400_000).fill(1), { m: new Map([['x', 9]]) })), {
      sum: 1_200_000,
      m: 9,
    })
    const make = task((n: number) => Uint8Array.from({ length: n }, (_, i) => i * 7), process_)
    const size = task((a: Uint8Array, b: Uint8Array, c: Uint8Array) => [a.length, b.length, c.length, a[5], c[3]], {
      ...process_,
      copy: false,
    })
    const [none, small, large] = [make.remote(0), make.remote(1000), make.remote(1_500_000)]
    t.same(await get(size.remote(large, none, small)), [1_500_000, 0, 1000, 35, 21])
    t.same((await get(large)).subarray(0, 4), Uint8Array.of(0, 7, 14, 21))
    const held = task(async ({ ref }: { ref: ObjectRef<Uint8Array> }) => {
      const bytes = await get(ref)
      const mine = await put(bytes.slice(0, 500_000))
      const view = await get(mine, { copy: false })
      return { mine, is: view.length + bytes.length }
    }, process_)
    const given = held.remote({ ref: large })
    const { mine, is } = await get(given)
    t.equal(is, 2_000_000)
    t.equal((await get(mine)).length, 500_000)
    const deep: RemoteFunction<(n: number) => Promise<number>> = task(
      async (n: number): Promise<number> => (n === 0 ? 1 : 1 + (await get(deep.remote(n - 1)))),
      process_,
    )
    t.equal(await get(deep.remote(10)), 11, 'deeper than there may be processes')
    const about = task(() => {
      const { jobId, attempt } = context()
      return { jobId, attempt }
    }, process_)
    const { jobId, attempt } = await get(about.remote())
    t.equal(attempt, 1)
    t.ok(jobId.length > 0)
    const bad = task(() => {
      throw new TypeError('from a process')
    }, process_)
    const error = await get(bad.remote()).catch((thrown: unknown) => thrown)
    t.ok(error instanceof TaskError && error.cause instanceof TypeError)
    for (const ref of [none, small, large, given, mine]) ref.release()
    await nothingLeft(opened.mesh)
  })

  t.test(`${way}: workers and attempts in the state; console output; nothing is left after close`, async t => {
    const opened = await open()
    const gate = join(scratch(), 'gate')
    const long = task(
      async (path: string) => {
        while (!existsSync(path)) await delay(20)
        return process.pid
      },
      { ...process_, name: 'long-task' },
    )
    const ref = long.remote(gate)
    const { state } = opened.mesh
    await eventually('it runs', async () => (await Array.fromAsync(state.tasks({ state: 'running' }))).length === 1)
    const [busy] = await Array.fromAsync(state.workers({ kind: 'process', state: 'busy' }))
    const [row] = await Array.fromAsync(state.tasks({ name: 'long-task' }))
    t.equal(busy.taskId, row.taskId)
    t.match(busy.workerId, /^p\d+$/)
    t.ok(busy.memoryBytes > 2 ** 24, `${busy.memoryBytes} bytes`)
    writeFileSync(gate, '')
    const pid = await get(ref)
    t.equal(busy.pid, pid)
    t.match(row.attempts, [{ pid, workerId: busy.workerId }])
    const pids = (await Array.fromAsync(state.workers({ kind: 'process' }))).map(worker => worker.pid)
    await opened[Symbol.asyncDispose]()
    await eventually('its processes are gone', () => !pids.some(running))
    t.ok(pids.includes(pid))
  })
}

t.test('a process that is declared is ready before its first task', async t => {
  const declared = task(() => process.pid, process_)
  await using mesh = await init({ address: 'local', cpus: 1 })
  let ready: number | undefined
  await eventually('a process', async () => {
    ready = (await Array.fromAsync(mesh.state.workers({ kind: 'process' })))[0]?.pid
    return ready !== undefined
  })
  t.equal(await get(declared.remote()), ready)
})

t.test(
  'an environment without a process is refused at the call, one that no process can have fails the task',
  async t => {
    await using _ = await init({ address: 'local', cpus: 1, logToDriver: false })
    t.throws(() => task(() => 1, { env: { A: '1' } }), InvalidOptionError)
    t.throws(() => where.options({ env: { A: '1' } }), InvalidOptionError)
    const inProcess = where.options({ ...process_, env: { A: '1' } })
    t.throws(() => inProcess.options({ isolation: 'thread' }), InvalidOptionError)
    const huge = where.options({ ...process_, env: { A: 'x'.repeat(1 << 22) }, retries: 0 })
    const error = await get(huge.remote()).catch((thrown: unknown) => thrown)
    t.ok(error instanceof WorkerDiedError)
    t.match((error as Error).message, /could not be started: .*E2BIG/)
  },
)
