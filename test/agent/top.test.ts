import { spawn, spawnSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { actor, cancel, get, init, task } from 'shoal'
import t from 'tap'
import { eventually } from '../sdk/meshes.ts'
import { AgentMesh, type MeshAgent } from './mesh-support.ts'

const bin = fileURLToPath(new URL('../../agent/cli/shoal.ts', import.meta.url))

function started(agent: MeshAgent, command: string, args: string[]) {
  const child = spawn(command, args, {
    env: { ...process.env, NODE_OPTIONS: '--conditions=shoal-source', SHOAL_HOME: agent.home, FORCE_COLOR: '0' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', more => {
    out += more
  })
  child.stderr.on('data', more => {
    err += more
  })
  const ended = new Promise<{ code: number | null; signal: string | null }>(resolve =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  )
  return { child, out: () => out, err: () => err, ended }
}

t.test('top: one snapshot, one a time, and on a terminal', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(2, '--cpus', '2')
  const [agent, other] = mesh.agents
  await using _ = await init({ address: agent.socket, logToDriver: false })
  const brief = task(async () => await delay(20), { name: 'brief' })
  await get(Array.from({ length: 10 }, () => brief.remote()))
  await t.rejects(
    get(
      task(
        () => {
          throw new Error('it fails')
        },
        { name: 'failing' },
      ).remote(),
    ),
  )
  const long = [agent, other].map(({ peerId }) =>
    task(async () => await delay(60_000), { name: 'long', placement: { peer: peerId } }).remote(),
  )
  const Counter = actor(
    class Counter {
      n = 0
      add() {
        this.n++
        return this.n
      }
    },
  )
  using counter = Counter.remote()
  t.equal(await get(counter.add.remote()), 1)
  const snapshot = async (from: MeshAgent) =>
    JSON.parse((await mesh.cli(from, 'top', '--once', '--json')).out) as {
      names: Record<string, unknown>[]
      peers: object[]
      classes: object[]
      tasks: object
      actors: object
    }
  await eventually('both run', async () => {
    const { names } = await snapshot(agent)
    return names.some(({ name, running }) => name === 'long' && running === 2)
  })
  for (const from of mesh.agents) {
    const { names, peers, classes, tasks, actors } = await snapshot(from)
    t.equal(peers.length, 2)
    const states = { pending: 0, alive: 1, restarting: 0, dead: 0 }
    t.same(classes, [{ className: 'Counter', states, pendingCalls: 0, restarts: 0 }])
    t.same(actors, states)
    t.match(
      names.find(({ name }) => /add/.test(String(name))),
      { finished: 1, runs: 1 },
    )
    t.match(tasks, { running: 2, finished: 11, failed: 1 })
    const of = (name: string) => names.find(row => row.name === name) as Record<string, number>
    t.match(of('brief'), { running: 0, queued: 0, finished: 10, failed: 0, runs: 10 })
    t.ok(of('brief').meanMs >= 19 && of('brief').meanMs < 2000, `${of('brief').meanMs}`)
    t.match(of('failing'), { finished: 0, failed: 1 })
    t.match(of('long'), { running: 2, meanMs: null })
    t.equal(names[0].name, 'long', 'what runs comes first')
  }
  const once = await mesh.cli(agent, 'top', '--once')
  t.match(once.out, /CPUS USED[\s\S]*TASKS[\s\S]*long +2[\s\S]*ACTORS[\s\S]*Counter +1/)

  for (const args of [[], ['--json']]) {
    const top = started(agent, process.execPath, [bin, 'top', '--interval', '100ms', ...args])
    const snapshots = () => top.out().split(args.length > 0 ? '\n' : 'shoal top').length - 1
    await eventually('it goes on', () => snapshots() >= 3)
    if (args.length > 0) for (const line of top.out().trim().split('\n').slice(0, 2)) t.ok(JSON.parse(line).peers)
    else t.notMatch(top.out(), '\x1b', 'nothing that steers a terminal')
    top.child.kill('SIGINT')
    t.match(await top.ended, { signal: 'SIGINT' })
    t.equal(top.err(), '')
  }
  t.match(await mesh.cli(agent, 'top', '--interval', '1ms'), { code: 2, err: /--interval "1ms"/ })

  if (spawnSync('script', ['--version']).error) t.comment('no script(1) here: the live screen is not looked at')
  else
    for (const [key, code] of [
      ['q', 0],
      ['\x03', 130],
    ] as const) {
      const command = [process.execPath, bin, 'top', '--interval', '100ms'].map(word => `'${word}'`).join(' ')
      const top = started(agent, 'script', ['-qefc', command, '/dev/null'])
      await eventually('it draws', () => top.out().split('\x1b[H').length > 4)
      top.child.stdin.write(key)
      t.match(await top.ended, { code })
      t.ok(top.out().startsWith('\x1b[?1049h\x1b[?25l'), 'a screen of its own')
      t.ok(top.out().endsWith('\x1b[?25h\x1b[?1049l'), 'which it gives back')
      t.match(top.out(), /long +2/)
    }
  for (const ref of long) await cancel(ref, { force: true })
})
