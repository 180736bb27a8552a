// A client of policy-server.ts, a program of its own: joins the mesh, finds the policy by its name, asks it, and says how long
// each answer took.   SHOAL_ADDRESS=… node examples/policy-server/client.ts NAMESPACE POLICY_SEED OWN_SEED REQUESTS
import assert from 'node:assert/strict'
import { get, getActor, init } from 'shoal'
import { random } from '../maths/random.ts'
import { inputs, Policy } from './policy.ts'

/** What the client prints, as JSON. */
export interface Report {
  peerId: string
  latenciesMs: number[]
  wrong: number
}

const [namespace, policySeed, ownSeed, requests] = process.argv.slice(2)
await using mesh = await init({ namespace })
const policy = await getActor<Policy>('policy')
const local = new Policy(Number(policySeed)) // the truth
const uniform = random(Number(ownSeed))

const latenciesMs: number[] = []
let wrong = 0
for (let request = 0; request < Number(requests); request++) {
  const observation = Float64Array.from({ length: inputs }, () => 2 * uniform() - 1)
  const askedAt = performance.now()
  const decision = await get(policy.act.remote(observation))
  latenciesMs.push(performance.now() - askedAt)
  try {
    assert.deepEqual(decision, local.act(observation))
  } catch {
    wrong++
  }
}
const report: Report = { peerId: mesh.peerId, latenciesMs, wrong }
process.stdout.write(`${JSON.stringify(report)}\n`)
