// The first program: a closure as a task, on an embedded peer or on this machine's agent.   node examples/square.ts
import assert from 'node:assert/strict'
import { get, init, task } from 'shoal'

const factor = 3
const scale = task((x: number) => x * factor) // `factor` travels with it

await using _mesh = await init()
const values = await get([1, 2, 3].map(x => scale.remote(x)))
console.log(values)
assert.deepEqual(values, [3, 6, 9])
