import fc from 'fast-check'
import t from 'tap'
import { decode, encode, type Said } from '../../../agent/directory/wire.ts'
import { MalformedFrameError } from '../../../mesh/wire/index.ts'

const known = { generation: { n: 1, by: 'x' }, term: 2, configIndex: 3, voters: ['a'], leader: 'a' }
const entry = {
  id: 5,
  namespace: '',
  name: 'n',
  kind: 'detached' as const,
  epoch: 1,
  state: 'pending' as const,
  data: '',
  restartsLeft: 0,
  restarts: 0,
  holder: { peerId: 'a', incarnation: 1 },
}
const command = JSON.stringify({ request: 'r', at: 1, command: { do: 'free', id: 5, reason: '' } })
const config = { voters: ['a'], learners: [] }
const examples: Said[] = [
  { is: 'hello', durable: true, leaving: false, known },
  { is: 'raft', generation: { n: 0, by: 'x' }, message: { t: 'append', term: 1, index: 4, indexTerm: 1, commit: 4, read: 0, entries: [{ index: 5, term: 1, command }, { index: 6, term: 1, config }] } }, // biome-ignore format: one line
  { is: 'raft', generation: { n: 0, by: 'x' }, message: { t: 'snapshot', term: 1, read: 0, snapshot: { index: 4, term: 1, config, data: '' } } }, // biome-ignore format: one line
  { is: 'request', q: 1, hops: 2, request: { do: 'renew', run: { peerId: 'a', incarnation: 1 }, holds: [[5, 1]] } },
  { is: 'request', q: 1, hops: 2, request: { do: 'propose', request: 'r', command: { do: 'claim', namespace: '', name: 'n', data: '', spec: '', restarts: -1 } } }, // biome-ignore format: one line
  { is: 'answer', q: 1, answer: { known } },
  { is: 'stop', q: 1, entry, why: 'killed' },
  { is: 'host', entry },
]

t.test('what is said arrives', async t => {
  for (const said of examples) t.same(decode(encode(said)), said)
})

t.test('anything else is a malformed frame, and nothing worse', async t => {
  const rejects = (bytes: Uint8Array): boolean => {
    try {
      decode(bytes)
      return false
    } catch (error) {
      if (!(error instanceof MalformedFrameError)) throw error
      return true
    }
  }
  fc.assert(fc.property(fc.uint8Array(), bytes => void rejects(bytes)))
  fc.assert(fc.property(fc.json(), text => void rejects(Buffer.from(text))))
  // Each field of each message in turn is something else.
  for (const said of examples) {
    const text = JSON.stringify(said)
    const paths = pathsOf(said)
    for (const path of paths) {
      for (const instead of [null, -1, 'x', [], {}, [null]]) {
        const other = JSON.parse(text)
        let at = other
        for (const key of path.slice(0, -1)) at = at[key]
        at[path.at(-1) as string] = instead
        rejects(Buffer.from(JSON.stringify(other)))
      }
    }
  }
  const gap = JSON.parse(JSON.stringify(examples[1]))
  gap.message.entries[1].index = 9
  t.ok(rejects(Buffer.from(JSON.stringify(gap))), 'entries with a gap')
  const unreadable = JSON.parse(JSON.stringify(examples[1]))
  unreadable.message.entries[0].command = '{"command":{"do":"conquer"}}'
  t.ok(rejects(Buffer.from(JSON.stringify(unreadable))), 'a command that nobody could carry out')
})

function pathsOf(value: unknown, before: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [before]
  const inside = Object.entries(value).flatMap(([key, one]) => pathsOf(one, [...before, key]))
  return before.length > 0 ? [before, ...inside] : inside
}
