import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { FileStorage } from '../../../agent/directory/index.ts'
import { eventually } from '../../sdk/meshes.ts'
import { TestMesh } from './peers.ts'

const owned = (name: string, owner: { peerId: string; incarnation: number }) => ({
  namespace: 'space',
  name,
  owner,
  data: 'here',
  restarts: 0,
})
const detached = (name: string, restarts = 1) => ({
  namespace: 'space',
  name,
  data: '',
  spec: 'made of this',
  restarts,
})

t.test('a peer on its own answers at once', async t => {
  const mesh = new TestMesh()
  t.teardown(() => mesh.close())
  const began = performance.now()
  const { names, self } = mesh.add('a')
  const { won, entry } = await names.claim(owned('n', self))
  t.equal(won, true)
  t.match(entry, { namespace: 'space', name: 'n', kind: 'owned', state: 'alive', epoch: 0, data: 'here' })
  t.ok(performance.now() - began < 100, `${performance.now() - began} ms`)
  t.same(await names.lookup('space', 'n'), entry)
  t.same(await names.locate(entry.id), entry)
  t.equal(await names.lookup('other', 'n'), undefined)
  t.same(await names.claim(owned('n', self)), { won: false, entry })
  await names.free(entry.id)
  t.equal(await names.lookup('space', 'n'), undefined)
  await delay(1200)
  t.equal((await names.claim(owned('n', self))).won, true)
})

t.test('names are claimed once, whoever asks, and three of three vote', { timeout: 30_000 }, async t => {
  const mesh = new TestMesh()
  t.teardown(() => mesh.close())
  const all = ['a', 'b', 'c'].map(id => mesh.add(id))
  t.same((await mesh.voters(3)).sort(), ['a', 'b', 'c'])
  for (let round = 0; round < 20; round++) {
    const claims = await Promise.all(all.map(({ names, self }) => names.claim(owned(`n${round}`, self))))
    t.equal(claims.filter(({ won }) => won).length, 1)
    t.equal(new Set(claims.map(({ entry }) => entry.owner?.peerId)).size, 1, 'all are told of the same')
  }
  t.equal((await all[2].names.entries()).length, 20)
})

t.test('a dead owner’s names are free, a dead voter is replaced', { timeout: 40_000 }, async t => {
  const mesh = new TestMesh()
  t.teardown(() => mesh.close())
  const [a, b] = ['a', 'b', 'c', 'd'].map(id => mesh.add(id))
  const voters = await mesh.voters(3)
  const victim = voters.find(peer => peer !== a.self.peerId) as string
  const { entry } = await (mesh.peers.get(victim) ?? b).names.claim(owned('n', mesh.peers.get(victim)?.self ?? b.self))
  mesh.kill(victim, { confirmed: true })
  await eventually('the name is free', async () => (await a.names.lookup('space', 'n')) === undefined)
  t.equal(await a.names.locate(entry.id), undefined)
  await eventually('three vote', () => {
    const now = a.names.status.voters
    return now.length === 3 && !now.includes(victim)
  })
})

t.test('a leader that dies is followed by another', { timeout: 40_000 }, async t => {
  const mesh = new TestMesh()
  t.teardown(() => mesh.close())
  const [, b, c] = ['a', 'b', 'c'].map(id => mesh.add(id))
  await mesh.voters(3)
  await b.names.claim(owned('n', b.self))
  mesh.kill('a', { confirmed: true })
  const began = performance.now()
  t.equal((await c.names.claim(owned('n', c.self))).won, false)
  t.ok(performance.now() - began < 1500, `${performance.now() - began} ms`)
})

t.test(
  'two agents: the founder’s death leaves names readable, and recovery makes them changeable',
  { timeout: 60_000 },
  async t => {
    const mesh = new TestMesh()
    t.teardown(() => mesh.close())
    const a = mesh.add('a')
    const b = mesh.add('b')
    await a.names.claim(owned('old', b.self))
    await t.rejects(b.names.recover(), { code: 'SHOAL_INVALID_OPTION' }, 'the one that decides is there')
    await eventually('b has a copy', () => b.names.status.copied === 1)
    mesh.kill('a', { confirmed: false })
    t.match(await b.names.lookup('space', 'old'), { name: 'old' })
    await t.rejects(b.names.claim(owned('new', b.self)), {
      code: 'SHOAL_NAMES_UNAVAILABLE',
      voters: ['a'],
      unreachable: ['a'],
      message: /recover --force/,
    })
    const before = b.names.status.generation
    t.match(await b.names.recover(), { voters: ['b'], generation: before + 1 })
    t.equal((await b.names.claim(owned('new', b.self))).won, true)
    t.match(await b.names.lookup('space', 'old'), { name: 'old' })
  },
)

t.test('an agent that leaves hands its vote over first', { timeout: 30_000 }, async t => {
  const mesh = new TestMesh()
  t.teardown(() => mesh.close())
  const a = mesh.add('a')
  const b = mesh.add('b')
  await a.names.claim(owned('n', b.self))
  const began = performance.now()
  await a.names.leave()
  t.ok(performance.now() - began < 4000, `${performance.now() - began} ms`)
  mesh.kill('a', 'left')
  t.same(b.names.status.voters, ['b'])
  t.match(await b.names.lookup('space', 'n'), { name: 'n' })
  t.equal((await b.names.claim(owned('more', b.self))).won, true)
})

t.test('embedded peers vote only where there is nobody else', { timeout: 30_000 }, async t => {
  const mesh = new TestMesh()
  t.teardown(() => mesh.close())
  const a = mesh.add('a', { durable: false })
  mesh.add('b', { durable: false })
  await a.names.claim(owned('n', a.self))
  t.same(await mesh.voters(1), ['a'])
  const c = mesh.add('c')
  await eventually('the agent votes alone', () => c.names.status.voters.join() === 'c')
  t.match(await c.names.lookup('space', 'n'), { name: 'n' })
})

t.test(
  'detached: placed, begun anew when its peer dies, and over when no restart is left',
  { timeout: 60_000 },
  async t => {
    const mesh = new TestMesh()
    t.teardown(() => mesh.close())
    const [a] = ['a', 'b', 'c', 'd', 'e'].map(id => mesh.add(id, { choose: () => mesh.peers.get(place)?.self }))
    let place = 'd'
    await mesh.voters(3)
    const { won, entry } = await a.names.claim(detached('n'))
    t.equal(won, true)
    await eventually('it is alive', async () => ((await a.names.locate(entry.id)) as any)?.state === 'alive')
    t.match(await a.names.locate(entry.id), {
      epoch: 1,
      token: 7,
      data: 'there',
      holder: { peerId: 'd' },
      restartsLeft: 1,
    })
    const d = mesh.peers.get('d')
    t.same(d?.heard, ['host n 1'])
    t.equal(d?.hosted.get(entry.id)?.spec, 'made of this')
    t.equal(d?.names.holds(entry.id, 1), true)
    t.equal(await d?.names.checkpoint(entry.id, 1, 'kept'), true)
    place = 'e'
    mesh.kill('d', { confirmed: true })
    const e = mesh.peers.get('e')
    await eventually('it is begun anew', () => e?.hosted.has(entry.id) === true)
    t.match(e?.hosted.get(entry.id), {
      epoch: 2,
      checkpoint: 'kept',
      restarts: 1,
      restartsLeft: 0,
      reason: 'its peer has died',
    })
    await eventually('it is alive', async () => ((await a.names.locate(entry.id)) as any)?.state === 'alive')
    t.equal(await a.names.alive(entry.id, 1, 3), false, 'an old epoch')
    t.equal(await e?.names.ended(entry.id, 2, 'it threw', true), true)
    t.same(await a.names.locate(entry.id), { ended: 'it threw' })
    t.equal(await a.names.lookup('space', 'n'), undefined)
  },
)

t.test('a holder that is cut off stops before the next one begins', { timeout: 60_000 }, async t => {
  const mesh = new TestMesh()
  t.teardown(() => mesh.close())
  let place = 'd'
  const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(id =>
    mesh.add(id, { choose: () => mesh.peers.get(place)?.self }),
  )
  await mesh.voters(3)
  const { entry } = await a.names.claim(detached('n', -1))
  await eventually('it is hosted', () => d.hosted.has(entry.id))
  place = 'e'
  for (const other of [a, b, c, e]) mesh.cut('d', other.self.peerId)
  const cutAt = performance.now()
  await eventually('it is lost', () => d.heard.includes('lost n 1'))
  t.equal(d.names.holds(entry.id, 1), false)
  t.equal(e.hosted.size, 0, 'nobody else has it yet')
  const lostAt = performance.now() - cutAt
  await eventually('the next one begins', () => e.hosted.has(entry.id))
  const beganAt = performance.now() - cutAt
  t.ok(lostAt < 3200 && beganAt > lostAt + 50 && beganAt < 6000, `${lostAt}, ${beganAt}`)
  mesh.heal()
  await eventually('the old one is told to stop', () => d.heard.at(-1)?.startsWith('stop n 1') === true)
})

t.test('started again, one that decides alone begins its detached entries anew, though nobody asks', async t => {
  const mesh = new TestMesh()
  t.teardown(() => mesh.close())
  const file = join(t.testdir(), 'names.log')
  const storage = (): FileStorage => new FileStorage(file, 'mesh')
  const before = mesh.add('a', { storage: storage() })
  await before.names.claim(owned('owned', before.self))
  await before.names.claim(detached('n', -1))
  await eventually('it is hosted', () => before.hosted.size === 1)
  mesh.kill('a', { confirmed: true })
  const again = mesh.add('a', { storage: storage() })
  await eventually('it is begun anew', () => again.heard.includes('host n 2'))
  t.same(
    (await again.names.entries()).map(({ name }) => name),
    ['n'],
    'the name of its run before is free',
  )
})

t.test('a host without a vote loses its lease when everybody else is gone', { timeout: 60_000 }, async t => {
  const mesh = new TestMesh()
  t.teardown(() => mesh.close())
  let place = ''
  const [a] = ['a', 'b', 'c', 'd'].map(id => mesh.add(id, { choose: () => mesh.peers.get(place)?.self }))
  const voters = await mesh.voters(3)
  place = [...mesh.peers.keys()].find(peer => !voters.includes(peer)) as string
  const host = mesh.peers.get(place)
  const { entry } = await a.names.claim(detached('n', -1))
  await eventually('it is hosted', () => host?.names.holds(entry.id, 1) === true)
  for (const peer of voters) mesh.kill(peer, { confirmed: true })
  await eventually('its lease is over', () => host?.heard.includes('lost n 1') === true)
  t.equal(host?.names.holds(entry.id, 1), false)
})

t.test('what a host could not say while nobody decided is known when somebody does', { timeout: 60_000 }, async t => {
  const mesh = new TestMesh()
  t.teardown(() => mesh.close())
  let began = (): void => undefined
  const placed = new Promise<void>(resolve => {
    began = resolve
  })
  const a = mesh.add('a', { choose: () => mesh.peers.get('b')?.self })
  const b = mesh.add('b', { host: () => began() })
  const { entry } = await a.names.claim(detached('n', 1))
  const { entry: own } = await b.names.claim(owned('own', b.self))
  await placed
  mesh.cut('a', 'b')
  const unknown = { code: 'SHOAL_NAMES_UNAVAILABLE' }
  await Promise.all([
    t.rejects(b.names.alive(entry.id, 1, 5, 'there'), unknown),
    t.rejects(b.names.free(own.id), unknown),
  ])
  mesh.heal()
  await eventually('it is begun anew, its lease being over', async () => {
    const found = (await a.names.locate(entry.id)) as any
    return found?.epoch > 1
  })
  await eventually('the name is free', async () => (await a.names.lookup('space', 'own')) === undefined)
})

t.test('what no host can begin is tried ever more slowly, and costs no restart', { timeout: 30_000 }, async t => {
  const mesh = new TestMesh()
  t.teardown(() => mesh.close())
  const begun: number[] = []
  let can = false
  const a = mesh.add('a', {
    host: ({ id, epoch }, names) => {
      begun.push(performance.now())
      if (can) void names.alive(id, epoch, 7)
      else void names.ended(id, epoch, 'nobody has its code', true, true)
    },
  })
  const { entry } = await a.names.claim(detached('n', 1))
  await eventually('it was tried', () => begun.length >= 5)
  t.ok(begun[4] - begun[1] >= 250 + 500 + 1000, begun.join())
  t.match(await a.names.locate(entry.id), { state: 'pending', restarts: 0, reason: 'nobody has its code' })
  can = true
  await eventually('it is alive', async () => ((await a.names.locate(entry.id)) as any)?.state === 'alive')
  t.match(await a.names.locate(entry.id), { restarts: 0, restartsLeft: 1 })
})

t.test('kill: its holder stops it before it is gone', { timeout: 30_000 }, async t => {
  const mesh = new TestMesh()
  t.teardown(() => mesh.close())
  const a = mesh.add('a', { choose: () => mesh.peers.get('b')?.self })
  const b = mesh.add('b')
  const { entry } = await a.names.claim(detached('n', 5))
  await eventually('it is alive', async () => ((await a.names.locate(entry.id)) as any)?.state === 'alive')
  t.equal(await a.names.kill(entry.id, true, 'again'), true)
  await eventually('it is begun anew', () => b.heard.includes('host n 2'))
  t.same(b.heard.slice(0, 3), ['host n 1', 'stop n 1: again', 'host n 2'])
  t.equal(await b.names.kill(entry.id, false, 'enough'), true)
  t.same(await b.names.locate(entry.id), { ended: 'enough' })
  t.equal(await a.names.kill(entry.id, false, 'enough'), false)
})
