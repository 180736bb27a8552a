import t from 'tap'
import { MiB, StoreScenario } from './store-scenario.ts'

const names = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `o${from + i}`)

/** A store of 128 MiB with values of 8 MiB. */
function filled(count: number): StoreScenario {
  const s = new StoreScenario({ cpus: 2 }, 128 * MiB)
  for (const name of names(1, count)) s.put(name, 8 * MiB)
  s.take()
  return s
}

t.test(
  'above 80 % of the store the least recently used values are written, and stay until their room is needed',
  async t => {
    const s = filled(12)
    s.turn()
    t.equal(s.memory.writing.size, 0, '75 %: nothing is written')
    s.put('o13', 8 * MiB)
    s.turn()
    t.same(
      names(1, 13).filter(name => s.where(name) === 'store, being written'),
      ['o1', 'o2', 'o3', 'o4'],
    )
    s.diskDone()
    s.turn()
    t.equal(s.where('o1'), 'store, disk')
    t.equal(s.spilling.spilledBytes, 32 * MiB)
    t.equal(s.memory.writing.size, 0, 'what gives way at once does not count')
    s.put('o14', 8 * MiB)
    s.put('o15', 8 * MiB)
    s.put('o16', 8 * MiB)
    t.equal(s.where('o1'), 'store, disk')
    s.put('o17', 8 * MiB)
    t.same([s.where('o1'), s.where('o2')], ['disk', 'store, disk'])
  },
)

t.test('what somebody reads stays; what was read last goes last', async t => {
  const s = filled(13)
  const { token } = s.owner.objects.pin(s.row('o1'))
  s.owner.objects.unpin(s.owner.objects.pin(s.row('o2')).token)
  s.turn()
  t.same(
    names(1, 13).filter(name => s.where(name) !== 'store'),
    ['o3', 'o4', 'o5', 'o6'],
  )
  s.diskDone()
  s.owner.objects.unpin(token)
})

t.test(
  'a value that is read while it is written stays in the store; one that is released meanwhile leaves nothing',
  async t => {
    const s = filled(13)
    s.turn()
    const { token, offset } = s.owner.objects.pin(s.row('o1'))
    s.release('o2')
    s.diskDone()
    t.equal(s.where('o1'), 'store, disk')
    t.equal(s.memory.disk.size, 3, 'nothing of o2')
    s.request('room', 104 * MiB)
    s.turn()
    t.equal(s.owner.rows.extra[s.row('o1')]?.offset, offset, 'its place is the same')
    s.owner.objects.unpin(token)
  },
)

t.test('a value on disk comes back when it is asked for, into any room', async t => {
  const s = filled(13)
  s.turn()
  s.diskDone()
  s.put('more', 32 * MiB)
  t.equal(s.where('o1'), 'disk')
  t.equal(s.owner.objects.fetch(s.row('o1'), s.driver.id, 1), false)
  s.take()
  s.turn()
  t.equal(s.where('o1'), 'disk, being read')
  s.diskDone()
  t.ok(s.take().includes(`fetched ${s.driver.id}/1`))
  t.equal(s.where('o1'), 'store, disk')
  t.equal(s.spilling.restoredBytes, 8 * MiB)
})

t.test('who finds no room waits for what is being written, in the order of asking', async t => {
  const s = filled(16)
  s.request('large', 40 * MiB)
  s.request('small', 8 * MiB)
  s.turn()
  t.equal(s.rooms.size, 16, 'both wait, also the one that would fit sooner')
  s.diskDone()
  s.turn()
  s.diskDone()
  s.turn()
  t.type(s.rooms.get('large'), 'number')
  t.type(s.rooms.get('small'), 'number')
})

t.test(
  'room is refused only when nothing can give way any more: after a collection, and to the one who asked',
  async t => {
    const s = new StoreScenario({ cpus: 1 }, 128 * MiB)
    s.put('view', 100 * MiB)
    const { token } = s.owner.objects.pin(s.row('view'), true)
    s.request('asks', 64 * MiB)
    s.request('fits', 8 * MiB)
    s.turn()
    t.equal(s.memory.collections, 1, 'idle workers are asked first')
    t.notOk(s.rooms.has('asks'))
    s.spilling.collected(s.now)
    s.turn()
    t.equal(s.rooms.get('asks'), 'full')
    t.type(s.rooms.get('fits'), 'number')
    s.owner.objects.unpin(token, true)
  },
)

t.test('who reads for a moment is waited for, and room that has not been filled yet', async t => {
  const s = new StoreScenario({ cpus: 1 }, 128 * MiB)
  s.put('read', 64 * MiB)
  const { token } = s.owner.objects.pin(s.row('read'))
  s.request('unfilled', 64 * MiB)
  s.request('asks', 64 * MiB)
  s.turn()
  s.spilling.collected(s.now)
  s.turn()
  t.notOk(s.rooms.has('asks'))
  s.owner.objects.unpin(token)
  s.turn()
  s.diskDone()
  s.turn()
  t.type(s.rooms.get('asks'), 'number')
})

t.test('a value larger than the store is refused at once', async t => {
  const s = filled(2)
  s.request('asks', 129 * MiB)
  t.equal(s.rooms.get('asks'), 'full')
})

t.test(
  'a disk that is full: the one who asked is refused, values stay, and the next one has it tried again',
  async t => {
    const s = filled(16)
    s.request('first', 8 * MiB)
    s.turn()
    s.diskDone('ENOSPC: no space left on device')
    s.turn()
    s.spilling.collected(s.now)
    s.turn()
    t.equal(s.rooms.get('first'), 'full')
    for (const name of names(1, 16)) t.equal(s.where(name), 'store')
    s.request('second', 8 * MiB)
    s.turn()
    t.ok(s.memory.writing.size > 0, 'it is tried again')
    s.diskDone()
    s.turn()
    t.type(s.rooms.get('second'), 'number')
  },
)

t.test('what cannot be read back is lost, and whoever waits for it is told', async t => {
  const s = filled(13)
  s.turn()
  s.diskDone()
  s.put('more', 32 * MiB)
  s.owner.objects.fetch(s.row('o1'), s.driver.id, 1)
  s.turn()
  s.take()
  s.diskDone('its SHA-256 differs')
  t.match(s.take(), ['error lost', `unfetched ${s.driver.id}/1`])
  t.equal(s.where('o1'), '')
  t.equal(s.memory.disk.size, 3, 'its bytes on disk are dropped')
})

t.test('a task whose argument is on disk has it read when it has its place, and pinned when it is sent', async t => {
  const s = filled(13)
  s.kind('f')
  s.turn()
  s.diskDone()
  s.put('more', 32 * MiB)
  s.submit('f1', { after: ['o1'] })
  s.take()
  s.turn()
  t.same(s.take(), ['start t1'], 'it is not sent yet')
  s.diskDone()
  s.turn()
  t.same(s.take(), ['run f1 on t1'])
  t.equal(s.owner.rows.extra[s.row('o1')]?.pins, 1)
  s.owner.objects.unpin(s.owner.rows.token(s.row('o1')))
  s.end('f1')
})

t.test(
  'tasks that wait for arguments from disk get them one after the other, and never wait for each other',
  async t => {
    const s = new StoreScenario({ cpus: 2 }, 128 * MiB)
    s.kind('f')
    for (const name of names(1, 4)) {
      s.put(name, 60 * MiB)
      s.turn()
      s.diskDone()
      s.turn()
    }
    s.put('last', 60 * MiB)
    t.same(
      names(1, 4).map(name => s.where(name)),
      ['disk', 'disk', 'disk', 'store'],
    )
    s.submit('f1', { after: ['o1', 'o2'] })
    s.submit('f2', { after: ['o3', 'o4'] })
    const done: string[] = []
    for (let turns = 0; done.length < 2 && turns < 20; turns++) {
      s.turn()
      s.diskDone()
      s.turn()
      for (const line of s.take()) {
        const [, name] = /^run (\S+)/.exec(line) ?? []
        if (name === undefined) continue
        for (const on of s.owner.rows.extra[s.row(name)]?.dependencies ?? [])
          s.owner.objects.unpin(s.owner.rows.token(on))
        done.push(name)
      }
    }
    t.same(done.sort(), ['f1', 'f2'])
  },
)

t.test('an argument that is lost on disk sends its task back to wait, with its CPU free', async t => {
  const s = filled(13)
  s.kind('f', { cpus: 2 })
  s.turn()
  s.diskDone()
  s.put('more', 32 * MiB)
  s.submit('f1', { after: ['o1'] })
  s.turn()
  s.take()
  s.diskDone('its SHA-256 differs')
  s.turn()
  t.match(s.take(), ['error lost', 'result f1: error of 3 bytes'])
  t.same(s.owner.resources.available(), s.owner.resources.total())
})

t.test('a copy of another peer’s object gives way without being written', async t => {
  const s = new StoreScenario({ cpus: 1 }, 128 * MiB)
  const { index } = s.owner.peers.of('p2', 1)
  const row = s.owner.objects.rowOfKey(s.owner.peers.clientId(index, 1), 5)
  s.owner.objects.hold(row)
  s.owner.objects.settleRemote(row, 100 * MiB, [{ peer: index, token: 7 }])
  s.owner.objects.pull(row)
  s.request('copy', 100 * MiB)
  s.owner.objects.arrived(row, s.rooms.get('copy') as number, undefined)
  s.turn()
  t.equal(s.memory.writing.size, 0)
  s.request('asks', 64 * MiB)
  t.type(s.rooms.get('asks'), 'number')
  t.equal(s.owner.rows.extra[row]?.offset, -1)
  t.ok(s.owner.objects.settled(row), 'it can be fetched again')
})
