import { Socket } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import {
  Decoder,
  Encoder,
  type Extension,
  MalformedValueError,
  TypeRegistry,
  ValueError,
} from '../../wire/values/index.ts'
import { shown } from './shown.ts'

const types = new TypeRegistry()
const encoder = new Encoder({ types })
const decoder = new Decoder({ types })

function bytesOf(value: unknown, one = encoder): Uint8Array {
  one.start()
  one.value(value, 'args', 0)
  return one.bytes()
}

function there<T>(value: T): T {
  const bytes = bytesOf(value)
  decoder.start(bytes)
  const made = decoder.value() as T
  if (decoder.at !== bytes.length) throw new Error(`${bytes.length - decoder.at} bytes were left unread`)
  return made
}

const leaf = fc.oneof(
  fc.integer(),
  fc.double(),
  fc.bigInt(),
  fc.boolean(),
  fc.constantFrom(undefined, null, -0, NaN, Infinity),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'binary', minLength: 20, maxLength: 60 }),
  fc.date({ noInvalidDate: false }),
  fc.uint8Array(),
  fc.float64Array({ maxLength: 20 }),
  fc.constantFrom(/a+/gi, new Uint8Array(0), new ArrayBuffer(9), Object(1n), Object('s'), Object(true), Object(-0)),
)
const anything = fc.letrec(tie => ({
  value: fc.oneof({ depthSize: 'small' }, leaf, tie('object'), tie('array'), tie('sparse'), tie('map'), tie('set')),
  object: fc.dictionary(
    fc.oneof(fc.string(), fc.constantFrom('__proto__', 'a', 'b', '0', 'constructor')),
    tie('value'),
    { noNullPrototype: true },
  ),
  array: fc.array(tie('value')),
  sparse: fc.sparseArray(tie('value')),
  map: fc.array(fc.tuple(tie('value'), tie('value'))).map(entries => new Map(entries as [unknown, unknown][])),
  set: fc.array(tie('value')).map(items => new Set(items)),
})).value

t.test('any value arrives as structured clone would give it', async t => {
  fc.assert(
    fc.property(anything, value => {
      const [want, got] = [shown(structuredClone(value)), shown(there(value))]
      if (want !== got) throw new Error(`${want}\n${got}`)
    }),
    { numRuns: 500 },
  )
  t.ok(true)
})

t.test('identity: cycles, shared parts, an object met in two values of one message', async t => {
  const ring: { self?: unknown; list: unknown[] } = { list: [] }
  ring.self = ring
  ring.list.push(ring, ring.list)
  const made = there(ring)
  t.equal(made.self, made)
  t.equal(made.list[0], made)
  t.equal(made.list[1], made.list)
  const shared = { n: 1 }
  const many = Array.from({ length: 30 }, () => [shared])
  t.equal(new Set(there(many).flat()).size, 1)
  encoder.start()
  encoder.value(shared)
  encoder.value([shared])
  decoder.start(encoder.bytes())
  const first = decoder.value()
  t.equal((decoder.value() as unknown[])[0], first)
  const map = new Map<unknown, unknown>()
  map.set(map, new Set([map]))
  const copy = there(map)
  t.equal([...copy.keys()][0], copy)
})

t.test('a chain of 50,000 objects, arrays and maps needs no deep stack', async t => {
  let chain: unknown = 'end'
  for (let i = 0; i < 50_000; i++)
    chain = i % 3 === 0 ? { next: chain } : i % 3 === 1 ? [chain] : new Map([['next', chain]])
  let at: unknown = there(chain)
  let steps = 0
  for (; at !== 'end'; steps++)
    at = Array.isArray(at) ? at[0] : at instanceof Map ? at.get('next') : (at as { next: unknown }).next
  t.equal(steps, 50_000)
})

t.test('errors: built-in classes, cause, own fields, AggregateError, names of classes that are not known', async t => {
  class Odd extends RangeError {
    override name = 'Odd'
    code = 7
  }
  const odd = new Odd('x', { cause: new TypeError('t') })
  const made = there(odd) as Odd
  t.ok(made instanceof Error)
  t.same([made.name, made.message, made.code, made.stack], ['Odd', 'x', 7, odd.stack])
  t.ok(made.cause instanceof TypeError)
  t.ok(there(new SyntaxError('s')) instanceof SyntaxError)
  const all = there(new AggregateError([new Error('a'), 5], 'all'))
  t.ok(all instanceof AggregateError)
  t.equal(all.errors[0].message, 'a')
  t.notOk('cause' in there(new Error('none')))
  const looped = new Error('loop')
  looped.cause = looped
  const again = there(looped)
  t.equal(again.cause, again)
  t.equal(there(new DOMException('no', 'AbortError')).name, 'AbortError')
})

t.test(
  'memory: views share their buffer, offsets stay, large parts travel alone, copies are ordinary memory',
  async t => {
    const buffer = new ArrayBuffer(64)
    const [a, b] = there([new Uint8Array(buffer, 8, 16), new Float64Array(buffer)])
    t.equal(a.buffer, b.buffer)
    t.same([a.byteOffset, a.length, b.length], [8, 16, 8])
    const part = there(new Uint8Array(1_000_000).fill(7).subarray(10, 20))
    t.same([part.length, part.buffer.byteLength, part[3]], [10, 10, 7])
    const pooled = there(Buffer.from('pooled'))
    t.equal(Buffer.from(pooled).toString(), 'pooled')
    t.ok(pooled.buffer.byteLength < 100)
    const shared = new Uint8Array(new SharedArrayBuffer(4096))
    const bytes = bytesOf([new Float64Array([1, 2, 3]), 'a string of more than ten', new Float64Array(100).fill(5)])
    shared.set(bytes, 64)
    decoder.start(shared, 64, 64 + bytes.length)
    const [copied, text, large] = decoder.value() as [Float64Array, string, Float64Array]
    t.ok(copied.buffer instanceof ArrayBuffer)
    t.equal(text, 'a string of more than ten')
    t.equal(large[99], 5)
    decoder.start(shared, 64, 64 + bytes.length, { copy: false })
    const view = (decoder.value() as [unknown, unknown, Float64Array])[2]
    t.equal(view.buffer as unknown, shared.buffer)
    t.equal(view[99], 5)
    const resizable = new ArrayBuffer(8, { maxByteLength: 32 })
    const tracking = there(new Uint8Array(resizable))
    ;(tracking.buffer as ArrayBuffer).resize(16)
    t.equal(tracking.length, 16)
  },
)

t.test('registered types and extensions: encode and decode, cycles through a shell, subclasses', async t => {
  class Money {
    #n: number
    constructor(n: number) {
      this.#n = n
    }
    get n() {
      return this.#n
    }
  }
  class Euro extends Money {}
  const own = new TypeRegistry()
  own.register(Money, { name: 'money', encode: (m: Money) => m.n, decode: (n: number) => new Money(n) })
  class Handle {
    held: unknown
  }
  const extension: Extension = {
    tag: 9,
    matches: value => value instanceof Handle,
    encode: (value, one) => one.value((value as Handle).held),
    decode: one => {
      const made = new Handle()
      one.setShell(made)
      made.held = one.value()
      return made
    },
  }
  const writer = new Encoder({ types: own, extensions: [extension] })
  const reader = new Decoder({ types: own, extensions: [extension] })
  const handle = new Handle()
  const money = new Money(5)
  handle.held = { back: handle, money, list: [money, new Euro(6)] }
  reader.start(bytesOf(handle, writer))
  const made = reader.value() as { held: { back: unknown; money: Money; list: Money[] } }
  t.equal(made.held.back, made)
  t.ok(made.held.money instanceof Money)
  t.equal(made.held.list[0], made.held.money)
  t.equal(made.held.list[1].n, 6)
})

t.test('what cannot travel is named by its path, with what to do', async t => {
  const cases: [unknown, string, RegExp][] = [
    [{ model: { socket: new Socket() } }, 'args[0].model.socket', /Socket/],
    [{ list: [0, 1, () => 2] }, 'args[0].list[2]', /function/],
    [{ 'a b': [Symbol('x')] }, 'args[0]["a b"][0]', /symbol/],
    [new Map([['k', new WeakMap()]]), "args[0].get('k')", /WeakMap/],
    [{ p: Promise.resolve(1) }, 'args[0].p', /Promise/],
    [new URL('http://h/'), 'args[0]', /href/],
    [{ g: [1][Symbol.iterator]() }, 'args[0].g', /array of its items/],
    [{ s: new SharedArrayBuffer(8) }, 'args[0].s', /SharedArrayBuffer/],
    [{ c: new AbortController().signal }, 'args[0].c', /AbortSignal/],
  ]
  for (const [value, path, says] of cases) {
    let error: unknown
    try {
      bytesOf(value)
    } catch (thrown) {
      error = thrown
    }
    t.ok(error instanceof ValueError, path)
    t.equal((error as ValueError).path, path)
    t.match((error as ValueError).message, says)
  }
  t.same(there({ fine: 1 }), { fine: 1 }, 'the encoder goes on')
})

t.test('bytes that no encoder makes are refused, soon and without much memory', async t => {
  const wrong = (bytes: Uint8Array) => {
    decoder.start(bytes)
    try {
      decoder.value()
    } catch (error) {
      if (!(error instanceof MalformedValueError)) throw error
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), wrong), { numRuns: 3000 })
  fc.assert(
    fc.property(anything, fc.nat(), fc.nat(255), (value, place, byte) => {
      const bytes = bytesOf(value).slice()
      if (bytes.length > 0) bytes[place % bytes.length] = byte
      wrong(bytes)
      wrong(bytes.subarray(0, place % (bytes.length + 1)))
    }),
    { numRuns: 1000 },
  )
  // A list, a buffer and a text that say they are enormous.
  for (const kind of [13, 16, 17, 11, 21, 6]) {
    t.throws(() => {
      decoder.start(new Uint8Array([kind, 0xff, 0xff, 0xff, 0xff, 0x0f]))
      decoder.value()
    }, MalformedValueError)
  }
})
