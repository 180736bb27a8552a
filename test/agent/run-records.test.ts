import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { processIdentity } from '../../agent/process-identity.ts'
import { isRunId, type RunRecord, Runs } from '../../agent/runs/index.ts'
import { eventually } from '../sdk/meshes.ts'

function folder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'shoal-test-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

function leave(dir: string, n: number, more: Partial<RunRecord> = {}): string {
  const id = `run-${n.toString(16).padStart(10, '0')}`
  const record: RunRecord = {
    id,
    script: '/s.ts',
    args: [],
    cwd: '/',
    state: 'finished',
    pid: 1,
    processIdentity: 'of another time',
    exitCode: 0,
    startedAt: 1000 + n,
    endedAt: 2000 + n,
    ...more,
  }
  mkdirSync(join(dir, id))
  writeFileSync(join(dir, id, 'run.json'), JSON.stringify(record))
  return id
}

const quiet = () => undefined

t.test('records of the last 100 runs are kept; one that cannot be read is none', t => {
  using place = folder()
  for (let n = 0; n < 104; n++) leave(place.path, n)
  mkdirSync(join(place.path, 'run-ffffffffff'))
  writeFileSync(join(place.path, 'run-ffffffffff', 'run.json'), '{')
  const ids = new Runs(place.path, quiet).list().map(({ id }) => id)
  t.equal(ids.length, 100)
  t.equal(ids[0], 'run-0000000004', 'oldest first')
  t.notOk(existsSync(join(place.path, 'run-0000000003')))
  t.equal(readdirSync(place.path).length, 101)
  t.end()
})

t.test('what a former agent left running is lost where its pid is nobody, or somebody else', async t => {
  using place = folder()
  const running = { state: 'running', exitCode: null, endedAt: null } as const
  const gone = leave(place.path, 1, { ...running, pid: 2 ** 22 + 1 })
  const other = leave(place.path, 2, { ...running, pid: process.pid })
  const same = leave(place.path, 3, {
    ...running,
    pid: process.pid,
    processIdentity: processIdentity(process.pid) as string,
  })
  const states = new Map(new Runs(place.path, quiet).list().map(({ id, state }) => [id, state]))
  t.same([states.get(gone), states.get(other), states.get(same)], ['lost', 'lost', 'running'])
  t.equal(new Runs(place.path, quiet).list().find(({ id }) => id === gone)?.state, 'lost', 'it was written down')
})

t.test('what cannot be started leaves nothing; what ends at once is known', async t => {
  using place = folder()
  const runs = new Runs(place.path, quiet)
  const request = { command: [process.execPath], script: '-e', cwd: place.path, env: {} }
  const started = (more: object) => runs.start({ ...request, args: ['0'], ...more }, '/no/socket')
  await t.rejects(started({ cwd: '/no/such/folder' }), { code: 'SHOAL_RUN', message: /could not be started/ })
  await t.rejects(started({ command: [] }), { code: 'SHOAL_RUN' })
  t.same(readdirSync(place.path), [])
  const { id, pid } = await started({
    args: ['console.log(process.env.SHOAL_ADDRESS, process.env.HOME)'],
  })
  t.ok(isRunId(id) && pid > 0)
  await eventually('it has ended', () => runs.list()[0].state !== 'running')
  t.match(runs.list(), [{ id, state: 'finished', exitCode: 0 }])
  t.equal(runs.output(id, 'stdout', 0)?.bytes.toString(), '/no/socket undefined\n')
  t.equal(runs.output('run-0000000000', 'stdout', 0), undefined)
  t.equal(runs.output(id, 'stdout', Number.NaN)?.from, 0)
  const waiting = await started({ args: ['setInterval(() => {}, 1000)'] })
  await runs.close()
  t.match(
    runs.list().find(one => one.id === waiting.id),
    { state: 'failed', exitCode: 143 },
  )
  await t.rejects(started({}), { message: /shutting down/ })
})
