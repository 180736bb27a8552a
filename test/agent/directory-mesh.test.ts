import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { eventually, shoal } from '../sdk/meshes.ts'

const script = fileURLToPath(new URL('directory-agent.ts', import.meta.url))

/** An agent in a process of its own, whose directory is asked by messages. */
class Agent {
  readonly home: string
  readonly #child: ChildProcess
  readonly #open = new Map<number, { resolve(value: any): void; reject(error: Error): void }>()
  #next = 1
  self!: { peerId: string; incarnation: number; pid: number }

  static async start(home: string, ticket?: string): Promise<Agent> {
    const agent = new Agent(home, ticket)
    await new Promise((resolve, reject) => {
      agent.#open.set(0, { resolve, reject })
    })
    agent.self = await agent.ask('self')
    return agent
  }

  private constructor(home: string, ticket: string | undefined) {
    this.home = home
    this.#child = fork(script, {
      env: { ...process.env, NODE_OPTIONS: '--conditions=shoal-source', SHOAL_HOME: home, TICKET: ticket ?? '' },
    })
    this.#child.on('message', ({ n, value, error }: any) => {
      const waiting = this.#open.get(n)
      this.#open.delete(n)
      if (error) waiting?.reject(Object.assign(new Error(error.message), error))
      else waiting?.resolve(value)
    })
    this.#child.on('exit', () => {
      for (const { reject } of this.#open.values()) reject(new Error('it has ended'))
    })
  }

  ask(method: string, ...args: unknown[]): Promise<any> {
    const n = this.#next++
    return new Promise((resolve, reject) => {
      this.#open.set(n, { resolve, reject })
      this.#child.send({ n, method, args })
    })
  }

  async signal(name: NodeJS.Signals): Promise<void> {
    const ended = new Promise(resolve => this.#child.once('exit', resolve))
    process.kill(this.self.pid, name)
    if (name === 'SIGKILL') await ended
  }

  get log(): string {
    return readFileSync(join(this.home, 'logs', 'agent.log'), 'utf8')
  }
}

/** Agents of one mesh, and their homes. */
class Mesh implements AsyncDisposable {
  agents: Agent[] = []
  readonly #homes: string[] = []

  static async start(count: number): Promise<Mesh> {
    const mesh = new Mesh()
    for (let i = 0; i < count; i++) await mesh.add()
    return mesh
  }

  async add(): Promise<Agent> {
    const home = mkdtempSync(join(tmpdir(), 'shoal-test-'))
    this.#homes.push(home)
    const [first] = this.agents
    const agent = await Agent.start(home, first && (await first.ask('ticket')))
    this.agents.push(agent)
    return agent
  }

  async kill(agent: Agent): Promise<void> {
    await agent.signal('SIGKILL')
    this.agents = this.agents.filter(one => one !== agent)
  }

  async again(home: string): Promise<Agent> {
    const agent = await Agent.start(home)
    this.agents.push(agent)
    return agent
  }

  /** All agree on so many voters and on a leader among them. */
  async voters(count: number): Promise<string[]> {
    let all: any[] = []
    await eventually(
      `${count} voters`,
      async () => {
        all = await Promise.all(this.agents.map(agent => agent.ask('status')))
        return all.every(one => one.voters.length === count && one.leader !== null && one.leader === all[0].leader)
      },
      async () => [all, this.agents.map(({ log }) => log.split('\n').slice(-20))],
    )
    return all[0].voters
  }

  async leader(): Promise<Agent> {
    const { leader } = await this.agents[0].ask('status')
    return this.agents.find(({ self }) => self.peerId === leader) as Agent
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.agents.map(agent => agent.signal('SIGKILL')))
    for (const home of this.#homes) rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
}

t.test('three agents: claims are raced, the leader is killed, claims go on', { timeout: 120_000 }, async t => {
  await using mesh = await Mesh.start(3)
  await mesh.voters(3)
  for (let i = 0; i < 10; i++) {
    const claims = await Promise.all(mesh.agents.map(agent => agent.ask('own', `n${i}`)))
    t.equal(claims.filter(({ won }) => won).length, 1)
    t.equal(new Set(claims.map(({ entry }) => entry.id)).size, 1)
  }
  const leader = await mesh.leader()
  const [other] = mesh.agents.filter(agent => agent !== leader)
  const took = await other.ask('time', 100)
  t.comment(`a claim by a voter that does not lead: p50 ${took[50].toFixed(2)} ms, p99 ${took[98].toFixed(2)} ms`)
  await leader.ask('own', 'of the leader')
  await mesh.kill(leader)
  const killed = performance.now()
  t.equal((await other.ask('own', 'after')).won, true)
  const gap = performance.now() - killed
  t.comment(`claims go on ${gap.toFixed(0)} ms after the leader was killed`)
  t.ok(gap < 5000, `${gap} ms`)
  await eventually('the dead leader’s name is free', async () => (await other.ask('lookup', 'of the leader')) === null)
  t.equal((await other.ask('own', 'of the leader')).won, true)
  // Of two, one votes and the other has a copy.
  await mesh.voters(1)
})

t.test('a detached entry goes to another agent when its own is killed', { timeout: 120_000 }, async t => {
  await using mesh = await Mesh.start(4)
  await mesh.voters(3)
  const leader = await mesh.leader()
  const [second, third, last] = mesh.agents.filter(agent => agent !== leader)
  for (const agent of mesh.agents) await agent.ask('place', last.self)
  const { entry } = await second.ask('detached', 'd', 1)
  const isAlive = async (epoch: number): Promise<boolean> => {
    const found = await second.ask('locate', entry.id)
    return found?.epoch === epoch && found.state === 'alive'
  }
  await eventually('it is alive', () => isAlive(1))
  t.same(await last.ask('heard'), ['host 1'])
  for (const agent of mesh.agents) await agent.ask('place', third.self)
  await mesh.kill(last)
  const killed = performance.now()
  await eventually('it is alive elsewhere', () => isAlive(2))
  t.comment(`it is alive elsewhere ${(performance.now() - killed).toFixed(0)} ms after its agent was killed`)
  t.same(await third.ask('heard'), ['host 2'])

  // Stopped, not dead: it takes no more calls before the next one begins, and hears of it when it goes on.
  for (const agent of mesh.agents) await agent.ask('place', second.self)
  const { entry: more } = await second.ask('detached', 'more', -1)
  await eventually('it is alive', async () => (await second.ask('locate', more.id))?.state === 'alive')
  for (const agent of mesh.agents) await agent.ask('place', leader.self)
  await second.signal('SIGSTOP')
  await eventually('it is alive elsewhere', async () => {
    const found = await third.ask('locate', more.id)
    return found?.epoch === 2 && found.state === 'alive'
  })
  await second.signal('SIGCONT')
  await eventually('it stops there', async () => (await second.ask('heard')).includes('stop 1'))
})

t.test('all restart: the names of detached entries are there', { timeout: 120_000 }, async t => {
  await using mesh = await Mesh.start(3)
  await mesh.voters(3)
  const [first] = mesh.agents
  const { entry } = await first.ask('detached', 'kept', -1)
  await first.ask('own', 'owned')
  const homes = mesh.agents.map(({ home }) => home)
  for (const agent of mesh.agents) await mesh.kill(agent)
  for (const home of homes) await mesh.again(home)
  const [again] = mesh.agents
  t.match(await again.ask('lookup', 'kept'), { id: entry.id, state: 'pending' })
  await eventually(
    'its owner is gone, and its name',
    async () => (await again.ask('lookup', 'owned')) === null,
    async () => [await again.ask('lookup', 'owned'), again.log],
  )
})

t.test(
  'two agents: the founder dies, names can be read; recovery; the founder comes back',
  { timeout: 180_000 },
  async t => {
    await using mesh = await Mesh.start(2)
    const [founder, other] = mesh.agents
    t.same(await mesh.voters(1), [founder.self.peerId])
    await other.ask('own', 'n')
    await eventually('it has a copy', async () => (await other.ask('status')).copied === 1)
    await mesh.kill(founder)
    await eventually('it is known', () => /is dead/.test(other.log))
    t.match(await other.ask('lookup', 'n'), { name: 'n' })
    await t.rejects(other.ask('own', 'more'), {
      code: 'SHOAL_NAMES_UNAVAILABLE',
      voters: [founder.self.peerId],
      unreachable: [founder.self.peerId],
    })
    const unforced = await shoal(other.home, 'names', 'recover', '--json')
    t.equal(unforced.code, 2)
    t.equal(JSON.parse(unforced.err).error.code, 'SHOAL_INVALID_OPTION')
    const recovered = await shoal(other.home, 'names', 'recover', '--force', '--json')
    t.equal(recovered.code, 0, recovered.err)
    t.match(JSON.parse(recovered.out), { voters: [other.self.peerId], generation: 1 })
    t.equal((await other.ask('own', 'more')).won, true)
    const back = await mesh.again(founder.home)
    await eventually(
      'it follows the new voters',
      async () => (await back.ask('status')).generation === 1,
      async () => [await back.ask('status'), back.log, other.log],
    )
    t.match(await back.ask('lookup', 'more'), { name: 'more' })
    const listed = JSON.parse((await shoal(back.home, 'names', '--json')).out)
    t.same(listed.map(({ name }: { name: string }) => name).sort(), ['more', 'n'])
    t.match((await shoal(back.home, 'names')).out, /NAMESPACE +NAME +KIND/)

    // It leaves as one should: the other has the vote, and the names.
    await other.ask('stop', 1000)
    mesh.agents = [back]
    t.match(await back.ask('status'), { voters: [back.self.peerId], leader: back.self.peerId })
    t.equal((await back.ask('own', 'alone')).won, true)
    await delay(0)
  },
)
