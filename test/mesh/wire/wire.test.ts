import fc from 'fast-check'
import t from 'tap'
import {
  decodeHeader,
  encodeHeader,
  FrameReader,
  type HeaderValue,
  MalformedFrameError,
  writeFrame,
} from '../../../mesh/wire/index.ts'
import { fuzzFrames } from './fuzz.ts'

const header = fc.letrec<{ value: HeaderValue }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 6 },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(x => (Object.is(x, -0) ? 0 : x)),
    fc.string(),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(
      fc.string().filter(key => key !== '__proto__'),
      tie('value'),
      { maxKeys: 6 },
    ),
  ),
})).value

t.test('a header comes back as it was, and the same value gives the same bytes', async () => {
  fc.assert(
    fc.property(header, value => {
      const bytes = encodeHeader(value)
      const back = decodeHeader(bytes)
      if (Buffer.compare(encodeHeader(back), bytes) !== 0) throw new Error('other bytes')
    }),
  )
})

t.test('frames come out of any chunks, in order, with their payloads', async () => {
  const frames = fc.array(fc.tuple(header, fc.uint8Array({ maxLength: 5000 })), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 3000 }), (list, chunk) => {
      const bytes = Buffer.concat(list.map(([head, payload]) => writeFrame(head, payload)))
      const reader = new FrameReader()
      const seen: [Uint8Array, Buffer][] = []
      for (let at = 0; at < bytes.length; at += chunk) {
        reader.chunk(bytes.subarray(at, at + chunk), (head, payload) =>
          seen.push([encodeHeader(head), Buffer.from(payload)]),
        )
      }
      if (seen.length !== list.length || reader.partial) throw new Error(`${seen.length} of ${list.length} frames`)
      for (const [i, [head, payload]] of list.entries()) {
        if (Buffer.compare(seen[i][0], encodeHeader(head)) !== 0 || Buffer.compare(seen[i][1], payload) !== 0)
          throw new Error(`frame ${i}`)
      }
    }),
  )
})

t.test('what is no frame is refused, and nothing else happens', async t => {
  const refused = (bytes: Uint8Array): boolean => {
    try {
      new FrameReader().chunk(bytes, () => undefined)
      return false
    } catch (error) {
      return error instanceof MalformedFrameError
    }
  }
  const u32 = (n: number): number[] => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >>> 24]
  const framed = (head: number[]): Uint8Array =>
    Uint8Array.from([...u32(head.length + 4), ...u32(head.length), ...head])
  t.equal(refused(Uint8Array.from([255, 255, 255, 255, 0, 0, 0, 0])), true, 'a giant length')
  t.equal(refused(Uint8Array.from([8, 0, 0, 0, 255, 255, 0, 0])), true, 'a header longer than its frame')
  t.equal(refused(framed(new Array(100_000).fill(0x81))), true, 'arrays in arrays')
  t.equal(refused(framed([0xbb, 255, 255, 255, 255, 255, 255, 255, 255])), true, 'a map of 2^64')
  t.equal(refused(framed([0x9f, 0xff])), true, 'an indefinite length')
  t.equal(refused(framed([0xc1, 0x00])), true, 'a tag')
  t.equal(refused(framed([0xa1, 0x69, ...Buffer.from('__proto__'), 0xa0])), true, 'a key that would be a prototype')
  t.equal(refused(framed([0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2])), true, 'a key twice')
  t.equal(({} as { polluted?: unknown }).polluted, undefined)
})

t.test('20,000 random and bent frames (npm run fuzz does more)', async t => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const { frames, accepted, refused, wrong } = fuzzFrames(20_000, seed)
  t.comment(`seed ${seed}: ${accepted} accepted, ${refused} refused`)
  t.same(wrong, [], `seed ${seed}`)
  t.equal(accepted + refused, frames)
})
