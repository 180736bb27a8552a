import fc from 'fast-check'
import t from 'tap'
import { Allocator } from '../../../agent/store/allocator.ts'

t.test('blocks never overlap, and everything comes back as one', async t => {
  const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: -200, max: -1 })), {
    maxLength: 300,
  })
  fc.assert(
    fc.property(steps, list => {
      const capacity = 256 * 1024
      const allocator = new Allocator(capacity)
      const blocks: { at: number; bytes: number }[] = []
      let used = 0
      for (const step of list) {
        if (step > 0) {
          const at = allocator.allocate(step)
          if (at < 0) continue
          const bytes = Math.ceil(step / 64) * 64
          if (at % 64 !== 0 || at + bytes > capacity) throw new Error(`a block at ${at}`)
          for (const one of blocks) if (at < one.at + one.bytes && one.at < at + bytes) throw new Error('overlap')
          blocks.push({ at, bytes })
          used += bytes
        } else if (blocks.length > 0) {
          const [gone] = blocks.splice(-step % blocks.length, 1)
          allocator.free(gone.at)
          used -= gone.bytes
        }
        if (allocator.usedBytes !== used || allocator.blocks !== blocks.length) throw new Error('miscounted')
      }
      for (const { at } of blocks) allocator.free(at)
      if (allocator.largestFreeBytes !== capacity)
        throw new Error(`${allocator.largestFreeBytes} in one piece at the end`)
    }),
    { numRuns: 300 },
  )
  t.ok(true)
})

t.test('the whole store in one block, then nothing; a block that fits exactly is found', async t => {
  const allocator = new Allocator(1 << 20)
  const all = allocator.allocate(1 << 20)
  t.equal(all, 0)
  t.equal(allocator.allocate(1), -1)
  allocator.free(all)
  t.equal(allocator.allocate((1 << 20) - 63), 0)
})

t.test('a bad free and a bad size are refused', async t => {
  const allocator = new Allocator(1 << 20)
  const at = allocator.allocate(100)
  t.throws(() => allocator.free(at + 64), RangeError)
  allocator.free(at)
  t.throws(() => allocator.free(at), RangeError)
  t.equal(allocator.allocate(0), -1)
  t.equal(allocator.allocate(Number.NaN), -1)
  t.throws(() => new Allocator(10), RangeError)
})

t.test('a store of 64 GiB, and 100,000 random sizes: fragmentation', async t => {
  const large = new Allocator(64 * 2 ** 30)
  const high = large.allocate(40 * 2 ** 30)
  t.equal(large.allocate(2 ** 30), 40 * 2 ** 30)
  large.free(high)
  const capacity = 64 << 20
  const allocator = new Allocator(capacity)
  const blocks: number[] = []
  let seed = 1
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed / 2 ** 32
  }
  let failedAt = 1
  for (let i = 0; i < 100_000; i++) {
    const at = allocator.allocate(Math.ceil(2 ** (6 + random() * 12)))
    if (at >= 0) blocks.push(at)
    if (at < 0) failedAt = Math.min(failedAt, allocator.usedBytes / capacity)
    while (allocator.usedBytes > capacity * 0.85 || (at < 0 && blocks.length > 0)) {
      const victim = Math.floor(random() * blocks.length)
      allocator.free(blocks[victim])
      blocks[victim] = blocks[blocks.length - 1]
      blocks.pop()
      if (at < 0) break
    }
  }
  t.comment(`first refusal at ${(failedAt * 100).toFixed(1)} % in use`)
  t.ok(failedAt > 0.8, 'nothing is refused below 80 % in use')
  for (const at of blocks) allocator.free(at)
  t.equal(allocator.largestFreeBytes, capacity)
})
