import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { eventually, run, shoal, startAgent } from '../../sdk/meshes.ts'

const bin = fileURLToPath(new URL('../../../agent/cli/shoal.ts', import.meta.url))
const commands = [
  'up',
  'down',
  'status',
  'run',
  'runs',
  'tasks',
  'actors',
  'objects',
  'peers',
  'workers',
  'names',
  'logs',
  'top',
  'timeline',
  'bench',
  'doctor',
]

function temporaryHome(): { home: string } & Disposable {
  const home = mkdtempSync(join(tmpdir(), 'shoal-test-'))
  return { home, [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }) }
}

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** A program of a user's, as a file beside the tests so that `shoal` resolves. */
function program(text: string): { file: string } & Disposable {
  const folder = mkdtempSync(fileURLToPath(new URL('program-', import.meta.url)))
  const file = join(folder, 'program.ts')
  writeFileSync(file, text)
  return { file, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

function started(
  args: string[],
  env: Record<string, string>,
): { child: ChildProcess; said(what: RegExp): Promise<string>; text(): string } {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, NODE_OPTIONS: '--conditions=shoal-source', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  child.stdout?.on('data', text => {
    out += text
  })
  child.stderr?.on('data', text => {
    out += text
  })
  return {
    child,
    text: () => out,
    async said(what) {
      await eventually(`${what} in: ${out}`, () => what.test(out))
      return out
    },
  }
}

t.test('help names every command, each command its options; nothing is started', async t => {
  using place = temporaryHome()
  const top = await shoal(place.home, '--help')
  t.equal(top.code, 0)
  for (const command of commands) t.match(top.out, new RegExp(`\\b${command}\\b`))
  for (const command of ['up', 'tasks', 'run']) {
    const help = await shoal(place.home, command, '--help')
    t.equal(help.code, 0)
    t.equal(help.err, '')
    t.match(help.out, new RegExp(`shoal ${command}`))
    t.match(help.out, /--json/)
  }
  t.match((await shoal(place.home, '--version')).out, /^\d+\.\d+\.\d+/)
  t.notOk(existsSync(join(place.home, 'agent.json')))
})

t.test('bad arguments: one clear text that names option and value, exit code 2, nothing started', async t => {
  using place = temporaryHome()
  const bad: [string[], RegExp][] = [
    [['up', '--cpus', 'abc'], /--cpus.*abc/],
    [['up', '--memory', '4XB'], /--memory.*4XB/],
    [['up', '--resource', 'slot=-1'], /--resource/],
    [['up', '--label', 'zone'], /--label.*zone/],
    [['up', '--listen', '127.0.0.1:99999'], /--listen.*99999/],
    [['up', 'surplus'], /surplus/],
    [['run'], /script/i],
    [['tasks', '--filter', 'nonsense'], /nonsense/],
    [['stats'], /status/],
    [['timeline'], /-o FILE/],
    [['timeline', '--output'], /--output/],
  ]
  for (const [args, says] of bad) {
    const { code, out, err } = await shoal(place.home, ...args)
    t.equal(code, 2, args.join(' '))
    t.match(err, says)
    t.equal(out, '')
    t.notMatch(err, /^\s+at /m)
  }
  const json = await shoal(place.home, 'up', '--cpus', 'abc', '--json')
  t.match(JSON.parse(json.err), { error: { code: 'SHOAL_INVALID_OPTION', message: /abc/ } })
})

t.test('without an agent each command says what to type; down is content', async t => {
  using place = temporaryHome()
  for (const args of [
    ['status'],
    ['tasks'],
    ['run', bin],
    ['run', '--detach', bin],
    ['runs'],
    ['top'],
    ['timeline', '-o', join(place.home, 'trace.json')],
  ]) {
    const { code, err } = await shoal(place.home, ...args)
    t.equal(code, 1)
    t.match(err, /shoal up/)
  }
  t.equal((await shoal(place.home, 'down')).code, 0)
})

t.test('up, status, run, tasks, down: the life of an agent', async t => {
  await using agent = await startAgent('--cpus', '1', '--resource', 'slot=2', '--label', 'zone=a')
  t.ok(statSync(agent.socket).isSocket())
  t.equal(statSync(agent.socket).mode & 0o777, 0o600)
  t.equal(statSync(join(agent.home, 'key')).mode & 0o777, 0o600)
  const again = await shoal(agent.home, 'up', '--json')
  t.equal(again.code, 0)
  t.equal(JSON.parse(again.out).pid, agent.pid, 'no second one')
  const status = JSON.parse((await shoal(agent.home, 'status', '--json')).out)
  t.match(status, { resources: { cpus: 1, slot: 2 }, peers: [{ state: 'alive', labels: { zone: 'a' } }], waiting: [] })
  using script = program(`import { init, task, get } from 'shoal'
    await using mesh = await init()
    const f = task((x: number) => { console.log('seen', x); return x * 2 }, { name: 'double' })
    console.log(JSON.stringify([process.argv.slice(2), await get([1, 2].map(x => f.remote(x)))]))
    process.exitCode = 7`)
  const ran = await shoal(agent.home, 'run', script.file, '--json', 'arg')
  t.equal(ran.code, 7, ran.err)
  t.match(ran.out, /\[\["--json","arg"\],\[2,4\]\]/)
  t.match(ran.out, /\(double t\d+\) seen 1/)
  const rows = JSON.parse((await shoal(agent.home, 'tasks', '--json', '--filter', 'name=double')).out)
  t.equal(rows.length, 2)
  t.match(rows[0], { state: 'finished', kind: 'task', attempt: 1, attempts: [{ pid: agent.pid }] })
  t.match((await shoal(agent.home, 'tasks')).out, /double.*finished/)
  t.match((await shoal(agent.home, 'workers')).out, /thread/)
  t.match((await shoal(agent.home, 'tasks', '--filter', 'colour=red')).err, /colour/)
  const submitted = `submittedAt=${rows[0].submittedAt}`
  const together = JSON.parse((await shoal(agent.home, 'tasks', '--json', '--filter', submitted)).out)
  t.ok(together.length > 0 && together.length <= rows.length)
  for (const [command, filter] of [
    ['tasks', 'reason=nothing of the kind'],
    ['objects', 'bytes=1'],
    ['workers', 'memoryBytes=1'],
  ] as const)
    t.equal((await shoal(agent.home, command, '--filter', filter)).out, `No ${command} fit.\n`)
  const doctor = JSON.parse((await shoal(agent.home, 'doctor', '--json')).out)
  t.ok(JSON.stringify(doctor).includes('agent'))
  const down = await shoal(agent.home, 'down')
  t.equal(down.code, 0, down.err)
  await eventually('it has ended', () => !isRunning(agent.pid))
  t.notOk(existsSync(agent.socket))
})

t.test('an unfinished last line reaches the driver with the end of its task, from threads and processes', async t => {
  await using agent = await startAgent('--cpus', '2')
  for (const isolation of ['thread', 'process']) {
    using script = program(`import { get, init, task } from 'shoal'
      await using mesh = await init()
      const options = { isolation: '${isolation}', retries: 0 } as const
      const f = task(() => { process.stdout.write('one, '); process.stdout.write('and '); process.stdout.write('two\\nlast') },
        { name: 'unfinished', ...options })
      await get(f.remote())
      const g = task(() => { process.stdout.write('before it threw'); throw new Error('thrown') }, { name: 'throws', ...options })
      await get(g.remote()).catch(() => undefined)
      const h = task(() => { process.stdout.write('before it left'); process.exit(3) }, { name: 'leaves', ...options })
      const error = await get(h.remote()).catch(error => error)
      console.log(error.code, JSON.stringify(error.lastLines ?? error.message))`)
    const { out, err } = await run([script.file], { SHOAL_HOME: agent.home, SHOAL_ADDRESS: agent.socket })
    t.match(out, /^\(unfinished [tp]\d+\) one, and two$/m, `${isolation}: ${err}`)
    t.match(out, /^\(unfinished [tp]\d+\) last$/m, isolation)
    t.match(out, /^\(throws [tp]\d+\) before it threw$/m, isolation)
    t.match(out, /^\((leaves|shoal) [tp]\d+\) before it left$/m, isolation)
    t.match(out, /SHOAL_WORKER_DIED.*before it left/, isolation)
  }
})

t.test("a driver's end ends its job, also when it is killed; other drivers go on", async t => {
  await using agent = await startAgent('--cpus', '2')
  const env = { SHOAL_HOME: agent.home, SHOAL_ADDRESS: agent.socket }
  using other = program(`import { init, task } from 'shoal'
    await using mesh = await init()
    const f = task(async (ms: number) => { await new Promise(r => setTimeout(r, ms)); return 'done' }, { name: 'other', cpus: 0.1 })
    console.log(await f.remote(3000).get())`)
  using doomed = program(`import { init, task } from 'shoal'
    const mesh = await init()
    const f = task(async () => { await new Promise(r => setTimeout(r, 60_000)) }, { name: 'doomed', cpus: 0.5 })
    const refs = Array.from({ length: 10 }, () => f.remote())
    console.log('submitted')
    await refs[0].get()`)
  const going = run([other.file], env)
  const victim = started([doomed.file], env)
  await victim.said(/submitted/)
  const tasks = async () =>
    JSON.parse((await shoal(agent.home, 'tasks', '--json', '--filter', 'name=doomed')).out) as { state: string }[]
  await eventually('they run', async () => (await tasks()).some(({ state }) => state === 'running'))
  victim.child.kill('SIGKILL')
  await eventually('they are over', async () => (await tasks()).every(({ state }) => state === 'failed'))
  const { out, code } = await going
  t.match([out.trim(), code], ['done', 0])
  const status = JSON.parse((await shoal(agent.home, 'status', '--json')).out)
  t.equal(status.available.cpus, 2)
})

t.test('an agent that was killed starts again over its leftovers, as the same peer', async t => {
  await using agent = await startAgent('--cpus', '1')
  const before = JSON.parse((await shoal(agent.home, 'peers', '--json')).out)
  process.kill(agent.pid, 'SIGKILL')
  await eventually('it has ended', () => !isRunning(agent.pid))
  const up = await shoal(agent.home, 'up', '--detach', '--json', '--cpus', '1')
  t.equal(up.code, 0, up.err)
  t.equal(JSON.parse(up.out).peerId, before[0].peerId)
})

t.test('two at once start one agent', async t => {
  using place = temporaryHome()
  const both = await Promise.all([1, 2].map(() => shoal(place.home, 'up', '--detach', '--json', '--cpus', '1')))
  t.same(
    both.map(({ code }) => code),
    [0, 0],
    both.map(({ err }) => err).join(),
  )
  t.equal(JSON.parse(both[0].out).pid, JSON.parse(both[1].out).pid)
  t.equal((await shoal(place.home, 'down')).code, 0)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  t.test(`${signal} on a foreground agent: it drains, ends, and leaves nothing behind`, async t => {
    using place = temporaryHome()
    const up = started([bin, 'up', '--json', '--cpus', '1'], { SHOAL_HOME: place.home })
    const { socket } = JSON.parse((await up.said(/^\{.*\}$/m)).trim())
    const ended = new Promise<number | null>(resolve => up.child.on('close', code => resolve(code)))
    up.child.kill(signal)
    t.ok([0, 130, 143].includes((await ended) as number), `${up.text()}`)
    t.notOk(existsSync(socket))
  })
}

t.test('a damaged key, a home of others, a damaged state: one line that says which file', async t => {
  using place = temporaryHome()
  const up = await shoal(place.home, 'up', '--detach', '--cpus', '1')
  t.equal(up.code, 0, up.err)
  await shoal(place.home, 'down')
  for (const file of ['key', 'mesh.json']) {
    const good = readFileSync(join(place.home, file))
    writeFileSync(join(place.home, file), 'garbage')
    const { code, err } = await shoal(place.home, 'up', '--detach', '--cpus', '1')
    t.equal(code, 1)
    t.match(err, new RegExp(file.replace('.', '\\.')))
    t.notMatch(err, /^\s+at /m)
    writeFileSync(join(place.home, file), good)
    chmodSync(join(place.home, file), 0o600)
  }
})

t.test('a driver whose agent is not there is told each address that was tried', async t => {
  using place = temporaryHome()
  using script = program(`import { init } from 'shoal'
    try { await init() } catch (error) { console.log(error.code, error.attempts[0].address) }`)
  const socket = join(place.home, 'none.sock')
  const { out } = await run([script.file], { SHOAL_ADDRESS: socket, SHOAL_HOME: place.home })
  t.equal(out.trim(), `SHOAL_CONNECT ${socket}`)
})
