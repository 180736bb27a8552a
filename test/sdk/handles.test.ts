import { deepStrictEqual } from 'node:assert'
import { actor, get, init, task } from 'shoal'
import t from 'tap'

const local = { objectStoreBytes: 1 << 27 }

t.test('refs, streams and handles in a log are their names, not the engine behind them', async t => {
  await using _mesh = await init({ ...local, cpus: 1 })
  class Teller {
    *each(): Iterable<number> {
      yield 1
    }
    toJSON(): string {
      return 'its own'
    }
  }
  class Plain {
    nothing(): void {}
  }
  const ref = task(() => 1).remote()
  const other = task(() => 2).remote()
  const plain = actor(Plain).remote()
  const teller = actor(Teller).remote()
  const stream = teller.each.remote()
  t.same(JSON.parse(JSON.stringify({ ref, stream })), { ref: ref.id, stream: stream.id })
  t.match(JSON.stringify([plain]), /^\["ActorHandle Plain \S+"\]$/)
  t.same(Object.keys(plain), [])
  t.equal(await teller.toJSON.remote().get(), 'its own', "a method of the user's by that name is reached")
  t.equal(JSON.stringify(teller), '{}')
  try {
    deepStrictEqual(ref, other)
    t.ok(false, 'two refs are not the same')
  } catch (error) {
    t.ok((error as Error).message.length < 2000, 'the difference of two refs is short')
  }
  t.same(await get([ref, other]), [1, 2])
})
