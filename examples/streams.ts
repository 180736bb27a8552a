// A pipeline of generators: one makes numbers, one keeps the primes among them, and the program reads as far as it likes.
//   node examples/streams.ts
import assert from 'node:assert/strict'
import { get, init, type ObjectStream, task } from 'shoal'

await using _mesh = await init({ cpus: 2 })

const numbers = task(
  function* () {
    for (let n = 2; ; n++) yield n
  },
  { backpressure: 50 },
)
const primes = task(
  async function* (from: ObjectStream<number>) {
    const found: number[] = []
    for await (const ref of from) {
      const n = await get(ref)
      if (found.some(prime => n % prime === 0)) continue
      found.push(n)
      yield n
    }
  },
  { backpressure: 10 },
)

const first: number[] = []
for await (const ref of primes.remote(numbers.remote())) {
  first.push(await get(ref))
  // Leaving the loop ends both generators.
  if (first.length === 25) break
}
console.log(first.join(' '))
assert.equal(first.at(-1), 97)

// A function that gives two values, each an object of its own.
const minMax = task((values: number[]) => [Math.min(...values), Math.max(...values)] as const, { returns: 2 })
const [least, most] = minMax.remote(first)
console.log(`from ${await get(least)} to ${await get(most)}`)
assert.deepEqual(await get([least, most]), [2, 97])
