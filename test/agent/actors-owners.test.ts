import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { type ActorHandle, actor, context, get, getActor, init, kill, task } from 'shoal'
import t from 'tap'
import { eventually } from '../sdk/meshes.ts'
import { running } from '../sdk/process-support.ts'
import { AgentMesh, type MeshAgent } from './mesh-support.ts'

class Worker {
  id = `${Math.random()}`
  pid = process.pid
  slow(ms: number): Promise<string> {
    return delay(ms, this.id)
  }
  where(): { id: string; pid: number; peerId: string } {
    return { id: this.id, pid: this.pid, peerId: context().peerId }
  }
}

/** Dies in its constructor as often as its file says. */
class Early extends Worker {
  constructor(file: string, times: number) {
    super()
    const fs = process.getBuiltinModule('node:fs')
    fs.appendFileSync(file, 'x')
    if (fs.readFileSync(file, 'utf8').length <= times) process.kill(process.pid, 'SIGKILL')
  }
}

class Late extends Worker {
  constructor(ms: number) {
    super()
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  }
}

const codeOf = (error: Error & { code?: string }): string | undefined => error.code
const on = (peer: string) => ({ placement: { peer, soft: true } })

t.test('actors that live at other peers than that of their owner', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(3, '--cpus', '2')
  const [a, b, c] = mesh.agents as [MeshAgent, MeshAgent, MeshAgent]
  await using attached = await init({ address: a.socket, namespace: 'owners', logToDriver: false })

  await t.test('a caller at its host goes on when it has died there', async t => {
    const handle = actor(Worker, { restarts: -1, callRetries: -1, isolation: 'process', ...on(b.peerId) }).remote()
    const first = await get(handle.where.remote())
    t.equal(first.peerId, b.peerId)
    const call = task(async (one: ActorHandle<Worker>) => await get(one.slow.remote(1500)), {
      placement: { peer: b.peerId },
    })
    const there = call.remote(handle)
    await eventually('its call runs', async () => {
      const calls = await Array.fromAsync(attached.state.tasks({ kind: 'call', state: 'running' }))
      return calls.some(({ name }) => name === 'Worker.slow')
    })
    process.kill(first.pid, 'SIGKILL')
    t.not(await get(there, { timeoutMs: 20_000 }), first.id)
    await kill(handle)
  })

  await t.test('one whose worker dies in its constructor is made anew as often as it may', async t => {
    const file = `${b.home}/early`
    const Process = actor(Early, { isolation: 'process', ...on(b.peerId) })
    const lucky = Process.options({ restarts: 2 }).remote(file, 1)
    t.equal((await get(lucky.where.remote(), { timeoutMs: 30_000 })).peerId, b.peerId)
    await kill(lucky)
    t.equal(
      await get(Process.remote(`${file}-2`, 1).where.remote(), { timeoutMs: 30_000 }).catch(codeOf),
      'SHOAL_ACTOR_DIED',
    )
  })

  await t.test('with the peer of its owner it ends, whoever has calls of it, and its name is free', async t => {
    // Its owner is the peer of the program that makes it.
    const ends = await (async () => {
      await using _other = maker(c, b)
      const handle = await eventuallyActor()
      const { pid } = await get(handle.where.remote())
      const open = get(handle.slow.remote(60_000), { timeoutMs: 30_000 }).catch(codeOf)
      await eventually('its call runs', async () => {
        const calls = await Array.fromAsync(attached.state.tasks({ kind: 'call', state: 'running' }))
        return calls.some(({ name }) => name === 'Worker.slow')
      })
      mesh.kill(c)
      return { handle, open: await open, pid }
    })()
    t.equal(ends.open, 'SHOAL_ACTOR_DIED')
    await eventually('its process ends', () => !running(ends.pid))
    t.match(await get(ends.handle.where.remote(), { timeoutMs: 10_000 }).catch(error => error), {
      code: 'SHOAL_ACTOR_DIED',
      message: /owner|lost/,
    })
    let again: ActorHandle<Worker>
    await eventually('the name is free', async () => {
      again = actor(Worker, { name: 'svc' }).remote()
      return (await get(again.where.remote()).catch(codeOf)) !== 'SHOAL_NAME_TAKEN'
    })
    await kill(await getActor('svc'))
  })

  await t.test('its peer is lost while it is made: it has died, whatever the reason', async t => {
    const handle = actor(Late, on(b.peerId)).remote(8000)
    const call = get(handle.where.remote(), { timeoutMs: 30_000 }).catch(error => error)
    await eventually('it is being made', async () => {
      const [row] = await Array.fromAsync(attached.state.actors({ className: 'Late' }))
      return row?.state === 'pending'
    })
    await delay(1000)
    mesh.kill(b)
    t.match(await call, { code: 'SHOAL_ACTOR_DIED', message: /lost/ })
  })

  async function eventuallyActor(): Promise<ActorHandle<Worker>> {
    let found: ActorHandle<Worker> | undefined
    await eventually('it has its name', async () => {
      found = await getActor<Worker>('svc').catch(() => undefined)
      return found !== undefined
    })
    return found as ActorHandle<Worker>
  }
})

/** A program at another peer, which makes an actor at a third, and stays. */
function maker(at: MeshAgent, host: MeshAgent): AsyncDisposable {
  return program(`
    class Worker {
      id = String(Math.random())
      slow(ms) { return new Promise(resolve => setTimeout(() => resolve(this.id), ms)) }
      where() { return { id: this.id, pid: process.pid, peerId: '' } }
    }
    await init({ address: ${JSON.stringify(at.socket)}, namespace: 'owners', logToDriver: false })
    const handle = actor(Worker, { name: 'svc', isolation: 'process', placement: { peer: ${JSON.stringify(host.peerId)}, soft: true } }).remote()
    await get(handle.where.remote())
    setInterval(() => handle, 1000)
  `)
}

/** A program of its own, which answers lines by lines. */
function program(code: string): AsyncDisposable & { says(line: string): Promise<string> } {
  const head = `import { actor, get, getActor, init } from 'shoal'; import { createInterface } from 'node:readline';`
  const child = spawn(process.execPath, ['--input-type=module', '-e', head + code], {
    env: { ...process.env, NODE_OPTIONS: '--conditions=shoal-source' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async says(line) {
      child.stdin.write(`${line}\n`)
      return String((await lines.next()).value)
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
    },
  }
}
