import { get, init, task } from 'shoal'
import { mean } from './parts/mean.ts'
import { round } from './parts/round.ts'
import { spread } from './parts/spread.ts'

function closure(factor: number): (xs: number[]) => number {
  const offsets = { low: 1, high: 2 }
  const shift = (x: number) => x * factor + offsets.low
  return xs => xs.map(shift).reduce((a, b) => a + b, offsets.high)
}

const withImports = (xs: number[]) => round(mean(xs) + spread(xs), 2)

await using _mesh = await init({ address: 'local', cpus: 1 })
await get(task((x: number) => x).remote(1))

const fn = process.argv[2] === 'imports' ? withImports : closure(3)
const startedAt = performance.now()
const value = await get(task(fn).remote([1, 2, 3]))
const firstCallMs = performance.now() - startedAt
if (value !== fn([1, 2, 3])) throw new Error('a wrong result')

// Later ones of the same process: each is another function with values of its own.
const later: number[] = []
for (let factor = 4; factor < 24; factor++) {
  const from = performance.now()
  await get(task(closure(factor)).remote([1, 2, 3]))
  later.push(performance.now() - from)
}
later.sort((a, b) => a - b)
console.log(JSON.stringify({ firstCallMs, laterCallMs: later[later.length >> 1] }))
