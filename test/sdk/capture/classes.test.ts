// biome-ignore-all lint/complexity/noStaticOnlyClass: what is tested
// biome-ignore-all lint/suspicious/noSelfCompare: what is tested
import { EventEmitter } from 'node:events'
import t from 'tap'
import { captured, close, remote } from './remote.ts'

t.teardown(close)

t.test('inheritance, private parts, statics, accessors, brand checks, super', async t => {
  const prefix = 'id-'
  const key = 'computed'
  class Base {
    #id: string
    static registry: string[] = []
    static #hidden = 7
    static {
      Base.registry.push('static block')
    }
    protected parts = [prefix, 'x']
    constructor(id: string) {
      this.#id = id
    }
    get id() {
      return prefix + this.#id
    }
    set id(v: string) {
      this.#id = v.toUpperCase()
    }
    #secret(k: number) {
      return k * Base.#hidden
    }
    reveal(k: number) {
      return this.#secret(k)
    }
    static is(o: any) {
      return #id in o
    }
    *[Symbol.iterator]() {
      yield* this.parts
    }
    [key]() {
      return key
    }
    static async later(x: number) {
      return x + Base.#hidden
    }
  }
  class Derived extends Base {
    extra = this.id.length
    override get id() {
      return `D:${super.id}`
    }
    override set id(v: string) {
      super.id = `${v}!`
    }
    override reveal(k: number) {
      return super.reveal(k) + 1
    }
    static make(id: string) {
      return new this(id)
    }
    static {
      // biome-ignore lint/complexity/noThisInStatic: what is tested
      this.registry.push('derived block')
    }
  }
  const fn = async (id: string) => {
    const d = Derived.make(id)
    const was = d.id
    d.id = 'new'
    return [
      was,
      d.id,
      d.extra,
      d.reveal(6),
      [...d],
      (d as any).computed(),
      Base.is(d),
      Base.is({}),
      d instanceof Base,
      await Derived.later(1),
      Base.registry,
      Derived.name,
    ]
  }
  const want = [
    'D:id-a',
    'D:id-NEW!',
    6,
    43,
    ['id-', 'x'],
    'computed',
    true,
    false,
    true,
    8,
    ['static block', 'derived block'],
    'Derived',
  ]
  t.same(await remote(fn, 'a'), want)
  t.same(await fn('a'), want)
})

t.test('statics are as they are now; nothing that ran when the class was made runs again', async t => {
  const log: string[] = []
  class S {
    static #count = 3
    static #made: S | undefined
    static list = [log.push('initialised')]
    static {
      log.push('block')
    }
    static arrow = () => this.bump()
    static bump() {
      return ++S.#count
    }
    static get count() {
      return S.#count
    }
    static only() {
      S.#made ??= new S()
      return S.#made
    }
  }
  S.bump()
  S.only()
  Object.assign(S, { extra: 'e' })
  t.same(
    await remote(() => [
      S.count,
      S.bump(),
      S.arrow(),
      (S as any).extra,
      S.list,
      log,
      S.only() === S.only(),
      S.only() instanceof S,
    ]),
    [4, 5, 6, 'e', [1], ['initialised', 'block'], true, true],
  )
})

t.test('what a class extends, and its computed names, are what they were', async t => {
  let calls = 0
  const mix = (Base: any) => {
    calls++
    return class extends Base {
      mixed = true
    }
  }
  class Root {}
  class Mixed extends mix(Root) {
    own = 1
  }
  let i = 0
  const names = ['one', 'two']
  const own = Symbol('own')
  class Named {
    [names[i++]]() {
      return 1
    }
    [names[i++]]() {
      return 2
    }
    static [own]() {
      return 3
    }
    get [`acc${1}`]() {
      return 4
    }
  }
  const Null = class extends (null as any) {
    static ok() {
      return 'static of null'
    }
  }
  t.same(
    await remote(() => [
      new Mixed() instanceof Root,
      { ...new Mixed() },
      (new Named() as any).one(),
      (new Named() as any).two(),
      (Named as any)[own](),
      (new Named() as any).acc1,
      Null.ok(),
    ]),
    [true, { mixed: true, own: 1 }, 1, 2, 3, 4, 'static of null'],
  )
  t.same([calls, i], [1, 2])
  const kept = 'kept'
  const reads = () => kept
  class Fields {
    [kept] = 1
  }
  t.same(await remote(() => [{ ...new Fields() }, reads()]), [{ kept: 1 }, 'kept'])
  const lost = 'lost'
  class Unknown {
    [lost] = 1
  }
  t.throws(() => captured(() => new Unknown()), { code: 'SHOAL_CAPTURE', message: /lost/ })
})

t.test('classes that name one another, and what is patched on their prototypes', async t => {
  class A {
    b() {
      return new B()
    }
    m() {
      return 'text'
    }
  }
  class B extends A {
    kind = 'B'
  }
  A.prototype.m = () => 'patched'
  Object.assign(A.prototype, { more: () => 'more' })
  t.same(await remote(() => [new A().b().kind, new A().b() instanceof A, new A().m(), (new B() as any).more()]), [
    'B',
    true,
    'patched',
    'more',
  ])
})

t.test('classes that extend built-in ones', async t => {
  const bonus = 5
  class Counts extends Map<string, number> {
    add(k: string) {
      return this.set(k, (this.get(k) ?? bonus) + 1)
    }
  }
  class Tagged extends Error {
    tag = `t${bonus}`
  }
  class Loud extends EventEmitter {
    shout() {
      let n = 0
      this.on('x', () => {
        n += bonus
      })
      this.emit('x')
      return n
    }
  }
  class Bytes extends Uint8Array {
    total() {
      return this.reduce((a, b) => a + b, bonus)
    }
  }
  t.same(
    await remote(() => [
      [...new Counts().add('a')],
      new Tagged('m').tag,
      new Tagged('m') instanceof Error,
      new Loud().shout(),
      (Bytes as any).from([1, 2]).total(),
    ]),
    [[['a', 6]], 't5', true, 5, 8],
  )
})

t.test('methods taken alone: with private names they bring their class', async t => {
  class Box {
    #v: number
    constructor(v: number) {
      this.#v = v
    }
    read() {
      return this.#v
    }
    static make(v: number) {
      return new Box(v)
    }
  }
  const { read } = Box.prototype
  const { make } = Box
  t.equal(await remote(() => read.call(make(3))), 3)
  t.equal(await remote(() => [Box, read === Box.prototype.read][1]), true)
  const Outer = class Inner {
    static tag = 'in'
    static own() {
      return Inner.tag
    }
  }
  t.equal(await remote(Outer.own), 'in')
})

t.test('a class as the captured thing itself', async t => {
  const k = 2
  class Job {
    n: number
    constructor(n: number) {
      this.n = n
    }
    async run() {
      return this.n * k
    }
  }
  t.equal(captured(Job).kind, 'class')
  t.equal(await remote(Job, 4), 8)
})
