import { setTimeout as delay } from 'node:timers/promises'
import { actor, get, init, put, task, wait } from 'shoal'
import t from 'tap'
import { startAgent } from './meshes.ts'

class Counter {
  n = 0
  inc(): number {
    return ++this.n
  }
}

t.test('where the agent of a program is killed everything that it asks rejects', { timeout: 60_000 }, async t => {
  await using agent = await startAgent('--cpus', '1')
  const mesh = await init({ address: agent.socket, logToDriver: false })
  const sleepy = task((ms: number) => delay(ms))
  const counter = actor(Counter).remote()
  t.equal(await get(counter.inc.remote()), 1)
  const [waits, ready] = [get(sleepy.remote(60_000)), wait([sleepy.remote(60_000)])]
  ready.catch(() => undefined)
  const lost = /^SHOAL_(CONNECT|ACTOR_DIED|OWNER_DIED)$/
  const rejects = async (what: string, made: () => Promise<unknown>): Promise<void> => {
    const code = await made().then(
      value => `gave ${String(value)}`,
      (error: { code?: string }) => error.code,
    )
    t.match(code, lost, what)
  }
  setTimeout(() => process.kill(agent.pid, 'SIGKILL'), 200)
  await rejects('a get', () => waits)
  await rejects('a task', async () => await get(sleepy.remote(1)))
  await rejects('a call', async () => await get(counter.inc.remote()))
  await rejects('a small put', async () => await put(1))
  await rejects('a large put', async () => await put(new Uint8Array(1_000_000)))
  await rejects('peers', async () => await mesh.peers())
  await mesh.close()
})
