import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { actor, context, drain, get, init } from 'shoal'
import t from 'tap'
import { eventually } from '../sdk/meshes.ts'
import { AgentMesh } from './mesh-support.ts'

const linesOf = (file: string): string[] => readFileSync(file, 'utf8').split('\n').filter(Boolean)

class Slow {
  /** Writes down where it is made; the constructor holds its thread until `gate` is there, or for so long. */
  constructor(seen: string, gate: string, mostMs = 60_000) {
    appendFileSync(seen, `${context().peerId}\n`)
    const until = Date.now() + mostMs
    // Only the first one is slow.
    if (linesOf(seen).length > 1) return
    while (!existsSync(gate) && Date.now() < until) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
  }
  where() {
    return context().peerId
  }
}

t.test(
  'an actor whose constructor runs moves, or ends, with the drain: there is never a second one',
  { timeout: 120_000 },
  async t => {
    await using mesh = await AgentMesh.start(3, '--cpus', '2')
    const [first, second, third] = mesh.agents
    await using attached = await init({ address: first.socket, logToDriver: false })
    const soft = { placement: { peer: second.peerId, soft: true } }
    const living = async () =>
      (await Array.fromAsync(attached.state.actors({ className: 'Slow' }))).filter(({ state }) => state === 'alive')
    const dir = t.testdir({})

    await t.test('finished in time, one that may restart moves; one that may not lives to the deadline', async t => {
      const gate = `${dir}/gate`
      const moves = actor(Slow, { ...soft, restarts: 2 }).remote(`${dir}/moves`, gate)
      const stays = actor(Slow, { ...soft, restarts: 0 }).remote(`${dir}/stays`, gate)
      await eventually('they are being made', () => [`${dir}/moves`, `${dir}/stays`].every(existsSync))
      let ended = false
      const drained = drain(second.peerId, { deadlineMs: 30_000 }).then(() => {
        ended = true
      })
      await eventually('it says so', async () =>
        (await attached.peers()).some(({ peerId, state }) => peerId === second.peerId && state === 'draining'),
      )
      writeFileSync(gate, '')
      t.not(await get(moves.where.remote(), { timeoutMs: 20_000 }), second.peerId)
      t.equal(await get(stays.where.remote(), { timeoutMs: 20_000 }), second.peerId)
      t.notOk(ended)
      await drain(second.peerId, { deadlineMs: 0 })
      await drained
      await t.rejects(get(stays.where.remote()), { code: 'SHOAL_ACTOR_DIED', message: /its peer was drained/ })
      const [row, ...others] = await living()
      t.same([row?.restarts, others], [1, []])
      t.same([linesOf(`${dir}/moves`).length, linesOf(`${dir}/stays`)], [2, [second.peerId]])
      moves[Symbol.dispose]()
      stays[Symbol.dispose]()
    })

    await t.test('past the deadline the constructor runs again elsewhere', async t => {
      const late = { placement: { peer: third.peerId, soft: true }, restarts: 0 }
      const handle = actor(Slow, late).remote(`${dir}/late`, `${dir}/never`)
      await eventually('it is being made', () => existsSync(`${dir}/late`))
      await drain(third.peerId, { deadlineMs: 500 })
      t.equal(await get(handle.where.remote(), { timeoutMs: 20_000 }), first.peerId)
      t.same(linesOf(`${dir}/late`), [third.peerId, first.peerId])
      t.equal((await living()).length, 1)
      handle[Symbol.dispose]()
    })
  },
)
