import t from 'tap'
import { state } from '../../../agent/core/rows.ts'
import { Scenario } from './scenario.ts'

/** A peer whose tasks run at others: `f` on it alone, results are stored there. */
class Away {
  readonly s = new Scenario({ cpus: 0 })
  readonly peers: number[] = []
  #tokens = 100

  constructor(retries = 3) {
    const { owner } = this.s
    owner.exchange.open = true
    for (const name of ['A', 'B']) {
      const { index } = owner.peers.of(name, 1)
      owner.exchange.peerIs(index, { peerId: name, totals: { cpus: 4 }, labels: {}, closed: false })
      this.peers.push(index)
    }
    this.s.kind('make', { retries })
    this.s.kind('use', { retries })
    owner.exchange.reconsider()
  }

  /** Grants a task to a peer, which keeps its value. */
  ranAt(name: string, peer: number): void {
    const { owner, now } = this.s
    const row = this.s.row(name)
    owner.scheduler.remove(one => one === row)
    owner.exchange.grant(peer, row)
    const end = {
      attempt: owner.rows.attempt[row],
      failed: false,
      retry: false,
      system: false,
      lost: false,
      startedAt: now,
      endedAt: now,
      error: undefined,
      at: { peerId: 'A', workerId: 't0', pid: 1 },
      contained: [],
    }
    if (!owner.isGranted(row, peer, end.attempt)) throw new Error(`${name} is not at p${peer}`)
    owner.grantStored(row, peer, end, { peer, token: this.#tokens++ }, 1000)
  }
}

t.test('what only lineage holds lets its value go everywhere, and is made again when it is needed', async t => {
  const mesh = new Away()
  const [a] = mesh.peers
  mesh.s.submit('make1')
  mesh.ranAt('make1', a)
  mesh.s.submit('use1', { after: ['make1'] })
  mesh.ranAt('use1', a)
  const { owner } = mesh.s
  const [made, used] = [mesh.s.row('make1'), mesh.s.row('use1')]
  mesh.s.take()
  owner.objects.release(mesh.s.driver, 1)
  t.ok(mesh.s.take().includes(`drop 100 at p${a}`), 'nobody needs it now')
  t.equal(owner.rows.state[made], state.gone)

  owner.peerGone(a, mesh.s.now)
  t.equal(owner.rows.state[used], state.waiting, 'it waits for its argument')
  t.equal(owner.rows.state[made], state.queued, 'which is made first')
  t.equal(owner.rows.attempt[made], 1)
  const [, b] = mesh.peers
  mesh.ranAt('make1', b)
  t.equal(owner.rows.state[made], state.remote)
  mesh.ranAt('use1', b)
  t.equal(owner.rows.state[made], state.gone, 'and let go again')
  owner.objects.release(mesh.s.driver, 2)
  t.ok(mesh.s.clean)
  t.equal(owner.lineage.bytes, 0)
})

t.test('a chain is made again from its beginning, each part once, without recursion', async t => {
  const mesh = new Away(-1)
  const [a] = mesh.peers
  const { s } = mesh
  const { owner } = s
  const length = 5000
  for (let i = 1; i <= length; i++) {
    s.submit(`use${i}`, i > 1 ? { after: [`use${i - 1}`] } : {})
    mesh.ranAt(`use${i}`, a)
    if (i > 1) owner.objects.release(s.driver, i - 1)
  }
  s.take()
  owner.peerGone(a, s.now)
  t.equal(owner.rows.state[s.row('use1')], state.queued)
  t.equal(owner.rows.state[s.row(`use${length}`)], state.waiting)
  const [, b] = mesh.peers
  for (let i = 1; i <= length; i++) mesh.ranAt(`use${i}`, b)
  t.equal(owner.rows.state[s.row(`use${length}`)], state.remote)
  owner.objects.release(s.driver, length)
  t.ok(s.clean)
})

t.test('what was put cannot be made again: what needs it fails, and says so', async t => {
  const mesh = new Away()
  const [a] = mesh.peers
  const { s } = mesh
  const { objects } = s.owner
  const put = objects.add(s.driver, 900, 900)
  objects.completeStored(put, 4096, 1000, undefined)
  s.owner.submit(
    s.driver,
    { slot: 1, number: 1, kind: 0, parent: -1, dependencies: [900, 900], contained: [] },
    { u8: new Uint8Array(0), at: 0, bytes: 0 },
    s.now,
  )
  const row = s.driver.row(1)
  Object.assign(s, { row: () => row })
  mesh.ranAt('make', a)
  s.take()
  objects.release(s.driver, 900)
  t.ok(s.take().includes('free 4096'), 'its memory is free')
  s.owner.peerGone(a, s.now)
  const log = s.take()
  t.ok(log.includes('error lost'))
  t.notOk(
    log.some(line => /^result /.test(line)),
    'its client knows it as stored, and hears of it when it asks',
  )
  objects.fetch(row, s.driver.id, 1)
  t.match(s.take(), [/^unfetched/])
  objects.release(s.driver, 1)
  t.ok(s.clean)
})

t.test('the owner of a borrowed object dies: whoever waits is told, also when its bytes were on the way', async t => {
  for (const order of ['the death first', 'the cut first']) {
    const { s, peers } = new Away()
    const { objects, peers: table, rows } = s.owner
    const [a] = peers
    const row = objects.rowOfKey(table.clientId(a, 1), 7)
    objects.borrow(s.driver, 5, rows.client[row], 7)
    objects.fetch(row, s.driver.id, 5)
    objects.subscribe(s.driver, 5)
    objects.settleRemote(row, 5_000_000, [{ peer: a, token: 3 }])
    objects.fetch(row, s.driver.id, 5)
    s.take()
    if (order === 'the death first') {
      s.owner.peerGone(a, s.now)
      objects.unreachable(row, a, 'reset')
    } else {
      objects.unreachable(row, a, 'reset')
      s.owner.peerGone(a, s.now)
    }
    const log = s.take()
    t.ok(log.includes('error owner-died'), order)
    t.ok(log.includes(`unfetched ${s.driver.id}/5`), order)
    objects.release(s.driver, 5)
    t.ok(s.clean, order)
  }
})
