import t from 'tap'
import { state } from '../../../agent/core/rows.ts'
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
    s.spilling.collected()
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
  s.spilling.collected()
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
    s.spilling.collected()
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
  t.match(s.events(), ['error lost', `unfetched ${s.driver.id}/1`])
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
  t.match(s.events(), ['error lost', 'result f1: error of 3 bytes'])
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

/** A task's result of 8 MiB, which is on disk alone by now. */
function onDisk(retries: number): StoreScenario {
  const s = new StoreScenario({ cpus: 1 }, 128 * MiB)
  s.kind('f', { retries })
  s.submit('f1')
  s.turn()
  s.request('room', 8 * MiB)
  s.end('f1', { offset: s.rooms.get('room') as number, bytes: 8 * MiB })
  for (const name of names(1, 13)) s.put(name, 8 * MiB)
  s.turn()
  s.diskDone()
  s.put('more', 24 * MiB)
  return s
}

t.test(
  'a task’s result that cannot be read back is made again, within the retries; who asked goes on waiting',
  async t => {
    const s = onDisk(1)
    t.equal(s.where('f1'), 'disk')
    const slot = s.slotOf('f1')
    t.notOk(s.owner.objects.fetch(s.row('f1'), s.driver.id, slot))
    s.turn()
    s.take()
    s.diskDone('its SHA-256 differs')
    s.turn()
    t.same(s.events(), ['run f1 on t1'])
    s.release('o1')
    s.request('again', 8 * MiB)
    s.turn()
    s.end('f1', { offset: s.rooms.get('again') as number, bytes: 8 * MiB })
    t.ok(s.events().includes(`fetched ${s.driver.id}/${slot}`))
  },
)

t.test('one that may not be made again is lost, and says why', async t => {
  const s = onDisk(0)
  const slot = s.slotOf('f1')
  s.owner.objects.fetch(s.row('f1'), s.driver.id, slot)
  s.turn()
  s.take()
  s.diskDone('its SHA-256 differs')
  t.same(s.events(), ['error lost', `unfetched ${s.driver.id}/${slot}`])
})

t.test('what only lineage needs takes no room: its bytes go from the disk, and are made again', async t => {
  const s = onDisk(3)
  s.kind('g')
  s.submit('g1', { after: ['f1'] })
  s.release('f1')
  s.turn()
  s.diskDone()
  s.turn()
  const f1 = s.row('f1')
  s.owner.objects.unpin(s.owner.rows.token(f1))
  const disk = s.memory.disk.size
  s.request('result', 8 * MiB)
  s.turn()
  s.diskDone()
  s.turn()
  s.end('g1', { offset: s.rooms.get('result') as number, bytes: 8 * MiB })
  t.equal(s.owner.rows.state[f1], state.gone)
  t.ok(s.memory.disk.size <= disk)
  t.equal(s.where('f1'), '')
})

/** A copy of another peer's object that this one keeps, should that die. */
function keeper(): { s: StoreScenario; row: number; client: number; peer: number } {
  const s = new StoreScenario({ cpus: 1 }, 128 * MiB)
  const { owner } = s
  const peer = owner.peers.of('p2', 1).index
  owner.exchange.peerIs(peer, { peerId: 'p2', totals: {}, labels: {}, closed: false })
  const client = owner.peers.clientId(peer, 1)
  const row = owner.objects.rowToKeep(client, 5)
  owner.replicas.keepFor(peer, row, [-1])
  owner.objects.settleRemote(row, 64 * MiB, [{ peer, token: 7 }])
  owner.objects.pull(row)
  s.request('copy', 64 * MiB)
  owner.objects.arrived(row, s.rooms.get('copy') as number, undefined)
  s.names.set(row, 'copy')
  return { s, row, client, peer }
}

t.test('a copy that is kept for a dead owner’s sake is written before it gives way', async t => {
  const { s } = keeper()
  s.put('more', 60 * MiB)
  s.turn()
  t.equal(s.where('copy'), 'store, being written')
  s.diskDone()
  s.request('asks', 64 * MiB)
  t.equal(s.where('copy'), 'disk')
})

t.test('it is taken over from disk: whoever has the old ref or reads it has the bytes', async t => {
  const { s, row, client, peer } = keeper()
  const { objects, replicas, rows } = s.owner
  objects.borrow(s.driver, 900, client, 5)
  s.put('more', 60 * MiB)
  s.turn()
  s.diskDone()
  s.request('asks', 64 * MiB)
  s.spilling.free(s.rooms.get('asks') as number)
  objects.fetch(row, s.driver.id, 900)
  s.turn()
  t.equal(s.where('copy'), 'disk, being read')
  s.owner.peerGone(peer, s.now)
  const found = replicas.successionOf(client, 5)
  const fresh = found.is === 'here' ? found.row : -1
  s.take()
  s.diskDone()
  t.same(s.events(), [`fetched ${s.driver.id}/900`])
  t.equal(objects.place(row), fresh)
  t.ok(rows.more(fresh).offset >= 0)
  const { token } = objects.pin(row)
  objects.unpin(token)
  objects.release(s.driver, 900)
  replicas.settled(rows.token(fresh))
  s.release('more')
  t.equal(s.memory.disk.size + s.memory.usedBytes, 0, 'nothing of it is left')
})

t.test('bytes that somebody reads when they are taken over stay where they are until they have been read', async t => {
  const { s, row, client, peer } = keeper()
  const { objects, replicas, rows } = s.owner
  objects.borrow(s.driver, 900, client, 5)
  const { token, offset } = objects.pin(row, true)
  s.owner.peerGone(peer, s.now)
  const found = replicas.successionOf(client, 5)
  const fresh = found.is === 'here' ? found.row : -1
  s.put('more', 60 * MiB)
  s.turn()
  s.diskDone()
  t.equal(rows.more(fresh).offset, offset)
  t.equal(rows.more(fresh).disk, undefined)
  objects.release(s.driver, 900)
  replicas.settled(rows.token(fresh))
  t.ok(rows.rowOf(token) >= 0, 'the reader holds it')
  objects.unpin(token, true)
  t.equal(rows.rowOf(token), -1)
  s.release('more')
  t.equal(s.memory.usedBytes, 0)
})
