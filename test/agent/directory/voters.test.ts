import t from 'tap'
import type { Config } from '../../../agent/directory/raft/index.ts'
import { type Candidate, nextStep, votersFor } from '../../../agent/directory/voters.ts'

const here = (peerId: string, more: Partial<Candidate> = {}): Candidate => ({
  peerId,
  durable: true,
  since: peerId.charCodeAt(0),
  state: 'here',
  caughtUp: true,
  ...more,
})

/** Every step until there is none, as the leader sees it; who is told to lead does. */
function settle(from: Config, members: Candidate[], self = from.voters[0]): { config: Config; steps: string[] } {
  let config = from
  let leader = self
  const steps: string[] = []
  for (;;) {
    const step = nextStep(leader, config, members)
    if (!step) return { config, steps }
    steps.push(`${step.kind} ${step.peer}`)
    const { voters, learners } = config
    const others = learners.filter(peer => peer !== step.peer)
    if (step.kind === 'transfer') leader = step.peer
    else if (step.kind === 'learn') config = { voters, learners: [...others, step.peer] }
    else if (step.kind === 'promote') config = { voters: [...voters, step.peer], learners: others }
    else config = { voters: voters.filter(peer => peer !== step.peer), learners: others }
    const living = config.voters.filter(peer => {
      const state = members.find(one => one.peerId === peer)?.state
      return state === 'here' || state === 'going'
    })
    if (living.length <= config.voters.length / 2) throw new Error(`${steps.join(', ')}: no majority is there`)
    if (steps.length > 50) throw new Error(steps.join(', '))
  }
}

const alone: Config = { voters: ['a'], learners: [] }

t.test('how many vote', async t => {
  t.same([1, 2, 3, 4, 6, 7, 100].map(votersFor), [1, 1, 3, 3, 3, 5, 5])
})

t.test('one of two votes, the other has a copy; three of three; the longest there of many', async t => {
  t.same(settle(alone, [here('a')]).config, alone)
  t.same(settle(alone, [here('a'), here('b')]), { config: { voters: ['a'], learners: ['b'] }, steps: ['learn b'] })
  t.same(
    settle(
      alone,
      ['a', 'b', 'c'].map(one => here(one)),
    ),
    {
      config: { voters: ['a', 'b', 'c'], learners: [] },
      steps: ['learn b', 'learn c', 'promote b', 'promote c'],
    },
  )
  t.same(
    settle(
      alone,
      [...'abcdefgh'].map(one => here(one)),
    ).config.voters,
    [...'abcde'],
  )
  t.same(settle(alone, ['a', 'b'].map(one => here(one)).concat(here('c', { caughtUp: false }))).config.voters, ['a'])
})

const three: Config = { voters: ['a', 'b', 'c'], learners: [] }

t.test('a voter that is gone is replaced; without another one, one votes', async t => {
  const gone = here('c', { state: 'gone' })
  t.same(settle(three, [here('a'), here('b'), gone, here('d')]), {
    config: { voters: ['a', 'b', 'd'], learners: [] },
    steps: ['learn d', 'remove c', 'promote d'],
  })
  t.same(settle(three, [here('a'), here('b'), gone]).config, { voters: ['a'], learners: ['b'] })
  t.same(
    settle(three, [here('a'), here('b'), here('c', { state: 'silent' })]).steps,
    [],
    'silence alone changes nothing',
  )
  t.same(
    settle(three, [here('a'), here('b', { state: 'silent' }), gone]).steps,
    [],
    'a majority of those left is not there',
  )
})

t.test('who leaves hands over first', async t => {
  const going = here('a', { state: 'going' })
  t.same(settle(alone, [going]).steps, [])
  t.same(settle(alone, [going, here('b')]).steps, ['learn b', 'promote b', 'transfer b', 'remove a'])
  t.same(settle(three, [going, here('b'), here('c'), here('d')]).config.voters, ['b', 'c', 'd'])
  t.same(settle(three, [here('a'), here('b'), here('c', { state: 'going' })]).config, {
    voters: ['a'],
    learners: ['b'],
  })
})

t.test('embedded peers vote only where there is nobody else', async t => {
  const embedded = (peerId: string): Candidate => here(peerId, { durable: false })
  t.same(settle(alone, [embedded('a'), embedded('b'), embedded('c')]).config.voters, ['a', 'b', 'c'])
  t.same(settle(three, [embedded('a'), embedded('b'), embedded('c'), here('d')]).config, {
    voters: ['d'],
    learners: [],
  })
})
