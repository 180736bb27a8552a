import fc from 'fast-check'
import t from 'tap'
import { bellMemory } from '../../wire/bell.ts'
import type { RecordMemory } from '../../wire/inbox.ts'
import { limits } from '../../wire/limits.ts'
import type { Outbox } from '../../wire/outbox.ts'
import { RingInbox, RingOutbox, ringMemory } from '../../wire/ring.ts'
import { StreamInbox } from '../../wire/stream.ts'

const TYPE = 5

function write(outbox: Outbox, field: number, bytes: Uint8Array): void {
  const at = outbox.begin(TYPE, field, bytes.length + 4)
  outbox.i32[at >> 2] = bytes.length
  outbox.u8.set(bytes, at + 4)
  outbox.end()
}

/** Collects what it is given, as copies. */
function collector() {
  const got: { field: number; bytes: Uint8Array }[] = []
  return {
    got,
    record(type: number, field: number, memory: RecordMemory, at: number, bytes: number): void {
      if (type !== TYPE) throw new Error(`type ${type}`)
      const length = memory.i32[at >> 2]
      if (length + 4 > bytes) throw new Error('a record shorter than it says')
      got.push({ field, bytes: memory.u8.slice(at + 4, at + 4 + length) })
    },
  }
}

function channel(bytes: number) {
  const memory = ringMemory(bytes)
  const sink = collector()
  const outbox = new RingOutbox(memory, bellMemory())
  const inbox = new RingInbox(memory, bellMemory(), sink)
  return { memory, outbox, inbox, ...sink }
}

const filled = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => i * 7 + seed)

t.test('records of every size arrive in order, past the end of the ring, past its being full, in pieces', async t => {
  const sizes = fc.array(
    fc.oneof(fc.nat(60), fc.nat(3000), fc.constantFrom(limits.recordBytes, limits.recordBytes * 3 + 5)),
    {
      maxLength: 60,
    },
  )
  const reads = fc.array(fc.nat(20), { minLength: 1 })
  fc.assert(
    fc.property(sizes, reads, (list, pauses) => {
      const { outbox, inbox, got } = channel(1 << 18)
      list.forEach((size, i) => {
        write(outbox, i & 0xff, filled(size, i))
        if (pauses[i % pauses.length] < 10) outbox.flush()
        if (pauses[i % pauses.length] < 3) inbox.drain()
      })
      for (let rounds = 0; got.length < list.length; rounds++) {
        if (rounds > 1000) throw new Error(`${got.length} of ${list.length} records`)
        outbox.flush()
        inbox.drain()
      }
      list.forEach((size, i) => {
        const { field, bytes } = got[i]
        const want = filled(size, i)
        if (field !== (i & 0xff) || Buffer.compare(bytes, want) !== 0) throw new Error(`record ${i}`)
      })
      if (outbox.queuedBytes !== 0) throw new Error('bytes are left')
    }),
    { numRuns: 100 },
  )
  t.ok(true)
})

t.test('nothing is seen before it is flushed; a reader may take a few at a time', async t => {
  const { outbox, inbox, got } = channel(1 << 16)
  for (let i = 0; i < 10; i++) write(outbox, i, filled(10, i))
  t.equal(inbox.drain(), 0)
  outbox.flush()
  t.equal(inbox.drain(3), 3)
  t.equal(inbox.drain(), 7)
  t.same(
    got.map(({ field }) => field),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  )
})

t.test('a full ring queues at the producer, whose bell is rung when there is room', async t => {
  const memory = ringMemory(1 << 16)
  const producerBell = bellMemory()
  const sink = collector()
  const outbox = new RingOutbox(memory, bellMemory())
  const inbox = new RingInbox(memory, producerBell, sink)
  for (let i = 0; i < 100; i++) write(outbox, i, filled(2000, i))
  outbox.flush()
  t.ok(outbox.queuedBytes > 100_000)
  Atomics.store(producerBell, 0, 1)
  inbox.drain()
  t.equal(Atomics.load(producerBell, 0), 0, 'woken')
  while (outbox.queuedBytes > 0) {
    outbox.flush()
    inbox.drain()
  }
  t.equal(sink.got.length, 100)
})

t.test('a reader trusts nobody: lengths that do not fit the ring, pieces out of order', async t => {
  for (const length of [0, 4, 9, -8, 1 << 20]) {
    const { memory, outbox, inbox } = channel(1 << 16)
    write(outbox, 0, filled(8, 0))
    outbox.flush()
    new Int32Array(memory, 128)[0] = length
    t.throws(() => inbox.drain(), /malformed/)
  }
  const { memory, outbox, inbox } = channel(1 << 18)
  write(outbox, 0, filled(limits.recordBytes * 2, 0))
  outbox.flush()
  // The second piece says that it is the third.
  const words = new Int32Array(memory, 128)
  const second = words[0] / 4
  words[second + 4] += 8
  t.throws(() => inbox.drain(), /out of order/)
})

t.test('the same records over a stream, however it is cut', async t => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(4000), { maxLength: 30 }),
      fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }),
      (sizes, cuts) => {
        const parts: Uint8Array[] = []
        const ring = channel(1 << 20)
        sizes.forEach((size, i) => {
          write(ring.outbox, i & 0xff, filled(size, i))
        })
        ring.outbox.flush()
        const all = new Uint8Array(ring.memory, 128).slice()
        const total = sizes.reduce((sum, size) => sum + ((size + 12 + 7) & ~7), 0)
        const sink = collector()
        const inbox = new StreamInbox(sink)
        for (let at = 0, i = 0; at < total; i++) {
          const n = Math.min(cuts[i % cuts.length], total - at)
          parts.push(all.slice(at, at + n))
          inbox.chunk(all.slice(at, at + n))
          at += n
        }
        if (sink.got.length !== sizes.length)
          throw new Error(`${sink.got.length} of ${sizes.length}, in ${parts.length} chunks`)
        sizes.forEach((size, i) => {
          if (Buffer.compare(sink.got[i].bytes, filled(size, i)) !== 0) throw new Error(`record ${i}`)
        })
      },
    ),
    { numRuns: 100 },
  )
  const inbox = new StreamInbox(collector())
  t.throws(() => inbox.chunk(new Uint8Array(64).fill(0xff)), /malformed/)
})
