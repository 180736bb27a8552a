import fc from 'fast-check'
import t from 'tap'
import {
  bundlesFrom,
  GroupMessageError,
  groupFrom,
  indicesFrom,
  roundFrom,
  viewFrom,
} from '../../../agent/peer/group-messages.ts'
import { groupIdText, ownerOfGroup } from '../../../wire/ids.ts'

t.test('what peers say of groups arrives as it was said', async t => {
  const view = { state: 'waiting' as const, peers: ['p', null], reason: 'why', impossible: { resource: 'cpus', requested: '3', has: '2' } } // biome-ignore format: one line
  t.same(viewFrom(JSON.parse(JSON.stringify(view))), view)
  t.same(bundlesFrom({ bundles: [[3, { cpus: 1, slot: 0.5 }]] }), [[3, { cpus: 1, slot: 0.5 }]])
  t.equal(groupFrom({ group: 'g' }), 'g')
  t.equal(roundFrom({ round: 7 }), 7)
  t.same(indicesFrom([0, 2]), [0, 2])
})

t.test('anything else is refused, whatever it is', async t => {
  const readers = [viewFrom, bundlesFrom, groupFrom, roundFrom, indicesFrom]
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...readers), (value, read) => {
      try {
        read(value ?? {})
      } catch (error) {
        if (!(error instanceof GroupMessageError)) throw error
      }
    }),
  )
  t.throws(() => bundlesFrom({ bundles: [[0, { cpus: -1 }]] }), GroupMessageError)
  t.throws(() => bundlesFrom({ bundles: [[0, JSON.parse('{"__proto__": 1}')]] }), GroupMessageError)
  t.throws(() => viewFrom({ state: 'lost', peers: [] }), GroupMessageError)
  t.throws(() => groupFrom({ group: 'x'.repeat(1000) }), GroupMessageError)
})

t.test('a group names its owner', async t => {
  const owner = { peerId: '12D3KooWGroup', incarnation: 1_700_000_000_000 }
  t.same(ownerOfGroup(groupIdText(owner, 41, 7)), owner)
  for (const id of ['', 'g', '12D3-1-1-1', `${groupIdText(owner, 1, 1)}/..`]) t.equal(ownerOfGroup(id), undefined, id)
})
