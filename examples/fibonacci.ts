// Tasks that submit tasks and wait for them: Fibonacci numbers, 3,193 tasks for fib(16).   node examples/fibonacci.ts [n]
import assert from 'node:assert/strict'
import { get, init, type RemoteFunction, task } from 'shoal'

const fib: RemoteFunction<(n: number) => Promise<number>> = task(async (n: number): Promise<number> => {
  if (n < 2) return n
  const [a, b] = await get([fib.remote(n - 1), fib.remote(n - 2)]) // its CPU is free for others meanwhile
  return a + b
})

function fibSerially(n: number): number {
  return n < 2 ? n : fibSerially(n - 1) + fibSerially(n - 2)
}

const n = Number(process.argv[2] ?? 16)
await using _mesh = await init()
const startedAt = performance.now()
const value = await get(fib.remote(n))
console.log(`fib(${n}) = ${value}, in ${(performance.now() - startedAt).toFixed(0)} ms`)
assert.equal(value, fibSerially(n))
