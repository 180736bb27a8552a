// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is tested
import t from 'tap'
import { functionText } from '../../../sdk/capture/function-text.ts'

function free(text: string, strict = true, method = false): string {
  const found = functionText(text, strict, method)
  if (typeof found === 'string') return `error: ${found}`
  return [...found.free]
    .map(([name, { writes }]) => name + (writes ? '!' : ''))
    .sort()
    .join(' ')
}

t.test('free names', t => {
  const cases: [text: string, names: string][] = [
    ['x => x + k', 'k'],
    ['(a, b = a * c, { d = e, f: [g = h] }, ...i) => [a, b, d, g, i, j]', 'c e h j'],
    ['(a = () => b) => { var b = 1; return b }', 'b'],
    ['function f(n) { return f(n - 1) + arguments.length }', ''],
    ['() => { outer: for (const a of b) { if (a) continue outer; break outer } }', 'b'],
    ['() => { try { a() } catch { b() } try {} catch ({ c, d = e }) { c(d) } }', 'a b e'],
    ['() => ({ a, b: c, [d]: 1, e() { return f }, get g() { return h } })', 'a c d f h'],
    ['() => { ({ a: b, c = d } = e); [f, g.h] = i; j++; k ||= l }', 'b! c! d e f! g i j! k! l'],
    ['() => { for (a in b); for (c of d); for (let e in f); for (var g of h) g }', 'a! b c! d f h'],
    [
      '() => { function a() { return b } class c extends d { [e] = f; #g; static { this.h = i } } return [a, c] }',
      'b d e f i',
    ],
    ['() => { { let a = 1; a } return a }', 'a'],
    ['() => { var a; { function b() {} } return [a, b] }', 'b'],
    ['() => typeof a + a.b.c?.[d] + `${e}` + f`${g}`', 'a d e f g'],
    ['() => { switch (a) { case b: let c = d; default: return c } }', 'a b d'],
    ['async () => { for await (const a of b) yield_; await using_ }', 'b using_ yield_'],
    ['() => import(a)', 'a'],
    ['class A extends B { static x = A.y; m() { return super.m() + z } }', 'B z'],
    ['class { #p = 1; has(o) { return #p in o && this.#p } }', ''],
    ['get x() { return y }', 'y'],
    ["async *'a b'(c) { yield d }", 'd'],
    ['[a + b](c) { return d }', 'a b d'],
    ['(a, a2 = function b() { return b + a3 }) => a', 'a3'],
    ['() => { const { a, ...b } = c; return () => [a, b, d] }', 'c d'],
  ]
  for (const [text, names] of cases) t.equal(free(text), names, text)
  t.equal(
    free('() => { { function b() {} } return b }', false),
    '',
    'in sloppy code a function in a block is seen outside',
  )
  t.end()
})

t.test('forms', t => {
  const form = (text: string, method = false) => {
    const found = functionText(text, true, method)
    return typeof found === 'string' ? found : found.form
  }
  t.same(
    ['x => x', 'async function* () {}', 'class {}', 'class A {}'].map(text => form(text)),
    ['expression', 'expression', 'class', 'class'],
  )
  t.same(
    [
      'a() {}',
      'async a() {}',
      '*a() {}',
      'get a() {}',
      '"x"() {}',
      '1() {}',
      'get() {}',
      'async() {}',
      'class() {}',
    ].map(text => form(text)),
    Array(9).fill('member'),
  )
  t.equal(form('#a() {}'), 'private-member')
  t.same([form('function() {}'), form('function() {}', true)], ['expression', 'member'])
  t.match(form('() => {'), /Unexpected/)
  t.end()
})

t.test('what is around: this, super, arguments, private names, eval', t => {
  const outer = (text: string) => {
    const found = functionText(text, true, false)
    return typeof found === 'string'
      ? found
      : [...found.outer, ...found.privateNames.map(name => `#${name}`), ...(found.directEval ? ['eval'] : [])].join(' ')
  }
  const cases: [text: string, names: string][] = [
    ['() => this', 'this'],
    ['() => () => this.x', 'this'],
    ['function () { return () => this + arguments.length + new.target }', ''],
    ['() => arguments', 'arguments'],
    ['a() { return super.a() }', 'super'],
    ['a() { return () => super.a() }', 'super'],
    ['() => ({ a() { return super.a() } })', ''],
    ['class { a() { return super.a() } static b = this.c }', ''],
    ['a() { return this.#b }', '#b'],
    ['x => eval(x)', 'eval'],
    ['(eval_, x) => eval_(x) + (0, eval)(x)', ''],
  ]
  for (const [text, names] of cases) t.equal(outer(text), names, text)
  t.end()
})
