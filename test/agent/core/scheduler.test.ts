import t from 'tap'
import { limits } from '../../../agent/core/limits.ts'
import { Scenario } from './scenario.ts'

/** What was begun since the last look. */
function runs(s: Scenario): string[] {
  return s
    .take()
    .filter(line => line.startsWith('run '))
    .map(line => line.split(' ')[1])
}

/** An actor that lives. */
function makeActor(s: Scenario, name: string): void {
  s.submit(name)
  s.schedule()
  s.end(name)
  s.schedule()
  s.take()
}

t.test('one CPU, two tasks: one after the other, on one thread', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('f')
  s.submit('f1')
  s.submit('f2')
  s.schedule()
  t.same(s.take(), ['start t1', 'run f1 on t1'])
  s.end('f1')
  s.schedule()
  t.same(s.take(), ['result f1: value of 5 bytes', 'run f2 on t1'])
  s.end('f2')
  s.schedule()
  t.same(s.take(), ['result f2: value of 5 bytes'])
  t.ok(s.clean)
})

t.test('fractions share a thread up to one CPU; the next begins another', async t => {
  const s = new Scenario({ cpus: 2 })
  s.kind('f', { cpus: 0.5 })
  for (let i = 1; i <= 5; i++) s.submit(`f${i}`)
  s.schedule()
  t.same(s.take(), ['start t1', 'run f1 on t1', 'run f2 on t1', 'start t2', 'run f3 on t2', 'run f4 on t2'])
  s.end('f1')
  s.schedule()
  t.same(s.take(), ['result f1: value of 5 bytes', 'run f5 on t1'])
  for (const name of ['f2', 'f3', 'f4', 'f5']) s.end(name)
  s.schedule()
  t.ok(s.clean, 'every part of a CPU is back')
})

t.test(
  'a task that awaits its child frees its CPU; the child runs before other roots; the parent goes on first',
  async t => {
    const s = new Scenario({ cpus: 1 })
    s.kind('f')
    s.kind('g')
    s.submit('f1')
    s.submit('f2')
    s.schedule()
    const worker = s.client(2, 0, 1)
    s.submit('g1', { by: worker, parent: 'f1' })
    s.suspend('f1')
    s.schedule()
    t.same(s.take(), ['start t1', 'run f1 on t1', 'run g1 on t1'], 'the child, where its parent awaits it')
    s.end('g1')
    s.resume('f1')
    s.schedule()
    t.same(s.take(), ['result g1: value of 5 bytes', 'resume f1 on t1'], 'not f2')
    s.end('f1', { awaited: true })
    s.schedule()
    t.same(s.take(), ['result f1: value of 5 bytes', 'run f2 on t1'])
    s.end('f2')
    s.schedule()
    t.ok(s.clean)
  },
)

t.test('a root does not start on a thread that holds a suspended task of others, unless it is quick', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('f')
  s.kind('slow')
  s.kind('quick')
  s.submit('f1')
  s.schedule()
  s.suspend('f1')
  s.submit('slow1')
  s.schedule()
  t.same(s.take(), ['start t1', 'run f1 on t1', 'start t2', 'run slow1 on t2'])
  s.end('slow1', { ms: 500 })
  s.submit('quick1')
  s.schedule()
  s.end('quick1', { ms: 1 })
  s.take()
  t.equal(s.owner.scheduler.suspended, 1)
})

t.test('short tasks are sent ahead, and taken back from behind one that turns out long', async t => {
  const s = new Scenario({ cpus: 2 })
  s.kind('f')
  s.submit('f1')
  s.schedule()
  s.end('f1', { ms: 0.01 })
  s.take()
  for (let i = 2; i <= 41; i++) s.submit(`f${i}`)
  s.schedule()
  const sent = s.take().filter(line => line.startsWith('run'))
  t.equal(sent.length, 40, 'all at once')
  t.equal(new Set(sent.map(line => line.split(' on ')[1])).size, 2, 'over both threads')
  const first = sent.filter(line => line.endsWith('t1')).map(line => line.split(' ')[1])
  s.begun.add(s.row(first[0]))
  const second = sent.filter(line => line.endsWith('t2')).map(line => line.split(' ')[1])
  for (const name of second) s.end(name, { ms: 0.01 })
  s.schedule()
  s.now += limits.stuckAfterMs + 1
  s.owner.scheduler.unstick(s.now)
  s.take()
  s.schedule()
  const moved = s.take().filter(line => line.startsWith('run'))
  t.ok(moved.length >= 1 && moved.every(line => line.endsWith('t2')), moved.join())
})

t.test('higher priority first; of equals, kinds take turns', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('busy')
  s.submit('busy1')
  s.schedule()
  s.kind('low', { priority: -1 })
  s.kind('high', { priority: 5 })
  s.kind('a')
  s.kind('b')
  for (const name of ['low1', 'a1', 'a2', 'b1', 'b2', 'high1']) s.submit(name)
  s.take()
  const order: string[] = []
  for (let running = 'busy1'; running; ) {
    s.end(running)
    s.schedule()
    running =
      s
        .take()
        .find(line => line.startsWith('run'))
        ?.split(' ')[1] ?? ''
    if (running) order.push(running)
  }
  t.same(order, ['high1', 'a1', 'b1', 'a2', 'b2', 'low1'])
  t.ok(s.clean)
})

t.test('a request that has waited long is not overtaken for ever by smaller ones', async t => {
  const s = new Scenario({ cpus: 2 })
  s.kind('small')
  s.kind('large', { cpus: 2 })
  s.submit('small1')
  s.submit('small2')
  s.schedule()
  s.submit('large1')
  s.now += limits.ageingMs + 1
  s.submit('small3')
  s.end('small1')
  s.schedule()
  s.take()
  s.end('small2')
  s.schedule()
  t.ok(s.take().includes('run large1 on t1') || s.owner.rows.state[s.row('large1')] === 3, 'the large one runs')
})

t.test('what is held back names what it waits behind; what needs nothing of that goes on', async t => {
  const s = new Scenario({ cpus: 4, gpus: 1 })
  s.kind('small')
  s.kind('large', { cpus: 4 })
  s.kind('shader', { cpus: 0, gpus: 1 })
  s.submit('small1')
  s.submit('small2')
  s.schedule()
  s.submit('large1')
  s.now += limits.ageingMs + 1
  for (const name of ['small3', 'shader1']) s.submit(name)
  s.schedule()
  t.same(runs(s), ['small1', 'small2', 'shader1'])
  const { scheduler } = s.owner
  t.equal(scheduler.reason(s.row('large1')), 'waits for cpus')
  t.equal(scheduler.reason(s.row('small3')), 'waits behind large, which waits for cpus')
  t.same([...scheduler.waiting()].map(({ reason }) => reason).sort(), [
    'waits behind large, which waits for cpus',
    'waits for cpus',
  ])
  for (const name of ['small1', 'small2', 'shader1']) s.end(name)
  s.schedule()
  t.same(runs(s), ['large1'])
  t.equal(scheduler.reason(s.row('small3')), 'waits for cpus')
  s.end('large1')
  s.schedule()
  t.same(runs(s), ['small3'])
  s.end('small3')
  s.schedule()
  t.ok(s.clean)
})

t.test('an actor that waits for what another keeps stops nothing, and has it when that is over', async t => {
  const s = new Scenario({ cpus: 4, gpus: 1 })
  s.kind('Model', { cpus: 0, gpus: 1, actor: {} })
  s.kind('Half', { cpus: 0, gpus: 0.5, actor: {} })
  s.kind('Zero', { cpus: 0, actor: {} })
  s.kind('f')
  makeActor(s, 'Model1')
  s.submit('Model2')
  s.schedule()
  s.now += limits.ageingMs + 1
  for (const name of ['f1', 'Zero1', 'Half1']) s.submit(name)
  s.schedule()
  t.same(runs(s), ['f1', 'Zero1'])
  t.equal(s.owner.scheduler.reason(s.row('Model2')), 'waits for gpus')
  t.equal(s.owner.scheduler.reason(s.row('Half1')), 'waits for gpus')
  s.owner.endActor(s.row('Model1'), 'ended', s.now)
  s.owner.actors.dismissed(s.owner.rows.token(s.row('Model1')))
  s.schedule()
  t.same(runs(s), ['Model2'], 'it has waited longest')
})

t.test(
  'short tasks are sent ahead beside an actor that waits for what another keeps as if they were alone',
  async t => {
    const s = new Scenario({ cpus: 1, gpus: 1 })
    s.kind('Model', { cpus: 0, gpus: 1, actor: {} })
    s.kind('f')
    makeActor(s, 'Model1')
    s.submit('Model2')
    s.submit('f1')
    s.schedule()
    s.end('f1', { ms: 0.01 })
    s.take()
    for (let i = 2; i <= 41; i++) s.submit(`f${i}`)
    s.schedule()
    t.equal(runs(s).length, 40)
  },
)

t.test('what is too wide beside the actors that live here, a task or an actor, stops nothing', async t => {
  for (const wide of ['wide1', 'Wide1']) {
    const s = new Scenario({ cpus: 4 })
    s.kind('Narrow', { cpus: 1, actor: {} })
    s.kind('Zero', { cpus: 0, actor: {} })
    s.kind('Wide', { cpus: 4, actor: {} })
    s.kind('wide', { cpus: 4 })
    s.kind('f')
    makeActor(s, 'Narrow1')
    s.submit(wide)
    s.schedule()
    s.now += limits.ageingMs + 1
    for (const name of ['f1', 'Narrow2', 'Zero1']) s.submit(name)
    s.schedule()
    t.same(runs(s).sort(), ['Narrow2', 'Zero1', 'f1'], wide)
    t.equal(s.owner.scheduler.reason(s.row(wide)), 'waits for cpus')
  }
})

t.test('a wide task beside an actor is not overtaken for ever where the two have room', async t => {
  const s = new Scenario({ cpus: 4 })
  s.kind('Narrow', { cpus: 1, actor: {} })
  s.kind('wide', { cpus: 3 })
  s.kind('f')
  makeActor(s, 'Narrow1')
  s.submit('f1')
  s.submit('f2')
  s.schedule()
  s.submit('wide1')
  s.now += limits.ageingMs + 1
  s.submit('f3')
  s.schedule()
  t.same(runs(s), ['f1', 'f2'])
  t.equal(s.owner.scheduler.reason(s.row('f3')), 'waits behind wide, which waits for cpus')
  s.end('f1')
  s.end('f2')
  s.schedule()
  t.same(runs(s), ['wide1'])
})

t.test('short tasks that are sent ahead do not keep a wide one waiting for ever', async t => {
  const s = new Scenario({ cpus: 2 })
  s.kind('short')
  s.kind('wide', { cpus: 2 })
  for (const name of ['short1', 'short2']) s.submit(name)
  s.schedule()
  for (const name of ['short1', 'short2']) s.end(name, { ms: 0.1 })
  let next = 3
  for (; next < 203; next++) s.submit(`short${next}`)
  s.schedule()
  s.submit('wide1')
  s.now += limits.ageingMs + 1
  const sent = runs(s).slice(2)
  for (let turn = 0; turn < 200; turn++) {
    // One of each thread ends, another comes for it.
    for (let i = 0; i < 2 && sent.length > 0; i++) s.end(sent.shift() as string, { ms: 0.1 })
    for (let i = 0; i < 2; i++) s.submit(`short${next++}`)
    s.schedule()
    sent.push(...runs(s))
    if (sent.includes('wide1')) return
  }
  t.equal(sent.includes('wide1'), true)
})

t.test('a request holds back nothing that its own turn comes after', async t => {
  const s = new Scenario({ cpus: 3 })
  s.kind('wide', { cpus: 3 })
  s.kind('high', { priority: 1 })
  s.kind('busy')
  s.submit('busy1')
  s.schedule()
  s.submit('wide1')
  s.now += limits.ageingMs + 1
  s.submit('high1')
  s.submit('high2')
  s.schedule()
  t.same(runs(s), ['busy1', 'high1', 'high2'])
})

t.test('what a task keeps while it awaits is held back from nobody: it may await one of those', async t => {
  const s = new Scenario({ cpus: 2, gpus: 1 })
  s.kind('part', { cpus: 0, gpus: 0.5 })
  s.kind('whole', { cpus: 0, gpus: 1, priority: 1 })
  s.submit('part1')
  s.schedule()
  s.submit('whole1')
  s.now += limits.ageingMs + 1
  s.submit('part2', { by: s.client(2, 0, 1), parent: 'part1' })
  s.schedule()
  t.same(runs(s), ['part1'])
  t.equal(s.owner.scheduler.reason(s.row('part2')), 'waits behind whole, which waits for gpus')
  s.suspend('part1')
  s.schedule()
  t.same(runs(s), ['part2'])
  s.end('part2')
  s.resume('part1')
  s.schedule()
  s.end('part1', { awaited: true })
  s.schedule()
  t.same(runs(s), ['whole1'])
  s.end('whole1')
  s.schedule()
  t.ok(s.clean)
})

t.test('tasks of two jobs never share a thread at a time', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('f', { cpus: 0.1 })
  const other = s.client(2, 2)
  s.submit('f1')
  s.submit('f2', { by: other })
  s.submit('f3')
  s.schedule()
  t.same(s.take(), ['start t1', 'run f1 on t1', 'start t2', 'run f2 on t2', 'run f3 on t1'])
})

t.test('an idle thread ends after a minute, a busy one stays', async t => {
  const s = new Scenario({ cpus: 2 })
  s.kind('f')
  s.submit('f1')
  s.submit('f2')
  s.schedule()
  s.end('f1')
  s.schedule()
  s.take()
  s.now += limits.threadIdleMs + 1
  s.owner.scheduler.endIdle(s.now)
  t.same(s.take(), ['end t1'])
})

t.test(
  '200 tasks of random fractions on random events: never more than there is, and all of it comes back',
  async t => {
    let seed = 7
    const random = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      return seed / 2 ** 32
    }
    for (let round = 0; round < 20; round++) {
      const s = new Scenario({ cpus: 1 + Math.floor(random() * 4), gpus: 1 })
      const total = s.owner.resources.total()
      for (const name of 'abcde')
        s.kind(name, { cpus: Math.ceil(random() * 10_000) / 10_000, gpus: random() < 0.3 ? 0.5 : 0 })
      const running = new Set<string>()
      let submitted = 0
      let ended = 0
      for (let step = 0; ended < 200; step++) {
        if (step > 20_000) throw new Error(`stuck at ${ended} (seed of round ${round})`)
        if (submitted < 200 && random() < 0.6) s.submit(`${'abcde'[Math.floor(random() * 5)]}${++submitted}`)
        s.now += random() * 3
        s.schedule()
        for (const line of s.take()) if (line.startsWith('run')) running.add(line.split(' ')[1])
        const available = s.owner.resources.available()
        if (available.cpus < 0 || available.gpus < 0) throw new Error('more than there is')
        if (running.size > 0 && random() < 0.7) {
          const [name] = [...running].slice(Math.floor(random() * running.size))
          running.delete(name)
          s.end(name, { ms: random() * 5 })
          ended++
        }
      }
      s.schedule()
      t.same(s.owner.resources.available(), total)
      t.ok(s.clean)
    }
  },
)

t.test('a task that awaits frees its CPU and keeps its GPU; GPUs are given by number', async t => {
  const s = new Scenario({ cpus: 1, gpus: 2 })
  s.kind('g', { gpus: 1 })
  s.kind('h', { cpus: 0.1, gpus: 0.5 })
  s.submit('g1')
  s.schedule()
  const row = s.row('g1')
  t.same(s.owner.rows.extra[row]?.gpus, [0])
  s.suspend('g1')
  s.schedule()
  t.match(s.owner.resources.available(), { cpus: 1, gpus: 1 })
  for (const name of ['h1', 'h2', 'h3']) s.submit(name)
  s.schedule()
  t.same(
    ['h1', 'h2'].map(name => s.owner.rows.extra[s.row(name)]?.gpus),
    [[1], [1]],
    'two halves of the second',
  )
  t.equal(s.owner.resources.available().gpus, 0)
  s.end('h1')
  s.end('h2')
  s.resume('g1')
  s.schedule()
  t.same(s.owner.rows.extra[row]?.gpus, [0], 'the same as before')
  s.end('g1', { awaited: true })
  s.schedule()
  s.end('h3')
  s.schedule()
  t.ok(s.clean)
})

t.test('a suspended task that ends, or whose thread does, gives back what it kept', async t => {
  for (const how of ['task', 'thread'] as const) {
    const s = new Scenario({ cpus: 1, gpus: 1 })
    s.kind('g', { gpus: 1, retries: 0 })
    s.submit('g1')
    s.schedule()
    s.begun.add(s.row('g1'))
    s.suspend('g1')
    s.schedule()
    if (how === 'task') s.end('g1', { awaited: true, failed: true })
    else s.owner.threadEnded(1, { exitCode: 1, lastLines: [], culprit: -1, reason: 'gone' }, s.now)
    s.schedule()
    t.same(s.owner.resources.available(), s.owner.resources.total())
    t.ok(s.clean)
  }
})
