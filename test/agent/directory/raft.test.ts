import t from 'tap'
import type { Proposal } from '../../../agent/directory/commands.ts'
import { electionMs, Group } from './raft-sim.ts'

const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g']

/** Lets everybody be a voter, one after the other. */
function grow(group: Group, voters: readonly string[]): void {
  group.run(100)
  for (const peer of voters) {
    const leader = group.leader()?.id as string
    if (peer === leader || group.leader()?.raft?.config.voters.includes(peer)) continue
    group.change(leader, { kind: 'learn', peer })
    group.run(200)
    if (!group.change(leader, { kind: 'promote', peer })) throw new Error(`${peer} cannot be promoted`)
    group.run(200)
  }
}

let requests = 0
const claim = (name: string): Proposal => ({
  request: `r${requests++}`,
  at: 0,
  command: { do: 'claim', namespace: '', name, owner: { peerId: 'x', incarnation: 1 }, data: '', restarts: 0 },
})

t.test('one peer decides alone, at once', async t => {
  const group = new Group(1, ['a'])
  group.run(20)
  t.equal(group.leader()?.id, 'a')
  let won: boolean | undefined
  group.propose('a', claim('n'), outcome => {
    won = outcome.won
  })
  group.run(20)
  t.equal(won, true)
})

t.test('three peers: a leader that dies is replaced, and the two that are left go on', async t => {
  const group = new Group(2, ['a', 'b', 'c'])
  grow(group, ['b', 'c'])
  t.same(group.leader()?.raft?.config, { voters: ['a', 'b', 'c'], learners: [] })
  group.crash('a')
  group.run(electionMs * 4)
  const second = group.leader()?.id as string
  t.match(second, /^[bc]$/)
  let won: boolean | undefined
  group.propose(second, claim('n'), outcome => {
    won = outcome.won
  })
  group.run(100)
  t.equal(won, true)
  const term = group.leader()?.raft?.term
  group.boot('a')
  group.run(electionMs * 3)
  t.equal(group.leader()?.raft?.term, term, 'one that comes back does not disturb')
  t.equal(group.nodes.get('a')?.applied, group.nodes.get(second)?.applied)
})

t.test('a leader that is known to be gone is replaced without waiting', async t => {
  const group = new Group(3, ['a', 'b', 'c'])
  grow(group, ['b', 'c'])
  group.crash('a')
  for (const id of ['b', 'c']) group.nodes.get(id)?.raft?.leaderGone('a', group.now)
  group.run(300)
  t.ok(group.leader(), 'within 300 ms')
})

t.test('a lead is handed over without an election time-out', async t => {
  const group = new Group(4, ['a', 'b', 'c'])
  grow(group, ['b', 'c'])
  group.transfer('a', 'c')
  group.run(200)
  t.equal(group.leader()?.id, 'c')
})

const runs = Number(process.env.SHOAL_SIM_RUNS ?? 60)
const first = Number(process.env.SHOAL_SIM_SEED ?? Math.floor(Math.random() * 1e9))

t.test(`storms: ${runs} runs from seed ${first}`, { timeout: 240_000 }, async t => {
  for (let seed = first; seed < first + runs; seed++) {
    try {
      storm(seed)
    } catch (error) {
      t.fail(`SHOAL_SIM_SEED=${seed} SHOAL_SIM_RUNS=1: ${(error as Error).stack}`)
      return
    }
  }
  t.pass('every run kept what Raft promises')
})

/** Clients claim and free names, read, and ask again, while everything that can go wrong does. */
function storm(seed: number): void {
  const group = new Group(seed, ids)
  const { random } = group
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]
  grow(group, ids.slice(1, 1 + Math.floor(random() * 5)))
  /** Who holds a name, as far as clients were told. */
  const holders = new Map<string, string>()
  let answered = 0

  const client = (who: string): void => {
    const name = `n${Math.floor(random() * 4)}`
    const proposal = { ...claim(name), request: `${seed}/${who}/${requests++}` }
    attempt(proposal, outcome => {
      if (!outcome.won) {
        group.at(random() * 100, () => client(who))
        return
      }
      const before = holders.get(name)
      if (before !== undefined) throw new Error(`${name} is held by ${before}, and won by ${who}`)
      holders.set(name, who)
      group.at(random() * 400, () => {
        holders.delete(name)
        const free: Proposal = {
          request: `${seed}/${who}/${requests++}`,
          at: 0,
          command: { do: 'free', id: outcome.id as number, reason: '' },
        }
        attempt(free, () => group.at(random() * 100, () => client(who)))
      })
    })
  }
  /** Tries until it is answered, at whatever peer, often at several at a time. */
  const attempt = (proposal: Proposal, done: (outcome: { won?: boolean; id?: number }) => void): void => {
    let over = false
    const again = (): void => {
      if (over) return
      group.propose(pick([...group.leaders(), pick(ids)]), proposal, outcome => {
        if (over) return
        over = true
        answered++
        done(outcome)
      })
      group.at(100 + random() * 500, again)
    }
    again()
  }
  const reader = (): void => {
    for (const id of group.leaders()) group.read(id, () => undefined)
    group.at(random() * 40, reader)
  }
  for (let i = 0; i < 5; i++) client(`client${i}`)
  reader()

  const reconfigure = (leader: string): void => {
    const { voters, learners } = group.nodes.get(leader)?.raft?.config ?? { voters: [], learners: [] }
    const peer = pick(ids)
    if (random() < 0.1) group.transfer(leader, peer)
    else if (learners.length > 0 && random() < 0.7) group.change(leader, { kind: 'promote', peer: learners[0] })
    else if (voters.includes(peer)) {
      if (voters.length > 1) group.change(leader, { kind: 'remove', peer })
    } else if (voters.length < 5) group.change(leader, { kind: 'learn', peer })
  }
  let calm = false
  const trouble = (): void => {
    if (calm) return
    const what = random()
    // Somebody believes, rightly or not, that the leader is dead: several lead at a time, in different terms.
    if (random() < 0.3) for (const id of ids) if (random() < 0.6) group.leaderGone(id)
    if (random() < 0.1) {
      // The leader is cut off, and all others are told that it is dead.
      const cut = pick([...group.leaders(), 'a'])
      for (const id of ids) {
        group.cut(cut, id)
        if (id !== cut) group.leaderGone(id)
      }
    }
    if (what < 0.2) group.crash(pick(ids))
    else if (what < 0.4) group.boot(pick(ids))
    else if (what < 0.5) group.cut(pick(ids), pick(ids))
    else if (what < 0.56) {
      const side = ids.filter(() => random() < 0.5)
      for (const a of side) for (const b of ids) if (!side.includes(b)) group.cut(a, b)
    } else if (what < 0.7) group.heal()
    else if (what < 0.72) for (const id of ids) group.crash(id)
    else if (what < 0.76) for (const id of ids) group.boot(id)
    else if (what < 0.82) group.weather = { drop: random() * 0.4, delayMs: random() * 80, twice: random() * 0.2 }
    // Every leader is asked for several changes at once: it makes one at a time.
    else for (const id of group.leaders()) for (let i = 0; i < 4; i++) reconfigure(id)
    group.at(random() * 300, trouble)
  }
  group.at(10, trouble)
  for (let i = 0; i < 40; i++) group.run(500)
  calm = true
  // All is well again: the group goes on.
  group.heal()
  group.weather = { drop: 0, delayMs: 5, twice: 0 }
  for (const id of ids) group.boot(id)
  group.run(electionMs * 5)
  const before = answered
  group.run(8000)
  if (answered <= before + 10) throw new Error(`no progress after the storm: ${answered - before} answers`)
}
