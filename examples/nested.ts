// Nested parallelism: two experiments, which are long-running tasks, and each runs a number of simulations, which are tasks
// too. Some of those are slow; `wait` takes the results that are there, so nothing is held up.   node examples/nested.ts
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { cancel, context, get, init, task, wait } from 'shoal'
import { mean } from './maths/statistics.ts'
import { expectedWait, meanWait } from './nested/waiting-line.ts'

const simulations = 40
const enough = 36
const slowMs = 30_000

const simulate = task(
  async function simulate(load: number, run: number): Promise<number> {
    // Two of them are at machines that are busy with something else.
    if (run % 20 === 3) await sleep(slowMs, undefined, { signal: context().signal })
    return meanWait(load, 1000 * run + 1)
  },
  { cpus: 0.1 },
)

/** It only waits and adds up: a tenth of a CPU will do. */
const experiment = task(
  async function experiment(load: number): Promise<number> {
    let pending = Array.from({ length: simulations }, (_, run) => simulate.remote(load, run))
    const waits: number[] = []
    while (waits.length < enough) {
      const { ready, pending: left } = await wait(pending, { count: Math.min(12, enough - waits.length) })
      waits.push(...(await get(ready)))
      pending = left
      console.log(`load ${load}: ${waits.length} of ${simulations} simulations, ${mean(waits).toFixed(2)} so far`)
    }
    await Promise.all(pending.map(ref => cancel(ref)))
    return mean(waits)
  },
  { cpus: 0.1 },
)

await using _mesh = await init({ cpus: 2 })
const startedAt = performance.now()
const loads = [0.5, 0.8]
const results = await get(loads.map(load => experiment.remote(load)))
const ms = performance.now() - startedAt
for (const [at, load] of loads.entries()) {
  const expected = expectedWait(load)
  console.log(`load ${load}: customers wait ${results[at].toFixed(3)}; by theory ${expected.toFixed(3)}`)
  assert.ok(Math.abs(results[at] / expected - 1) < 0.06, 'simulation and theory differ by more than 6 %')
}
console.log(
  `${loads.length * simulations} simulations in ${ms.toFixed(0)} ms; the slow ones would have taken ${slowMs} ms`,
)
assert.ok(ms < slowMs)
