import { get, init, task } from 'shoal'

const double = task((x: number) => x * 2)
const startedAt = performance.now()
await using _mesh = await init({ address: 'local' })
const value = await get(double.remote(21))
const firstResultMs = performance.now() - startedAt
if (value !== 42) throw new Error('a wrong result')
console.log(JSON.stringify({ firstResultMs }))
