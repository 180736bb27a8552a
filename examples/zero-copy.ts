// A large object read by many tasks without a copy: each sees a view of the store's shared memory.
//   node examples/zero-copy.ts
import assert from 'node:assert/strict'
import { get, init, put, task } from 'shoal'

const length = 8_000_000
const shares = 8

const sum = task(
  function sum(samples: Float64Array, from: number, to: number): number {
    let total = 0
    for (let at = from; at < to; at++) total += samples[at]
    return total
  },
  { copy: false },
)

await using _mesh = await init()
const samples = await put(Float64Array.from({ length }, (_, at) => at % 1000))

const each = length / shares
const parts = await get(
  Array.from({ length: shares }, (_, share) => sum.remote(samples, share * each, (share + 1) * each)),
)
const total = parts.reduce((a, b) => a + b)

const startedAt = performance.now()
const view = await get(samples, { copy: false })
console.log(
  `${(view.byteLength / 1e6).toFixed(0)} MB seen in ${((performance.now() - startedAt) * 1000).toFixed(0)} µs; sum ${total}`,
)
assert.equal(total, sum(view, 0, length))
