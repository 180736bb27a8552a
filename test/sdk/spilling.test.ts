import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { get, init, type Mesh, type ObjectRef, put, task } from 'shoal'
import t from 'tap'
import { AgentMesh } from '../agent/mesh-support.ts'
import { eventually, nothingLeft, shoal, startAgent, ways } from './meshes.ts'

const MiB = 1 << 20
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

/** Bytes that tell which they are. */
const make = (seed: number, bytes = MiB): Uint8Array => {
  const made = new Uint8Array(bytes)
  new DataView(made.buffer).setUint32(0, seed)
  made[bytes - 1] = seed & 0xff
  return made
}
const is = (value: Uint8Array, seed: number): boolean =>
  new DataView(value.buffer, value.byteOffset).getUint32(0) === seed && value[value.length - 1] === (seed & 0xff)
const making = task((seed: number) => {
  const made = new Uint8Array(1 << 20)
  new DataView(made.buffer).setUint32(0, seed)
  made[made.length - 1] = seed & 0xff
  return made
})

async function storeOf(mesh: Mesh): Promise<{ spilledObjects: number; spilledBytes: number; usedBytes: number }> {
  const own = (await mesh.peers()).find(({ peerId }) => peerId === mesh.peerId)
  return (own as unknown as { store: { spilledObjects: number; spilledBytes: number; usedBytes: number } }).store
}

const filesIn = (dir: string): string[] => (existsSync(dir) ? readdirSync(dir).map(name => join(dir, name)) : [])

for (const { way, open } of ways) {
  t.test(`${way}: four times the store is kept, and read in any order, also by tasks`, async t => {
    await using opened = await open({ cpus: 2, objectStoreBytes: 16 * MiB })
    const { mesh } = opened
    const refs: ObjectRef<Uint8Array>[] = []
    for (let seed = 0; seed < 32; seed++) refs.push(await put(make(seed)))
    for (let seed = 32; seed < 64; seed++) refs.push(making.remote(seed))
    await get(refs[63])
    const { spilledObjects, usedBytes } = await storeOf(mesh)
    t.ok(spilledObjects >= 40, `${spilledObjects} on disk`)
    t.ok(usedBytes <= 16 * MiB)
    const wrong: number[] = []
    for (let i = 0; i < 100; i++) {
      const seed = (i * 37) % 64
      if (!is(await get(refs[seed]), seed)) wrong.push(seed)
    }
    const first = task((value: Uint8Array) => new DataView(value.buffer, value.byteOffset).getUint32(0))
    const seen = await get(refs.map(ref => first.remote(ref)))
    t.same(wrong, [])
    t.same(seen, [...refs.keys()])
    for (const ref of refs) ref.release()
    await nothingLeft(mesh)
    await eventually('nothing is on disk', async () => (await storeOf(mesh)).spilledObjects === 0)
  })

  t.test(`${way}: a value larger than the store, and one for which nothing gives way`, async t => {
    await using opened = await open({ cpus: 1, objectStoreBytes: 16 * MiB })
    await t.rejects(put(make(1, 20 * MiB)), { code: 'SHOAL_STORE_FULL' })
    const result = task(() => new Uint8Array(20 << 20)).remote()
    await t.rejects(get(result), { code: 'SHOAL_STORE_FULL' })
    const ref = await put(make(2))
    t.ok(is(await get(ref), 2), 'the store goes on')
    ref.release()
    await nothingLeft(opened.mesh)
  })
}

t.test('what somebody looks at stays as it is while the store is filled', async t => {
  await using mesh = await init({ address: 'local', cpus: 1, objectStoreBytes: 16 * MiB, logToDriver: false })
  const watched = await put(make(7, 4 * MiB))
  const view = await get(watched, { copy: false })
  const refs = await Promise.all(Array.from({ length: 40 }, (_, seed) => put(make(seed))))
  t.ok(is(view, 7))
  watched.release()
  for (const [seed, ref] of refs.entries()) t.ok(is(await get(ref), seed))
  t.ok(is(view, 7), 'also after its ref was released')
  t.ok(mesh.peerId)
})

t.test('views that a program has dropped give way when room is needed', async t => {
  await using mesh = await init({ address: 'local', cpus: 1, objectStoreBytes: 16 * MiB, logToDriver: false })
  for (let seed = 0; seed < 40; seed++) {
    const ref = await put(make(seed))
    if (!is(await get(ref, { copy: false }), seed)) t.fail(`object ${seed}`)
    ref.release()
  }
  t.ok(mesh.peerId)
})

for (const { way, open } of ways) {
  t.test(`${way}: put takes the value as it is when it is called`, async t => {
    await using opened = await open({ cpus: 1 })
    const inTask = task(async (bytes: number) => {
      const value = { before: [1, 'x'], data: new Uint8Array(bytes).fill(1), after: new Float64Array(3).fill(0.5) }
      const putting = put(value)
      value.data.fill(2)
      value.after.fill(2)
      return await get(await putting)
    })
    for (const bytes of [100, 300_000, 5_000_001]) {
      const value = { before: [1, 'x'], data: new Uint8Array(bytes).fill(1), after: new Float64Array(3).fill(0.5) }
      const putting = put(value)
      value.data.fill(2)
      value.after.fill(2)
      const ref = await putting
      for (const found of [await get(ref), await get(inTask.remote(bytes))]) {
        t.equal(found.data.length, bytes)
        t.ok(found.data.every(byte => byte === 1))
        t.same(
          [found.before, [...found.after]],
          [
            [1, 'x'],
            [0.5, 0.5, 0.5],
          ],
        )
      }
      ref.release()
    }
    await nothingLeft(opened.mesh)
  })
}

t.test('files: a folder of this user alone; damage is a rebuild or a typed error; they go at the end', async t => {
  await using agent = await startAgent('--cpus', '2', '--object-store', String(16 * MiB))
  const dir = join(agent.home, 'spill')
  {
    await using mesh = await init({ address: agent.socket, logToDriver: false })
    const results = Array.from({ length: 20 }, (_, seed) => making.remote(seed))
    await get(results.at(-1) as ObjectRef<Uint8Array>)
    const values = await Promise.all(Array.from({ length: 20 }, (_, i) => put(make(100 + i))))
    await eventually('much is on disk', async () => (await storeOf(mesh)).spilledObjects >= 24)
    const files = filesIn(dir)
    t.ok(files.length > 0)
    for (const file of files) {
      const bytes = readFileSync(file)
      for (let at = 100; at < bytes.length; at += 100_000) bytes[at] ^= 0xff
      writeFileSync(file, bytes)
    }
    for (const [seed, ref] of results.entries()) t.ok(is(await get(ref), seed), 'made again')
    let lost = 0
    for (const [i, ref] of values.entries()) {
      try {
        t.ok(is(await get(ref), 100 + i))
      } catch (error) {
        lost++
        t.equal(codeOf(error), 'SHOAL_OBJECT_LOST')
        t.match((error as Error).message, /CRC-32|cut short/)
      }
    }
    t.ok(lost > 0, `${lost} were damaged`)
    t.equal(await get(task(() => 'goes on').remote()), 'goes on')
    for (const ref of [...results, ...values]) ref.release()
    await nothingLeft(mesh)
    await eventually('its files are gone', () => filesIn(dir).length === 0)
  }
})

t.test('an agent that is killed leaves files, which go when it starts again', async t => {
  await using agent = await startAgent('--cpus', '1', '--object-store', String(16 * MiB))
  const dir = join(agent.home, 'spill')
  const mesh = await init({ address: agent.socket, logToDriver: false })
  const refs = await Promise.all(Array.from({ length: 30 }, (_, seed) => put(make(seed))))
  await eventually('files are there', () => filesIn(dir).length > 0)
  process.kill(agent.pid, 'SIGKILL')
  await t.rejects(get(refs[0]))
  await mesh.close()
  t.ok(filesIn(dir).length > 0)
  const again = await shoal(agent.home, 'up', '--detach', '--json', '--listen', '127.0.0.1:0')
  t.equal(again.code, 0, again.err)
  t.same(filesIn(dir), [])
})

t.test('a folder that cannot be written: who needs the room is told why, and the agent goes on', async t => {
  await using agent = await startAgent('--cpus', '1', '--object-store', String(16 * MiB))
  const dir = join(agent.home, 'spill')
  // Also in the way of root, who may write everywhere.
  writeFileSync(dir, '')
  await using mesh = await init({ address: agent.socket, logToDriver: false })
  const refs: ObjectRef<Uint8Array>[] = []
  let full: unknown
  for (let seed = 0; seed < 30 && full === undefined; seed++) {
    try {
      refs.push(await put(make(seed)))
    } catch (error) {
      full = error
    }
  }
  t.equal(codeOf(full), 'SHOAL_STORE_FULL')
  t.match((full as Error).message, /ENOTDIR|EEXIST/)
  for (const [seed, ref] of refs.entries()) t.ok(is(await get(ref), seed))
  for (const ref of refs) ref.release()
  await nothingLeft(mesh)
  t.ok(is(await get(await put(make(5))), 5))
})

t.test('what another peer has on disk is read from here, and from a third', { timeout: 120_000 }, async t => {
  await using peers = await AgentMesh.start(2, '--cpus', '1', '--object-store', String(16 * MiB))
  await using mesh = await init({ address: peers.agents[0].socket, logToDriver: false })
  const other = (await mesh.peers()).map(({ peerId }) => peerId).find(peerId => peerId !== mesh.peerId) as string
  const refs = Array.from({ length: 30 }, (_, seed) => making.options({ placement: { peer: other } }).remote(seed))
  for (const [seed, ref] of refs.entries()) t.ok(is(await get(ref), seed))
  await delay(100)
  for (const [seed, ref] of [...refs.entries()].reverse()) t.ok(is(await get(ref), seed))
  for (const ref of refs) ref.release()
})
