import { get, init, type ObjectRef, put, task } from 'shoal'
import t from 'tap'
import { eventually } from '../sdk/meshes.ts'
import { AgentMesh } from './mesh-support.ts'

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

t.test(
  'replicated objects outlive their owner and the next one, and go with their last ref',
  { timeout: 120_000 },
  async t => {
    await using mesh = await AgentMesh.start(4, '--cpus', '1')
    const [first, second] = mesh.agents
    await using attached = await init({ address: first.socket, logToDriver: false })
    const putThere = task(
      async (tier: 'memory' | 'replicated') => {
        const inner = await put(new Uint8Array(300_000).fill(3), { tier })
        return {
          large: await put(new Float64Array(200_000).fill(2), { tier }),
          small: await put({ words: 'few' }, { tier }),
          outer: await put({ inner }, { tier }),
        }
      },
      { placement: { peer: second.peerId } },
    )
    const made = [putThere.remote('replicated'), putThere.remote('memory')] as const
    const [safe, frail] = await get(made)
    process.kill(second.pid, 'SIGKILL')
    const same = async (): Promise<void> => {
      t.equal((await get(safe.large))[199_999], 2)
      t.same(await get(safe.small), { words: 'few' })
      const { inner } = await get<{ inner: ObjectRef<Uint8Array> }>(safe.outer)
      t.equal((await get(inner))[299_999], 3)
      inner.release()
    }
    await same()
    t.equal(await get(frail.large).catch(codeOf), 'SHOAL_OWNER_DIED')
    t.equal(await get(frail.small).catch(codeOf), 'SHOAL_OWNER_DIED')

    // A task elsewhere is given the old name.
    const sum = task((values: Float64Array) => values.length, { placement: { peer: mesh.agents[3].peerId } })
    t.equal(await get(sum.remote(safe.large)), 200_000)

    for (const ref of [...made, ...Object.values(safe), ...Object.values(frail)]) ref.release()
    await eventually('every store is empty', async () => {
      const alive = (await attached.peers()).filter(({ state }) => state === 'alive')
      return alive.length === 3 && alive.every(({ store }) => store.usedBytes === 0)
    })
  },
)
