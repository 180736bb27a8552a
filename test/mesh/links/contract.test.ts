import t from 'tap'
import { generateKey, peerIdOf } from '../../../mesh/identity/index.ts'
import {
  CutError,
  type Link,
  type LinkStream,
  type LinkTransport,
  MemoryNetwork,
  QuicTransport,
} from '../../../mesh/links/index.ts'

/** Two peers of one kind of link, joined. */
interface Pair {
  a: LinkTransport
  b: LinkTransport
  aId: string
  bId: string
}

const kinds: Record<string, () => Pair> = {
  memory: () => {
    const network = new MemoryNetwork({ delayMs: 0 })
    return { a: network.transport('a'), b: network.transport('b'), aId: 'a', bId: 'b' }
  },
  quic: () => {
    const [a, b] = [generateKey(), generateKey()]
    return { a: new QuicTransport(a), b: new QuicTransport(b), aId: peerIdOf(a), bId: peerIdOf(b) }
  },
}

async function joined(make: () => Pair): Promise<Pair & { out: Link; in: Link; close(): Promise<void> }> {
  const pair = make()
  const listener = await pair.b.listen('127.0.0.1:0')
  const [out, inside] = await Promise.all([pair.a.dial(listener.address, { timeoutMs: 3000 }), listener.accept()])
  return { ...pair, out, in: inside, close: async () => void (await Promise.all([pair.a.close(), pair.b.close()])) }
}

async function streams(link: { out: Link; in: Link }): Promise<[LinkStream, LinkStream]> {
  const here = await link.out.open()
  // A stream exists for the other side with its first byte.
  await here.write(Uint8Array.of(7))
  const there = await link.in.accept()
  const first = await there.read()
  if (first?.length !== 1 || first[0] !== 7) throw new Error('the first byte is another')
  return [here, there]
}

async function readAll(stream: LinkStream): Promise<number> {
  let bytes = 0
  for (let chunk = await stream.read(); chunk; chunk = await stream.read()) bytes += chunk.length
  return bytes
}

async function cutOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'no cut'
  } catch (error) {
    return error instanceof CutError ? error.reason : `another error: ${(error as Error).message}`
  }
}

const MiB = 1 << 20

for (const [kind, make] of Object.entries(kinds)) {
  t.test(`${kind}: both know each other, and half a stream ends`, async t => {
    const link = await joined(make)
    t.equal(link.out.peerId, link.bId)
    t.equal(link.in.peerId, link.aId)
    t.equal(link.out.outbound && !link.in.outbound, true)
    const [here, there] = await streams(link)
    await here.write(new TextEncoder().encode('question'))
    await here.end()
    t.equal(await readAll(there), 8)
    await there.write(new Uint8Array(100_000))
    await there.end()
    t.equal(await readAll(here), 100_000)
    t.equal(await here.read().catch(() => 'cut'), null)
    await link.close()
  })

  t.test(`${kind}: a reset is no end, at either side`, async t => {
    const link = await joined(make)
    const [here, there] = await streams(link)
    await here.write(new Uint8Array(10))
    await there.read()
    const pending = cutOf(readAll(there))
    here.reset()
    t.equal(await pending, 'reset')
    const [again, other] = await streams(link)
    other.reset()
    t.equal(await cutOf(readAll(again)), 'reset')
    await link.close()
  })

  t.test(`${kind}: a link that closes cuts what is open on it`, async t => {
    const link = await joined(make)
    const [, there] = await streams(link)
    const pending = cutOf(readAll(there))
    const accepting = cutOf(link.in.accept())
    link.out.close()
    t.match(await pending, /lost|closed/)
    t.match(await accepting, /lost|closed/)
    t.equal(await link.out.closed, 'closed')
    t.equal(await link.in.closed, 'lost')
    t.match(await cutOf(link.out.open()), /lost|closed/)
    await link.close()
  })

  t.test(`${kind}: a slow reader holds its writer, and nobody else`, async t => {
    const link = await joined(make)
    const [here, there] = await streams(link)
    let written = 0
    const writing = (async () => {
      for (; written < 64; written++) await here.write(new Uint8Array(MiB))
      await here.end()
    })()
    await new Promise(resolve => setTimeout(resolve, 300))
    const before = written
    t.equal(before < 40, true, `${before} MiB were taken without a reader`)
    const [ping, pong] = await streams(link)
    const startedAt = performance.now()
    await ping.write(Uint8Array.of(1))
    await pong.read()
    t.equal(performance.now() - startedAt < 500, true)
    t.equal(await readAll(there), 64 * MiB)
    await writing
    await link.close()
  })

  t.test(`${kind}: 1 GiB arrives, while a ping goes on`, { timeout: 120_000 }, async t => {
    const link = await joined(make)
    const [here, there] = await streams(link)
    const [ping, pong] = await streams(link)
    const block = new Uint8Array(MiB)
    for (let i = 0; i < block.length; i++) block[i] = i * 7
    const sending = (async () => {
      for (let i = 0; i < 1024; i++) await here.write(block)
      await here.end()
    })()
    let bytes = 0
    let wrong = 0
    const receiving = (async () => {
      for (let chunk = await there.read(); chunk; chunk = await there.read()) {
        for (let i = 0; i < chunk.length; i += 4099) if (chunk[i] !== (((bytes + i) % MiB) * 7) % 256) wrong++
        bytes += chunk.length
      }
    })()
    const pings: number[] = []
    for (let i = 0; i < 20; i++) {
      const startedAt = performance.now()
      await ping.write(Uint8Array.of(1))
      await pong.read()
      pings.push(performance.now() - startedAt)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    await Promise.all([sending, receiving])
    t.equal(bytes, 1024 * MiB)
    t.equal(wrong, 0)
    pings.sort((a, b) => a - b)
    t.equal(pings[10] < 200, true, `ping p50 ${pings[10]} ms`)
    await link.close()
  })

  t.test(`${kind}: cut in the middle of a message`, async t => {
    const link = await joined(make)
    const [here, there] = await streams(link)
    const reading = cutOf(readAll(there))
    await here.write(new Uint8Array(70_000))
    here.reset()
    t.equal(await reading, 'reset')
    await link.close()
  })

  t.test(`${kind}: a thousand streams at once`, async t => {
    const link = await joined(make)
    const server = (async () => {
      const serving: Promise<void>[] = []
      for (let i = 0; i < 1000; i++) {
        const stream = await link.in.accept()
        serving.push(
          (async () => {
            const chunk = await stream.read()
            await stream.write(chunk as Uint8Array)
            await stream.end()
          })(),
        )
      }
      await Promise.all(serving)
    })()
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        const stream = await link.out.open()
        await stream.write(Uint8Array.of(i & 255, i >> 8))
        await stream.end()
        const chunk = await stream.read()
        await stream.read()
        return chunk !== null && chunk[0] + 256 * chunk[1] === i
      }),
    )
    await server
    t.equal(answers.every(Boolean), true)
    await link.close()
  })

  t.test(`${kind}: both dial at once, and both links work`, async t => {
    const pair = make()
    const [atA, atB] = await Promise.all([pair.a.listen('127.0.0.1:0'), pair.b.listen('127.0.0.1:0')])
    const [toB, toA, inB, inA] = await Promise.all([
      pair.a.dial(atB.address, { timeoutMs: 3000 }),
      pair.b.dial(atA.address, { timeoutMs: 3000 }),
      atB.accept(),
      atA.accept(),
    ])
    await streams({ out: toB, in: inB })
    await streams({ out: toA, in: inA })
    await Promise.all([pair.a.close(), pair.b.close()])
    t.equal(await cutOf(atA.accept()), 'closed')
  })

  t.test(`${kind}: nobody there`, async t => {
    const pair = make()
    await t.rejects(pair.a.dial('127.0.0.1:9', { timeoutMs: 300 }))
    await Promise.all([pair.a.close(), pair.b.close()])
  })
}

t.test('memory: what is parted is silent, and goes on when healed', async t => {
  const network = new MemoryNetwork({ delayMs: 1, jitterMs: 2, seed: 5 })
  const [a, b] = [network.transport('a'), network.transport('b')]
  const listener = await b.listen('x:0')
  const [out, inside] = await Promise.all([a.dial(listener.address, { timeoutMs: 100 }), listener.accept()])
  const [here, there] = await streams({ out, in: inside })
  network.part('a', 'b')
  await here.write(Uint8Array.of(1))
  const arriving = there.read()
  t.equal(await Promise.race([arriving, new Promise(resolve => setTimeout(() => resolve('silent'), 50))]), 'silent')
  network.heal('a', 'b')
  t.same(await arriving, Uint8Array.of(1))
  network.lose('a', 'b')
  t.equal(await out.closed, 'lost')
  await Promise.all([a.close(), b.close()])
})
