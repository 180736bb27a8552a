import t from 'tap'
import { state } from '../../../agent/core/rows.ts'
import { Scenario } from './scenario.ts'

/** A peer among others that take work. */
function among(...names: string[]): { s: Scenario; peers: number[] } {
  const s = new Scenario({ cpus: 1 })
  const { owner } = s
  owner.exchange.open = true
  let at = 0
  owner.exchange.random = () => at++
  const peers = names.map(name => {
    const { index } = owner.peers.of(name, 1)
    owner.exchange.peerIs(index, { peerId: name, totals: { cpus: 1 }, labels: {}, closed: false })
    return index
  })
  return { s, peers }
}

/** An object of the driver's, in the store at 4096. */
function put(s: Scenario): number {
  const { objects } = s.owner
  const row = objects.add(s.driver, 1, 77)
  objects.completeStored(row, 4096, 1000, undefined)
  objects.share(s.driver, 1, 77)
  s.take()
  return row
}

const keeps = (s: Scenario): string[] => s.take().filter(line => /^(un)?keep /.test(line))

t.test('two others keep a copy; one that is lost is made elsewhere; all go with the last ref', async t => {
  const { s, peers } = among('A', 'B', 'C')
  const [a, b, c] = peers
  const row = put(s)
  let done = false
  void s.owner.replicas.protect(row).then(() => {
    done = true
  })
  t.equal(keeps(s).length, 2)
  const token = s.owner.rows.token(row)
  s.owner.replicas.kept(token, a)
  await null
  t.notOk(done, 'the second copy is not there')
  s.owner.replicas.kept(token, b)
  await null
  t.ok(done)
  s.owner.peerGone(a, s.now)
  t.same(keeps(s), [`keep row ${row} at p${b}, order ${b} ${c}`, `keep row ${row} at p${c}, order ${b} ${c}`])
  s.owner.objects.release(s.driver, 1)
  t.same(keeps(s), [`unkeep 1/77 at p${b}`, `unkeep 1/77 at p${c}`])
  t.ok(s.clean)
})

t.test('one that cannot keep a copy takes over from nobody: another is asked', async t => {
  const { s, peers } = among('A', 'B', 'C')
  const [a, b, c] = peers
  const row = put(s)
  const done = s.owner.replicas.protect(row)
  t.equal(keeps(s).length, 2)
  const token = s.owner.rows.token(row)
  s.owner.replicas.notKept(token, a)
  t.same(keeps(s), [`keep row ${row} at p${b}, order ${b} ${c}`, `keep row ${row} at p${c}, order ${b} ${c}`])
  s.owner.replicas.notKept(token, c)
  t.same(keeps(s), [`keep row ${row} at p${b}, order ${b}`], 'who is left follows first')
  s.owner.replicas.kept(token, b)
  await done
})

t.test('alone nobody can keep it: it is protected once somebody comes', async t => {
  const { s } = among()
  const row = put(s)
  await s.owner.replicas.protect(row)
  const { index } = s.owner.peers.of('late', 1)
  s.owner.exchange.peerIs(index, { peerId: 'late', totals: {}, labels: {}, closed: false })
  s.owner.replicas.peerCame()
  t.same(keeps(s), [`keep row ${row} at p${index}, order ${index}`])
})

t.test('a copy that is kept is no ref: the owner may free it, and it goes when it says so', async t => {
  const { s, peers } = among('A')
  const [a] = peers
  const { objects, replicas, peers: table, rows } = s.owner
  const client = table.clientId(a, 1)
  const row = objects.rowToKeep(client, 7)
  replicas.keepFor(a, row, [-1])
  objects.settleRemote(row, 1000, [{ peer: a, token: 3 }])
  objects.pull(row)
  objects.arrived(row, 8192, undefined)
  t.notOk(s.take().some(line => line.startsWith('borrow')))
  // A program here is given the ref: the owner knows of that, as long as it lasts.
  objects.borrow(s.driver, 5, client, 7)
  t.same(s.take(), [`borrow row ${row}`])
  objects.release(s.driver, 5)
  t.same(s.take(), [`give ${client}/7 back`])
  t.equal(rows.state[row], state.ready, 'the copy stays')
  replicas.unkeep(a, client, 7)
  t.same(s.take(), ['free 8192'])
  t.ok(s.clean)
})

t.test('the owner dies: the first that lives puts the value anew; who has the old ref finds the new one', async t => {
  const { s, peers } = among('A', 'B', 'C')
  const [a, b, c] = peers
  const { objects, replicas, peers: table, rows } = s.owner
  const client = table.clientId(a, 1)
  const row = objects.rowToKeep(client, 7)
  replicas.keepFor(a, row, [b, -1])
  objects.settleRemote(row, 1000, [{ peer: a, token: 3 }])
  objects.pull(row)
  objects.arrived(row, 8192, undefined)
  t.same(replicas.successionOf(client, 7), { is: 'not yet' })
  s.owner.peerGone(a, s.now)
  t.same(replicas.successionOf(client, 7), { is: 'not yet' }, 'B is before this peer')
  s.take()
  s.owner.peerGone(b, s.now)
  const found = replicas.successionOf(client, 7)
  t.equal(found.is, 'here')
  const fresh = found.is === 'here' ? found.row : -1
  t.same(s.take(), [`keep row ${fresh} at p${c}, order ${c}`, `succeeded row ${fresh}`])
  t.equal(rows.more(fresh).offset, 8192, 'the same bytes')
  // A borrower registers with the new owner; then those who did not come are not waited for any more.
  t.ok(objects.lend(rows.client[fresh], rows.number[fresh], c))
  replicas.settled(rows.token(fresh))
  t.same(s.take(), [`unkeep ${client}/7 at p${b}`], 'whoever kept a copy of the old one lets it go')
  objects.handedBack(rows.client[fresh], rows.number[fresh], c)
  t.same(s.take().sort(), ['free 8192', `unkeep ${rows.client[fresh]}/1 at p${c}`])
  t.same(replicas.successionOf(client, 7), { is: 'nothing' })
  t.ok(s.clean)
})

t.test('who is before this peer and has no whole copy is passed over', async t => {
  const { s, peers } = among('A', 'B', 'C')
  const [a, b, c] = peers
  const { objects, replicas, peers: table, rows } = s.owner
  const client = table.clientId(a, 1)
  const row = objects.rowToKeep(client, 7)
  replicas.keepFor(a, row, [b, c, -1])
  objects.settleRemote(row, 1000, [{ peer: a, token: 3 }])
  objects.pull(row)
  objects.arrived(row, 8192, undefined)
  s.take()
  const token = rows.token(row)
  s.owner.peerGone(a, s.now)
  t.same(s.take(), [`follow p${b} for row ${row}`])
  replicas.passedOver(token, b, () => true)
  t.same(s.take(), [`follow p${c} for row ${row}`])
  replicas.passedOver(token, b, () => true)
  t.same(s.take(), [], 'it is not waited for any more')
  replicas.passedOver(token, c, () => true)
  t.equal(replicas.successionOf(client, 7).is, 'here')
})

t.test('a borrower takes the value of what continues its object, whatever it waited for', async t => {
  const { s, peers } = among('A', 'B')
  const [a, b] = peers
  const { objects, peers: table, rows } = s.owner
  const asked: number[] = []
  objects.onOrphan = row => asked.push(row)
  const old = table.clientId(a, 1)
  const client = table.clientId(b, 4)
  objects.borrow(s.driver, 5, old, 7)
  objects.subscribe(s.driver, 5)
  const row = s.driver.row(5)
  s.owner.peerGone(a, s.now)
  t.same(asked, [row])
  const target = objects.rowOfKey(client, 1)
  objects.adopt(row, target)
  s.take()
  objects.settleRemote(target, 1000, [{ peer: b, token: 9 }])
  t.same(s.take(), [`pull row ${target}`], 'its bytes come here')
  objects.arrived(target, 8192, undefined)
  t.same(
    s.take(),
    [`stored row ${row}: 1000 bytes`].map(line => line.replace(`row ${row}`, `row ${row}`)),
  )
  t.equal(rows.more(objects.place(row)).offset, 8192)
  objects.release(s.driver, 5)
  t.same(s.take().sort(), ['free 8192', `give ${old}/7 back`, `give ${client}/1 back`])
  t.ok(s.clean)
})
