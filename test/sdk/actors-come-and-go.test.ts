import { setTimeout as delay } from 'node:timers/promises'
import { actor, cancel, checkpoint, get, init, kill, release } from 'shoal'
import t from 'tap'

class Cell {
  same(x: number): number {
    return x
  }
}

class Sleeper {
  async sleep(ms: number): Promise<number> {
    await delay(ms)
    return ms
  }
}

const hold = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

t.test('a call that was cancelled and then lost with its actor is not waited for', async t => {
  await using mesh = await init({ address: 'local', cpus: 1 })
  const sleeper = actor(Sleeper).remote()
  const stays = actor(Cell).remote()
  await get([sleeper.sleep.remote(1), stays.same.remote(1)])
  const sleeping = sleeper.sleep.remote(1_000_000)
  await delay(20)
  await cancel(sleeping)
  await kill(sleeper)
  await t.rejects(sleeping.get())
  release(stays)
  const before = performance.now()
  await mesh.drain()
  t.ok(performance.now() - before < 2000)
})

t.test(
  'an actor that is let go of while its constructor runs, or restores, leaves its thread to the others',
  async t => {
    await using _mesh = await init({ address: 'local', cpus: 1 })
    class Slow {
      constructor(ms: number) {
        hold(ms)
      }
    }
    class Restores {
      one(): number {
        return 1
      }
      [checkpoint.save](): number {
        return 1
      }
      async [checkpoint.restore](): Promise<void> {
        await delay(1_000_000)
      }
    }
    const stays = actor(Cell).remote()
    await get(stays.same.remote(1))
    const slow = actor(Slow).remote(300)
    const restores = actor(Restores, { restarts: 1, checkpoint: { everyCalls: 1 } }).remote()
    await get(restores.one.remote())
    const slower = actor(Slow).remote(300)
    await delay(100)
    release(slow, slower)
    await kill(restores, { restart: true })
    await delay(100)
    await kill(restores)
    await delay(500)
    t.equal(await get(stays.same.remote(2)), 2)
  },
)

t.test('code that computes behind an await or in a constructor is not taken for that of actors that leave', async t => {
  await using _mesh = await init({ address: 'local', cpus: 1 })
  class Trainer {
    async train(ms: number): Promise<string> {
      await delay(1)
      hold(ms)
      return 'trained'
    }
  }
  class Slow {
    constructor(ms: number) {
      hold(ms)
    }
    one(): number {
      return 1
    }
  }
  const [leaves, leavesToo, sleeper] = [actor(Cell).remote(), actor(Cell).remote(), actor(Sleeper).remote()]
  const trainer = actor(Trainer).remote()
  await get([leaves.same.remote(1), leavesToo.same.remote(1), sleeper.sleep.remote(1), trainer.train.remote(1)])
  const late = sleeper.sleep.options({ timeoutMs: 100 }).remote(1_000_000)
  const trained = trainer.train.remote(1600)
  await delay(50)
  release(leaves)
  await t.rejects(late.get(), { code: 'SHOAL_TASK_TIMEOUT' })
  t.equal(await get(trained), 'trained')
  const made = actor(Slow).remote(1600).one.remote()
  await delay(100)
  release(leavesToo)
  t.equal(await get(made), 1)
  t.equal(await get(sleeper.sleep.remote(1)), 1)
})

t.test('a call that was cancelled while its process was busy does not run there', async t => {
  await using _mesh = await init({ address: 'local', cpus: 1 })
  class Counts {
    n = 0
    add(): number {
      return ++this.n
    }
    hold(ms: number): void {
      hold(ms)
    }
  }
  const counts = actor(Counts, { isolation: 'process' }).remote()
  t.equal(await get(counts.add.remote()), 1)
  const held = counts.hold.remote(200)
  const cancelled = counts.add.remote()
  await delay(50)
  await cancel(cancelled)
  await get(held)
  t.equal(await get(counts.add.remote()), 2)
})

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
