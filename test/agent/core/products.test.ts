import t from 'tap'
import { state } from '../../../agent/core/rows.ts'
import { Scenario } from './scenario.ts'

const small = { u8: new Uint8Array(5), at: 0, bytes: 5 }

/** A worker gives one more: a small value, or bytes in the store. */
function give(s: Scenario, name: string, index: number, offset = -1): void {
  const { rows } = s.owner
  const row = s.row(name)
  const product = { index, failed: false, offset, bytes: offset < 0 ? 0 : 1000, contained: [] }
  s.owner.product(rows.token(row), rows.thread[row], product, small)
}

function stream(kind: { retries?: number } = {}): Scenario {
  const s = new Scenario({ cpus: 1 })
  s.kind('g', { returns: 0, ...kind })
  s.submit('g1')
  s.schedule()
  s.take()
  return s
}

/** The driver reads g1 from an item on. */
function read(s: Scenario, from = 0): void {
  const slot = s.owner.rows.slot[s.row('g1')]
  s.owner.products.readBy(s.row('g1'), { client: s.driver.id, slot, told: false }, from)
}

/** The driver reads g1 no more, and lets go of it. */
function leave(s: Scenario): void {
  s.owner.products.close(s.row('g1'))
  s.owner.objects.release(s.driver, s.owner.rows.slot[s.row('g1')])
}

t.test('parts are there before their task ends, and go when they were delivered', async t => {
  const s = new Scenario({ cpus: 1 })
  s.kind('p', { returns: 2 })
  s.submit('p1', { parts: 2 })
  s.schedule()
  s.take()
  t.equal(s.owner.rows.live, 3)
  give(s, 'p1', 0)
  t.match(s.take(), ['result row 1: value of 5 bytes'])
  give(s, 'p1', 1)
  s.end('p1')
  s.schedule()
  t.match(s.take(), ['result row 2: value of 5 bytes', 'result p1: value of 5 bytes'])
  t.ok(s.clean)
})

t.test('a task that fails fails all of its parts; one that is cancelled takes its siblings along', async t => {
  for (const how of ['fails', 'cancelled']) {
    const s = new Scenario({ cpus: 1 })
    s.kind('p', { returns: 2, retries: 0 })
    s.submit('p1', { parts: 2 })
    s.schedule()
    s.take()
    if (how === 'fails') s.end('p1', { failed: true })
    else {
      // It has not begun: it is taken back.
      s.owner.cancel(s.driver.row(102), { force: false, recursive: false }, s.now)
    }
    s.schedule()
    const errors = s.take().filter(line => /^result .*error/.test(line))
    t.equal(errors.length, 3, how)
    t.ok(s.clean, how)
  }
})

t.test('a reader is told of items as they come, takes them, and hears of the end', async t => {
  const s = stream()
  read(s)
  give(s, 'g1', 0)
  t.same(s.take(), ['item 0 to g1'])
  s.owner.products.taken(s.row('g1'), 1)
  t.same(s.take(), ['credit g1 on t1: 1'])
  t.equal(s.owner.rows.live, 1, 'what was taken and is held by nobody is gone')
  give(s, 'g1', 1)
  s.end('g1')
  s.schedule()
  t.same(s.take(), ['item 1 to g1', 'result g1: value of 5 bytes, kept', 'end of g1 after 2'])
  s.owner.products.taken(s.row('g1'), 2)
  s.owner.objects.release(s.driver, s.owner.rows.slot[s.row('g1')])
  t.ok(s.clean)
})

t.test('items that were made before anybody read are told of at the first question', async t => {
  const s = stream()
  give(s, 'g1', 0)
  give(s, 'g1', 1)
  s.end('g1')
  s.schedule()
  s.take()
  read(s)
  t.same(s.take().slice(-3), ['item 0 to g1', 'item 1 to g1', 'end of g1 after 2'])
  leave(s)
  t.ok(s.clean)
})

t.test('leaving ends the producer; what it says afterwards is dropped, and its room given back', async t => {
  const s = stream()
  s.begun.add(s.row('g1'))
  read(s)
  give(s, 'g1', 0, 64)
  s.take()
  s.owner.products.close(s.row('g1'))
  t.same(s.take(), ['free 64', 'credit g1 on t1: end'])
  give(s, 'g1', 1, 128)
  t.same(s.take(), ['free 128'])
  s.end('g1')
  s.owner.objects.release(s.driver, s.owner.rows.slot[s.row('g1')])
  s.schedule()
  t.ok(s.clean)
})

t.test('a stream that nobody has any more ends its producer, or never begins it', async t => {
  const s = stream()
  s.submit('g2')
  s.begun.add(s.row('g1'))
  s.schedule()
  s.take()
  for (const name of ['g1', 'g2']) s.owner.objects.release(s.driver, s.owner.rows.slot[s.row(name)])
  t.match(s.take(), ['credit g1 on t1: end', 'error cancelled'])
  s.end('g1')
  s.schedule()
  t.ok(s.clean)
})

t.test('an attempt that dies is made again: items that are there stay, and those made twice are dropped', async t => {
  const s = stream()
  s.begun.add(s.row('g1'))
  read(s)
  give(s, 'g1', 0)
  give(s, 'g1', 1)
  s.owner.products.taken(s.row('g1'), 1)
  s.take()
  s.owner.threadEnded(1, { exitCode: 1, reason: 'died', culprit: -1, lines: [], isProcess: false } as never, s.now)
  s.schedule()
  t.match(s.take(), ['start t2', 'run g1 on t2'])
  t.equal(s.owner.creditOf(s.row('g1')), 1, 'what was taken counts for the new attempt too')
  give(s, 'g1', 0)
  give(s, 'g1', 1)
  give(s, 'g1', 2)
  t.same(s.take(), ['item 2 to g1'])
  s.end('g1')
  s.schedule()
  leave(s)
  t.ok(s.clean)
})

t.test('a generator that fails: items first, then the failure', async t => {
  const s = stream({ retries: 0 })
  read(s)
  give(s, 'g1', 0)
  s.end('g1', { failed: true })
  s.schedule()
  t.same(s.take(), ['item 0 to g1', 'result g1: error of 5 bytes, kept', 'end of g1 after 1, failed'])
  leave(s)
  t.ok(s.clean)
})

t.test('items that were taken and let go are made again for a reader that begins anew', async t => {
  const s = stream()
  read(s)
  for (const index of [0, 1]) give(s, 'g1', index)
  s.owner.products.taken(s.row('g1'), 2)
  s.end('g1')
  s.schedule()
  s.take()
  read(s)
  s.schedule()
  t.same(s.take(), ['item 0 to g1', 'item 1 to g1', 'end of g1 after 2', 'run g1 on t1'])
  t.equal(s.owner.creditOf(s.row('g1')), Number.MAX_SAFE_INTEGER, 'nothing holds it up')
  for (const index of [0, 1]) give(s, 'g1', index)
  const item = s.owner.products.of(s.row('g1'))?.rows[1] ?? -1
  t.equal(s.owner.rows.state[item], state.ready)
  s.end('g1')
  s.schedule()
  leave(s)
  t.ok(s.clean)
})

t.test(
  'a reader begins anew while the generator runs: what it let go is made again at once, not after the end',
  async t => {
    const s = stream()
    s.begun.add(s.row('g1'))
    read(s)
    for (const index of [0, 1]) give(s, 'g1', index)
    s.owner.products.taken(s.row('g1'), 2)
    s.take()
    read(s)
    t.same(s.take(), ['credit g1 on t1: end', 'item 0 to g1', 'item 1 to g1'])
    s.owner.products.taken(s.row('g1'), 1)
    t.same(s.take(), ['credit g1 on t1: end'], 'it is not told to go on')
    s.end('g1')
    s.schedule()
    t.same(s.take(), ['run g1 on t1'])
    t.equal(s.owner.creditOf(s.row('g1')), 1)
    for (const index of [0, 1, 2]) give(s, 'g1', index)
    t.same(s.take(), ['item 2 to g1'])
    s.end('g1')
    s.schedule()
    s.owner.products.close(s.row('g1'))
    s.owner.objects.release(s.driver, s.owner.rows.slot[s.row('g1')])
    t.ok(s.clean)
  },
)

t.test('a stream that was left is whole for a reader that begins anew, and may be left again', async t => {
  for (const when of ['while it runs', 'after its end']) {
    const s = stream()
    s.begun.add(s.row('g1'))
    read(s)
    for (const index of [0, 1]) give(s, 'g1', index)
    s.owner.products.taken(s.row('g1'), 1)
    s.owner.products.close(s.row('g1'))
    if (when === 'while it runs') read(s)
    s.end('g1')
    s.schedule()
    if (when === 'after its end') read(s)
    s.schedule()
    t.equal(s.owner.rows.state[s.row('g1')], state.running, when)
    t.equal(s.owner.creditOf(s.row('g1')), 0, 'its reader holds it up')
    s.take()
    for (const index of [0, 1, 2]) give(s, 'g1', index)
    t.same(s.take(), ['item 2 to g1'], when)
    s.owner.products.close(s.row('g1'))
    t.match(s.take(), ['credit g1 on t1: end'])
    s.end('g1')
    s.schedule()
    s.owner.objects.release(s.driver, s.owner.rows.slot[s.row('g1')])
    t.ok(s.clean, when)
  }
})

t.test('where a stream that was left cannot be made again, its reader hears of that', async t => {
  const s = stream({ retries: 0 })
  s.begun.add(s.row('g1'))
  read(s)
  give(s, 'g1', 0)
  s.owner.products.close(s.row('g1'))
  s.end('g1')
  s.schedule()
  s.take()
  read(s)
  t.same(s.take().slice(-3), ['item 0 to g1', 'item 1 to g1', 'end of g1 after 2'])
  for (const row of s.owner.products.of(s.row('g1'))?.rows ?? []) t.equal(s.owner.rows.state[row], state.failed)
  leave(s)
  t.ok(s.clean)
})

t.test(
  'an item that is lost is made again: of a generator that runs at once, of a stream that was left without its rest',
  async t => {
    for (const when of ['it runs', 'it was left']) {
      const s = stream()
      const { objects, lineage, products, rows } = s.owner
      s.begun.add(s.row('g1'))
      read(s)
      for (const index of [0, 1]) give(s, 'g1', index)
      const item = products.of(s.row('g1'))?.rows[0] ?? -1
      objects.hold(item)
      products.taken(s.row('g1'), 1)
      if (when === 'it was left') {
        products.close(s.row('g1'))
        s.end('g1')
        s.schedule()
      }
      s.take()
      t.equal(lineage.makeAgain(item, 'it is lost'), undefined)
      if (when === 'it runs') {
        t.same(s.take(), ['credit g1 on t1: end'], 'its next items may wait for this one')
        s.end('g1')
      }
      s.schedule()
      t.same(s.take(), ['run g1 on t1'], when)
      give(s, 'g1', 0)
      t.equal(rows.state[item], state.ready, when)
      give(s, 'g1', 1)
      t.same(s.take(), when === 'it runs' ? [] : ['credit g1 on t1: end'], when)
      s.end('g1')
      s.schedule()
      products.close(s.row('g1'))
      objects.letGo(item)
      objects.release(s.driver, rows.slot[s.row('g1')])
      t.ok(s.clean, when)
    }
  },
)
