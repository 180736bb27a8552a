// An actor around a simulator: shared mutable state that several steps work on, one after the other. Four steps are asked for
// without waiting for any; then four games are played side by side.   node examples/pong-simulator.ts
import assert from 'node:assert/strict'
import { actor, get, init, wait } from 'shoal'
import { drawn, follow } from './pong/play.ts'
import { Pong } from './pong/pong.ts'

const Simulator = actor(
  class Simulator {
    readonly #env: Pong

    constructor(seed: number) {
      this.#env = new Pong(seed)
    }

    step(action: number) {
      return this.#env.step(action)
    }

    /** A whole game by a player that looks at the frames. */
    play() {
      return playOn(this.#env)
    }
  },
)

function playOn(env: Pong) {
  let frame = env.reset()
  let steps = 0
  for (;;) {
    const { observation, done, info } = env.step(follow(frame))
    frame = observation
    steps++
    if (done) return { steps, ...info, frame }
  }
}

await using _mesh = await init()
const simulator = Simulator.remote(7)

const askedAt = performance.now()
const observations = []
for (let step = 0; step < 4; step++) observations.push(simulator.step.remote(0))
const askedMs = performance.now() - askedAt
const steps = await get(observations)
const doneMs = performance.now() - askedAt
console.log(`four steps asked for in ${askedMs.toFixed(1)} ms, done after ${doneMs.toFixed(1)} ms; the last frame:`)
console.log(drawn(steps[3].observation))

// The same game in this process.
const env = new Pong(7)
assert.deepEqual(
  steps,
  [0, 0, 0, 0].map(action => env.step(action)),
)

const seeds = [1, 2, 3, 4]
// A game whose peer dies is played again from its seed.
const simulators = seeds.map(seed =>
  Simulator.options({ cpus: 0.5, placement: 'spread', restarts: -1, callRetries: -1 }).remote(seed),
)
let pending = simulators.map(one => one.play.remote())
const games = [...pending]
while (pending.length > 0) {
  const { ready, pending: left } = await wait(pending)
  const { ours, theirs, steps } = await get(ready[0])
  console.log(`game ${games.indexOf(ready[0]) + 1}: ${ours} to ${theirs} after ${steps} steps`)
  pending = left
}
assert.deepEqual(
  await get(games),
  seeds.map(seed => playOn(new Pong(seed))),
)
