import { runInNewContext } from 'node:vm'
import { get, put, task } from 'shoal'
import t from 'tap'
import { shown } from '../wire/shown.ts'
import { ways } from './meshes.ts'

/** Made anew for each use: here, and in a task. */
const sameAsStructuredClone: Record<string, () => unknown> = {
  Int8Array: () => new Int8Array([1, -2]),
  Uint8Array: () => new Uint8Array([1, 250]),
  Uint8ClampedArray: () => new Uint8ClampedArray([1, 300]),
  Int16Array: () => new Int16Array([1, -2]),
  Uint16Array: () => new Uint16Array([1, 60_000]),
  Int32Array: () => new Int32Array([1, -2]),
  Uint32Array: () => new Uint32Array([1, 2 ** 32 - 1]),
  Float16Array: () => new Float16Array([0.5, NaN, -0]),
  Float32Array: () => new Float32Array([0.1, -Infinity]),
  Float64Array: () => new Float64Array([0.1, NaN, -0]),
  BigInt64Array: () => new BigInt64Array([1n, -2n]),
  BigUint64Array: () => new BigUint64Array([2n ** 64n - 1n]),
  'DataView with an offset': () => new DataView(new ArrayBuffer(16), 4, 8),
  'part of a buffer': () => new Uint8Array([1, 2, 3, 4]).subarray(1, 3),
  'views of one buffer': () => {
    const buffer = new ArrayBuffer(8)
    return [new Uint8Array(buffer), buffer, new DataView(buffer, 2)]
  },
  'resizable buffer': () => new ArrayBuffer(4, { maxByteLength: 9 }),
  'fixed view of a resizable buffer': () => new Uint8Array(new ArrayBuffer(4, { maxByteLength: 9 }), 1, 2),
  'empty buffer and views': () => [new ArrayBuffer(0), new Uint8Array(0), new DataView(new ArrayBuffer(0))],
  'boxed number': () => Object(1),
  'boxed -0': () => Object(-0),
  'boxed string': () => Object('s'),
  'boxed boolean': () => Object(false),
  'boxed bigint': () => Object(5n),
  'sparse array with more': () => {
    const list: unknown[] = [1, undefined, 3]
    delete list[1]
    list.length = 10
    return Object.assign(list, { more: 'property', '-1': 'negative' })
  },
  'holes at both ends': () => {
    const list = new Array(5)
    list[2] = 2
    return list
  },
  'the longest array': () => {
    const list: unknown[] = []
    list.length = 2 ** 32 - 1
    return list
  },
  'own __proto__': () => JSON.parse('{"__proto__":{"x":1},"constructor":2,"":3}'),
  'keys like indexes': () => ({ 2: 'b', 1: 'a', x: 0 }),
  numbers: () => [-0, 0, NaN, Infinity, -Infinity, 2 ** 53, 5e-324, -1, 2 ** 31],
  bigints: () => [0n, -(2n ** 100n), 2n ** 64n],
  strings: () => ['', '\0', '\ud800', 'ü', '👍', { '\ud800': 1 }],
  nothing: () => [undefined, null, { a: undefined }],
  'error with a cause': () => new Error('m', { cause: { deep: [1n] } }),
  'cause that is undefined': () => new TypeError('x', { cause: undefined }),
  'error without a message': () => new RangeError(),
  'error in a cycle': () => {
    const error = new Error('loop')
    error.cause = [error]
    return error
  },
  AbortError: () => new DOMException('m', 'AbortError'),
  'getters are read': () => ({
    get a() {
      return { n: 1 }
    },
  }),
  'symbols as keys are left out': () => ({ [Symbol('s')]: 1, a: 1 }),
  'what is not enumerable is left out': () => Object.defineProperty({ a: 1 }, 'hidden', { value: 2 }),
  'what is inherited is left out': () => Object.assign(Object.create({ inherited: 1 }), { own: 2 }),
  'instance of a class': () =>
    new (class K {
      a = 1
      #hidden = 2
      method() {
        return this.#hidden
      }
    })(),
  'without a prototype': () => Object.assign(Object.create(null), { a: 1 }),
  'Map without a prototype': () => Object.setPrototypeOf(new Map([[1, 2]]), null),
  'what inherits from Error by hand': () => Object.assign(Object.create(Error.prototype), { message: 'by hand' }),
  'subclasses of Array, Map, Set, Date, Uint8Array': () => [
    class extends Array {}.of(1, 2),
    new (class extends Map<number, number> {})([[1, 2]]),
    new (class extends Set {})([1]),
    new (class extends Date {})(5),
    new (class extends Uint8Array {})(2),
  ],
  'invalid date and the last one': () => [new Date(NaN), new Date(8.64e15)],
  'lastIndex of a RegExp is left out': () => {
    const pattern = /a\/b/dgimsuy
    pattern.lastIndex = 3
    return [pattern, /[a]/v, /(?:)/]
  },
  'Map in a cycle, as key and value': () => {
    const map = new Map<unknown, unknown>()
    return map
      .set('me', map)
      .set(map, new Set([map]))
      .set(NaN, -0)
  },
  'one object in two places': () => {
    const shared = {}
    return [shared, { shared }, new Map([[shared, shared]])]
  },
  'extra properties of built-ins are left out': () => [
    Object.assign(new Date(1), { extra: 1 }),
    Object.assign(new Map([[1, 2]]), { extra: 1 }),
    Object.assign(Object(5), { extra: 1 }),
  ],
  frozen: () => Object.freeze({ a: Object.freeze([1]) }),
}

/** Structured clone refuses all of these, or gives what is no use elsewhere: SharedArrayBuffer, Blob. */
const refused: Record<string, () => unknown> = {
  'Proxy of an object': () => new Proxy({ a: 1 }, {}),
  'Proxy of an array': () => new Proxy([1], {}),
  'Proxy of a function': () => new Proxy(() => 1, {}),
  'Proxy of a Map': () => new Proxy(new Map(), {}),
  'Proxy of an instance': () => new Proxy(new (class K {})(), {}),
  'revoked Proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
  'Proxy whose traps throw': () =>
    new Proxy(
      {},
      {
        getPrototypeOf() {
          throw new Error('a trap')
        },
      },
    ),
  arguments: () =>
    (function () {
      // biome-ignore lint/complexity/noArguments: it is the one that must not travel
      return arguments
    })(),
  function: () => () => 1,
  method: () => ({ f() {} }).f,
  class: () => class {},
  symbol: () => Symbol('s'),
  'boxed symbol': () => Object(Symbol('s')),
  WeakMap: () => new WeakMap(),
  WeakSet: () => new WeakSet(),
  WeakRef: () => new WeakRef({}),
  Promise: () => Promise.resolve(1),
  URL: () => new URL('http://h/'),
  Blob: () => new Blob(['x']),
  generator: () => (function* () {})(),
  iterator: () => [1].values(),
  SharedArrayBuffer: () => new SharedArrayBuffer(8),
  'detached buffer': () => {
    const buffer = new ArrayBuffer(8)
    structuredClone(buffer, { transfer: [buffer] })
    return buffer
  },
  'view past the end of its buffer': () => {
    const buffer = new ArrayBuffer(8, { maxByteLength: 16 })
    const view = new Uint8Array(buffer, 4, 4)
    buffer.resize(2)
    return view
  },
}

const nothingToClone = new Set(['SharedArrayBuffer', 'Blob'])

async function problem(work: () => Promise<unknown>): Promise<{ code?: string; path?: string }> {
  try {
    await work()
  } catch (error) {
    return error as { code?: string; path?: string }
  }
  return {}
}

for (const { way, open } of ways) {
  t.test(
    `${way}: values arrive as structured clone gives them, from and to tasks, or are refused by their path`,
    async t => {
      await using _ = await open()
      // Each of them in the worker that it arrives in, and here when it comes back.
      const look = task((value: unknown) => [shown(value), value] as const)
      for (const [name, make] of Object.entries(sameAsStructuredClone)) {
        const value = make()
        const want = shown(structuredClone(value))
        const [there, back] = await get(look.remote(value))
        t.equal(there, want, `${name}, as an argument`)
        t.equal(shown(back), want, `${name}, from a task`)
        t.equal(shown(await get(await put(value))), want, `${name}, put`)
      }
      const anyLook = task((value: unknown) => value)
      for (const [name, make] of Object.entries(refused)) {
        const value = { in: [0, make()] }
        if (!nothingToClone.has(name)) t.throws(() => structuredClone(value), { name: 'DataCloneError' }, name)
        const code = 'SHOAL_SERIALIZATION'
        t.match(
          await problem(() => get(anyLook.remote(value))),
          { code, path: 'args[0].in[1]' },
          `${name}, an argument`,
        )
        t.match(await problem(() => put(value)), { code, path: 'in[1]' }, `${name}, put`)
        const making = task(() => ({ in: [0, make()] }) as unknown)
        t.match(await problem(() => get(making.remote())), { code, path: 'in[1]' }, `${name}, a result`)
        t.match(await problem(() => get(anyLook.remote(make()))), { code, path: 'args[0]' }, `${name}, by itself`)
      }
    },
  )

  t.test(`${way}: where more arrives than structured clone gives, and what is of another realm`, async t => {
    await using _ = await open()
    const echo = task((value: unknown) => value)
    const back = async <T>(value: T): Promise<T> => (await get(echo.remote(value))) as T
    const errors = [Object.assign(new Error('m'), { own: 1 }), new AggregateError([new Error('x'), 1], 'all')] as const
    const [error, all] = await back(errors)
    t.equal(error.own, 1)
    t.ok(all instanceof AggregateError)
    t.match(all.errors, [{ message: 'x' }, 1])
    const pooled = await back(Buffer.from('pooled'))
    t.same([Buffer.from(pooled).toString(), pooled.buffer.byteLength], ['pooled', 6], 'a Buffer without its pool')
    const shared = await back(new Uint8Array(new SharedArrayBuffer(8)).fill(7))
    t.ok(shared.buffer instanceof ArrayBuffer)
    t.same([...shared], Array(8).fill(7), 'a copy of shared memory')
    const foreign =
      runInNewContext(`({ o: { a: 1 }, list: [1], map: new Map([[1, { b: 2 }]]), error: new TypeError('f'),
      bytes: new Uint8Array([1]), instance: new (class K { x = 1 })(), date: new Date(5) })`)
    t.equal(shown(await back(foreign)), shown(structuredClone(foreign)))
    t.ok((await back(foreign.error)) instanceof TypeError)
  })
}
