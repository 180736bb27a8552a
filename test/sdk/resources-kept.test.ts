import { setTimeout as delay } from 'node:timers/promises'
import { actor, get, init, kill, task } from 'shoal'
import t from 'tap'

const local = { address: 'local', objectStoreBytes: 1 << 27, logToDriver: false } as const

class Model {
  ping(): string {
    return 'pong'
  }
}

t.test(
  'while an actor waits for what another keeps, tasks and smaller actors go on, for as long as it waits',
  async t => {
    await using mesh = await init({ ...local, cpus: 4, gpus: 1 })
    for (const options of [{ gpus: 1 }, { cpus: 3 }]) {
      const M = actor(Model, options)
      const first = M.remote()
      await get(first.ping.remote())
      const second = M.remote()
      const pong = second.ping.remote()
      // Longer than it takes a request to hold others back.
      await delay(1300)
      t.equal(await get(task(() => 1).remote()), 1)
      const rows = await Array.fromAsync(mesh.state.actors({ className: 'Model' }))
      const reasons = rows.filter(({ state }) => state === 'pending').map(({ reason }) => reason)
      t.same(reasons, ['gpus' in options ? 'waits for gpus' : 'waits for cpus'])
      const Zero = actor(Model, { cpus: 0 })
      const zero = Zero.remote()
      t.equal(await get(zero.ping.remote()), 'pong')
      await kill(first)
      t.equal(await get(pong), 'pong', 'it has it when the other is over')
      await Promise.all([kill(second), kill(zero)])
    }
    t.match(await mesh.available(), { cpus: 4, gpus: 1 })
  },
)
