// Two workers and a coordinator with resources that are reserved together, or not at all.   node examples/placement-group.ts
import assert from 'node:assert/strict'
import { get, init, placementGroup, task } from 'shoal'

await using mesh = await init({ cpus: 4 })

const group = placementGroup([{ cpus: 1 }, { cpus: 1 }, { cpus: 1 }], { name: 'example' })
await group.ready({ timeoutMs: 10_000 })
console.log(
  'reserved:',
  (await group.bundles()).length,
  'bundles; free for others:',
  (await mesh.available()).cpus,
  'CPU',
)

const work = task((from: number, to: number) => {
  let sum = 0
  for (let i = from; i < to; i++) sum += i
  return sum
})
const coordinate = task((parts: number[]) => parts.reduce((a, b) => a + b, 0), { placement: { group, bundle: 0 } })
const inGroup = work.options({ placement: { group } })
const sum = await get(coordinate.remote(await get([inGroup.remote(0, 500_000), inGroup.remote(500_000, 1_000_000)])))
console.log('sum:', sum)
assert.equal(sum, 499_999_500_000)

await group.remove()
