import t from 'tap'
import { eventually } from '../sdk/meshes.ts'
import { AgentMesh } from './mesh-support.ts'

t.test('the command line of a mesh', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(2, '--cpus', '1')
  const [first, second] = mesh.agents
  const status = JSON.parse((await mesh.cli(second, 'status', '--json')).out)
  t.equal(status.resources.cpus, 2)
  t.equal(status.peers.length, 2)
  t.match((await mesh.cli(first, 'peers')).out, /alive[\s\S]*alive/)
  const ticket = JSON.parse(
    (await mesh.cli(second, 'ticket', '--json', '--uses', '3', '--ttl', '2h', '--role', 'driver')).out,
  )
  t.match(ticket, { ticket: /^shoal1/, uses: 3, role: 'driver' })
  t.equal(Math.abs(ticket.expiresAt - Date.now() - 7_200_000) < 10_000, true)
  for (const bad of [
    ['--uses', '0'],
    ['--ttl', '5parsecs'],
    ['--role', 'king'],
  ]) {
    const refused = await mesh.cli(first, 'ticket', ...bad)
    t.equal(refused.code, 2)
    t.match(refused.err, bad[1])
  }
  for (const text of ['garbage', ticket.ticket.slice(0, -3)]) {
    const refused = await mesh.cli({ ...first, home: mesh.home() }, 'join', text, '--detach', '--json')
    t.equal(refused.code, 1)
    t.equal(JSON.parse(refused.err).error.code, 'SHOAL_ADMISSION')
  }
  // This home has an agent already.
  const again = await mesh.cli(second, 'join', await mesh.ticket(first), '--detach', '--json')
  t.equal(JSON.parse(again.out).pid, second.pid)
  const down = await mesh.cli(second, 'down')
  t.equal(down.code, 0)
  await eventually(
    'left',
    async () => (await mesh.peers(first)).find(({ peerId }) => peerId === second.peerId)?.state === 'left',
  )
})
