import { spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { context, get, type ObjectRef, OutOfMemoryError, TaskTimeoutError, task, WorkerDiedError } from 'shoal'
import t from 'tap'
import { eventually, nothingLeft, ways } from './meshes.ts'
import { running, scratch } from './process-support.ts'

const process_ = { isolation: 'process' } as const

for (const { way, open } of ways) {
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
        const left = spawn('sleep', ['600'], { stdio: 'ignore', detached: true })
        writeFileSync(path, `${process.pid} ${child.pid} ${left.pid}`)
        for (;;);
      },
      { ...process_, timeoutMs: 500 },
    )
    const error = await get(spins.remote(file) as ObjectRef<never>).catch((thrown: unknown) => thrown)
    t.ok(error instanceof TaskTimeoutError)
    const pids = readFileSync(file, 'utf8').split(' ').map(Number)
    await eventually('all are gone, also what has left the group', () => !pids.some(running))
    t.equal(await get(task(() => 'next', process_).remote()), 'next')
    await nothingLeft(opened.mesh)
  })
}
