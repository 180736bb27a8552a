import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { processIdentity } from '../../agent/process-identity.ts'
import { eventually, shoal } from '../sdk/meshes.ts'
import { AgentMesh, type MeshAgent } from './mesh-support.ts'

const bin = fileURLToPath(new URL('../../agent/cli/shoal.ts', import.meta.url))

/** A program of a user's, beside the tests so that `shoal` resolves. What it does is its first argument. */
const folder = mkdtempSync(fileURLToPath(new URL('program-', import.meta.url)))
const script = join(folder, 'program.ts')
writeFileSync(
  script,
  `import { spawn } from 'node:child_process'
import { init, task, get } from 'shoal'
const [what, ...rest] = process.argv.slice(2)
const goesOn = () => setInterval(() => {}, 1000)
if (what === 'works') {
  await using mesh = await init({ logToDriver: false })
  console.log('first')
  console.error('on the other')
  console.log(JSON.stringify({ rest, cwd: process.cwd(), says: process.env.SAYS, two: await get(task((x: number) => x + 1).remote(1)) }))
  process.exitCode = 7
} else if (what === 'signal') process.kill(process.pid, 'SIGKILL')
else if (what === 'stubborn') { process.on('SIGTERM', () => console.log('no')); console.log('up'); goesOn() }
else if (what === 'orderly') { process.on('SIGTERM', () => { console.log('bye'); process.exit(5) }); console.log('up'); goesOn() }
else if (what === 'parent') {
  const child = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.2; done'], { stdio: ['ignore', 'pipe', 'ignore'] })
  child.stdout.once('data', () => console.log('up ' + child.pid))
} else { console.log('up'); goesOn() }
`,
)
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

interface Row {
  id: string
  state: string
  pid: number
  exitCode: number | null
  endedAt: number | null
  reason?: string
}

async function detach(agent: MeshAgent, ...args: string[]): Promise<{ id: string; pid: number }> {
  const { code, out, err } = await shoal(agent.home, 'run', '--detach', '--json', script, ...args)
  if (code !== 0) throw new Error(err)
  return JSON.parse(out)
}

async function runsOf(agent: MeshAgent): Promise<Row[]> {
  return JSON.parse((await shoal(agent.home, 'runs', '--json')).out)
}

async function rowOf(agent: MeshAgent, id: string): Promise<Row> {
  const row = (await runsOf(agent)).find(one => one.id === id)
  if (!row) throw new Error(`no run ${id}`)
  return row
}

/** `shoal run --attach`, as a terminal has it: it can be interrupted. */
function attached(
  agent: MeshAgent,
  id: string,
): { child: ChildProcess; text(): string; ended: Promise<number | null> } {
  const child = spawn(process.execPath, [bin, 'run', '--attach', id], {
    env: { ...process.env, NODE_OPTIONS: '--conditions=shoal-source', SHOAL_HOME: agent.home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  const take = (more: Buffer) => {
    text += more
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  return { child, text: () => text, ended: new Promise(resolve => child.once('close', resolve)) }
}

t.test('a detached run: its id, its output by streams, its exit code, also when it has ended long ago', async t => {
  await using mesh = await AgentMesh.start(2, '--cpus', '1')
  const [agent, other] = mesh.agents
  process.env.SAYS = 'what the caller says'
  const { id, pid } = await detach(agent, 'works', '--detach', '-x')
  delete process.env.SAYS
  t.match(id, /^run-[0-9a-f]{10}$/)
  t.ok(pid > 0 && pid !== agent.pid)
  for (const from of [agent, agent, other]) {
    const { code, out, err } = await shoal(from.home, 'run', '--attach', id)
    t.equal(code, 7, err)
    const [first, said] = out.trimEnd().split('\n')
    t.equal(first, 'first')
    t.match(JSON.parse(said), { rest: ['--detach', '-x'], cwd: process.cwd(), says: 'what the caller says', two: 2 })
    t.equal(err, 'on the other\n')
  }
  const row = await rowOf(agent, id)
  t.match(row, { state: 'failed', exitCode: 7, pid, script, startedAt: Number, endedAt: Number, peerId: agent.peerId })
  t.notOk('processIdentity' in row || 'env' in row)
  t.same(await rowOf(other, id), row, 'any peer tells of it')
  t.match((await shoal(agent.home, 'runs')).out, /program\.ts works --detach -x {2}failed .* 7 .*run-/)
  t.equal((await shoal(agent.home, 'runs', '--filter', 'state=running')).out, 'No runs fit.\n')
  const logs = JSON.parse((await shoal(other.home, 'logs', id, '--json')).out)
  t.match(logs, [{ stream: 'stdout', text: 'first' }, { stream: 'stdout' }, { stream: 'stderr', text: 'on the other' }])
  const last = await shoal(agent.home, 'logs', id, '-n', '1')
  t.match(last.out, /^\{.*\}\n$/)
  t.equal(last.err, 'on the other\n')
  t.match((await shoal(agent.home, 'logs', id, '-f')).out, /^first\n/)
  t.equal(statSync(join(agent.home, 'runs', id)).mode & 0o777, 0o700)
  for (const name of ['run.json', 'stdout', 'stderr'])
    t.equal(statSync(join(agent.home, 'runs', id, name)).mode & 0o777, 0o600, name)

  const killed = await detach(agent, 'signal')
  t.equal((await shoal(agent.home, 'run', '--attach', killed.id)).code, 137)
  t.match(await rowOf(agent, killed.id), { state: 'failed', exitCode: 137, reason: 'ended by SIGKILL' })
  for (const [args, says, exit] of [
    [['run', '--attach', 'run-0000000000'], /no run run-0000000000/, 1],
    [['run', '--stop', 'nonsense'], /--stop "nonsense"/, 2],
    [['run', '--attach', id, script], /takes no script/, 2],
    [['run', '--detach'], /needs a script/, 2],
    [['run', '--detach', join(folder, 'none.ts')], /no script/, 2],
    [['logs', 'run-0000000000'], /no run run-0000000000/, 1],
    [['logs', '../../etc/passwd'], /is no id/, 2],
    [['logs', '..'], /is no id/, 2],
  ] as const) {
    const { code, err } = await shoal(agent.home, ...args)
    t.equal(code, exit, args.join(' '))
    t.match(err, says)
  }
  t.equal((await shoal(agent.home, 'down', '--now')).code, 0)
  const after = await shoal(agent.home, 'run', '--attach', id)
  t.equal(after.code, 7, 'no agent runs any more')
  t.match(after.out, /^first\n/)
  await mesh.launch(agent.home, 'up')
})

t.test('Ctrl-C of an attached terminal leaves the run; --stop ends it, by force in the end', async t => {
  await using mesh = await AgentMesh.start(1, '--cpus', '1')
  const [agent] = mesh.agents
  const { id, pid } = await detach(agent, 'stubborn')
  const terminal = attached(agent, id)
  await eventually('it prints', () => terminal.text().includes('up'))
  terminal.child.kill('SIGINT')
  t.equal(await terminal.ended, 130)
  t.match(terminal.text(), /Detached; run-.* goes on.*--attach.*--stop/s)
  t.ok(processIdentity(pid), 'it runs')
  const watching = attached(agent, id)
  const began = Date.now()
  const stopped = await shoal(agent.home, 'run', '--stop', id, '--json')
  t.equal(stopped.code, 0, stopped.err)
  t.match(JSON.parse(stopped.out), { id, state: 'failed', exitCode: 137 })
  t.ok(Date.now() - began >= 4900, 'it had its time')
  t.notOk(processIdentity(pid))
  t.equal(await watching.ended, 137)
  t.match(watching.text(), /up\nno\n/)
  const again = await shoal(agent.home, 'run', '--stop', id)
  t.equal(again.code, 0)
  t.match(again.out, /had ended already: failed, exit code 137/)
})

t.test('shoal down ends runs, and who follows one is told its exit code', async t => {
  await using mesh = await AgentMesh.start(1, '--cpus', '1')
  const [agent] = mesh.agents
  const { id, pid } = await detach(agent, 'waits')
  const terminal = attached(agent, id)
  await eventually('it prints', () => terminal.text().includes('up'))
  t.equal((await shoal(agent.home, 'down', '--now')).code, 0)
  t.notOk(processIdentity(pid))
  t.equal(await terminal.ended, 143, terminal.text())
  await mesh.launch(agent.home, 'up')
  t.match(await rowOf(agent, id), { state: 'failed', exitCode: 143 })
})

t.test('an agent that was killed: its runs are found again where they live, and are lost where not', async t => {
  await using mesh = await AgentMesh.start(1, '--cpus', '1')
  const [agent] = mesh.agents
  const [lives, dies] = [await detach(agent, 'waits'), await detach(agent, 'waits')]
  await eventually('it prints', async () => (await shoal(agent.home, 'logs', dies.id)).out.includes('up'))
  process.kill(agent.pid, 'SIGKILL')
  await eventually('it is gone', () => processIdentity(agent.pid) === undefined)
  process.kill(dies.pid, 'SIGKILL')
  await eventually('one run, too', () => processIdentity(dies.pid) === undefined)
  t.equal((await shoal(agent.home, 'run', '--attach', dies.id)).code, 1, 'without an agent')
  await mesh.launch(agent.home, 'up')
  t.match(await rowOf(agent, dies.id), { state: 'lost', exitCode: null, endedAt: Number })
  t.match(await rowOf(agent, lives.id), { state: 'running', pid: lives.pid })
  const lost = await shoal(agent.home, 'run', '--attach', dies.id)
  t.equal(lost.code, 1)
  t.match([lost.out, lost.err], ['up\n', /is lost/])
  const stopped = await shoal(agent.home, 'run', '--stop', lives.id, '--json')
  t.match(JSON.parse(stopped.out), { state: 'lost', exitCode: null })
  t.notOk(processIdentity(lives.pid))
})

t.test('what a run has started ends with it, though it outlives the program itself', async t => {
  await using mesh = await AgentMesh.start(1, '--cpus', '1')
  const [agent] = mesh.agents
  for (const end of [(id: string) => ['run', '--stop', id], () => ['down', '--now']]) {
    const { id, pid } = await detach(agent, 'parent')
    const said = async () => / ?up (\d+)/.exec((await shoal(agent.home, 'logs', id)).out)?.[1]
    await eventually('its child runs', async () => (await said()) !== undefined)
    const child = Number(await said())
    t.ok(processIdentity(child))
    t.equal((await shoal(agent.home, ...end(id))).code, 0)
    t.notOk(processIdentity(pid))
    await eventually('the child has ended', () => processIdentity(child) === undefined)
  }
  await mesh.launch(agent.home, 'up')
})

t.test('who follows a run of another peer stays while that stands still, and hears of its end', async t => {
  await using mesh = await AgentMesh.start(2, '--cpus', '1')
  const [near, far] = mesh.agents
  const { id } = await detach(far, 'orderly')
  const terminal = attached(near, id)
  await eventually('it prints', () => terminal.text().includes('up'))
  process.kill(far.pid, 'SIGSTOP')
  await delay(2500)
  process.kill(far.pid, 'SIGCONT')
  await mesh.settled(near, 2)
  t.equal(terminal.child.exitCode, null, terminal.text())
  t.equal((await shoal(far.home, 'down', '--now')).code, 0)
  t.equal(await terminal.ended, 5, terminal.text())
  t.match(terminal.text(), /up\nbye\n/)
})
