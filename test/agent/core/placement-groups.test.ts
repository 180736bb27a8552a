import t from 'tap'
import { Bundles } from '../../../agent/core/bundles.ts'
import { limits } from '../../../agent/core/limits.ts'
import { type GroupSpec, PlacementGroups } from '../../../agent/core/placement-groups.ts'
import { type ResourceMap, ResourceTable } from '../../../agent/core/resources.ts'
import { randomOf } from '../../sim/cores.ts'

/** Peers with their real bundles, each an owner of groups; messages between them take a while, news of what is free longer. */
class Groups {
  now = 0
  readonly random: () => number
  readonly peers = new Map<string, { resources: ResourceTable; bundles: Bundles; owner: PlacementGroups; said: ResourceMap; open: boolean }>() // biome-ignore format: one line
  readonly changes: string[] = []
  readonly #events: { at: number; run(): void }[] = []

  constructor(cpus: readonly number[], seed = 1) {
    this.random = randomOf(seed)
    for (const [i, n] of cpus.entries()) this.add(`p${i}`, n)
  }

  add(name: string, cpus: number): void {
    const resources = new ResourceTable({ cpus })
    const owner = new PlacementGroups({
      rooms: () => this.#rooms(name),
      prepare: (to, group, round, bundles) =>
        this.#tell(name, to, there =>
          there.prepare({ owner: this.#number(name), group, round }, bundles, this.now),
        ).answered(ok => owner.prepared(group, round, to, ok, this.now)),
      commit: (to, group, round) =>
        this.#tell(name, to, there => there.commit(group, round)).answered(ok => owner.committed(group, round, to, ok, this.now)), // biome-ignore format: one line
      release: (to, group, which) =>
        this.#tell(name, to, there => {
          there.release(group, which)
          return true
        }).answered(() => undefined),
      changed: group => this.changes.push(`${group} ${owner.view(group).state}`),
      random: this.random,
    })
    const bundles = new Bundles(resources)
    this.peers.set(name, { resources, bundles, owner, said: resources.available(), open: true })
  }

  #number(name: string): number {
    return Number(name.slice(1))
  }

  #rooms(from: string) {
    return [...this.peers]
      .filter(([, { open }]) => open)
      .map(([peerId, { resources, said }]) => ({
        peerId,
        totals: resources.total(),
        free: peerId === from ? resources.available() : said,
      }))
  }

  #tell(from: string, to: string, done: (there: Bundles) => boolean): { answered(next: (ok: boolean) => void): void } {
    const latency = (): number => (from === to ? 0 : 1 + 2 * this.random())
    return {
      answered: next =>
        this.after(latency(), () => {
          const there = this.peers.get(to)
          const ok = there ? done(there.bundles) : false
          this.after(latency(), () => this.peers.has(from) && next(ok))
        }),
    }
  }

  after(ms: number, run: () => void): void {
    this.#events.push({ at: this.now + ms, run })
  }

  /** What everybody says of what is free arrives at the others. */
  gossip(): void {
    for (const peer of this.peers.values()) peer.said = peer.resources.available()
  }

  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; this.now++) {
      if (this.now % 100 === 0) this.gossip()
      for (const { owner, bundles } of this.peers.values()) {
        owner.advance(this.now)
        bundles.expire(this.now)
      }
      // In order of time, and of a peer's messages in the order in which they were sent.
      for (;;) {
        const due = this.#events.findIndex(({ at }) => at <= this.now)
        if (due < 0) break
        this.#events.splice(due, 1)[0].run()
      }
    }
  }

  /** A peer is gone, or takes nothing any more. */
  lose(name: string, how: 'gone' | 'draining' = 'gone'): void {
    const peer = this.peers.get(name)
    if (how === 'gone') this.peers.delete(name)
    else if (peer) peer.open = false
    for (const { owner, bundles } of this.peers.values()) {
      if (how === 'gone') bundles.releaseOf(this.#number(name))
      owner.peersChanged(this.now)
    }
  }

  owner(name: string): PlacementGroups {
    return this.peers.get(name)?.owner as PlacementGroups
  }

  free(): string {
    return [...this.peers.values()].map(({ resources }) => resources.available().cpus).join(' ')
  }
}

const spec = (id: string, cpus: number[], strategy: GroupSpec['strategy'] = 'pack', more: Partial<GroupSpec> = {}): GroupSpec => ({ id, name: undefined, strategy, bundles: cpus.map(n => ({ cpus: n })), job: 1, detached: false, ...more }) // biome-ignore format: one line

t.test('a group is reserved whole, and everything comes back', async t => {
  const s = new Groups([2, 2])
  s.owner('p0').make(spec('a', [2, 1], 'spread'), s.now)
  t.equal(s.owner('p0').view('a').state, 'waiting')
  s.pass(20)
  t.match(s.owner('p0').view('a'), { state: 'placed', peers: ['p0', 'p1'] })
  t.equal(s.free(), '0 1')
  s.owner('p0').remove('a')
  s.owner('p0').remove('a')
  s.pass(10)
  t.equal(s.free(), '2 2')
  t.same(s.changes, ['a placed', 'a removed'])
})

t.test('what does not fit holds nothing and says why; what no mesh could hold says that', async t => {
  const s = new Groups([2, 2])
  const owner = s.owner('p0')
  owner.make(spec('three', [1, 1, 1], 'strict-spread'), s.now)
  owner.make(spec('big', [2, 2], 'strict-pack'), s.now)
  owner.make(spec('huge', [1, 64], 'spread'), s.now)
  owner.make(spec('first', [2, 2], 'strict-spread'), s.now)
  owner.make(spec('second', [2], 'pack'), s.now)
  s.pass(1000)
  t.equal(s.free(), '0 0')
  t.match(owner.view('three').impossible, { requested: '3', has: /2 that take any/ })
  t.match(owner.view('big').impossible, { requested: '{ cpus: 4 }', resource: /strict-pack/ })
  t.match(owner.view('huge').impossible, { resource: 'cpus in bundle 1', requested: '64', has: '2' })
  t.match(owner.view('second'), { impossible: undefined, reason: /no peer has room for bundle 0 \{ cpus: 2 \} now/ })
  t.equal([...owner.waiting()].length, 4)
  owner.remove('first')
  s.pass(600)
  t.equal(owner.view('second').state, 'placed')
  owner.remove('second')
  s.add('p2', 200)
  owner.peersChanged(s.now)
  s.pass(600)
  for (const id of ['three', 'big', 'huge']) t.equal(owner.view(id).state, 'placed', id)
  owner.jobEnded(1)
  s.pass(10)
  t.equal(s.free(), '2 2 200')
})

t.test('bundles of a peer that is gone, or leaving, are reserved elsewhere; of a strict-pack group all', async t => {
  const s = new Groups([1, 4, 4, 4])
  const owner = s.owner('p0')
  owner.make(spec('spread', [1, 1, 1], 'strict-spread'), s.now)
  s.pass(20)
  const [, lost] = owner.view('spread').peers
  s.lose(lost as string)
  t.match(owner.view('spread'), { state: 'waiting', peers: [String, null, String], reason: /is gone, or is leaving/ })
  s.pass(50)
  const { state, peers } = owner.view('spread')
  t.equal(state, 'placed')
  t.equal(new Set(peers).size, 3)
  owner.remove('spread')
  owner.make(spec('packed', [2, 2], 'strict-pack'), s.now)
  s.pass(20)
  const [at] = owner.view('packed').peers
  s.lose(at as string, 'draining')
  s.pass(50)
  const [next, other] = owner.view('packed').peers
  t.equal(next, other)
  t.not(next, at)
  t.equal(owner.view('packed').state, 'placed')
})

t.test('an attempt whose owner dies between the two steps is given up by those it was prepared at', async t => {
  const s = new Groups([0, 2])
  s.owner('p0').make(spec('a', [2]), s.now)
  s.owner('p0').advance(s.now)
  s.pass(4)
  s.peers.delete('p0')
  t.equal(s.free(), '0')
  s.pass(limits.bundlePreparedMs + 10)
  t.equal(s.free(), '2')
})

t.test('many owners that compete for everything: each gets its turn, and nothing is left over', async t => {
  for (let seed = 1; seed <= 20; seed++) {
    const s = new Groups([4, 4, 4, 4, 4], seed)
    const strategies = ['pack', 'spread', 'strict-pack', 'strict-spread'] as const
    const open = new Map<string, string>()
    for (let i = 0; i < 40; i++) {
      const owner = `p${Math.floor(s.random() * 5)}`
      const n = 1 + Math.floor(s.random() * 4)
      const cpus = Array.from({ length: n }, () => 1 + Math.floor(s.random() * Math.floor(4 / n)))
      open.set(`g${i}`, owner)
      s.owner(owner).make(spec(`g${i}`, cpus, strategies[i % 4]), s.now)
    }
    let lost = false
    for (let ms = 0; open.size > 0 && ms < 60_000; ms += 50) {
      s.pass(50)
      for (const { resources } of s.peers.values())
        if (resources.available().cpus < 0) t.fail(`seed ${seed}: too much reserved`)
      for (const [id, owner] of open) {
        if (!s.peers.has(owner)) open.delete(id)
        else if (s.owner(owner).view(id).state === 'placed' && s.random() < 0.5) {
          s.owner(owner).remove(id)
          open.delete(id)
        }
      }
      if (!lost && ms >= 1000) {
        lost = true
        s.lose('p4', seed % 2 ? 'gone' : 'draining')
      }
    }
    t.equal(open.size, 0, `seed ${seed}: ${[...open].map(([id, owner]) => `${id} ${s.owner(owner).view(id).reason}`)}`)
    s.pass(limits.bundlePreparedMs + 100)
    t.match(s.free(), /^4 4 4 4( 4)?$/, `seed ${seed}`)
    t.ok(
      [...s.peers.values()].every(({ bundles }) => bundles.count === 0),
      `seed ${seed}`,
    )
  }
})
