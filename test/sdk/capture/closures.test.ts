// biome-ignore-all lint/suspicious/noAssignInExpressions: what is tested
// biome-ignore-all lint/suspicious/noFunctionAssign: what is tested
// biome-ignore-all lint/suspicious/noShadowRestrictedNames: what is tested
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'
import t from 'tap'
import { capture } from '../../../sdk/capture/index.ts'
import { captured, close, Remote, remote, shoalRoot, type types } from './remote.ts'

t.teardown(close)

const top = 1000
const twiceTop = () => top * 2
const early = () => declaredLater

t.test('constants and functions of every scope around travel by value', async t => {
  const k = 5
  const add = (x: number) => x + k + top
  {
    const inner = 'block'
    t.same(await remote((x: number) => [add(x), inner, twiceTop()], 1), [1006, 'block', 2000])
  }
  for (let i = 0; i < 3; i++) t.equal(await remote((x: number) => x * 10 + i, 2), 20 + i)
  try {
    throw new Error('caught')
  } catch (error) {
    t.equal(await remote(() => (error as Error).message), 'caught')
  }
})

t.test('names are those of the scopes: shadowing, labels, unicode, names like globals', async t => {
  const [größe, $, _, process, Map, then, of, async, __proto__, constructor] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
  t.same(
    await remote(() => [größe, $, _, process, Map, then, of, async, __proto__, constructor]),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  )
  const x = 1
  const shadowed = () => {
    const outer = x
    outside: for (const x of [2, 3]) {
      for (;;)
        if (x === 2) continue outside
        else break outside
    }
    return [outer, ((x: number) => x)(4), typeof undeclared]
  }
  t.same(await remote(shadowed), [1, 4, 'undefined'])
})
declare const undeclared: unknown

t.test('default parameters, patterns and rest use captures and one another', async t => {
  const base = 10
  const byKey = new Map([['k', 3]])
  const fn = (
    a: number,
    b = base * a,
    { c = byKey.get('k'), d: [e = b + 1] = [] as number[] }: any = {},
    ...rest: any[]
  ) => [a, b, c, e, rest]
  t.same(await remote(fn, 1), [1, 10, 3, 11, []])
  t.same(await remote(fn, 1, 2, { c: 7, d: [9] }, 5), [1, 2, 7, 9, [5]])
})

t.test('a variable that is not initialised yet is refused, and works afterwards', async t => {
  t.throws(() => captured(() => lateHere), {
    code: 'SHOAL_CAPTURE',
    variable: 'lateHere',
    message: /not initialised yet/,
  })
  const lateHere = 3
  t.equal(await remote(() => lateHere), 3)
  t.equal(await remote(early), 7)
  const nothing = undefined
  t.equal(await remote(() => nothing), undefined)
})
const declaredLater = 7

t.test('helpers of one name from different scopes stay apart, one function is one', async t => {
  const make = (k: number) => {
    const helper = (x: number) => x + k
    return (x: number) => helper(x)
  }
  const [one, ten] = [make(1), make(10)]
  const also = one
  t.same(await remote(() => [one(1), ten(1), also === one]), [2, 11, true])
})

t.test('functions that write one variable share it; those of another call of the same factory do not', async t => {
  const counter = (start: number) => {
    let n = start
    return { add: (k: number) => (n += k), read: () => n }
  }
  const a = counter(1)
  const b = counter(1)
  const use = () => [a.add(1), a.read(), b.read(), b.add(5), a.read()]
  t.same(await remote(use), [2, 2, 1, 6, 2])
  t.same(await remote(use), [2, 2, 1, 6, 2], 'afresh for each task')
  t.same([a.read(), b.read()], [1, 1], 'and nothing happened here')

  let n = 10
  const add = () => (n += 1)
  const reset = (to: number) => (n = to)
  t.same(await remote(() => [add(), reset(50), add(), (n += 100), add()]), [11, 50, 51, 151, 152])
})

t.test('nested scopes with shared variables keep their order', async t => {
  const make = () => {
    let total = 0
    const one = (k: number) => {
      let n = 0
      return {
        add: (x: number) => {
          n += x
          total += x * k
        },
        read: () => [n, total],
      }
    }
    return { one, total: () => total }
  }
  const whole = make()
  const [first, second] = [whole.one(1), whole.one(10)]
  const use = () => {
    first.add(3)
    second.add(4)
    return [first.read(), second.read(), whole.total()]
  }
  t.same(await remote(use), [[3, 43], [4, 43], 43])
})

t.test('a function that replaces itself, a class that writes a variable', async t => {
  let made = 0
  function once(): number {
    const value = ++made
    // @ts-expect-error: JavaScript allows it
    once = () => value
    return value
  }
  const viaOther = () => once()
  t.same(await remote(() => [once(), viaOther(), once(), made]), [1, 1, 1, 1])
  let ticks = 0
  class Tick {
    go() {
      return ++ticks
    }
  }
  const read = () => ticks
  t.same(await remote(() => [new Tick().go(), new Tick().go(), read()]), [1, 2, 2])
})

t.test('own names', async t => {
  const factorial = function f(n: number): number {
    return n < 2 ? 1 : n * f(n - 1)
  }
  t.equal(await remote(factorial, 5), 120)
  function declared(n: number): any {
    return n > 0 ? declared(n - 1) : declared === before
  }
  const before = declared
  t.equal(await remote(() => declared(2)), true)
  const again = 'another'
  const inside = function again(): any {
    return () => typeof again
  }
  t.throws(() => captured(inside()), { code: 'SHOAL_CAPTURE', message: /again/ })
  t.equal(await remote(() => again), 'another')
})

t.test('async functions and generators, as the function itself and as helpers', async t => {
  const k = 10
  function* count(n: number) {
    for (let i = 0; i < n; i++) yield i * k
  }
  async function* later(n: number) {
    for (const v of count(n)) yield v + 1
  }
  const total = async (xs: AsyncIterable<number>) => {
    let sum = 0
    for await (const x of xs) sum += x
    return sum
  }
  t.same(await remote(async (n: number) => [[...count(n)], await total(later(n))], 3), [[0, 10, 20], 33])
  t.same(await remote(count, 2), [0, 10])
  t.same(await remote(later, 2), [1, 11])
  const kinds = [count, later, total, () => 1, class {}].map(fn => captured(fn).kind)
  t.same(kinds, ['generator', 'async-generator', 'async', 'function', 'class'])
})

t.test('methods of every spelling, taken alone', async t => {
  const k = 1
  const word = 'computed'
  const o: Record<string | symbol, any> = {
    plain: (x: number) => x + k,
    async later(x: number) {
      return x + k
    },
    get(x: number) {
      return x + k
    },
    async(x: number) {
      return x + k
    },
    function(x: number) {
      return x + k
    },
    'quoted name'(x: number) {
      return x + k
    },
    8(x: number) {
      return x + k
    },
    [`${word} name`](x: number) {
      return x + k
    },
    class(x: number) {
      return x + k
    },
    await(x: number) {
      return x + k
    },
    'x => x'(x: number) {
      return x + k
    },
    [Symbol.iterator](x: number) {
      return x + k
    },
  }
  for (const name of Reflect.ownKeys(o)) t.equal(await remote(o[name as string], 1), 2, String(name))
  class Tools {
    static parse(x: number) {
      return x + k
    }
    static ['com' + 'puted'](x: number) {
      return x + k
    }
    static arrow = (x: number) => x + k
    free(x: number) {
      return x + k
    }
  }
  for (const fn of [Tools.parse, (Tools as any).computed, Tools.arrow, Tools.prototype.free])
    t.equal(await remote(fn, 1), 2)
  const accessor = Object.getOwnPropertyDescriptor(
    {
      get it() {
        return k
      },
    },
    'it',
  )!.get!
  t.equal(await remote(accessor), 1)
  t.equal(await remote(() => o.later.name + accessor.name), 'laterget it')
})

t.test('bound functions run with what they are bound to', async t => {
  const scaled = function (this: { k: number }, a: number, b: number) {
    return [this.k, a, b]
  }.bind({ k: 3 }, 4)
  t.same(await remote(scaled, 5), [3, 4, 5])
  t.same(await remote(() => [scaled(6), scaled.name]), [[3, 4, 6], 'bound '])
})

t.test('what is around a function and cannot be seen from outside is refused by name', t => {
  class Scaler {
    k = 3
    make() {
      return (x: number) => x * this.k
    }
    nested() {
      return () => [1].map(x => x * this.k)
    }
  }
  t.throws(() => captured(new Scaler().make()), { code: 'SHOAL_CAPTURE', message: /`this`/ })
  t.throws(() => captured(new Scaler().nested()), { code: 'SHOAL_CAPTURE', message: /`this`/ })
  const outer = function (..._: number[]) {
    // biome-ignore lint/complexity/noArguments: what is tested
    return () => arguments.length
  }
  t.throws(() => captured(outer(1)), { code: 'SHOAL_CAPTURE', message: /arguments/ })
  const target = function (this: unknown) {
    return () => new.target
  }
  t.throws(() => captured(target.call({})), { code: 'SHOAL_CAPTURE', message: /new\.target/ })
  const base = { hi: () => 'base' }
  const derived = {
    __proto__: base,
    hi(): string {
      return (super.hi as () => string)()
    },
  }
  t.throws(() => captured(derived.hi), { code: 'SHOAL_CAPTURE', message: /super/ })
  // biome-ignore lint/security/noGlobalEval: what is tested
  t.throws(() => captured((text: string) => eval(text)), { code: 'SHOAL_CAPTURE', message: /eval/ })
  t.end()
})

t.test('at the top of a module `this` is undefined', async t => {
  t.equal(await remote(topThis), undefined)
})
const topThis = () => (() => this)()

t.test('functions that no file holds: new Function, vm', async t => {
  const made = new Function('a', 'return a + 1')
  const run = vm.runInThisContext('(x) => x * 3')
  t.same(await remote(() => [made(1), run(2)]), [2, 6])
})

t.test('globals that the program has made travel by value', async t => {
  ;(globalThis as any).ofTheProgram = { v: 41 }
  t.teardown(() => delete (globalThis as any).ofTheProgram)
  t.equal(await remote(() => ofTheProgram.v + 1), 42)
})
declare const ofTheProgram: { v: number }

t.test('the same code has the same hash; other values or another text have another', t => {
  const make = (k: number) => (x: number) => x + k
  t.equal(captured(make(1)).hash, captured(make(1)).hash)
  t.not(captured(make(1)).hash, captured(make(2)).hash)
  t.end()
})

t.test('a function of 200 KB, 300 closures', async t => {
  const lines = Array.from(
    { length: 2500 },
    (_, i) => `s = (s * 31 + ${i}) % 1000003 // line ${i}: { " ' \` \${ and so on, and so forth`,
  )
  const big = new Function('s', `${lines.join('\n')}\nreturn s`)
  t.ok(big.toString().length > 150_000)
  t.equal(await remote(() => big(5)), big(5))
  const fns = Array.from({ length: 300 }, (_, i) =>
    i % 2
      ? (x: number) => x + i
      : (
          (o: { i: number }) => (x: number) =>
            x * o.i
        )({ i }),
  )
  t.same(
    await Promise.all(fns.map(fn => remote(fn, 3))),
    fns.map(fn => fn(3)),
  )
})

t.test('stacks name the function, the file, the line and the column where it stands here', async t => {
  const limit = 1
  function check(x: number) {
    if (x > limit) throw new RangeError('too big')
    return x
  }
  const here = (() => {
    try {
      return String(check(2))
    } catch (error) {
      return (error as Error).stack!
    }
  })()
  const error = await remote(() => check(2)).catch(error => error)
  t.equal(error.name, 'RangeError')
  const frame = (stack: string) => /check \((.*)\)/.exec(stack)?.[1]
  t.equal(frame(error.stack), frame(here))
  t.notMatch(error.stack, /agent\/code/)
})

t.test('code made in a worker is captured there, with what it closes over', async t => {
  const other = new Remote()
  t.teardown(() => other.close())
  const code = await remote(
    (k: number, root: string) => {
      let calls = 0
      const local = (x: number) => x * k + top
      const count = () => ++calls
      const inner = (x: number) => {
        count()
        return [local(x), twiceTop(), count(), calls]
      }
      const { hash, bytes, blobs } = capture(inner, { extensions: [], types: types2(), shoalRoot: root })
      return { hash, bytes, blobs }
    },
    10,
    shoalRoot,
  )
  t.same(await other.send(code, [1]), [1010, 2000, 2, 2])
})
const types2 = () =>
  ({ byClass: () => undefined, byName: () => undefined, entries: () => [] }) as unknown as typeof types

t.test('the entry script is the file of this test', t => {
  t.equal(captured(early).kind, 'function')
  t.match(new TextDecoder().decode(captured(early).bytes), fileURLToPath(import.meta.url))
  t.end()
})
