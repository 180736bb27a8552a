import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import type { Entry } from '../../../agent/directory/index.ts'
import { eventually } from '../../sdk/meshes.ts'
import { TestMesh } from './peers.ts'
import { randomFrom } from './raft-sim.ts'

const seed = Number(process.env.SHOAL_SIM_SEED ?? Math.floor(Math.random() * 1e9))
const stormMs = Number(process.env.SHOAL_SIM_MS ?? 20_000)

t.test(
  `while links come and go, at most one peer holds an entry: seed ${seed}`,
  { timeout: stormMs + 90_000 },
  async t => {
    const random = randomFrom(seed)
    const mesh = new TestMesh()
    t.teardown(() => mesh.close())
    const ids = ['a', 'b', 'c', 'd', 'e']
    const pick = (): string => ids[Math.floor(random() * ids.length)]
    const peers = ids.map(id => mesh.add(id, { choose: () => mesh.peers.get(pick())?.self }))
    await mesh.voters(3)
    const [first] = peers
    const claims = await Promise.all(
      ['x', 'y', 'z'].map(name => first.names.claim({ namespace: '', name, data: '', spec: 's', restarts: -1 })),
    )
    const entries = claims.map(({ entry }) => entry)

    /** Who may accept calls for it at this moment. */
    const holdersOf = ({ id }: Entry): string[] =>
      peers.filter(({ names, hosted }) => names.holds(id, hosted.get(id)?.epoch ?? -1)).map(({ self }) => self.peerId)
    let looks = 0
    const looking = setInterval(() => {
      looks++
      for (const entry of entries) {
        const holders = holdersOf(entry)
        if (holders.length > 1) t.fail(`${entry.name} is held by ${holders.join(' and ')}: SHOAL_SIM_SEED=${seed}`)
      }
    }, 5)
    t.teardown(() => clearInterval(looking))

    for (const end = performance.now() + stormMs; performance.now() < end; ) {
      const what = random()
      if (what < 0.6) {
        // A holder is alone, or sees very few.
        const [one = pick()] = holdersOf(entries[Math.floor(random() * entries.length)])
        for (const other of ids) if (other !== one && random() < 0.95) mesh.cut(one, other)
      } else if (what < 0.75) {
        const side = ids.filter(() => random() < 0.5)
        for (const one of side) for (const other of ids) if (!side.includes(other)) mesh.cut(one, other)
      } else mesh.heal()
      await delay(200 + random() * 5000)
    }
    mesh.heal()
    await eventually('everything has one holder again', () => entries.every(entry => holdersOf(entry).length === 1))
    const epochs = await Promise.all(entries.map(async ({ id }) => ((await first.names.locate(id)) as Entry).epoch))
    t.comment(`${looks} looks, epochs ${epochs.join(', ')}`)
    t.ok(looks > 100)
  },
)
