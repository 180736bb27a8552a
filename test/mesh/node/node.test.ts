import t from 'tap'
import { generateKey, peerIdOf } from '../../../mesh/identity/index.ts'
import { MemoryNetwork } from '../../../mesh/links/index.ts'
import { eventually, linked, Meshes } from '../meshes.ts'

for (const kind of ['memory', 'quic'] as const) {
  t.test(`${kind}: members find each other through the one whose ticket they had`, async t => {
    const mesh = new Meshes(kind)
    t.teardown(() => mesh.close())
    for (let i = 0; i < 4; i++) await mesh.add()
    await eventually('all are linked', () => mesh.nodes.every(node => linked(node) === 3))
    t.equal(
      mesh.nodes.every(({ told }) => told.filter(line => line.startsWith('began')).length === 3),
      true,
    )
  })

  t.test(`${kind}: frames arrive once, in order, and bytes over streams of their own`, async t => {
    const mesh = new Meshes(kind)
    t.teardown(() => mesh.close())
    const [a, b] = [await mesh.add(), await mesh.add()]
    await eventually('linked', () => linked(a) === 1 && linked(b) === 1)
    for (let i = 0; i < 2000; i++) b.node.send(a.peerId, { t: 'x', i }, new Uint8Array(i))
    await eventually('2,000 frames', () => a.frames.length === 2000)
    t.equal(
      a.frames.every(({ payload }, i) => payload.length === i),
      true,
    )
    for (const [from, to] of [
      [a, b],
      [b, a],
    ]) {
      let bytes = 0
      to.bulk = async (map, stream) => {
        t.equal(map.t, 'object')
        for (let chunk = await stream.read(); chunk; chunk = await stream.read()) bytes += chunk.length
        await stream.send({ t: 'done' })
        await stream.end()
      }
      const stream = await from.node.openBulk(to.peerId, { t: 'object', k: 0 })
      await stream.write(new Uint8Array(300_000))
      await stream.end()
      t.same(await stream.frame(), { t: 'done' })
      t.equal(bytes, 300_000)
    }
  })

  t.test(`${kind}: one that leaves has left, for all`, async t => {
    const mesh = new Meshes(kind)
    t.teardown(() => mesh.close())
    const [a, b, c] = [await mesh.add(), await mesh.add(), await mesh.add()]
    await eventually('linked', () => mesh.nodes.every(node => linked(node) === 2))
    await b.node.leave()
    await b.node.close()
    await eventually('told', () => [a, c].every(({ told }) => told.includes('ended 1: left')))
    t.equal([...a.node.members()].find(row => row.peerId === b.peerId)?.state, 'left')
  })
}

t.test('a link that is lost is made again, and nothing said is lost with it', async t => {
  const mesh = new Meshes('memory')
  t.teardown(() => mesh.close())
  const [a, b] = [await mesh.add(), await mesh.add()]
  await eventually('linked', () => linked(a) === 1 && linked(b) === 1)
  let sent = 0
  const talking = setInterval(() => {
    for (let i = 0; i < 20; i++) a.node.send(b.peerId, { t: 'x', i: sent++ })
  }, 2)
  for (let i = 0; i < 5; i++) {
    await new Promise(resolve => setTimeout(resolve, 150))
    mesh.network?.lose(a.peerId, b.peerId)
  }
  clearInterval(talking)
  await eventually('all of it', () => b.frames.length === sent, 10_000)
  t.same(b.told, ['began 0'])
})

t.test('one that stands still for 2 s is not dead; one that is cut off is, and comes back as new', async t => {
  const mesh = new Meshes('memory')
  t.teardown(() => mesh.close())
  const [a, b] = [await mesh.add(), await mesh.add()]
  await eventually('linked', () => linked(a) === 1 && linked(b) === 1)
  mesh.network?.part(a.peerId, b.peerId)
  await new Promise(resolve => setTimeout(resolve, 2000))
  mesh.network?.heal(a.peerId, b.peerId)
  await new Promise(resolve => setTimeout(resolve, 700))
  t.same(a.told, ['began 1'])
  t.equal([...a.node.members()][0].state, 'alive')
  mesh.network?.part(a.peerId, b.peerId)
  await eventually('dead', () => a.told.includes('ended 1: dead') && b.told.includes('ended 0: dead'), 8000)
  mesh.network?.heal(a.peerId, b.peerId)
  await eventually('back', () => linked(a) === 1 && linked(b) === 1, 20_000)
  t.equal(a.told.at(-1), 'began 1')
})

t.test('two that dial one another at once have one session, and nothing is lost or told twice', async t => {
  for (let seed = 1; seed <= 12; seed++) {
    const mesh = new Meshes('memory', new MemoryNetwork({ jitterMs: 20, seed }))
    const sent = new Map<string, number>()
    const talking = setInterval(() => {
      for (const from of mesh.nodes) {
        for (const to of mesh.nodes) {
          const pair = `${from.peerId} ${to.peerId}`
          const i = sent.get(pair) ?? 0
          if (from !== to && from.node.send(to.peerId, { t: 'x' }, new Uint8Array([i, i >> 8]))) sent.set(pair, i + 1)
        }
      }
    }, 1)
    try {
      for (let i = 0; i < 4; i++) await mesh.add()
      // Everybody dials everybody: a new address is dialled at once.
      for (const one of mesh.nodes) {
        for (const other of mesh.nodes) one.node.learn(other.peerId, other.node.addresses)
      }
      await eventually(`seed ${seed}: all are linked`, () => mesh.nodes.every(node => linked(node) === 3))
      await new Promise(resolve => setTimeout(resolve, 50))
      clearInterval(talking)
      for (const to of mesh.nodes) {
        if (to.told.length !== 3) t.fail(`seed ${seed}: ${to.told.join(', ')}`)
        for (const from of mesh.nodes) {
          if (from === to) continue
          const heard = (): number[] =>
            to.frames.filter(frame => frame.from === from.peerId).map(({ payload: [low, high] }) => low | (high << 8))
          const wanted = sent.get(`${from.peerId} ${to.peerId}`) ?? 0
          await eventually(`seed ${seed}: ${wanted} frames, ${heard().length} came`, () => heard().length >= wanted)
          if (heard().some((one, at) => one !== at)) t.fail(`seed ${seed}: ${heard()}`)
        }
      }
    } finally {
      clearInterval(talking)
      await mesh.close()
    }
  }
  t.pass('12 seeds')
})

t.test('one that nobody reaches at its old address, or at any, is let in when it dials itself', async t => {
  const mesh = new Meshes('memory')
  t.teardown(() => mesh.close())
  const a = await mesh.add()
  let key = generateKey()
  // Of two the smaller PeerId has precedence, so the founder shall be that.
  while (peerIdOf(key) < a.peerId) key = generateKey()
  const first = await mesh.add({ key })
  await eventually('linked', () => linked(a) === 1 && linked(first) === 1)
  for (const address of first.node.addresses) mesh.network?.silent.add(address)
  await first.node.close()
  await new Promise(resolve => setTimeout(resolve, 300))
  const second = await mesh.add({ key })
  await eventually('linked at its new address', () => linked(a) === 1 && linked(second) === 1, 1500)
  t.same([...a.node.members()][0].addresses, second.node.addresses)
  for (const address of second.node.addresses) mesh.network?.silent.add(address)
  mesh.network?.lose(a.peerId, second.peerId)
  await eventually('its link is gone', () => linked(a) === 0)
  await eventually('linked by its own dial', () => linked(a) === 1 && linked(second) === 1, 4000)
})
