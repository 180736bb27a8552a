import { spawn } from 'node:child_process'
import t from 'tap'
import { eventually, startAgent } from './meshes.ts'
import { running } from './process-support.ts'

const program = (address: string, signal: string) => `
import { init, task, get } from 'shoal'
import { spawn } from 'node:child_process'
const mesh = await init({ address: ${JSON.stringify(address)}, cpus: 2 })
const spins = task(() => {
  const child = spawn('sleep', ['600'], { stdio: 'inherit' })
  const left = spawn('sh', ['-c', 'sleep 600 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  left.stdout.once('data', text => {
    console.log('pids', process.pid, child.pid, left.pid, Number(text))
    for (;;);
  })
  return new Promise(() => {})
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
  return { pids: [...out.matchAll(/pids ([\d ]+)/g)].flatMap(([, pids]) => pids.trim().split(' ').map(Number)), child }
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
