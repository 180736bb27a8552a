// biome-ignore-all lint/suspicious/noSparseArray: what is tested
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is tested
// biome-ignore-all lint/complexity/noCommaOperator: what is tested
// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter } from 'node:events'
import * as fs from 'node:fs'
import { Socket } from 'node:net'
import os from 'node:os'
import * as path from 'node:path'
import { join, posix } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import util, { promisify } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { captured, close, remote, Token, types } from './remote.ts'

t.teardown(close)

type TestOf = Pick<typeof t, 'equal' | 'ok' | 'match'>

const refused = (t: TestOf, variable: string, fn: Function) => {
  const error = caught(() => captured(fn))
  t.equal(error?.code, 'SHOAL_CAPTURE', `${variable}: ${error?.message}`)
  t.equal(error.variable, variable)
  t.ok(error.message.includes(variable))
  t.match(error.advice, /inside|pass|actor|await|call|put|use/i)
}
const caught = (fn: () => unknown): any => {
  try {
    fn()
  } catch (error) {
    return error
  }
}

t.test('constants of every kind', async t => {
  const make = () =>
    [
      true,
      null,
      undefined,
      0.1,
      -0,
      NaN,
      -Infinity,
      2n ** 80n,
      'a\0"`${x}\u2028\ud83d',
      new Date(5),
      /["'`/]+(?<q>x)?/giu,
      { a: [{ b: 'c' }], 'not a name': 1 },
      [1, , 3],
      new Map<any, any>([[{ k: 1 }, new Set([NaN])]]),
      new Float64Array([1, NaN, -0]),
      new Uint8Array([1, 2]).buffer,
      [],
      {},
    ] as const
  const [
    flag,
    nothing,
    missing,
    tenth,
    minusZero,
    nan,
    infinite,
    big,
    text,
    when,
    pattern,
    tree,
    holes,
    map,
    floats,
    buffer,
    list,
    object,
  ] = make()
  t.same(
    await remote(() => [
      flag,
      nothing,
      missing,
      tenth,
      minusZero,
      nan,
      infinite,
      big,
      text,
      when,
      pattern,
      tree,
      holes,
      map,
      floats,
      buffer,
      list,
      object,
    ]),
    [...make()],
  )
  t.same(
    await remote(() => [Object.is(minusZero, -0), when instanceof Date, map instanceof Map, 1 in holes, pattern.flags]),
    [true, true, true, false, 'giu'],
  )
})

t.test('any plain data comes out as it went in', async t => {
  const data = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withNullPrototype: false,
    withTypedArray: true,
  })
  await fc.assert(
    fc.asyncProperty(data, async value => {
      const got = await remote(() => value)
      t.strictSame(util.inspect(got, { depth: 9 }), util.inspect(value, { depth: 9 }))
    }),
    { numRuns: 60 },
  )
})

t.test('an object that is one here is one there, however it is reached', async t => {
  const shared = { n: 1 }
  const a = { shared }
  const b = [shared]
  const read = () => shared.n
  const holder: any = { same: shared, f: () => holder, list: [() => shared] }
  holder.self = holder
  const use = () => {
    const same = [
      a.shared === b[0],
      holder.same === shared,
      holder.self === holder,
      holder.f() === holder,
      holder.list[0]() === shared,
    ]
    a.shared.n = 5
    return [...same, read(), b[0].n]
  }
  t.same(await remote(use), [true, true, true, true, true, 5, 5])
  t.same(await remote(use), [true, true, true, true, true, 5, 5])
  t.equal(shared.n, 1)
})

t.test(
  'objects keep accessors, hidden and symbol-keyed properties, prototypes, and whether they are frozen',
  async t => {
    const secret = Symbol('secret')
    const shared = Symbol.for('shoal.test')
    const o: any = {
      get g() {
        return this.v * 2
      },
      set g(x) {
        this.v = x
      },
      v: 2,
      [secret]: 5,
      [shared]: 6,
      *[Symbol.iterator]() {
        yield 7
      },
    }
    Object.defineProperty(o, 'hidden', { value: 1 })
    const frozen = Object.freeze({ a: [1], o })
    const bare = Object.assign(Object.create(null), { z: 1 })
    const base = { hi: () => 'base' }
    const derived = Object.create(base)
    const use = () => {
      const was = o.g
      o.g = 5
      return [
        was,
        o.g,
        Object.keys(o).includes('hidden'),
        o.hidden,
        o[secret],
        o[shared],
        [...o],
        secret.description,
        Object.isFrozen(frozen),
        frozen.o === o,
        Object.getPrototypeOf(bare),
        derived.hi(),
      ]
    }
    t.same(await remote(use), [4, 10, false, 1, 5, 6, [7], 'secret', true, true, null, 'base'])
  },
)

t.test('functions in objects, Maps and Sets; functions with properties', async t => {
  const k = 2
  const ops: any = {
    add: (a: number) => a + k,
    deep: {
      mul(b: number) {
        return b * k
      },
    },
    base: 10,
    viaThis() {
      return this.base + k
    },
  }
  ops.self = ops
  const handlers = new Map([['up', (x: number) => x + k]])
  const steps = new Set([(x: number) => x * 2, (x: number) => x + 1])
  const memo: any = (x: number) => memo.known.get(x) ?? (memo.known.set(x, x * 2), 'computed')
  memo.known = new Map()
  t.same(
    await remote(() => [
      ops.add(1),
      ops.self.deep.mul(3),
      ops.viaThis(),
      handlers.get('up')!(1),
      [...steps].reduce((v, f) => f(v), 5),
      memo(1),
      memo(1),
    ]),
    [3, 6, 12, 3, 11, 'computed', 2],
  )
})

t.test("instances of Node's value classes and of classes derived from built-in ones", async t => {
  const buffer = Buffer.from('héllo')
  const url = new URL('http://h/p?q=1')
  const params = new URLSearchParams('a=1&a=2')
  const decoder = new TextDecoder('utf-16le')
  const sticky = /x/g
  sticky.lastIndex = 3
  class Stack extends Array<number> {
    top() {
      return this.at(-1)
    }
  }
  class Dict extends Map<string, number> {
    total() {
      return [...this.values()].reduce((a, b) => a + b)
    }
  }
  class Failure extends RangeError {
    extra = { deep: [1] }
    override name = 'Failure'
  }
  const stack = Stack.from([1, 2]) as Stack
  const dict = new Dict([['a', 1]])
  const failure = new Failure('mess', { cause: dict })
  t.same(
    await remote(() => [
      buffer.toString(),
      Buffer.isBuffer(buffer),
      url.pathname,
      params.getAll('a'),
      decoder.encoding,
      sticky.lastIndex,
    ]),
    ['héllo', true, '/p', ['1', '2'], 'utf-16le', 3],
  )
  t.same(
    await remote(() => [
      stack.top(),
      Array.isArray(stack),
      stack.length,
      dict.total(),
      dict instanceof Dict,
      failure.message,
      failure.name,
      failure instanceof RangeError,
      failure.extra.deep,
      failure.cause === dict,
    ]),
    [2, true, 2, 1, true, 'mess', 'Failure', true, [1], true],
  )
})

t.test('a buffer sends its own bytes, not the pool behind it', t => {
  const secret = Buffer.from('the secret beside it')
  const small = Buffer.from('small')
  const { bytes } = captured(() => small)
  t.equal(small.buffer, secret.buffer)
  t.notOk(Buffer.from(bytes).includes('the secret beside it'))
  t.end()
})

t.test('instances of classes without private parts are instances there', async t => {
  class Plain {
    port = 80
    hosts = ['a']
    get url() {
      return `${this.hosts[0]}:${this.port}`
    }
  }
  const conf = new Plain()
  t.same(await remote(() => [conf.url, conf instanceof Plain, new Plain().port]), ['a:80', true, 80])
  function Old(this: any, n: number) {
    this.n = n
  }
  Old.prototype.twice = function () {
    return this.n * 2
  }
  function Older(this: any, n: number) {
    Old.call(this, n)
  }
  util.inherits(Older as any, Old as any)
  const older = new (Older as any)(4)
  t.same(
    await remote(() => [
      older.twice(),
      older instanceof (Old as any),
      new (Older as any)(5).twice(),
      older.constructor === Older,
    ]),
    [8, true, 10, true],
  )
})

t.test(
  'registered types: the class there is the one that the code names, for captured values and for arguments',
  async t => {
    class Money {
      #n: number
      constructor(n: number) {
        this.#n = n
      }
      get n() {
        return this.#n
      }
      plus(o: Money) {
        return new Money(this.#n + o.#n)
      }
    }
    types.register(
      Money as never,
      {
        name: 'test/Money',
        encode: (m: Money) => ({ n: m.n }),
        decode: ({ n }: { n: number }) => new Money(n),
      } as never,
    )
    const wallet = new Money(5)
    const box = { wallet, again: () => wallet }
    t.same(await remote(() => [wallet.plus(new Money(2)).n, wallet instanceof Money, box.again() === box.wallet]), [
      7,
      true,
      true,
    ])
    const decoded = await remote((all: any[]) => {
      const type = all.find(one => one.name === 'test/Money')
      return [type.Class === Money, type.decode({ n: 9 }) instanceof Money, type.encode(new Money(4))]
    }, '$types')
    t.same(decoded, [true, true, { n: 4 }])
    const broken = new WeakMap()
    class Broken {}
    types.register(Broken as never, { name: 'test/Broken', encode: () => 0, decode: () => broken } as never)
    t.equal(await remote(() => 1), 1, 'a type that cannot travel harms nothing else')
  },
)

t.test("what the caller's extensions encode is left to them, and reported as held", async t => {
  const token = new Token('t1')
  const map = new Map([['x', [token]]])
  const code = captured(() => [token.id, map.get('x')![0] === token])
  t.same(code.held, [token])
  t.same(await remote(() => [token.id, map.get('x')![0] === token]), ['t1', true])
})

t.test("Node's own, in every style, is Node's own there", async t => {
  const { env } = process
  const { log } = console
  const slice = Array.prototype.slice
  const all = path
  const proc = process
  const isDate = util.types.isDate
  const made = promisify
  t.same(
    await remote(() => [
      join('a', 'b'),
      posix.join('x', 'y'),
      os.cpus().length > 0,
      all.sep,
      typeof fs.readFileSync,
      slice.call([1, 2], 1),
      isDate(new Date()),
      proc === process,
      env === process.env,
      log === console.log,
      new EventEmitter() instanceof EventEmitter,
      typeof made,
    ]),
    ['a/b', 'x/y', true, '/', 'function', [2], true, true, true, true, true, 'function'],
  )
})

t.test('what exists in this process only is refused, by the path that leads there, with a way out', t => {
  const socket = new Socket()
  const database = new DatabaseSync(':memory:')
  const promise = Promise.resolve(1)
  const running = (function* () {
    yield 1
  })()
  const weak = new WeakMap()
  const faint = new WeakRef({})
  const local = new AsyncLocalStorage()
  const proxy = new Proxy({}, {})
  const controller = new AbortController()
  const shared = new Uint8Array(new SharedArrayBuffer(8))
  const timer = setTimeout(() => {}, 1)
  timer.unref()
  const emitter = new EventEmitter()
  class Held {
    #x = 1
    get x() {
      return this.#x
    }
  }
  const held = new Held()
  class Secretive {
    #m() {}
    go() {
      this.#m()
    }
  }
  const secretive = new Secretive()
  const deep = { list: [1, { socket }] }
  const map = new Map([['k', { socket }]])
  const helper = () => socket.readyState
  refused(t, 'socket', () => socket)
  refused(t, 'database', () => database)
  refused(t, 'promise', () => promise)
  refused(t, 'running', () => running)
  refused(t, 'weak', () => weak)
  refused(t, 'faint', () => faint)
  refused(t, 'local', () => local)
  refused(t, 'proxy', () => proxy)
  refused(t, 'controller', () => controller)
  refused(t, 'shared', () => shared)
  refused(t, 'timer', () => timer)
  refused(t, 'emitter', () => emitter)
  refused(t, 'held', () => held.x)
  refused(t, 'secretive', () => secretive.go())
  refused(t, 'deep.list[1].socket', () => deep)
  refused(t, 'map.get("k").socket', () => map)
  refused(t, 'socket', () => helper())
  t.match(caught(() => captured(() => held.x)).message, /registerType/)
  t.equal(caught(() => captured(() => helper())).functionName, 'helper')
  database.close()
  t.end()
})

t.test('code with something that it can change is fresh, other code is not', t => {
  const limit = 5
  const list = [1]
  const frozen = Object.freeze({ a: 1 })
  const pattern = /x/
  let written = 0
  const isFresh = (fn: Function) => captured(fn).bytes[7] === 1
  types.entries()
  t.same(
    [() => limit, () => list, () => frozen.a, () => pattern, () => written++, () => new URL('http://h')].map(isFresh),
    [false, true, false, false, true, false],
  )
  t.end()
})
