import { setTimeout as delay } from 'node:timers/promises'
import { actor, cancel, context, get, init, type ObjectRef, put, release, task } from 'shoal'
import t from 'tap'
import { eventually } from '../sdk/meshes.ts'
import { AgentMesh } from './mesh-support.ts'

t.test('rows of all peers, page by page; one that does not answer costs a deadline', { timeout: 120_000 }, async t => {
  await using mesh = await AgentMesh.start(3, '--cpus', '2')
  await using attached = await init({ address: mesh.agents[0].socket, logToDriver: false })
  const [, second, third] = mesh.agents
  const putMany = task(async (n: number) => await Promise.all(Array.from({ length: n }, (_, i) => put([i]))), {
    name: 'put-many',
  })
  const made = [second, third].map(({ peerId }) => putMany.options({ placement: { peer: peerId } }).remote(1500))
  const refs = (await get(made)).flat() as ObjectRef<number[]>[]
  const ids = async () =>
    (await Array.fromAsync(attached.state.objects({ kind: 'put' }))).map(({ objectId }) => objectId)
  const all = await ids()
  t.same(new Set(all), new Set(refs.map(({ id }) => id)))
  t.equal(all.length, refs.length)
  await eventually('they are borrowed', async () => {
    const [row] = await Array.fromAsync(attached.state.objects({ objectId: refs[0].id }))
    return row.ownerId === second.peerId && row.references.borrowers === 1
  })
  const listed = JSON.parse((await mesh.cli(third, 'objects', '--json', '--filter', 'kind=put')).out)
  t.equal(listed.length, refs.length, 'the command line lists them too')

  const speaking = task(
    async (seen: ObjectRef<number[]>[]) => {
      console.log('first words')
      process.stdout.write(`last words of ${seen.length}`)
      return context().taskId as string
    },
    { name: 'speaking', placement: { peer: third.peerId } },
  )
  const said = await get(speaking.remote([]))
  for (const agent of [mesh.agents[0], third]) {
    const { out, err } = await mesh.cli(agent, 'logs', said)
    t.match(out, /\(speaking \S*t\d+\) first words\n.*\(speaking \S*t\d+\) last words of 0/, err)
  }
  class Greeter {
    greet(whom: string): string {
      console.log(`good day, ${whom}`)
      return context().actorId as string
    }
  }
  const greeter = actor(Greeter, { placement: { peer: third.peerId } }).remote()
  const actorId = await get(greeter.greet.remote('third'))
  for (const agent of [mesh.agents[0], third]) {
    const { out, err } = await mesh.cli(agent, 'logs', actorId)
    t.match(out, /\(Greeter\.greet \S*t\d+\) good day, third\n/, err)
  }
  release(greeter)
  const sleeping = task(async () => await delay(60_000), {
    name: 'sleeping',
    placement: { peer: third.peerId },
  }).remote()
  await eventually('its worker says what it runs', async () => {
    const busy = await Array.fromAsync(attached.state.workers({ state: 'busy', peerId: third.peerId }))
    const [row] = await Array.fromAsync(attached.state.tasks({ name: 'sleeping' }))
    return busy.some(({ taskId }) => taskId === row.taskId)
  })
  await cancel(sleeping, { force: true })

  process.kill(second.pid, 'SIGSTOP')
  try {
    const began = performance.now()
    const others = await ids()
    const tookMs = performance.now() - began
    t.ok(tookMs < 4000, `${tookMs} ms`)
    const expected = refs.slice(1500).map(({ id }) => id)
    t.ok(
      expected.every(id => others.includes(id)),
      'what the others have is listed all the same',
    )
  } finally {
    process.kill(second.pid, 'SIGCONT')
  }
  for (const ref of [...made, ...refs]) ref.release()
})
