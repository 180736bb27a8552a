// Evolution strategies (Salimans and others, 2017) keep a pole up on a cart: each generation a population of tasks, which read
// their noise from one shared table without a copy and send back one number each.   node examples/evolution-strategies.ts
import assert from 'node:assert/strict'
import { get, init, put, task } from 'shoal'
import { stepsMax } from './evolution-strategies/cart-pole.ts'
import { episode, policySize } from './evolution-strategies/policy.ts'
import { gaussian, random } from './maths/random.ts'
import { mean, sum } from './maths/statistics.ts'

const seed = 2
const pairs = 64 // mirrored policies, a generation
const sigma = 0.3
const rate = 0.3
const goal = 195 // steps, the mean of 100 episodes

const moved = (policy: Float64Array, noise: Float32Array, at: number, by: number) =>
  policy.map((weight, i) => weight + by * noise[at + i])

/** The steps that a policy stands on these episodes, each with a seed. */
const score = (policy: Float64Array, episodes: number[]) => sum(episodes.map(one => episode(policy, one)))
const remoteScore = task(score)

/** How much better a policy does moved along a piece of the noise than against it. */
const compare = task(
  function compare(noise: Float32Array, policy: Float64Array, at: number, episodes: number[]): number {
    return score(moved(policy, noise, at, sigma), episodes) - score(moved(policy, noise, at, -sigma), episodes)
  },
  { copy: false },
)

await using _mesh = await init({ cpus: 2 })
const startedAt = performance.now()
const uniform = random(seed)
const draw = (below: number) => Math.floor(uniform() * below)
const noise = Float32Array.from({ length: 250_000 }, gaussian(uniform))
const table = await put(noise)
// Episodes of the test, with seeds that no generation has.
const tests = Array.from({ length: 4 }, (_, part) => Array.from({ length: 25 }, (_, i) => 2 ** 31 + 25 * part + i))

let policy = new Float64Array(policySize)
let result = 0
for (let generation = 1; result < goal && generation <= 100; generation++) {
  // The algorithm.
  const places = Array.from({ length: pairs }, () => draw(noise.length - policySize))
  const episodes = Array.from({ length: 4 }, () => draw(2 ** 31))
  const gains = await get(places.map(at => compare.remote(table, policy, at, episodes)))
  const spread = Math.sqrt(mean(gains.map(gain => gain ** 2))) || 1
  for (const [pair, gain] of gains.entries()) {
    policy = moved(policy, noise, places[pair], (rate / pairs) * (gain / spread))
  }

  result = sum(await get(tests.map(seeds => remoteScore.remote(policy, seeds)))) / 100
  console.log(
    `generation ${String(generation).padStart(3)}: ${result.toFixed(1)} steps of ${stepsMax} in the mean of 100 episodes`,
  )
}
const seconds = (performance.now() - startedAt) / 1000

// The same episodes once more, in this process.
assert.equal(result, score(policy, tests.flat()) / 100)
assert.ok(result >= goal, `${result} steps, of ${goal} wanted`)
assert.ok(seconds <= 60, `it took ${seconds.toFixed(1)} s`)
console.log(`solved in ${seconds.toFixed(1)} s`)
