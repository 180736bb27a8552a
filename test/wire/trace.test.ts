import fc from 'fast-check'
import t from 'tap'
import type { TaskRow, TaskState } from '../../wire/state.ts'
import { chromeTrace, type TracePhase, type TraceSource } from '../../wire/trace.ts'
import { readTrace } from './trace-format.ts'

const base = 1_760_000_000_000
const resources = { cpus: 1, gpus: 0, memoryBytes: 0 }

function taskRow(n: number, row: Partial<TaskRow>): TaskRow {
  return {
    taskId: `task${n}`,
    name: `f${n % 3}`,
    kind: 'task',
    state: 'finished',
    jobId: 'job',
    ownerId: 'A',
    attempt: Math.max(1, row.attempts?.length ?? 0),
    attempts: [],
    submittedAt: base,
    resources,
    ...row,
  }
}

function source(tasks: TaskRow[], more: Partial<TraceSource> = {}): TraceSource {
  const peers = ['A', 'B'].map(peerId => ({ peerId, pid: 1 }))
  return { peers, tasks, phases: [], clocks: [], now: base + 1000, ...more }
}

t.test('one task: submission, wait, queue, fetch, run and store, with the arrow from submission to run', t => {
  const run = { peerId: 'B', workerId: 't1', pid: 2, startedAt: base + 50, endedAt: base + 90 }
  const of = { taskId: 'task1', attempt: 1 }
  const phases: TracePhase[] = [
    { ...of, peerId: 'A', phase: 'wait', startedAt: base, endedAt: base + 10, bytes: 0 },
    { ...of, peerId: 'B', phase: 'fetch', startedAt: base + 20, endedAt: base + 40, bytes: 5000 },
    { ...of, peerId: 'B', phase: 'store', startedAt: base + 80, endedAt: base + 90, bytes: 7000 },
  ]
  const { slices, events, threads } = readTrace(chromeTrace(source([taskRow(1, { attempts: [run] })], { phases })))
  const shown = slices.map(({ cat, ts, dur, pid, tid }) => [cat, ts, dur, pid, threads.get(tid)])
  t.same(shown, [
    ['wait', 0, 10_000, 1, 'waiting'],
    ['submit', 0, 0, 1, 'submitted'],
    ['queue', 10_000, 40_000, 1, 'waiting'],
    ['fetch', 20_000, 20_000, 2, 'fetching'],
    ['run', 50_000, 40_000, 2, 'worker t1'],
    ['store', 80_000, 10_000, 2, 'worker t1'],
  ])
  const found = slices.find(({ cat }) => cat === 'run')
  t.equal(found?.name, 'f1')
  t.match(found?.args, { name: 'f1', taskId: 'task1', attempt: 1, jobId: 'job', state: 'finished' })
  t.equal(slices.find(({ cat }) => cat === 'fetch')?.args.bytes, 5000)
  t.equal(events.filter(({ ph }) => ph === 's').length, 1)
  t.end()
})

t.test('a clock that is ahead is set right; what has not ended is drawn up to now', t => {
  const run = { peerId: 'B', workerId: 't1', pid: 2, startedAt: base + 60_010 }
  const clocks = [{ peerId: 'B', aheadMs: 60_000, uncertainMs: 1 }]
  const tasks = [taskRow(1, { state: 'running', attempts: [run] }), taskRow(2, { state: 'queued' })]
  const { slices } = readTrace(chromeTrace(source(tasks, { clocks })))
  const of = (cat: string) => slices.filter(slice => slice.cat === cat)
  t.same([of('run')[0].ts, of('run')[0].dur], [10_000, 990_000])
  t.same(
    of('queue')
      .map(({ dur }) => dur)
      .toSorted(),
    [10_000, 1_000_000].toSorted(),
  )
  t.end()
})

t.test('an attempt that failed and the one after it are two runs, with two arrows from one submission', t => {
  const attempts = [
    { peerId: 'A', workerId: 't1', pid: 1, startedAt: base + 1, endedAt: base + 2, error: 'lost' },
    { peerId: 'A', workerId: 'p2', pid: 7, startedAt: base + 5, endedAt: base + 6 },
  ]
  const { slices, events, threads } = readTrace(chromeTrace(source([taskRow(1, { attempts })])))
  const runs = slices.filter(({ cat }) => cat === 'run')
  t.same(
    runs.map(({ args, tid }) => [args.attempt, args.state, args.error, threads.get(tid)]),
    [
      [1, 'failed', 'lost', 'worker t1'],
      [2, 'finished', undefined, 'worker p2 (pid 7)'],
    ],
  )
  t.equal(events.filter(({ ph }) => ph === 'f').length, 2)
  t.equal(slices.filter(({ cat }) => cat === 'submit').length, 1)
  t.end()
})

t.test('10,000 tasks that were submitted together take few lanes', t => {
  const tasks = Array.from({ length: 10_000 }, (_, n) => {
    const startedAt = base + n / 10 + 1
    return taskRow(n, {
      submittedAt: base + Math.floor(n / 256) * 0.3,
      attempts: [{ peerId: 'A', workerId: `t${n % 2}`, pid: 1, startedAt, endedAt: startedAt + 0.15 }],
    })
  })
  const { slices, threads } = readTrace(chromeTrace(source(tasks)))
  t.equal(slices.filter(({ cat }) => cat === 'run').length, 10_000)
  t.equal(slices.filter(({ cat }) => cat === 'queue').length, 10_000)
  t.ok(threads.size < 250, `${threads.size}`)
  t.end()
})

t.test('whatever the rows say, and nothing at all: a trace', t => {
  readTrace(chromeTrace(source([])))
  const time = fc.double({ min: -50, max: 2000, noNaN: true })
  const states: TaskState[] = ['waiting', 'queued', 'running', 'finished', 'failed', 'cancelled']
  const attempt = fc.record({
    peerId: fc.constantFrom('A', 'B', 'gone'),
    workerId: fc.constantFrom('t1', 't2', 'p3', ''),
    pid: fc.constant(1),
    startedAt: time.map(ms => base + ms),
    endedAt: fc.option(
      time.map(ms => base + ms),
      { nil: undefined },
    ),
  })
  const row = fc.record({
    submittedAt: time.map(ms => base + ms),
    state: fc.constantFrom(...states),
    attempts: fc.array(attempt, { maxLength: 3 }),
    attempt: fc.integer({ min: 1, max: 3 }),
    name: fc.string(),
  })
  const phase = fc.record({
    taskId: fc.constantFrom('task0', 'task1', 'task2', 'nobody'),
    attempt: fc.integer({ min: 1, max: 3 }),
    peerId: fc.constantFrom('A', 'B'),
    phase: fc.constantFrom('wait' as const, 'fetch' as const, 'store' as const),
    startedAt: time.map(ms => base + ms),
    endedAt: time.map(ms => base + ms),
    bytes: fc.nat(),
  })
  fc.assert(
    fc.property(fc.array(row, { maxLength: 12 }), fc.array(phase, { maxLength: 12 }), (rows, phases) => {
      const tasks = rows.map((one, n) => taskRow(n, one as Partial<TaskRow>))
      const { slices } = readTrace(chromeTrace(source(tasks, { phases })))
      const runs = rows.reduce((sum, { attempts }) => sum + attempts.length, 0)
      return slices.filter(({ cat }) => cat === 'run').length === runs
    }),
  )
  t.end()
})
