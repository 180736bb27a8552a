import t from 'tap'
import { limits } from '../../../agent/core/limits.ts'
import { Scenario } from './scenario.ts'

t.test('processes and threads are never mixed, nor processes of two pools', async t => {
  const s = new Scenario({ cpus: 3 })
  s.kind('thread')
  s.kind('red', { pool: 'red' })
  s.kind('blue', { pool: 'blue' })
  for (const name of ['thread1', 'red1', 'blue1']) s.submit(name)
  s.schedule()
  t.same(s.take().sort(), [
    'run blue1 on t3',
    'run red1 on t2',
    'run thread1 on t1',
    'start process blue t3',
    'start process red t2',
    'start t1',
  ])
  for (const name of ['thread1', 'red1', 'blue1']) s.end(name)
  s.schedule()
  s.take()
  s.submit('red2')
  s.schedule()
  t.same(s.take(), ['run red2 on t2'], 'a process is used again')
  s.end('red2')
  s.schedule()
  t.ok(s.clean)
})

t.test('a process serves one job, also when it is idle; it ends with that job', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('f', { pool: 'p' })
  s.submit('f1')
  s.schedule()
  s.end('f1')
  s.schedule()
  t.same(s.take(), ['start process p t1', 'run f1 on t1', 'result f1: value of 5 bytes'])
  const other = s.client(7, 7)
  s.submit('f2', { by: other })
  s.schedule()
  t.same(s.take(), ['start process p t2', 'run f2 on t2'])
  s.owner.endJob(s.driver.job, s.now)
  t.same(s.take(), ['end t1'])
  s.owner.threadEnded(1, { exitCode: 0, lastLines: [], culprit: -1, reason: 'ended' }, s.now)
  s.end('f2')
  s.schedule()
  t.ok(s.clean)
})

t.test('a busy process of a job that is over ends when it is idle, not a minute later', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('f', { pool: 'p' })
  s.submit('f1')
  s.schedule()
  s.begun.add(s.row('f1'))
  const token = s.owner.rows.token(s.row('f1'))
  s.owner.endJob(s.driver.job, s.now)
  s.take()
  s.owner.done(
    token,
    1,
    {
      failed: false,
      retry: false,
      awaited: false,
      offset: -1,
      bytes: 0,
      contained: [],
      startedAt: s.now,
      endedAt: s.now,
      error: undefined,
    },
    { u8: new Uint8Array(8), at: 0, bytes: 5 },
    s.now,
  )
  s.schedule()
  s.owner.scheduler.endIdle(s.now)
  t.same(s.take(), ['end t1', 'start process p t2'], 'and another is ready for the next job')
})

t.test('nothing is sent ahead to a process: it could not be taken back', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('f', { pool: 'p' })
  for (let i = 1; i <= 20; i++) {
    s.submit(`f${i}`)
    s.submit(`f${i + 100}`)
    s.schedule()
    t.equal(s.take().filter(line => line.startsWith('run')).length, 1, 'one')
    s.end(`f${i}`, { ms: 0.001 })
    s.schedule()
    t.equal(s.take().filter(line => line.startsWith('run')).length, 1, 'and the next after it')
    s.end(`f${i + 100}`, { ms: 0.001 })
    s.schedule()
    s.take()
  }
  t.ok(s.clean)
})

t.test('async tasks share a process as their cpus allow; with a memory limit each has it alone', async t => {
  const s = new Scenario({ cpus: 1, memoryBytes: 1000 })
  s.kind('shared', { pool: 'p', cpus: 0.5 })
  s.kind('limited', { pool: 'm', cpus: 0.4, memoryBytes: 100 })
  s.submit('shared1')
  s.submit('shared2')
  s.schedule()
  t.same(s.take(), ['start process p t1', 'run shared1 on t1', 'run shared2 on t1'])
  s.end('shared1')
  s.end('shared2')
  s.schedule()
  s.take()
  s.submit('limited1')
  s.submit('limited2')
  s.schedule()
  t.same(s.take(), ['start process m t2', 'run limited1 on t2', 'start process m t3', 'run limited2 on t3'])
  s.end('limited1')
  s.end('limited2')
  s.schedule()
  t.ok(s.clean)
})

t.test('a child that cannot run where its parent awaits it starts, however many workers there are', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('thread')
  s.kind('process', { pool: 'p' })
  let parent = s.submit('thread1')
  s.schedule()
  const depth = 3 * limits.threadsPerCpu
  for (let i = 2; i <= depth; i++) {
    const worker = s.client(100 + i, 0, s.owner.rows.thread[s.row(parent)])
    const child = s.submit(i % 2 === 0 ? `process${i}` : `thread${i}`, { by: worker, parent })
    s.suspend(parent)
    s.schedule()
    t.ok(
      s.take().some(line => line.startsWith(`run ${child} `)),
      `${child} runs`,
    )
    parent = child
  }
  for (let i = depth; i >= 1; i--) {
    const name = i % 2 === 0 ? `process${i}` : `thread${i}`
    if (i < depth) s.resume(name)
    s.schedule()
    s.end(name, { awaited: i < depth })
  }
  s.schedule()
  t.ok(s.clean)
})

t.test('where no more may start, the idle process that was used longest ago makes room', async t => {
  const s = new Scenario({ cpus: 1 })
  for (let i = 1; i <= limits.threadsPerCpu; i++) {
    const kind = `env${'abcdefghij'[i]}`
    s.kind(kind, { pool: kind })
    s.submit(`${kind}1`)
    s.schedule()
    s.end(`${kind}1`)
    s.pass(10)
    s.schedule()
  }
  s.take()
  s.kind('more', { pool: 'more' })
  s.submit('more1')
  s.schedule()
  t.same(s.take(), [
    'end t1',
    `start process more t${limits.threadsPerCpu + 1}`,
    `run more1 on t${limits.threadsPerCpu + 1}`,
  ])
  s.end('more1')
  s.schedule()
  t.ok(s.clean)
})

t.test('a pool that a job has declared has a process before its first task, and another for the next job', async t => {
  const s = new Scenario({ cpus: 1 })
  const { scheduler } = s.owner
  s.kind('f', { pool: 'p' })
  scheduler.expectProcesses('p', s.driver.job, s.now)
  scheduler.expectProcesses('p', s.driver.job, s.now)
  t.same(s.take(), ['start process p t1'])
  s.submit('f1')
  s.schedule()
  t.same(s.take(), ['run f1 on t1'], 'the first task starts none')
  scheduler.endIdle(s.now)
  t.same(s.take(), ['start process p t2'], 'and one is ready again')
  s.end('f1')
  s.schedule()
  s.take()
  s.pass(limits.threadIdleMs)
  scheduler.endIdle(s.now)
  t.same(s.take(), ['end t1'], 'what is kept ready does not end with a minute of idleness')
  s.owner.endJob(s.driver.job, s.now)
  s.pass(limits.spareMs)
  scheduler.endIdle(s.now)
  scheduler.endIdle(s.now)
  t.same(s.take(), ['end t2'], 'but with the interest in it')
  t.ok(s.clean)
})

t.test('out of memory is a system failure: it uses up retries, and fails with limit and use', async t => {
  const s = new Scenario({ cpus: 1, memoryBytes: 1000 })
  s.kind('hog', { pool: 'm', memoryBytes: 100, retries: 1 })
  s.submit('hog1')
  for (const thread of [1, 2]) {
    s.schedule()
    t.same(s.take(), [`start process m t${thread}`, `run hog1 on t${thread}`])
    s.begun.add(s.row('hog1'))
    const outOfMemory = { limitBytes: 100, usedBytes: 120 }
    const end = { exitCode: null, signal: 'SIGKILL', isProcess: true, lastLines: [], culprit: -1, reason: 'memory' }
    s.owner.threadEnded(thread, { ...end, outOfMemory }, s.now)
  }
  t.same(s.take(), ['error out-of-memory', 'result hog1: error of 3 bytes'])
  s.schedule()
  t.ok(s.clean)
})
