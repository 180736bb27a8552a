// Dynamic task graphs: results are passed on before they exist, and a task runs when what it depends on is there. First the
// article's three tasks, then a product of large matrices by blocks.   node examples/matrix.ts
import assert from 'node:assert/strict'
import { asCompleted, get, init, type ObjectRef, task } from 'shoal'
import { joined, type Matrix, product, randomMatrix, total, zeroMatrix } from './matrix/matrix.ts'

const multiply = task(product)
const zeros = task(zeroMatrix)
const random = task(randomMatrix)
const add = task(total)

await using _mesh = await init()

// Two tasks in parallel, and a third that runs when both are done. None of these three lines waits.
const x = zeros.remote(100, 100)
const y = zeros.remote(100, 100)
const z = multiply.remote(x, y)
assert.deepEqual(await get(z), zeroMatrix(100, 100))
console.log('zeros × zeros = zeros')

// A × B by blocks: C[i][j] is the sum of A[i][k] × B[k][j]. The whole graph is there before any block is.
const count = 4
const side = 100
const each = Array.from({ length: count }, (_, at) => at)
const blocks = (seed: number) => each.map(i => each.map(j => random.remote(side, side, seed + i * count + j)))
const a = blocks(1)
const b = blocks(1001)
const c = each.flatMap(i => each.map(j => sum(each.map(k => multiply.remote(a[i][k], b[k][j])))))
console.log(`${2 * count ** 2 + count ** 3 + count ** 2 * (count - 1)} tasks submitted`)

/** Adds them up two at a time, so that sums that do not depend on each other run side by side. */
function sum(parts: ObjectRef<Matrix>[]): ObjectRef<Matrix> {
  if (parts.length === 1) return parts[0]
  const half = parts.length >> 1
  return add.remote(sum(parts.slice(0, half)), sum(parts.slice(half)))
}

const startedAt = performance.now()
let done = 0
for await (const _block of asCompleted(c)) {
  done++
  if (done % count === 0) console.log(`${done} of ${c.length} blocks of the product, ${since(startedAt)} ms`)
}
const C = joined(await get(c), count)

// The truth: one product in this process.
const [A, B] = await Promise.all([a, b].map(async rows => joined(await get(rows.flat()), count)))
const serialAt = performance.now()
assert.deepEqual(C, product(A, B))
console.log(`the same as serially, in ${since(serialAt)} ms: ${C.rows} × ${C.columns}, first number ${C.numbers[0]}`)

function since(at: number): string {
  return (performance.now() - at).toFixed(0)
}
