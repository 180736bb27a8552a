import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { figureNames, remoteFigures } from '../../../microbenchmark/index.ts'
import { eventually, shoal, startAgent } from '../../sdk/meshes.ts'

const bin = fileURLToPath(new URL('../../../agent/cli/shoal.ts', import.meta.url))
const localFigures = figureNames.filter(name => !remoteFigures.has(name))

interface Line {
  name: string
  what: string
  value: number
  unit: string
  yardstick: { what: string; value: number }
  ratio: number
}

interface Bench {
  seconds: number
  peer: { kind: string; pid?: number; peerId: string; cpus: number; peers: number }
  figures: Line[]
  machine: string
  node: string
  shoal: string
}

function temporaryHome(): { home: string } & Disposable {
  const home = mkdtempSync(join(tmpdir(), 'shoal-test-'))
  return { home, [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }) }
}

function checkFigures(t: Test, figures: readonly Line[], names: readonly string[]): void {
  t.same(
    figures.map(({ name }) => name),
    names,
  )
  for (const { name, value, yardstick, ratio } of figures) {
    t.ok(value > 0 && Number.isFinite(value), `${name}: ${value}`)
    t.ok(yardstick.value > 0, `${name}: ${yardstick.what} ${yardstick.value}`)
    t.equal(ratio, value / yardstick.value, name)
  }
}

/** The driver that a command has started: the child whose words name the program. */
function driverOf(pid: number): number | undefined {
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean)
    for (const child of children)
      if (readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('microbenchmark/program')) return Number(child)
  }
  return undefined
}

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

t.test(
  'without an agent: every figure of one peer, on an embedded one, as one JSON object; nothing is left',
  async t => {
    using place = temporaryHome()
    const { code, out, err } = await shoal(place.home, 'bench', '--seconds', '0.1', '--json')
    t.equal(code, 0, err)
    t.equal(err, '')
    t.equal(out.trim().split('\n').length, 1)
    const bench = JSON.parse(out) as Bench
    checkFigures(t, bench.figures, localFigures)
    t.match(bench, { seconds: 0.1, peer: { kind: 'embedded', peers: 1 }, node: process.version, machine: /CPUs/ })
    t.same(readdirSync(place.home), [])
  },
)

t.test('on a mesh: a driver of the agent, with a task and an object of another peer', async t => {
  await using agent = await startAgent('--cpus', '1')
  const ticket = JSON.parse((await shoal(agent.home, 'ticket', '--json')).out).ticket as string
  using other = temporaryHome()
  const joined = await shoal(other.home, 'join', ticket, '--detach', '--cpus', '1', '--listen', '127.0.0.1:0')
  t.equal(joined.code, 0, joined.err)
  try {
    await eventually('two peers', async () => JSON.parse((await shoal(agent.home, 'peers', '--json')).out).length === 2)
    const { code, out, err } = await shoal(agent.home, 'bench', '--seconds', '0.1', '--json')
    t.equal(code, 0, err)
    const bench = JSON.parse(out) as Bench
    t.match(bench.peer, { kind: 'agent', pid: agent.pid, cpus: 1, peers: 2 })
    checkFigures(t, bench.figures, figureNames)
    const left = await shoal(agent.home, 'objects', '--json')
    t.same(JSON.parse(left.out), [])
  } finally {
    await shoal(other.home, 'down', '--now')
  }
})

t.test('as text: which peer, a line for each figure, what they are of', async t => {
  using place = temporaryHome()
  const { code, out, err } = await shoal(place.home, 'bench', '--seconds', '0.05', '--only', 'task', '--only', 'get')
  t.equal(code, 0, err)
  const [header, ...lines] = out.trim().split('\n')
  t.match(header, /No agent runs here.*embedded/)
  t.equal(lines.length, 3)
  t.match(lines[0], /one task at a time, p50 +[\d.,]+ µs .*× postMessage/)
  t.match(lines[1], /get of small values.* [\d,]+\/s .*× structuredClone/)
  t.match(lines[2], /CPUs.*Node v.*shoal \d/)
})

t.test('bad arguments, and figures for which there is no peer, are told in one line', async t => {
  using place = temporaryHome()
  const bad: [string[], number, RegExp][] = [
    [['--seconds', '0'], 2, /--seconds "0".*0\.01/],
    [['--seconds', 'long'], 2, /--seconds "long"/],
    [['--only', 'taks'], 2, /"taks".*did you mean task.*remote-object/],
    [['--only', 'remote-task'], 1, /remote-task.*another peer.*there is none/],
  ]
  for (const [args, exitCode, said] of bad) {
    const { code, out, err } = await shoal(place.home, 'bench', ...args)
    t.equal(code, exitCode, args.join(' '))
    t.match(err, said)
    t.equal(err.trim().split('\n').length, 1)
    t.equal(out, '')
  }
})

for (const [signal, exitCode] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  t.test(`${signal} ends it, its driver, and what that has in the agent`, async t => {
    await using agent = await startAgent('--cpus', '1')
    const child = spawn(process.execPath, [bin, 'bench', '--seconds', '60', '--only', 'tasks'], {
      env: { ...process.env, NODE_OPTIONS: '--conditions=shoal-source', SHOAL_HOME: agent.home },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = new Promise(resolve => child.once('close', resolve))
    await new Promise(resolve => child.stdout.once('data', resolve))
    const driver = driverOf(child.pid as number)
    t.ok(driver, 'it is measuring')
    child.kill(signal)
    t.equal(await ended, exitCode)
    t.notOk(isRunning(driver as number))
    const status = JSON.parse((await shoal(agent.home, 'status', '--json')).out) as { tasks: Record<string, number> }
    t.notOk(status.tasks.waiting || status.tasks.queued || status.tasks.running, JSON.stringify(status.tasks))
  })
}

t.test('its driver ends where the command is killed', async t => {
  using place = temporaryHome()
  const child = spawn(process.execPath, [bin, 'bench', '--seconds', '60', '--only', 'put'], {
    env: { ...process.env, NODE_OPTIONS: '--conditions=shoal-source', SHOAL_HOME: place.home },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise(resolve => child.stdout.once('data', resolve))
  const driver = driverOf(child.pid as number)
  t.ok(driver, 'it is measuring')
  child.kill('SIGKILL')
  await eventually('the driver has ended', () => !isRunning(driver as number))
})
