import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import {
  context,
  get,
  InvalidOptionError,
  init,
  type ObjectRef,
  OutOfMemoryError,
  put,
  type RemoteFunction,
  TaskError,
  TaskTimeoutError,
  task,
  WorkerDiedError,
} from 'shoal'
import t from 'tap'
import { eventually, nothingLeft, startAgent, ways } from './meshes.ts'

const process_ = { isolation: 'process' } as const

/** Whether a process runs; a zombie does not. */
function running(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-test-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

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

  t.test(`${way}: what ends under a task is WorkerDiedError with exit code or signal and the last lines`, async t => {
    await using opened = await open()
    const ends = task(
      async (how: string) => {
        console.log(`last words of ${how}`)
        if (how === 'exit') process.exit(113)
        if (how === 'abort') process.abort()
        process.kill(process.pid, how as NodeJS.Signals)
        await delay(60_000)
      },
      { ...process_, retries: 0 },
    )
    for (const [how, exitCode, signal] of [
      ['exit', 113, null],
      ['SIGKILL', null, 'SIGKILL'],
      ['SIGTERM', null, 'SIGTERM'],
      ['abort', null, 'SIGABRT'],
    ] as const) {
      const error = await get(ends.remote(how)).catch((thrown: unknown) => thrown)
      t.ok(error instanceof WorkerDiedError, how)
      t.match(error, { exitCode, signal, code: 'SHOAL_WORKER_DIED' })
      t.ok((error as WorkerDiedError).lastLines.includes(`last words of ${how}`), 'what it said last')
      t.match((error as Error).message, new RegExp(`^the process that ran ends ended: .*${signal ?? exitCode}`))
    }
    const file = join(scratch(), 'tries')
    const third = task(
      (path: string) => {
        const tries = existsSync(path) ? Number(readFileSync(path, 'utf8')) : 0
        writeFileSync(path, String(tries + 1))
        if (tries < 2) process.exit(1)
        return context().attempt
      },
      { ...process_, name: 'third-time' },
    )
    t.equal(await get(third.remote(file)), 3, 'and runs again within its retries')
    const [row] = await Array.fromAsync(opened.mesh.state.tasks({ name: 'third-time' }))
    t.equal(row.attempts.length, 3)
    t.equal(new Set(row.attempts.map(({ pid }) => pid)).size, 3, 'each attempt in a process of its own')
    await nothingLeft(opened.mesh)
  })

  t.test(`${way}: past its memory a process is ended: OutOfMemoryError with limit and use`, async t => {
    await using opened = await open({ memoryBytes: 2 ** 32 })
    const limit = 400 * 2 ** 20
    const limited = { ...process_, memoryBytes: limit, retries: 1, name: 'hog' }
    const hogs = {
      buffers: task(() => {
        for (const all: Buffer[] = []; ; ) all.push(Buffer.alloc(1 << 24, 1))
      }, limited),
      objects: task(() => {
        for (const all: object[] = []; ; ) all.push({ a: [1, 2, 3] })
      }, limited),
    }
    for (const [what, hog] of Object.entries(hogs)) {
      const error = await get(hog.remote() as ObjectRef<never>).catch((thrown: unknown) => thrown)
      t.ok(error instanceof OutOfMemoryError, what)
      t.match(error, { code: 'SHOAL_OUT_OF_MEMORY', limitBytes: limit, attempt: 2 })
      const { usedBytes } = error as OutOfMemoryError
      t.ok(usedBytes > limit * 0.8 && usedBytes < limit * 3, `${usedBytes} bytes`)
    }
    const fits = task(() => Buffer.alloc(1 << 24, 1).length, limited)
    t.equal(await get(fits.remote()), 1 << 24)
    const free = task(() => Buffer.alloc(2 * limit, 1).length, process_)
    t.equal(await get(free.remote()), 2 * limit, 'without memoryBytes there is no limit')
    await nothingLeft(opened.mesh)
  })

  t.test(`${way}: a busy loop past its timeoutMs is ended, with what it had started`, async t => {
    await using opened = await open({ cpus: 1 })
    const file = join(scratch(), 'pids')
    const spins = task(
      (path: string) => {
        const child = spawn('sleep', ['600'], { stdio: 'inherit' })
        writeFileSync(path, `${process.pid} ${child.pid}`)
        for (;;);
      },
      { ...process_, timeoutMs: 500 },
    )
    const error = await get(spins.remote(file) as ObjectRef<never>).catch((thrown: unknown) => thrown)
    t.ok(error instanceof TaskTimeoutError)
    const pids = readFileSync(file, 'utf8').split(' ').map(Number)
    await eventually('both are gone', () => !pids.some(running))
    t.equal(await get(task(() => 'next', process_).remote()), 'next')
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

const program = (address: string, signal: string) => `
import { init, task, get } from 'shoal'
import { spawn } from 'node:child_process'
const mesh = await init({ address: ${JSON.stringify(address)}, cpus: 2 })
const spins = task(() => {
  const child = spawn('sleep', ['600'], { stdio: 'inherit' })
  console.log('pids', process.pid, child.pid)
  for (;;);
}, { isolation: 'process' })
const refs = [spins.remote(), task(async () => { console.log('pids', process.pid); await new Promise(() => {}) }, { isolation: 'process' }).remote()]
process.on('SIGUSR2', () => ${signal})
setInterval(() => {}, 1000)
await get(refs)
`

/** Starts the program, and gives the pids that its tasks have printed. */
async function busyProgram(
  address: string,
  signal: string,
): Promise<{ pids: number[]; child: ReturnType<typeof spawn> }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program(address, signal)], {
    env: { ...process.env, NODE_OPTIONS: '--conditions=shoal-source' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout?.on('data', text => {
    out += text
  })
  await eventually('both tasks run', () => (out.match(/pids/g) ?? []).length === 2)
  return { pids: [...out.matchAll(/pids (\d+)(?: (\d+))?/g)].flatMap(([, a, b]) => [a, b ?? a].map(Number)), child }
}

for (const [how, signal] of [
  ['is killed', "process.kill(process.pid, 'SIGKILL')"],
  ['exits', 'process.exit(0)'],
  ['throws', "{ throw new Error('on purpose') }"],
] as const) {
  t.test(`an embedding program that ${how} leaves no process, busy or idle`, async t => {
    const { pids, child } = await busyProgram('local', signal)
    t.ok(pids.every(running))
    child.kill('SIGUSR2')
    await eventually('they are gone', () => !pids.some(running))
  })
}

t.test('an agent that is killed leaves no process, nor what a process has started', async t => {
  await using agent = await startAgent('--cpus', '2')
  const { pids } = await busyProgram(agent.socket, 'undefined')
  t.ok(pids.every(running))
  process.kill(agent.pid, 'SIGKILL')
  await eventually('they are gone', () => !pids.some(running))
})

t.test('a program that ends takes its processes with it, and leaves the agent', async t => {
  await using agent = await startAgent('--cpus', '2')
  const { pids, child } = await busyProgram(agent.socket, 'process.exit(0)')
  child.kill('SIGUSR2')
  await eventually('they are gone', () => !pids.some(running))
  t.ok(running(agent.pid))
})
