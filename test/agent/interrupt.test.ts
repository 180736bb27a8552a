import { actor, get, init, kill, type ObjectRef } from 'shoal'
import t from 'tap'
import { eventually, startAgent } from '../sdk/meshes.ts'

class Spinner {
  n = 0
  add(): number {
    return ++this.n
  }
  spin(): number {
    for (let i = 0; ; i++) if (i < 0) return i
  }
  async later(): Promise<number> {
    await null
    return this.spin()
  }
}

const codeOf = (ref: ObjectRef<unknown>): Promise<string> =>
  ref.get().then(
    () => 'none',
    error => (error as { code: string }).code,
  )

t.test('a call that spins past its time is stopped: its actor goes on, and so do those beside it', async t => {
  await using agent = await startAgent('--cpus', '1')
  await using mesh = await init({ address: agent.socket, logToDriver: false })
  const S = actor(Spinner)
  const [one, beside] = [S.remote(), S.remote()]
  t.same(await get([one.add.remote(), beside.add.remote()]), [1, 1])
  for (let round = 2; round < 5; round++) {
    t.equal(await codeOf(one.spin.options({ timeoutMs: 100 }).remote()), 'SHOAL_TASK_TIMEOUT')
    t.same(await get([one.add.remote(), beside.add.remote()]), [round, round])
  }
  t.equal(await codeOf(one.later.options({ timeoutMs: 100 }).remote()), 'SHOAL_TASK_TIMEOUT', 'also behind an await')
  t.same(await get([one.add.remote(), beside.add.remote()]), [5, 5])
  const rows = await Array.fromAsync(mesh.state.actors({ className: 'Spinner' }))
  t.same(
    rows.map(({ state, restarts }) => [state, restarts]),
    [
      ['alive', 0],
      ['alive', 0],
    ],
  )
})

t.test('an actor that spins is killed, and takes nobody with it', async t => {
  await using agent = await startAgent('--cpus', '1')
  await using mesh = await init({ address: agent.socket, logToDriver: false })
  const S = actor(Spinner)
  const [one, beside] = [S.remote(), S.remote()]
  await get([one.add.remote(), beside.add.remote()])
  const spinning = one.spin.remote()
  const waiting = beside.add.remote()
  await kill(one)
  t.equal(await codeOf(spinning), 'SHOAL_ACTOR_DIED')
  t.equal(await get(waiting), 2)
  await eventually('nothing of it is left', async () => {
    const workers = await Array.fromAsync(mesh.state.workers())
    return workers.flatMap(({ actorIds }) => actorIds).length === 1
  })
  t.equal(await get(S.remote().add.remote()), 1, 'and others are made there')
})
