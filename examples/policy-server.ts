// A policy server: an actor that holds a neural network and answers several clients, which are other programs that join the
// mesh and find it by its name. If its peer dies it goes on elsewhere, and the clients notice a pause.   node examples/policy-server.ts
import assert from 'node:assert/strict'
import { actor, context, get, init } from 'shoal'
import { percentile } from './maths/statistics.ts'
import { runClient } from './policy-server/clients.ts'
import { Policy } from './policy-server/policy.ts'

const clients = 3
const requests = 500
const seed = 11
const namespace = `policy-server-${process.pid}`

await using mesh = await init({ namespace })
// Not where this program is attached, if there is another peer.
const other = (await mesh.peers()).find(({ peerId, state }) => state === 'alive' && peerId !== context().peerId)
const policy = actor(Policy, {
  name: 'policy',
  placement: other ? { peer: other.peerId, soft: true } : 'pack',
  restarts: -1,
  callRetries: -1,
  checkpoint: { everyCalls: 10 },
}).remote(seed)
assert.equal(await get(policy.served.remote()), 0)
console.log(`the policy is there; starting ${clients} clients`)

// To an agent's socket the clients go as this program has, else they join its mesh by a ticket.
const given = process.env.SHOAL_ADDRESS
const address = given?.includes('/') ? given : await mesh.ticket({ uses: clients, role: 'driver' })
const startedAt = performance.now()
const reports = await Promise.all(
  Array.from({ length: clients }, async (_, client) => {
    const report = await runClient(address, [namespace, seed, client, requests])
    console.log(
      `client ${client + 1}: ${report.latenciesMs.length} answers, ${report.wrong} wrong; ${figures(report.latenciesMs)}`,
    )
    return report
  }),
)
const seconds = (performance.now() - startedAt) / 1000
console.log(
  `all ${clients}: ${figures(reports.flatMap(report => report.latenciesMs))}, in ${seconds.toFixed(1)} s with their starts`,
)

assert.ok(reports.every(({ wrong }) => wrong === 0))
const served = await get(policy.served.remote())
const [{ restarts }] = await Array.fromAsync(mesh.state.actors({ className: 'Policy', namespace }))
console.log(`${served} of ${clients * requests} requests counted, ${restarts} restarts`)
// A restart forgets what came after the last checkpoint, and a call that was on its way is made again.
if (restarts === 0) assert.equal(served, clients * requests)

function figures(latenciesMs: number[]): string {
  return `p50 ${percentile(latenciesMs, 0.5).toFixed(2)} ms, p99 ${percentile(latenciesMs, 0.99).toFixed(2)} ms`
}
