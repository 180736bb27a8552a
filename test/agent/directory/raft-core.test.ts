import t from 'tap'
import { limits } from '../../../agent/directory/limits.ts'
import { type LogEntry, type Message, type Persisted, Raft } from '../../../agent/directory/raft/index.ts'

const config = { voters: ['a', 'b', 'c'], learners: [] }

/** One core whose messages are looked at, after so many entries of these terms. */
function core(id: string, terms: readonly number[] = [], command = ''): Raft {
  const entries: LogEntry[] = terms.map((term, i) => ({ index: i + 2, term, command }))
  const persisted: Persisted = {
    hard: { term: terms.at(-1) ?? 1, vote: undefined },
    snapshot: { index: 1, term: 1, config, data: '' },
    entries,
  }
  return new Raft({ id, persisted, random: () => 0, now: 0 })
}

/** What it says to one peer now, all writes done. */
function said(raft: Raft, to: string, now: number): Message[] {
  const all: Message[] = []
  while (raft.hasReady) {
    const { early, messages, entries } = raft.take(now)
    const last = entries.at(-1)
    if (last) raft.kept(last.index, last.term)
    all.push(...[...early, ...messages].filter(one => one.to === to).map(({ message }) => message))
  }
  return all
}

/** It leads, by the vote of b. */
function lead(raft: Raft, now: number): void {
  raft.tick(now)
  raft.receive('b', { t: 'voted', term: raft.term + 1, pre: true, granted: true, retired: false }, now)
  raft.receive('b', { t: 'voted', term: raft.term, pre: false, granted: true, retired: false }, now)
  t.equal(raft.role, 'leader')
}

const ask = (term: number, index = 1, indexTerm = 1): Message => ({
  t: 'vote',
  term,
  pre: false,
  force: false,
  index,
  indexTerm,
})

t.test('one vote a term, for a log that is as long', async t => {
  const raft = core('a', [1])
  raft.receive('b', ask(5, 2), 0)
  raft.receive('c', ask(5, 2), 0)
  raft.receive('b', ask(5, 2), 0)
  t.match(said(raft, 'b', 0), [{ granted: true }, { granted: true }])
  raft.receive('c', ask(6, 1), 0)
  t.match(said(raft, 'c', 0), [{ granted: false }], 'its log is shorter')
})

t.test('a vote in advance changes nothing; who has a leader gives none', async t => {
  const raft = core('a')
  raft.receive('b', { ...ask(9), pre: true } as Message, 0)
  t.match(said(raft, 'b', 0), [{ granted: true, term: 9, pre: true }])
  t.equal(raft.term, 1)
  raft.receive('c', { t: 'append', term: 1, index: 1, indexTerm: 1, entries: [], commit: 1, read: 0 }, 10)
  said(raft, 'c', 10)
  raft.receive('b', ask(9), 20)
  t.match(said(raft, 'b', 20), [{ granted: false }])
  t.equal(raft.term, 1)
})

t.test('entries of earlier terms are committed by one of the leader’s own only (Raft, figure 8)', async t => {
  // Two entries that do not fit into one message.
  const raft = core('a', [2, 3], 'x'.repeat(limits.appendBytesMax))
  lead(raft, 5000)
  said(raft, 'b', 5000)
  t.equal(raft.log.lastIndex, 4, 'its own is there')
  const answer = (index: number): Message => ({
    t: 'appended',
    term: raft.term,
    ok: true,
    index,
    indexTerm: 0,
    asked: 1,
    read: 0,
  })
  raft.receive('b', answer(3), 5000)
  said(raft, 'b', 5000)
  t.equal(raft.commit, 1, 'a majority has entry 3, and it is not committed')
  raft.receive('b', answer(4), 5000)
  t.equal(raft.commit, 4)
})

t.test('what a leader itself has not written does not count', async t => {
  // Three entries that another leader replaces by one.
  const raft = core('a', [2, 2, 2])
  raft.receive(
    'c',
    { t: 'append', term: 3, index: 2, indexTerm: 2, entries: [{ index: 3, term: 3 }], commit: 1, read: 0 },
    0,
  )
  said(raft, 'c', 0)
  lead(raft, 5000)
  raft.take(5000)
  raft.take(5000)
  t.equal(raft.log.lastIndex, 4)
  raft.kept(4, 2)
  raft.receive('b', { t: 'appended', term: raft.term, ok: true, index: 4, indexTerm: 0, asked: 3, read: 0 }, 5000)
  t.equal(raft.commit, 1, 'an earlier entry of that place was written, this one was not')
  raft.kept(4, raft.term)
  t.equal(raft.commit, 4)
})

t.test('a read is answered when a majority has confirmed the lead after it was asked', async t => {
  const raft = core('a')
  lead(raft, 5000)
  said(raft, 'b', 5000)
  raft.receive('b', { t: 'appended', term: raft.term, ok: true, index: 2, indexTerm: 0, asked: 1, read: 0 }, 5000)
  raft.read(1)
  const { early } = raft.take(5000)
  const asked = early.find(({ to }) => to === 'b')?.message as Extract<Message, { t: 'append' }>
  t.equal(asked.read, 1)
  const answer = { t: 'appended' as const, term: raft.term, ok: true, index: 2, indexTerm: 0, asked: 2 }
  raft.receive('b', { ...answer, read: 0 }, 5010)
  t.same(raft.hasReady ? raft.take(5010).reads : [], [])
  raft.receive('b', { ...answer, read: 1 }, 5010)
  t.same(raft.take(5010).reads, [1])
  raft.read(2)
  raft.take(5020)
  raft.receive(
    'c',
    { t: 'append', term: raft.term + 1, index: 2, indexTerm: raft.term, entries: [], commit: 2, read: 0 },
    5020,
  )
  t.same(raft.take(5020).refused, [2], 'another leads')
})

t.test('a change of who decides is undone with its entry', async t => {
  const raft = core('a', [2])
  const more = { voters: ['a', 'b', 'c', 'd'], learners: [] }
  const append = { t: 'append' as const, index: 2, indexTerm: 2, commit: 1, read: 0 }
  raft.receive('c', { ...append, term: 2, entries: [{ index: 3, term: 2, config: more }] }, 0)
  t.same(raft.config, more, 'it counts from its entry on, committed or not')
  raft.receive('b', { ...append, term: 3, entries: [{ index: 3, term: 3 }] }, 0)
  t.same(raft.config, config)
})
