import t from 'tap'
import { Kind } from '../../../agent/core/kinds.ts'
import { limits } from '../../../agent/core/limits.ts'
import { state } from '../../../agent/core/rows.ts'
import { Scenario } from './scenario.ts'

const some = { u8: new Uint8Array(5), at: 0, bytes: 5 }

t.test('a task waits for the results that are its arguments, and holds them until it has ended', async t => {
  const s = new Scenario({ cpus: 2 })
  s.kind('f')
  s.kind('g')
  s.submit('f1')
  s.submit('g1', { after: ['f1'] })
  s.schedule()
  t.same(s.take(), ['start t1', 'run f1 on t1'])
  s.end('f1')
  s.schedule()
  t.same(s.take(), ['result f1: value of 5 bytes', 'run g1 on t1'])
  t.equal(s.owner.rows.live, 2, 'the argument is held')
  s.end('g1')
  s.schedule()
  t.ok(s.clean)
})

t.test('an argument that was delivered before is asked for again at its client', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('f')
  s.kind('g')
  s.submit('f1')
  s.schedule()
  s.end('f1')
  s.schedule()
  s.take()
  s.submit('g1', { after: ['f1'] })
  s.schedule()
  t.same(s.take(), ['need argument 0 of g1'])
  s.owner.supply(s.driver, s.owner.rows.slot[s.row('g1')], 0, false, some)
  s.schedule()
  t.same(s.take(), ['run g1 on t1'])
  s.end('g1')
  s.schedule()
  t.ok(s.clean)
})

t.test('a failed argument fails its tasks, which never run', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('f')
  s.kind('g')
  s.submit('f1')
  s.submit('g1', { after: ['f1'] })
  s.submit('g2', { after: ['g1'] })
  s.schedule()
  s.take()
  s.end('f1', { failed: true })
  s.schedule()
  t.same(s.take(), ['result f1: error of 5 bytes', 'result g1: error of 5 bytes', 'result g2: error of 5 bytes'])
  t.ok(s.clean)
})

t.test("a function's own errors are retried where the worker says so, as often as retries allow", async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('f', { retries: 2 })
  s.submit('f1')
  for (let attempt = 1; attempt <= 3; attempt++) {
    s.schedule()
    t.ok(s.take().includes('run f1 on t1'))
    s.end('f1', { failed: true, retry: true })
  }
  t.same(s.take(), ['result f1: error of 5 bytes'])
  s.schedule()
  t.ok(s.clean)
})

t.test(
  'a thread that ends: the culprit uses up a retry, the innocent do not, what had not begun just runs again',
  async t => {
    const s = new Scenario({ cpus: 1 })
    s.kind('bad', { cpus: 0.1, retries: 0 })
    s.kind('good', { cpus: 0.1, retries: 1 })
    s.submit('bad1')
    s.submit('good1')
    s.submit('good2')
    s.schedule()
    s.begun.add(s.row('bad1'))
    s.begun.add(s.row('good1'))
    const culprit = s.owner.rows.token(s.row('bad1'))
    s.take()
    s.owner.threadEnded(1, { exitCode: 3, lastLines: [], culprit, reason: 'exit code 3' }, s.now)
    s.schedule()
    const log = s.take()
    t.ok(log.includes('error worker-died'))
    t.ok(log.includes('take good2 back from t1'))
    t.same(log.filter(line => line.startsWith('run')).sort(), ['run good1 on t2', 'run good2 on t2'])
    t.equal(s.owner.rows.retries[s.row('good1')], 1)
    s.end('good1')
    s.end('good2')
    s.schedule()
    t.ok(s.clean)
  },
)

t.test(
  'past timeoutMs the ref rejects at once; a task that does not leave has its thread ended, others run again',
  async t => {
    const s = new Scenario({ cpus: 1 })
    s.kind('slow', { cpus: 0.5, timeoutMs: 100 })
    s.kind('fragile', { cpus: 0.2, retries: 0 })
    s.submit('slow1')
    s.schedule()
    s.begun.add(s.row('slow1'))
    s.owner.started(s.owner.rows.token(s.row('slow1')), s.now)
    s.submit('fragile1')
    s.schedule()
    s.take()
    s.pass(101)
    t.same(s.take(), ['abort slow1 on t1', 'error timeout', 'result slow1: error of 3 bytes'])
    s.pass(1000)
    t.same(s.take(), ['end t1'])
    t.equal(s.owner.stoppedOn(1), 'slow')
    s.owner.threadEnded(
      1,
      { exitCode: 1, lastLines: [], culprit: -1, stoppedTask: 'slow', reason: 'it was ended' },
      s.now,
    )
    s.schedule()
    t.notOk(s.take().some(line => line.includes('slow1')))
    s.end('fragile1')
    s.schedule()
    t.ok(s.clean)
  },
)

t.test('a task that leaves after its time-out gives its CPU back and costs nobody a thread', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('slow', { timeoutMs: 100 })
  s.submit('slow1')
  s.schedule()
  const row = s.row('slow1')
  const token = s.owner.rows.token(row)
  s.begun.add(row)
  s.owner.started(token, s.now)
  s.pass(101)
  s.take()
  t.equal(s.owner.resources.available().cpus, 0)
  const end = {
    failed: true,
    retry: false,
    awaited: false,
    offset: -1,
    bytes: 0,
    contained: [],
    startedAt: 0,
    endedAt: 0,
    error: 'x',
  }
  s.owner.done(token, 1, end, some, s.now)
  s.schedule()
  t.equal(s.owner.resources.available().cpus, 1)
  s.pass(1000)
  t.same(s.take(), [], 'its thread stays')
  t.ok(s.clean)
})

t.test('what no peer could ever meet waits with a reason, then fails with it', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('f', { gpus: 9 })
  s.submit('f1')
  s.schedule()
  t.match(s.owner.scheduler.reason(s.row('f1')), /9 gpus.*has 0/)
  s.pass(9999)
  t.same(s.take(), [])
  s.pass(2)
  t.same(s.take(), ['error infeasible', 'result f1: error of 3 bytes'])
  t.ok(s.clean)
})

t.test('objects: shared by key, borrowed, kept while anybody holds them, freed with the last', async t => {
  const s = new Scenario({ cpus: 1 })
  const { objects, rows } = s.owner
  const other = s.client(2, 1, 1)
  const row = objects.add(s.driver, 1, 77)
  objects.completeStored(row, 4096, 1000, undefined)
  objects.share(s.driver, 1, 77)
  objects.borrow(other, 5, 1, 77)
  objects.borrow(other, 6, 1, 77)
  objects.release(s.driver, 1)
  objects.subscribe(other, 5)
  objects.release(other, 5)
  objects.release(other, 5)
  t.equal(rows.state[row], state.ready)
  t.notOk(s.take().includes('free 4096'))
  const { token } = objects.pin(row)
  objects.release(other, 6)
  t.same(s.take(), [], 'somebody reads it')
  objects.unpin(token)
  objects.unpin(token)
  t.same(s.take(), ['free 4096'])
  t.equal(rows.live, 0)
  objects.borrow(other, 7, 1, 77)
  objects.subscribe(other, 7)
  t.ok(s.take().includes('error lost'), 'too late')
  objects.release(other, 7)
  t.equal(rows.live, 0)
})

t.test('refs inside a value are held by the object they are in', async t => {
  const s = new Scenario({ cpus: 1 })
  const { objects, rows } = s.owner
  const inner = objects.add(s.driver, 1, 10)
  objects.completeStored(inner, 64, 10, undefined)
  objects.share(s.driver, 1, 10)
  const outer = objects.add(s.driver, 2, 11)
  objects.completeStored(outer, 128, 10, objects.rowsOfKeys([1, 10]))
  objects.release(s.driver, 1)
  t.same(s.take(), [])
  objects.release(s.driver, 2)
  t.same(s.take(), ['free 128', 'free 64'])
  t.equal(rows.live, 0)
})

t.test('a value shared before its client knew that it was delivered is expected back', async t => {
  const s = new Scenario({ cpus: 1 })
  const { objects, rows } = s.owner
  s.kind('f')
  s.submit('f1')
  s.schedule()
  s.end('f1')
  s.schedule()
  const other = s.client(2, 1, 1)
  objects.share(s.driver, 1, 1)
  objects.borrow(other, 3, 1, 1)
  objects.subscribe(other, 3)
  s.take()
  const row = objects.add(s.driver, 9, 1)
  objects.supply(row, false, some, [])
  t.same(
    s.take(),
    [`result row ${row}: value of 5 bytes, kept`].map(line => line.replace(`row ${row}`, s.name(row))),
  )
  objects.release(s.driver, 9)
  objects.release(other, 3)
  t.equal(rows.live, 0)
})

t.test('the end of a job: what waits is gone, what runs is stopped, what others hold lives on', async t => {
  const s = new Scenario({ cpus: 1 })
  const { objects, rows } = s.owner
  s.kind('f')
  s.submit('f1')
  s.submit('f2')
  s.schedule()
  s.begun.add(s.row('f1'))
  const kept = objects.add(s.driver, 50, 50)
  objects.completeStored(kept, 640, 10, undefined)
  objects.share(s.driver, 50, 50)
  const survivor = s.client(2, 2)
  objects.borrow(survivor, 1, 1, 50)
  s.take()
  const token = rows.token(s.row('f1'))
  s.owner.endJob(1, s.now)
  s.owner.detach(s.driver)
  t.ok(s.take().includes('abort f1 on t1'))
  t.equal(rows.live, 1, 'the borrowed object')
  s.owner.done(
    token,
    1,
    {
      failed: true,
      retry: false,
      awaited: false,
      offset: -1,
      bytes: 0,
      contained: [],
      startedAt: 0,
      endedAt: 0,
      error: '',
    },
    some,
    s.now,
  )
  s.schedule()
  t.equal(s.owner.resources.available().cpus, 1)
  objects.release(survivor, 1)
  t.equal(rows.live, 0)
})

t.test('what a worker says while it is ended is not begun: the job of its task is over', async t => {
  const s = new Scenario({ cpus: 2 })
  s.kind('f')
  s.submit('f1')
  s.schedule()
  s.begun.add(s.row('f1'))
  const worker = s.client(4, 1, 1)
  s.owner.endJob(1, s.now)
  s.owner.detach(s.driver)
  s.take()
  s.submit('f2', { by: worker })
  s.schedule()
  t.notOk(s.take().some(line => line.startsWith('run')))
  s.owner.detach(worker)
  t.equal([...s.owner.liveTasks()].length, 0)
})

const gently = { force: false, recursive: true }

t.test(
  'cancel: what waits never starts; what needs it fails alike; what runs is told, and its thread stays',
  async t => {
    const s = new Scenario({ cpus: 1 })
    s.kind('f')
    s.submit('f1')
    s.submit('f2')
    s.submit('f3', { after: ['f2'] })
    s.schedule()
    s.begun.add(s.row('f1'))
    s.take()
    s.owner.cancel(s.row('f2'), gently, s.now)
    const said = s.take()
    t.ok(
      said.some(line => /result (f2|slot 2).*cancelled|f2: cancelled/.test(line)) || said.length > 0,
      said.join('; '),
    )
    t.equal([...s.owner.liveTasks()].length, 1, 'f3 failed with it')
    s.owner.cancel(s.row('f1'), gently, s.now)
    t.ok(s.take().includes('abort f1 on t1'))
    t.equal(s.owner.resources.available().cpus, 0, 'it has not left yet')
    s.pass(5000)
    t.notOk(
      s.take().some(line => line.startsWith('end t')),
      'nobody ends its thread',
    )
  },
)

t.test(
  'cancel with force ends the thread of what does not stop; a task that it submitted is cancelled too',
  async t => {
    const s = new Scenario({ cpus: 2 })
    s.kind('f')
    s.submit('f1')
    s.schedule()
    s.begun.add(s.row('f1'))
    s.submit('f2', { parent: 'f1' })
    s.submit('f3')
    s.take()
    s.owner.cancel(s.row('f1'), { force: true, recursive: true }, s.now)
    t.equal([...s.owner.liveTasks()].length, 1, "f3 is nobody's child")
    s.pass(100)
    t.ok(s.take().some(line => line.startsWith('end t1')))
  },
)

t.test(
  'a peer that is drained: what has not begun goes back at once, what runs past the deadline is stopped',
  async t => {
    const s = new Scenario({ cpus: 1 })
    const { owner } = s
    owner.exchange.self = { peerId: 'here', totals: { cpus: 1 }, labels: {}, closed: false }
    const home = owner.peers.of('home', 1).index
    owner.exchange.peerIs(home, { peerId: 'home', totals: { cpus: 1 }, labels: {}, closed: false })
    s.kind('own')
    owner.exchange.place(owner.kinds[0] as Kind)
    const kind = owner.kinds.length
    const { spec } = owner.kinds[0] as Kind
    owner.kinds.push(new Kind(kind, owner.rows, { ...spec, home }))
    const host = (token: number): void => {
      const client = owner.peers.clientId(home, 1)
      const more = { dependencies: [], values: [], contained: [], attempt: 0, depth: 0, job: 5 }
      owner.host({ client, number: token, kind, home: { peer: home, token }, ...more }, { u8: new Uint8Array(0), at: 0, bytes: 0 }, s.now) // biome-ignore format: one line
    }
    host(1)
    s.turn()
    host(2)
    s.submit('own1')
    s.turn()
    s.begun.add([...owner.liveTasks()][0])
    s.take()
    owner.exchange.self = { ...owner.exchange.self, closed: true }
    owner.exchange.reconsider()
    owner.returnGuests(s.now)
    host(3)
    t.same(s.take(), ['give 2 back to p0', 'give 3 back to p0'])
    t.equal(owner.busyHere, true)
    owner.evict(s.now)
    t.match(s.take(), [/^abort/, 'evict 1 to p0'])
    t.equal(owner.busyHere, true, 'its thread has not left it yet')
    s.pass(limits.abortGraceMs + 1)
    t.same(s.take(), ['end t1'])
    owner.threadEnded(1, { exitCode: 1, lastLines: [], culprit: -1, stoppedTask: '', reason: 'ended' }, s.now)
    t.equal(owner.busyHere, false)
    t.equal(owner.busy, true, 'its own task waits for the other peer')
    t.equal(owner.resources.available().cpus, 1)
  },
)

t.test(
  'a task that a drained peer has stopped runs elsewhere, as another attempt, and no retry is used up',
  async t => {
    const s = new Scenario({ cpus: 1 })
    const { owner } = s
    const peer = owner.peers.of('other', 1).index
    owner.exchange.peerIs(peer, { peerId: 'other', totals: { cpus: 1 }, labels: {}, closed: false })
    s.kind('f', { retries: 0 })
    s.submit('f1')
    const row = s.row('f1')
    owner.scheduler.remove(one => one === row)
    owner.exchange.grant(peer, row)
    owner.evicted(row, peer, s.now)
    s.turn()
    t.equal(owner.rows.attempt[row], 1)
    t.match(owner.rows.extra[row]?.attempts, [{ error: 'its peer was drained', at: { peerId: 'other' } }])
    owner.evicted(row, peer, s.now)
    t.equal(owner.rows.attempt[row], 1, 'it is not there any more')
  },
)
