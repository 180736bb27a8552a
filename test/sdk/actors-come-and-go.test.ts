import { actor, get, init, release } from 'shoal'
import t from 'tap'

class Cell {
  same(x: number): number {
    return x
  }
}

t.test('actors that come and go all the time leave the others of their thread alone', async t => {
  await using _mesh = await init({ address: 'local', cpus: 1 })
  const Cells = actor(Cell)
  const stays = Cells.remote()
  // Longer than an actor that is over may stay in its thread.
  const endsAt = performance.now() + 1500
  let made = 0
  while (performance.now() < endsAt) {
    const some = Array.from({ length: 50 }, () => Cells.remote())
    await get(some.map(cell => cell.same.remote(1)))
    release(...some)
    made += some.length
  }
  t.equal(await get(stays.same.remote(made)), made)
})
