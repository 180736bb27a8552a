import t from 'tap'
import { greedyBound, randomOf, SimMesh } from './cores.ts'

const seed = Number(process.env.SHOAL_SEED ?? Math.floor(Math.random() * 2 ** 31))
console.log(`# seed ${seed} (SHOAL_SEED=${seed} repeats it)`)

function framesOf(mesh: SimMesh): string {
  return Object.entries(mesh.frames)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ')
}

function onceEach(mesh: SimMesh, tasks: number): number {
  let wrong = 0
  for (let task = 0; task < tasks; task++)
    if (mesh.began.get(task)?.length !== 1 || mesh.commits.get(task) !== 1) wrong++
  return wrong
}

t.test('50 peers, one submits: every task once, and soon', async t => {
  for (const meanMs of [20, 100]) {
    const mesh = new SimMesh({ seed, peers: 50, cpus: 2, latencyMs: 0.5 })
    const random = randomOf(seed + 1)
    const durations: number[] = []
    const [owner] = mesh.peers
    const kind = owner.kind()
    const count = 5000
    mesh.after(0, () => {
      for (let i = 0; i < count; i++) {
        durations.push(meanMs * (0.5 + random()))
        owner.submit(kind, mesh.task(durations[i]))
      }
      owner.turn()
    })
    const makespan = mesh.run(count, 600_000)
    const bound = greedyBound(durations, 100)
    const frames = Object.values(mesh.frames).reduce((a, b) => a + b, 0)
    t.comment(`${meanMs} ms a task: ${Math.round(makespan)} ms, greedy ${Math.round(bound)} ms; ${framesOf(mesh)}`)
    t.equal(onceEach(mesh, count), 0, `seed ${seed}`)
    t.equal(makespan <= 1.15 * bound, true, `${(makespan / bound).toFixed(3)} × the greedy bound, seed ${seed}`)
    t.equal(frames / count <= 10, true, `${(frames / count).toFixed(2)} frames a task, seed ${seed}`)
  }
})

t.test('50 peers, all submit, unequally', async t => {
  const mesh = new SimMesh({ seed, peers: 50, cpus: 2, latencyMs: 0.5 })
  const random = randomOf(seed + 2)
  const durations: number[] = []
  mesh.after(0, () => {
    for (const [at, peer] of mesh.peers.entries()) {
      const kind = peer.kind()
      for (let i = 0; i < 4 * (at + 1); i++) {
        const duration = 50 * (0.5 + random())
        durations.push(duration)
        peer.submit(kind, mesh.task(duration))
      }
      peer.turn()
    }
  })
  mesh.run(1, 1000)
  const count = durations.length
  const makespan = mesh.run(count, 600_000)
  const bound = greedyBound(durations, 100)
  const frames = Object.values(mesh.frames).reduce((a, b) => a + b, 0)
  t.comment(`${count} tasks: ${Math.round(makespan)} ms, greedy ${Math.round(bound)} ms; ${framesOf(mesh)}`)
  t.equal(onceEach(mesh, count), 0, `seed ${seed}`)
  t.equal(makespan <= 1.15 * bound, true, `${(makespan / bound).toFixed(3)} × the greedy bound, seed ${seed}`)
  t.equal(frames / count <= 10, true, `${(frames / count).toFixed(2)} frames a task, seed ${seed}`)
})

t.test('peers die: every task is committed once, and what ran elsewhere is not run again', async t => {
  const mesh = new SimMesh({ seed, peers: 20, cpus: 2, latencyMs: 0.5 })
  const random = randomOf(seed + 3)
  const [owner] = mesh.peers
  const kind = owner.kind({ retries: -1 })
  const count = 2000
  mesh.after(0, () => {
    for (let i = 0; i < count; i++) owner.submit(kind, mesh.task(40 * (0.5 + random())))
    owner.turn()
  })
  const victims = [3, 7, 11, 15, 19]
  for (const [at, victim] of victims.entries()) mesh.after(300 + 100 * at, () => mesh.kill(victim, 60))
  mesh.run(count, 600_000)
  mesh.settle(1000)
  let twice = 0
  const wrong: string[] = []
  for (let task = 0; task < count; task++) {
    const places = mesh.began.get(task) ?? []
    if (places.length > 1) twice++
    // Only a peer that died can have begun it in vain.
    const inVain = places.slice(0, -1).filter(peer => !victims.includes(peer))
    if (mesh.commits.get(task) !== 1 || inVain.length > 0) wrong.push(`task ${task} began at ${places}`)
  }
  t.same(wrong, [], `seed ${seed}`)
  t.comment(`${twice} tasks ran again`)
  t.equal(
    mesh.peers.filter(({ alive }) => alive).reduce((sum, { open }) => sum + open, 0),
    0,
  )
  for (const { owner: one, alive } of mesh.peers) if (alive) t.same(one.resources.available(), one.resources.total())
})

t.test('rare resources, labels, one peer alone, and spread', async t => {
  const mesh = new SimMesh({
    seed,
    peers: 12,
    cpus: 2,
    latencyMs: 0.5,
    labels: peer => ({ zone: peer % 2 === 0 ? 'east' : 'west' }),
    resources: (peer): Record<string, number> => (peer >= 10 ? { scanner: 1 } : {}),
  })
  const [owner] = mesh.peers
  const random = randomOf(seed + 4)
  const groups: Record<string, number[]> = { scanner: [], west: [], pinned: [], spread: [] }
  mesh.after(0, () => {
    const kinds = {
      scanner: owner.kind({ resources: { scanner: 1 } }),
      west: owner.kind({ labels: { zone: 'west' } }),
      pinned: owner.kind({ peer: 5 }),
      spread: owner.kind({ spread: true }),
    }
    for (const [name, kind] of Object.entries(kinds)) {
      for (let i = 0; i < 24; i++) {
        const task = mesh.task(30 * (0.5 + random()))
        groups[name].push(task)
        owner.submit(kind, task)
      }
    }
    owner.turn()
  })
  mesh.run(96, 60_000)
  const placesOf = (name: string): number[] => groups[name].map(task => mesh.began.get(task)?.[0] ?? -1)
  t.equal(onceEach(mesh, 96), 0, `seed ${seed}`)
  t.equal(
    placesOf('scanner').every(peer => peer >= 10),
    true,
  )
  t.equal(
    placesOf('west').every(peer => peer % 2 === 1),
    true,
  )
  t.equal(
    placesOf('pinned').every(peer => peer === 5),
    true,
  )
  t.equal(
    new Set(placesOf('spread')).size >= 8,
    true,
    `spread over ${new Set(placesOf('spread')).size} of 12, seed ${seed}`,
  )
})
