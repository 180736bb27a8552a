import fc from 'fast-check'
import t from 'tap'
import type { Command, Outcome } from '../../../agent/directory/commands.ts'
import { Entries } from '../../../agent/directory/entries.ts'
import { limits } from '../../../agent/directory/limits.ts'

const owner = { peerId: 'p', incarnation: 5 }
const claim = (name: string, more: object = {}): Command => ({
  do: 'claim',
  namespace: '',
  name,
  data: '',
  spec: '',
  restarts: 1,
  ...more,
})

/** Entries, and commands one after the other. */
function directory(generation = 0) {
  const ended: string[] = []
  const entries = new Entries(generation, { ended: (entry, reason) => void ended.push(`${entry.name}: ${reason}`) })
  let index = 0
  return {
    entries,
    ended,
    apply(command: Command, request = `r${index}`, at = 0): Outcome & { id?: number } {
      return entries.apply(++index, { request, at, command })
    },
  }
}

t.test('a name is taken once; asked again, the answer is the same', async t => {
  const { entries, apply } = directory()
  const first = apply(claim('n', { owner }), 'a')
  t.match(first, { won: true, id: 1 })
  t.match(apply(claim('n'), 'b'), { won: false, id: 1 })
  t.same(apply(claim('n', { owner }), 'a'), first, 'a request that is sent again')
  t.match(apply(claim('n', { namespace: 'other' })), { won: true })
  // A name and a namespace never run together.
  t.match(apply(claim('/x', { namespace: 'a' })), { won: true })
  t.match(apply(claim('x', { namespace: 'a/' })), { won: true })
  t.same(apply({ do: 'free', id: 1, reason: '' }), { ok: true })
  t.match(apply(claim('n'), 'b'), { won: true }, 'what had it is gone: asked anew')
  t.equal(entries.named('', 'n')?.kind, 'detached')
})

t.test('a detached entry: hosts by epoch, restarts until none is left', async t => {
  const { entries, apply, ended } = directory()
  const { id = 0 } = apply(claim('n'))
  const holder = { peerId: 'p', incarnation: 1 }
  t.same(apply({ do: 'alive', id, epoch: 0, token: 1 }), { ok: false }, 'nobody has it')
  t.same(apply({ do: 'place', id, epoch: 0, holder }), { ok: true })
  t.same(apply({ do: 'place', id, epoch: 0, holder }), { ok: false })
  t.same(apply({ do: 'unplace', id, epoch: 1 }), { ok: true })
  t.match(entries.get(id), { epoch: 1, state: 'pending', restartsLeft: 1, holder: undefined })
  apply({ do: 'place', id, epoch: 1, holder })
  t.same(apply({ do: 'alive', id, epoch: 1, token: 1 }), { ok: false }, 'the epoch before')
  t.same(apply({ do: 'alive', id, epoch: 2, token: 1, data: 'there' }), { ok: true })
  t.same(apply({ do: 'checkpoint', id, epoch: 2, value: 'c' }), { ok: true })
  t.same(apply({ do: 'unplace', id, epoch: 2 }), { ok: false }, 'it lives')
  t.same(apply({ do: 'ended', id, epoch: 2, reason: 'crash', mayRestart: true }), { ok: true })
  t.same(apply({ do: 'ended', id, epoch: 2, reason: 'crash', mayRestart: true }), { ok: false })
  t.match(entries.get(id), {
    state: 'restarting',
    epoch: 2,
    restarts: 1,
    restartsLeft: 0,
    checkpoint: 'c',
    reason: 'crash',
  })
  t.equal(entries.get(id)?.token, undefined)
  apply({ do: 'place', id, epoch: 2, holder })
  apply({ do: 'alive', id, epoch: 3, token: 1 })
  apply({ do: 'gone', peerId: 'p', incarnation: 1, reason: 'dead' })
  t.equal(entries.get(id), undefined)
  t.equal(entries.ended(id), 'dead')
  t.same(ended, ['n: dead'])
  apply(claim('m'), undefined, limits.tombstoneMs + 1)
  t.equal(entries.ended(id), undefined, 'forgotten')
})

t.test('a run of a peer is over: what it owned, and where it was host', async t => {
  const { entries, apply } = directory()
  const own = apply(claim('own', { owner }))
  const later = apply(claim('later', { owner: { peerId: 'p', incarnation: 6 } }))
  const never = apply(claim('never', { restarts: 0 }))
  apply({ do: 'place', id: never.id ?? 0, epoch: 0, holder: owner })
  apply({ do: 'gone', peerId: 'p', incarnation: 5, reason: 'dead' })
  t.equal(entries.get(own.id ?? 0), undefined)
  t.ok(entries.get(later.id ?? 0))
  t.match(
    entries.get(never.id ?? 0),
    { state: 'pending', restartsLeft: 0 },
    'one that was never begun uses up no restart',
  )
})

t.test('bounds are answers, not silence', async t => {
  const { apply } = directory()
  for (let i = 0; i < limits.entriesMax; i++) apply(claim(`n${i}`))
  t.match(apply(claim('one more')), { refused: /10000 names/ })
  const big = directory()
  const spec = 'x'.repeat(limits.specCharactersMax)
  let last: Outcome = { ok: true }
  for (let i = 0; i < 60 && !('refused' in last); i++) last = big.apply(claim(`n${i}`, { spec }))
  t.match(last, { refused: /characters/ })
  const dying = directory()
  const reason = 'x'.repeat(limits.reasonCharactersMax)
  for (let i = 0; i < 100; i++) dying.apply({ do: 'free', id: dying.apply(claim('n')).id ?? 0, reason })
  t.ok(dying.entries.image().length < limits.tombstoneCharactersMax * 1.1, 'the oldest reasons are forgotten')
  t.equal(dying.entries.ended(199), reason)
})

t.test('ids of two generations never meet', async t => {
  t.not(directory(0).apply(claim('n')).id, directory(1).apply(claim('n')).id)
})

const commands = fc.oneof(
  fc.record({ do: fc.constant('claim' as const), namespace: fc.constant(''), name: fc.constantFrom('a', 'b'), data: fc.constant(''), spec: fc.constant(''), restarts: fc.integer({ min: -1, max: 2 }), owner: fc.constantFrom(undefined, owner) }), // biome-ignore format: one line
  fc.record({ do: fc.constant('free' as const), id: fc.integer({ min: 1, max: 9 }), reason: fc.constant('') }),
  fc.record({ do: fc.constant('place' as const), id: fc.integer({ min: 1, max: 9 }), epoch: fc.nat(3), holder: fc.constant(owner) }), // biome-ignore format: one line
  fc.record({ do: fc.constantFrom('alive' as const), id: fc.integer({ min: 1, max: 9 }), epoch: fc.nat(3), token: fc.nat() }), // biome-ignore format: one line
  fc.record({ do: fc.constant('ended' as const), id: fc.integer({ min: 1, max: 9 }), epoch: fc.nat(3), reason: fc.constant('r'), mayRestart: fc.boolean() }), // biome-ignore format: one line
  fc.record({ do: fc.constant('gone' as const), peerId: fc.constant('p'), incarnation: fc.constantFrom(4, 5), reason: fc.constant('g') }), // biome-ignore format: one line
)

t.test('whoever was restored from an image holds the same as who carried out everything', async t => {
  fc.assert(
    fc.property(fc.array(commands, { maxLength: 40 }), fc.nat(39), (all, half) => {
      const whole = new Entries(0)
      let restored = new Entries(0)
      const epochs = new Map<number, number>()
      all.forEach((command, i) => {
        const proposal = { request: `${i}`, at: i, command: command as Command }
        const outcome = whole.apply(i + 1, proposal)
        t.same(restored.apply(i + 1, proposal), outcome)
        if (i === half) {
          const image = JSON.stringify(JSON.parse(whole.image()))
          restored = new Entries(0)
          restored.restore(image)
        }
        const names = [...whole.all()].map(({ name }) => name)
        if (new Set(names).size !== names.length) throw new Error('a name has two entries')
        for (const { id, epoch } of whole.all()) {
          if (epoch < (epochs.get(id) ?? 0)) throw new Error('an epoch went back')
          epochs.set(id, epoch)
        }
      })
      return whole.image() === restored.image()
    }),
  )
})
