import t from 'tap'
import { Bundles } from '../../../agent/core/bundles.ts'
import { Kind } from '../../../agent/core/kinds.ts'
import { limits } from '../../../agent/core/limits.ts'
import { ResourceTable } from '../../../agent/core/resources.ts'
import { Scenario } from './scenario.ts'

const from = (group: string, round = 1, owner = -1) => ({ group, round, owner })

t.test('bundles are taken all or nothing, and what is not committed in time is free again', async t => {
  const resources = new ResourceTable({ cpus: 4, gpus: 1 })
  const bundles = new Bundles(resources)
  t.equal(bundles.prepare(from('a'), [[0, { cpus: 3 }], [1, { cpus: 2 }]], 0), false) // biome-ignore format: one line
  t.equal(resources.available().cpus, 4, 'nothing is held by what does not fit')
  t.equal(bundles.prepare(from('a'), [[0, { cpus: 3 }], [1, { gpus: 1 }]], 0), true) // biome-ignore format: one line
  t.match(resources.available(), { cpus: 1, gpus: 0 })
  t.equal(bundles.get({ group: 'a', index: 0 }), undefined, 'not yet to be used')
  t.equal(bundles.commit('a', 2), false, 'that was another attempt')
  bundles.expire(limits.bundlePreparedMs)
  t.match(resources.available(), { cpus: 4, gpus: 1 })
  t.equal(bundles.commit('a', 1), false, 'too late')

  bundles.prepare(from('a', 2), [[0, { cpus: 2 }]], 0)
  t.equal(
    bundles.prepare(from('a', 3), [[0, { cpus: 3 }]], 0),
    true,
    'the next attempt takes over what the last has left',
  )
  t.equal(bundles.commit('a', 3), true)
  bundles.expire(2 * limits.bundlePreparedMs)
  t.equal(resources.available().cpus, 1)
  bundles.release('a', { round: 2 })
  t.equal(resources.available().cpus, 1)
  bundles.prepare(from('b', 1, 7), [[0, { cpus: 1 }]], 0)
  bundles.commit('b', 1)
  bundles.releaseOf(7)
  bundles.release('a', { indices: [0] })
  t.equal(resources.available().cpus, 4)
  t.equal(bundles.count, 0)
})

/** A scenario with a group of two bundles at this peer, of one CPU and of two. */
function scenario(): { s: Scenario; kind(name: string, index: number, cpus?: number): Kind } {
  const s = new Scenario({ cpus: 4 })
  const { owner } = s
  owner.exchange.self = { peerId: 'here', totals: { cpus: 4 }, labels: {}, closed: false }
  const resources = [{ cpus: 1 }, { cpus: 2 }]
  owner.bundles.prepare(from('g'), [[0, resources[0]], [1, resources[1]]], s.now) // biome-ignore format: one line
  owner.bundles.commit('g', 1)
  owner.groups.partOf = (kind, index) => {
    const part = new Kind(owner.kinds.length, owner.rows, { ...kind.spec, bundle: { group: 'g', index } })
    owner.kinds.push(part)
    return part
  }
  return {
    s,
    kind(name, index, cpus = 1) {
      s.kind(name, { cpus, bundle: { group: 'g', index } })
      const kind = owner.kinds.at(-1) as Kind
      owner.groups.add(kind, resources)
      return kind
    },
  }
}

const placed = { state: 'placed', peers: ['here', 'here'] } as const
const runs = (s: Scenario): string[] =>
  s.take().filter(line => line.startsWith('run')).map(line => line.split(' ')[1]) // biome-ignore format: one line

t.test('tasks draw from their bundle alone, and others from what is left', async t => {
  const { s, kind } = scenario()
  kind('f', 0)
  kind('any', -1)
  s.kind('outside')
  for (const name of ['f1', 'f2', 'any1', 'any2', 'any3', 'outside1', 'outside2']) s.submit(name)
  s.turn()
  t.same(runs(s), ['outside1'], 'the group is not placed yet')
  t.match(s.owner.scheduler.reason(s.row('f1')), /waits for its placement group: it is being placed/)
  s.owner.groups.view('g', placed)
  s.turn()
  t.same(runs(s).sort(), ['any2', 'any3', 'f1'], 'the first was meant for the bundle that f1 has now')
  t.match(s.owner.scheduler.reason(s.row('f2')), /cpus of its bundle/)
  s.end('any2', { ms: 500 })
  s.turn()
  t.same(runs(s), ['any1'], 'where there is room')
  s.suspend('f1')
  s.turn()
  t.same(runs(s), ['f2'], 'what a suspended task gives back is its bundle’s')
  s.end('f2')
  s.resume('f1')
  s.turn()
  t.same(s.take().filter(line => line.startsWith('resume')), ['resume f1 on t1'].map(line => line.replace('t1', `t${s.owner.rows.thread[s.row('f1')]}`))) // biome-ignore format: one line
  for (const name of ['f1', 'any1', 'any3', 'outside1']) s.end(name)
  s.turn()
  s.end('outside2')
  s.turn()
  s.owner.bundles.release('g')
  t.ok(s.clean)
})

t.test(
  'a bundle that goes elsewhere: what runs finishes with what it had, what was suspended goes on, nothing new begins',
  async t => {
    const { s, kind } = scenario()
    kind('f', 1)
    s.kind('outside', { cpus: 2 })
    s.owner.groups.view('g', placed)
    for (const name of ['f1', 'f2']) s.submit(name)
    s.turn()
    t.same(runs(s), ['f1', 'f2'])
    s.suspend('f2')
    s.owner.groups.view('g', { state: 'waiting', peers: ['here', null], reason: 'it moves' })
    s.owner.bundles.release('g', { indices: [1] })
    s.submit('f3')
    s.turn()
    t.same(runs(s), [])
    t.equal(s.owner.resources.available().cpus, 2, 'the task that runs has its CPU still')
    t.match(s.owner.scheduler.reason(s.row('f3')), /it moves/)
    s.resume('f2')
    s.turn()
    t.match(s.take(), [/resume f2/])
    s.end('f1')
    s.end('f2')
    s.turn()
    t.equal(s.owner.resources.available().cpus, 3)
    s.submit('outside1')
    s.turn()
    t.same(runs(s), ['outside1'])
  },
)

t.test(
  'what fits no bundle fails at once, a removed group ends its tasks, and what comes later fails like them',
  async t => {
    const { s, kind } = scenario()
    kind('large', -1, 3)
    kind('second', 0, 2)
    kind('f', -1)
    s.submit('large1')
    s.submit('second1')
    t.same(
      s.take().filter(line => line.startsWith('error')),
      ['error no-bundle', 'error no-bundle'],
    )
    s.owner.groups.view('g', placed)
    for (let i = 1; i <= 5; i++) s.submit(`f${i}`)
    s.turn()
    for (const row of [s.row('f1'), s.row('f2')]) s.begun.add(row)
    s.take()
    s.owner.bundles.release('g')
    s.owner.groups.view('g', { state: 'removed', peers: [] })
    s.turn()
    t.equal(s.take().filter(line => line === 'error group-removed').length, 5)
    s.submit('f6')
    t.same(
      s.take().filter(line => line.startsWith('error')),
      ['error group-removed'],
    )
  },
)

t.test('a request that waits for what a group has reserved holds nobody back', async t => {
  const { s } = scenario()
  s.kind('large', { cpus: 4 })
  s.kind('small')
  s.submit('large1')
  s.turn()
  s.now += 2 * limits.ageingMs
  s.submit('small1')
  s.turn()
  t.same(runs(s), ['small1'])
})
