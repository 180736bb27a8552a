import t from 'tap'
import { state } from '../../../agent/core/rows.ts'
import { Scenario } from './scenario.ts'

const threadDied = { exitCode: 1, lastLines: [], culprit: -1, reason: 'exit code 1' }

/** One actor `A1` that lives, and methods `c` (retried `retries` times) of it. */
function alive(
  options: { cpus?: number; restarts?: number; retries?: number; maxConcurrency?: number } = {},
): Scenario {
  const { cpus = 0, restarts = 0, retries = 0, maxConcurrency = 1 } = options
  const s = new Scenario({ cpus: 2 })
  s.kind('A', { cpus, retries: restarts, actor: { maxConcurrency } })
  s.kind('c', { cpus: 0, retries, method: 'c' })
  s.kind('f')
  s.submit('A1')
  s.schedule()
  s.end('A1')
  s.schedule()
  s.take()
  return s
}

t.test('calls wait until their actor lives, and then run in the order in which they were made', async t => {
  const s = new Scenario({ cpus: 2 })
  s.kind('A', { cpus: 0, actor: {} })
  s.kind('c', { cpus: 0, method: 'c' })
  s.submit('A1')
  s.submit('c1', { of: 'A1' })
  s.submit('c2', { of: 'A1' })
  s.schedule()
  t.same(s.take(), ['start process @shared t1', 'run A1 on t1'])
  s.end('A1')
  s.schedule()
  t.same(s.take(), ['call c1 of A1 on t1', 'call c2 of A1 on t1'])
})

t.test(
  "one caller's calls keep their order though arguments become ready in another; another caller's do not wait",
  async t => {
    const s = alive()
    const other = s.client(2, 1)
    s.submit('f1')
    s.schedule()
    s.take()
    s.submit('c1', { of: 'A1', after: ['f1'] })
    s.submit('c2', { of: 'A1' })
    t.same(s.take(), [], 'the second waits behind the first')
    other.map(90, s.row('A1'))
    s.owner.objects.hold(s.row('A1'))
    s.slots.set('A1', { slot: 90, number: 1 })
    s.submit('c3', { of: 'A1', by: other })
    t.same(s.take(), ['call c3 of A1 on t1'])
    s.end('f1')
    s.schedule()
    t.same(
      s.take().filter(line => line.startsWith('call')),
      ['call c1 of A1 on t1', 'call c2 of A1 on t1'],
    )
  },
)

t.test('an actor lives as long as somebody holds it, and what it was granted is its own until then', async t => {
  const s = alive({ cpus: 1 })
  t.equal(s.owner.resources.available().cpus, 1)
  s.submit('c1', { of: 'A1' })
  s.owner.objects.release(s.driver, 1)
  t.same(s.take(), ['call c1 of A1 on t1'], 'a call holds it')
  s.end('c1')
  t.same(s.take(), ['result c1: value of 5 bytes', 'end t1'])
  t.ok(s.clean)
})

t.test('an actor that nobody holds before it lives is not made', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('A', { cpus: 1, actor: {} })
  s.kind('f')
  s.submit('f1')
  s.schedule()
  s.submit('A1')
  s.schedule()
  s.owner.objects.release(s.driver, 2)
  s.end('f1')
  s.schedule()
  t.notOk(s.take().some(line => line.startsWith('run A1')))
  t.ok(s.clean)
})

t.test('several live in one thread; it is told when one is over, and its room is free when it has said so', async t => {
  const s = alive()
  s.submit('A2')
  s.schedule()
  s.end('A2')
  s.schedule()
  s.take()
  s.owner.objects.release(s.driver, s.owner.rows.slot[s.row('A2')])
  t.same(s.take().filter(line => line.startsWith('dismiss')).length, 1)
  t.equal(
    [...s.owner.scheduler.threads.values()].reduce((sum, thread) => sum + thread.actors, 0),
    2,
  )
})

t.test('a worker dies: its actor is made anew while restarts last, and calls that had begun fail', async t => {
  const s = alive({ cpus: 1, restarts: 1 })
  s.submit('c1', { of: 'A1' })
  s.submit('c2', { of: 'A1' })
  s.begun.add(s.row('c1'))
  s.take()
  s.owner.threadEnded(1, threadDied, s.now)
  s.schedule()
  t.same(s.take(), [
    'take c2 back from t1',
    'error actor-died',
    'result c1: error of 3 bytes',
    'start process @own t2',
    'run A1 on t2',
  ])
  s.end('A1')
  s.schedule()
  t.same(s.take(), ['call c2 of A1 on t2'], 'what had not begun runs in the new one')
  s.begun.add(s.row('c2'))
  s.owner.threadEnded(2, threadDied, s.now)
  s.schedule()
  t.ok(s.take().includes('result c2: error of 3 bytes'))
  t.equal(s.owner.rows.state[s.row('A1')], state.failed, 'there is no restart left')
  s.submit('c3', { of: 'A1' })
  t.match(s.take(), [/^result .*: error of 3 bytes$/])
})

t.test('a call that may be made again goes before those that were made after it', async t => {
  const s = alive({ cpus: 1, restarts: -1, retries: 1 })
  s.submit('c1', { of: 'A1' })
  s.submit('c2', { of: 'A1' })
  s.begun.add(s.row('c1'))
  s.owner.threadEnded(1, threadDied, s.now)
  s.submit('c3', { of: 'A1' })
  s.schedule()
  s.take()
  s.end('A1')
  s.schedule()
  t.same(s.take(), ['call c1 of A1 on t2', 'call c2 of A1 on t2', 'call c3 of A1 on t2'])
  t.equal(s.owner.rows.attempt[s.row('c1')], 1)
  t.equal(s.owner.rows.attempt[s.row('c2')], 0, 'it had not begun')
})

t.test('killed: running and waiting calls fail; with restart it is made anew', async t => {
  const s = alive({ cpus: 1, restarts: 1 })
  s.submit('c1', { of: 'A1' })
  s.begun.add(s.row('c1'))
  s.take()
  s.owner.endActor(s.row('A1'), 'it was killed', s.now, true)
  s.schedule()
  t.same(s.take(), [
    'error actor-died',
    'result c1: error of 3 bytes',
    'end t1',
    'start process @own t2',
    'run A1 on t2',
  ])
  s.end('A1')
  s.schedule()
  s.owner.endActor(s.row('A1'), 'it was killed', s.now)
  t.equal(s.owner.rows.state[s.row('A1')], state.failed)
  t.equal([...s.owner.actors.dead.entries()][0]?.actor.reason, 'it was killed')
})

t.test('killed while it is made: others stay in its thread, which is told when it has been made', async t => {
  const s = alive()
  s.submit('A2')
  s.schedule()
  s.begun.add(s.row('A2'))
  s.take()
  s.owner.endActor(s.row('A2'), 'it was killed', s.now)
  s.pass(2000)
  t.notOk(s.take().some(line => /^(end t|stop a call)/.test(line)))
  s.end('A2')
  t.same(s.take(), ['dismiss A2 from t2'])
  t.notOk(s.owner.busy)
})

t.test('a call that was given up leaves its worker without a word, and is not waited for', async t => {
  const s = alive()
  s.submit('c1', { of: 'A1' })
  s.begun.add(s.row('c1'))
  const token = s.owner.rows.token(s.row('c1'))
  s.owner.cancel(s.row('c1'), { force: false, recursive: false }, s.now)
  t.ok(s.owner.busy)
  s.owner.skipped(token, 1, s.now)
  t.notOk(s.owner.busy)
})

t.test('the end of a program ends its actors', async t => {
  const s = alive({ cpus: 1, restarts: -1 })
  s.owner.endJob(1, s.now)
  t.equal(s.owner.rows.state[s.row('A1')], state.failed)
  t.equal(s.owner.resources.available().cpus, 2)
})

t.test('a call whose time is over leaves its actor, which goes on', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('A', { cpus: 0, actor: { maxConcurrency: 1 } })
  s.kind('c', { cpus: 0, timeoutMs: 100, retries: 0, method: 'c' })
  s.submit('A1')
  s.schedule()
  s.end('A1')
  s.submit('c1', { of: 'A1' })
  s.begun.add(s.row('c1'))
  s.take()
  s.owner.started(s.owner.rows.token(s.row('c1')), s.now)
  s.pass(101)
  t.same(s.take(), ['abort c1 on t1', 'error timeout', 'result c1: error of 3 bytes'])
  s.pass(1000)
  t.same(s.take(), ['stop a call on t1'], 'only where it does not leave is it stopped')
})

t.test('an actor of another peer: calls wait for where it is, go there, and come back when it is not', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('c', { cpus: 0, retries: 0, method: 'c' })
  const { index } = s.owner.peers.of('p', 1)
  const row = s.owner.objects.rowOfKey(s.owner.peers.clientId(index, 7), 5)
  s.names.set(row, 'A1')
  s.driver.map(50, row)
  s.owner.objects.hold(row)
  s.slots.set('A1', { slot: 50, number: 5 })
  s.submit('c1', { of: 'A1' })
  s.submit('c2', { of: 'A1' })
  t.same(s.take(), ['borrow row 0', 'want A1'])
  s.owner.objects.settleRemote(row, 3, [{ peer: index, token: 77 }])
  t.same(s.take(), [`grant c1 to p${index}`, `grant c2 to p${index}`])
  t.same(s.owner.actors.target(s.row('c1')), { token: 77, epoch: 3, caller: -2 })
  s.owner.returned(s.row('c1'), index, true)
  t.same(s.take(), [], 'until all that were sent there have come back')
  s.submit('c3', { of: 'A1' })
  s.owner.returned(s.row('c2'), index, true)
  t.same(s.take(), [], 'and its owner may not know yet')
  s.pass(10)
  t.same(s.take(), ['want A1'])
  s.owner.objects.settleRemote(row, 4, [{ peer: index, token: 78 }])
  t.same(s.take(), [`grant c1 to p${index}`, `grant c2 to p${index}`, `grant c3 to p${index}`])
})

t.test('calls beyond what may run and a little more wait at the agent, by group', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('A', { cpus: 0, actor: { maxConcurrency: 1, groups: { g: 1 }, methodGroups: { d: 'g' } } })
  s.kind('c', { cpus: 0, method: 'c' })
  s.kind('d', { cpus: 0, method: 'd' })
  s.submit('A1')
  s.schedule()
  s.end('A1')
  s.take()
  for (let i = 1; i <= 300; i++) s.submit(`c${i}`, { of: 'A1' })
  t.equal(s.take().length, 257)
  s.submit('d1', { of: 'A1' })
  t.same(s.take(), ['call d1 of A1 on t1'], 'another group is not held up')
  s.end('c1')
  t.ok(s.take().includes('call c258 of A1 on t1'))
})

t.test('an actor that may be made anew holds what was put for it, until it is over', async t => {
  for (const how of ['killed', 'let go']) {
    const s = new Scenario({ cpus: 2 })
    s.kind('A', { cpus: 0, retries: 1, actor: {} })
    const { objects } = s.owner
    const put = objects.add(s.driver, 900, 900)
    objects.completeStored(put, 4096, 1000, undefined)
    s.slots.set('p1', { slot: 900, number: 900 })
    s.submit('A1', { after: ['p1'] })
    s.schedule()
    s.end('A1')
    objects.release(s.driver, 900)
    s.schedule()
    s.take()
    s.owner.endActor(s.row('A1'), 'killed', s.now, true)
    s.schedule()
    t.ok(
      s.take().some(line => line.startsWith('run A1')),
      'it is made anew',
    )
    s.end('A1')
    s.schedule()
    if (how === 'killed') s.owner.endActor(s.row('A1'), 'killed', s.now)
    else objects.release(s.driver, s.slots.get('A1')?.slot ?? -1)
    t.equal(s.owner.rows.holders[put], 0, how)
    t.equal(s.owner.lineage.bytes, 0)
  }
})

t.test('actors of a class that holds threads have few of their own, and share beyond those', async t => {
  const s = new Scenario({ cpus: 2 })
  s.kind('A', { cpus: 0, actor: { maxConcurrency: 1 } })
  for (const kind of s.owner.kinds) if (kind?.name === 'A') kind.pool = '@own'
  for (let i = 1; i <= 40; i++) {
    s.submit(`A${i}`)
    s.schedule()
    s.end(`A${i}`)
    s.schedule()
  }
  const started = s.take().filter(line => line.startsWith('start'))
  t.equal(started.filter(line => line.includes('@own')).length, 8, 'four of each CPU')
  t.equal(
    started.some(line => line.includes('@shared')),
    true,
  )
  t.equal(started.length < 20, true, `${started.length} workers`)
})
