// A parameter server, as the article has it: an actor with the parameters of a model, and four long-running tasks that get them,
// compute updates and send those back, none waiting for another. Then the same with the parameters over several actors. A server
// that dies with its peer goes on elsewhere from its last checkpoint.   node examples/parameter-server.ts
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ActorHandle, actor, cancel, checkpoint, context, get, init, task } from 'shoal'
import { sum } from './maths/statistics.ts'
import { descent, keys, leastSquares, loss, parts, size, whole } from './parameter-server/model.ts'
import { fire, type Shot } from './parameter-server/shots.ts'
import { curve } from './text/plot.ts'

const workers = 4
const shotsEach = 500
const within = 1.01 // of the least loss that there is
const limitMs = 30_000

class ParameterServer {
  #parameters: Map<string, Float64Array>

  constructor(keys: string[], values: Float64Array[]) {
    this.#parameters = new Map(keys.map((key, at) => [key, values[at]]))
  }

  get(keys: string[]): Float64Array[] {
    return keys.map(key => this.#parameters.get(key)!)
  }

  /** Adds to the values that are there. */
  update(keys: string[], values: Float64Array[]): void {
    for (const [at, key] of keys.entries()) {
      const parameter = this.#parameters.get(key)!
      values[at].forEach((value, i) => {
        parameter[i] += value
      })
    }
  }

  [checkpoint.save](): Map<string, Float64Array> {
    return this.#parameters
  }

  [checkpoint.restore](saved: Map<string, Float64Array>): void {
    this.#parameters = saved
  }
}
// A few updates are lost with a server, or made twice: those that follow make up for it.
const Server = actor(ParameterServer, {
  placement: 'spread',
  restarts: -1,
  callRetries: -1,
  checkpoint: { everyMs: 100 },
})

/** An actor, and the keys of the parameters that it has. */
interface Shard {
  server: ActorHandle<ParameterServer>
  keys: string[]
}

/** The latest parameters, in the order of all keys. */
async function latest(shards: Shard[]): Promise<Float64Array> {
  const values = await get(shards.map(({ server, keys }) => server.get.remote(keys)))
  const byKey = new Map(shards.flatMap(({ keys }, at) => keys.map((key, i) => [key, values[at][i]] as const)))
  return whole(keys.map(key => byKey.get(key)!))
}

/** Makes shots of its own, and learns from them until it is cancelled. */
const work = task(
  async function work(shards: Shard[], seed: number): Promise<void> {
    const shots = fire(shotsEach, seed)
    while (!context().signal.aborted) {
      // Get the latest parameters.
      const parameters = await latest(shards)
      // Compute some parameter updates.
      const updates = descent(parameters, shots, 0.15 / workers)
      // Update the parameters.
      for (const { server, keys: own } of shards)
        server.update.remote(own, own.map(key => updates[keys.indexOf(key)])) // biome-ignore format: one line
    }
  },
  { cpus: 0.25, placement: 'spread' },
)

/** Trains until the model is good enough; its loss over time. */
async function train(shards: Shard[], shots: Shot[], goal: number): Promise<number[]> {
  const running = Array.from({ length: workers }, (_, worker) => work.remote(shards, worker + 1))
  const losses: number[] = []
  const startedAt = performance.now()
  do {
    const now = loss(await latest(shards), shots)
    if (now !== losses.at(-1)) losses.push(now)
    await sleep(2)
  } while (losses.at(-1)! > goal && performance.now() - startedAt < limitMs)
  for (const one of running) await cancel(one)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(`${shards.length} ${shards.length === 1 ? 'server' : 'servers'}, ${workers} workers: ${seconds} s`)
  console.log(curve(losses, { rows: 8, columns: 60, logarithmic: true }))
  return losses
}

await using mesh = await init({ cpus: 2 })

// All that the workers have, and what is the best that can be done with it.
const shots = Array.from({ length: workers }, (_, worker) => fire(shotsEach, worker + 1)).flat()
const least = loss(leastSquares(shots), shots)
const goal = least * within
console.log(
  `${shots.length} shots; least squares has a loss of ${least.toExponential(3)}, wanted is ${goal.toExponential(3)}`,
)

const start = () => parts(new Float64Array(size))
const one: Shard[] = [{ server: Server.remote(keys, start()), keys }]
const several: Shard[] = [keys.slice(0, 1), keys.slice(1, 2), keys.slice(2)].map(own => ({
  server: Server.remote(own, start().slice(0, own.length)),
  keys: own,
}))
for (const shards of [one, several]) {
  const losses = await train(shards, shots, goal)
  const reached = losses.at(-1)!
  console.log(`a loss of ${reached.toExponential(3)}, ${(100 * (reached / least - 1)).toFixed(2)} % above the least\n`)
  assert.ok(reached <= goal, 'the model is not good enough')
  assert.ok(reached >= least, 'nothing is better than least squares')
}
const rows = await Array.fromAsync(mesh.state.actors({ className: 'ParameterServer' }))
console.log(`${sum(rows.map(row => row.restarts))} restarts of servers`)
