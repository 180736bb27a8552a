import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { type Ran, run, startAgent } from './meshes.ts'

/** Runs a driver, a file beside the tests so that `shoal` resolves, to its end: `bad.remote(n)` fails with "bad n". */
async function driver(body: string, env: Record<string, string>): Promise<Ran> {
  const folder = mkdtempSync(fileURLToPath(new URL('program-', import.meta.url)))
  const file = join(folder, 'program.ts')
  writeFileSync(
    file,
    `import { asCompleted, cancel, get, init, mesh as meshHere, task, wait } from 'shoal'
    const mesh = await init()
    const bad = task(async (n: number) => { throw new Error('bad ' + n) }, { name: 'bad', retries: 0 })
    const good = task(async (n: number) => n)
    // What has failed is known here, too: the answer comes after it.
    const allHaveFailed = async () => {
      const failed = async () => (await Array.fromAsync(meshHere().state.tasks({ name: 'bad' }))).every(({ state }) => state === 'failed')
      while (!(await failed())) await new Promise(r => setTimeout(r, 20))
    }
    ${body}
    await mesh.close()`,
  )
  try {
    return await run([file], env)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Which failures are told of, a line each. */
function told({ err, out }: Ran): number[] {
  const lines = `${err}\n${out}`.split('\n').filter(line => line.includes('nobody asked for this failure'))
  return lines.map(line => Number(/bad (\d+)$/.exec(line)?.[1])).sort((a, b) => a - b)
}

const inADriver = `
    bad.remote(1)
    const second = bad.remote(2); await wait([second]); second.release()
    const third = bad.remote(3); third.release()
    const fourth = bad.remote(4); for await (const _ of asCompleted([fourth])) continue
    // Known, each in its way.
    await get(bad.remote(10)).catch(() => undefined)
    await get([bad.remote(11), bad.remote(12)]).catch(() => undefined)
    const both = [bad.remote(13), bad.remote(14)]; await wait(both, { count: 2 }); await get(both).catch(() => undefined)
    await get(good.remote(bad.remote(15) as never)).catch(() => undefined)
    try { for await (const _ of bad.map([16, 17, 18])) continue } catch {}
    await get(good.remote(0))
    const slow = task(async () => { await new Promise(r => setTimeout(r, 60_000)) })
    const cancelled = slow.remote(); await cancel(cancelled)
    await allHaveFailed()`

const inATask = `
    const parent = task(async () => {
      bad.remote(1)
      const second = bad.remote(2); await wait([second]); second.release()
      const third = bad.remote(3); third.release()
      const fourth = bad.remote(4); await wait([fourth])
      bad.remote(5)
      const asked = await get(bad.remote(10)).catch(error => error.message)
      await get([bad.remote(11), good.remote(0)]).catch(() => undefined)
      const given = bad.remote(12); await wait([given])
      await allHaveFailed()
      return { given }
    }, { name: 'parent' })
    const { given } = await get(parent.remote())
    await get(given).catch(() => undefined)
    const failing = task(async () => { const ref = bad.remote(6); await wait([ref]); throw new Error('bad 13') }, { retries: 0 })
    await get(failing.remote()).catch(() => undefined)`

t.test('a failure that nobody asks for is one line at the driver', { timeout: 120_000 }, async t => {
  await using agent = await startAgent('--cpus', '2')
  for (const [way, env] of [
    ['embedded', { SHOAL_ADDRESS: 'local' }],
    ['agent', { SHOAL_HOME: agent.home, SHOAL_ADDRESS: agent.socket }],
  ] as const) {
    const own = await driver(inADriver, env)
    t.equal(own.code, 0, own.err)
    t.same(told(own), [1, 2, 3, 4], `${way}: dropped, released after and before it failed, waited for: ${own.err}`)
    const inside = await driver(inATask, env)
    t.equal(inside.code, 0, inside.err)
    t.same(told(inside), [1, 2, 3, 4, 5, 6], `${way}: the same in tasks: ${inside.err}${inside.out}`)
  }
  const env = { SHOAL_ADDRESS: 'local', SHOAL_LOG: 'debug' }
  t.match((await driver('bad.remote(1); await allHaveFailed()', env)).err, /bad 1\n\s+at /, 'with its stack')
})
