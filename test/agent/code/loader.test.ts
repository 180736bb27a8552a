// biome-ignore-all lint/complexity/noCommaOperator: what is tested
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is tested
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { blobsOf, CodeLoader, userFrames } from '../../../agent/code/index.ts'
// @ts-expect-error: a CommonJS file without types
import legacy, { Kept, next } from '../../sdk/capture/fixtures/legacy.cjs'
import { here as mainOnly } from '../../sdk/capture/fixtures/main-only.ts'
import { A, even } from '../../sdk/capture/fixtures/ring-a.ts'
import * as shapes from '../../sdk/capture/fixtures/shapes.ts'
import shapesDefault, { Shape, toUnit, units } from '../../sdk/capture/fixtures/shapes.ts'
import table from '../../sdk/capture/fixtures/table.json' with { type: 'json' }
import { demand } from '../../sdk/capture/fixtures/throws.ts'
import { convert, scale as factor, hidden, makeCounter, rescale } from '../../sdk/capture/fixtures/units.ts'
import { here, late, rows } from '../../sdk/capture/fixtures/waits.ts'
import { captured, close, remote, types } from '../../sdk/capture/remote.ts'

t.teardown(close)

t.test(
  'imports are live bindings of modules: named, default, renamed, re-exported, namespace, JSON, top-level await',
  async t => {
    t.same(
      await remote(
        (x: number) => [convert(x, 'cm'), toUnit === convert, units.convert === convert, shapesDefault(1)],
        3,
      ),
      [300, true, true, 'default 1'],
    )
    t.same(await remote(() => [Object.keys(shapes).sort(), shapes.Shape === Shape, 'units' in shapes]), [
      ['Shape', 'default', 'toUnit', 'units'],
      true,
      true,
    ])
    t.same(
      await remote(() => {
        const was = factor
        rescale(7)
        const now = factor
        rescale(2)
        return [was, now]
      }),
      [2, 7],
    )
    t.same(await remote(() => [late, rows(), table.rows.length, even(10), new A().other().other().kind]), [
      'late',
      2,
      2,
      true,
      'A',
    ])
    t.same(await remote(here), here(), '`import.meta` is that of the file')
  },
)

t.test('one module by two ways is one; its state is the thread’s, and stays', async t => {
  const things = { Shape, convert, list: [Shape] }
  const same = () => [
    things.Shape === Shape,
    things.convert === convert,
    things.list[0] === shapes.Shape,
    new Shape('s') instanceof things.Shape,
    Shape.of('x').size(),
  ]
  t.same(await remote(same), [true, true, true, true, 100])
  const first = await remote(() => (new Shape('a'), Shape.count))
  t.equal(await remote(() => (new Shape('b'), Shape.count)), first + 1)
  t.equal(Shape.count, 0, 'not this one')
})

t.test('functions of modules, exported or not, with what they close over', async t => {
  t.equal(await remote(convert, 3, 'cm'), 300)
  t.equal(await remote(hidden(), 2), 200)
  const a = makeCounter(10)
  const b = makeCounter(10)
  t.same(await remote(() => [a.add(), a.read(), b.read()]), [11, 11, 10])
  t.equal(await remote(Shape.of, 's').then(Boolean, error => /this/.test(error.message)), true)
})

t.test(
  'CommonJS modules: rings, JSON, `module.exports`, named imports, import() inside; by import and by require',
  async t => {
    const require = createRequire(import.meta.url)
    const required = require('../../sdk/capture/fixtures/legacy.cjs')
    const inner = legacy.hidden()
    t.same(await remote(() => [next(), legacy.next() - next(), legacy.seen, legacy.table.rows.length, legacy.names]), [
      11,
      -1,
      ['early'],
      2,
      [true, true],
    ])
    t.same(await remote(() => [required === legacy, new Kept() instanceof required.Kept, Kept === legacy.Kept]), [
      true,
      true,
      true,
    ])
    t.equal(await remote(() => inner(1) === 1 + Kept.current()), true)
    t.equal(await remote(async () => await legacy.lazy()), 100)
  },
)

t.test('import() and require of literal names find what was shipped with them', async t => {
  const require = createRequire(import.meta.url)
  t.same(
    await remote(async () => [
      (await import('../../sdk/capture/fixtures/units.ts')).convert(1, 'cm'),
      (await import('node:path')).sep,
      typeof require('node:os').cpus,
    ]),
    [100, '/', 'function'],
  )
})

t.test('two versions of a file never mix', async t => {
  const dir = t.testdir({})
  const file = join(dir, 'hot.mjs')
  const versions: ((x: number) => number)[] = []
  for (const v of [5, 6]) {
    writeFileSync(file, `const k = ${v}\nconst helper = x => x + k\nexport function f(x) { return helper(x) }\n`)
    versions.push((await import(`${pathToFileURL(file).href}?v=${v}`)).f)
  }
  const [five, six] = versions
  t.same(await remote(() => [five(1), six(1)]), [6, 7])
  t.same([await remote(five, 1), await remote(six, 1)], [6, 7])
})

t.test('equal modules are one blob, and a code object names what it needs', t => {
  const [one, two] = [captured(() => convert(1, 'm')), captured(() => [convert(2, 'm'), even(1)])]
  t.same(
    one.blobs.map(blob => blob.hash),
    blobsOf(one.bytes),
  )
  t.ok(two.blobs.some(blob => blob.hash === one.blobs[0].hash))
  t.equal(two.blobs.length, 2, 'a ring of modules is one blob')
  t.end()
})

t.test('a module that throws there is a CodeError with its cause', async t => {
  const error = await remote(() => mainOnly()).catch(error => error)
  t.equal(error.code, 'SHOAL_CODE')
  t.match(error.message, /wants the main thread/)
  t.equal(error.causedBy, 'this module wants the main thread')
  t.equal(error.peerId, 'peer-of-test')
})

t.test('stacks name the lines of the modules’ files', async t => {
  const error = await remote((id: number) => demand({ id }), 5).catch(error => error)
  t.equal(error.name, 'RangeError')
  t.match(error.stack, /at demand \(file:\/\/\/.*fixtures\/throws\.ts:8:9\)/)
  t.match(error.stack, /loader\.test\.ts:\d+:\d+/)
  t.notMatch(error.stack, /shoal=|instance\.ts|pieces\.ts/)
  t.equal(
    userFrames(`Error: x\n    at eval (file:///a.ts?v=1&shoal=${'a'.repeat(64)}.0:1:2)`),
    'Error: x\n    at file:///a.ts?v=1:1:2',
  )
})

t.test('bytes that are not what their hash says, or no code, are refused', async t => {
  const code = captured(() => convert(1, 'm'))
  const blobs = new Map(code.blobs.map(({ hash, bytes }) => [hash, bytes]))
  const loader = (blob: (hash: string) => Uint8Array | undefined) =>
    new CodeLoader({ extensions: [], types, shoalUrl: 'file:///none.js', folders: [], peerId: 'p', blob })
  const load = async (one: CodeLoader, hash: string, bytes: Uint8Array) => one.load(hash, bytes)
  const good = loader(hash => blobs.get(hash))
  await t.rejects(load(good, 'f'.repeat(64), code.bytes), { code: 'SHOAL_CODE', message: /damaged/ })
  const noise = new TextEncoder().encode('shoal0 and something else')
  await t.rejects(load(good, createHash('sha256').update(noise).digest('hex'), noise), {
    code: 'SHOAL_CODE',
    message: /cannot be read/,
  })
  await t.rejects(
    load(
      loader(() => undefined),
      code.hash,
      code.bytes,
    ),
    { code: 'SHOAL_CODE', message: /missing/ },
  )
  await t.rejects(
    load(
      loader(() => noise),
      code.hash,
      code.bytes,
    ),
    { code: 'SHOAL_CODE', message: /damaged/ },
  )
  const loaded = await good.load(code.hash, code.bytes)
  t.equal(loaded.instantiate()(), 1)
  t.equal(loaded.instantiate(), loaded.instantiate(), 'nothing in it can change')
  t.equal(good.load(code.hash, code.bytes), loaded)
})

const packages = (version: string) => ({
  'node_modules/tiny-esm/package.json': JSON.stringify({
    name: 'tiny-esm',
    version,
    type: 'module',
    exports: { '.': './index.js', './extra': './lib/extra.js' },
  }),
  'node_modules/tiny-esm/index.js': `import { part } from './lib/part.js'\nimport dep from 'dep-cjs'\nexport const hello = x => part(x) + dep.mark\nexport default '${version}'\nexport { deep } from 'dep-cjs'\n`,
  'node_modules/tiny-esm/lib/part.js': 'export const part = x => `part ${x}`\n',
  'node_modules/tiny-esm/lib/extra.js':
    "import { part } from './part.js'\nexport default class Extra { #p = part('extra'); get p() { return this.#p } }\n",
  'node_modules/dep-cjs/package.json': '{ "name": "dep-cjs", "version": "3.0.0", "main": "main.js" }',
  'node_modules/dep-cjs/main.js':
    "const os = require('os')\nexports.mark = '!' + typeof os.cpus\nexports.deep = require('./deep')\n// require('not-really')\n",
  'node_modules/dep-cjs/deep/index.js': "module.exports = function deep(x) { return 'deep ' + x }\n",
  'node_modules/@scope/tiny/package.json': '{ "name": "@scope/tiny", "version": "1.0.0", "main": "tiny.mjs" }',
  'node_modules/@scope/tiny/tiny.mjs': 'export const a = 1\nexport const b = () => a + 1\n',
  'node_modules/native/package.json': '{ "name": "native", "version": "1.0.0", "gypfile": true, "main": "main.js" }',
  'node_modules/native/main.js': `exports.where = '${version}'\n`,
})

function project(dir: string, files: Record<string, string>): string {
  for (const [file, text] of Object.entries({ 'package.json': '{ "type": "module" }', ...files })) {
    mkdirSync(dirname(join(dir, file)), { recursive: true })
    writeFileSync(join(dir, file), text)
  }
  return dir
}

const support = new URL('../../sdk/capture/remote.ts', import.meta.url)

/** Runs a program of its own; it prints JSON. */
function program(dir: string, main: string, args: string[] = []): any {
  const { stdout, stderr } = spawnSync(process.execPath, [join(dir, main), ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  try {
    return JSON.parse(stdout)
  } catch {
    return stdout + stderr
  }
}

t.test('npm packages travel with what they need; native and external ones are those of the peer', t => {
  const peer = project(t.testdir({}), packages('2.0.0'))
  const dir = project(join(peer, 'driver'), {
    ...packages('1.0.0'),
    'node_modules/only-here/package.json':
      '{ "name": "only-here", "version": "1.0.0", "type": "module", "exports": "./index.js" }',
    'node_modules/only-here/index.js': 'export default 1\n',
    'main.mjs': `
import { captured, Remote } from '${support.href}'
import version, { deep, hello } from 'tiny-esm'
import Extra from 'tiny-esm/extra'
import dep from 'dep-cjs'
import * as scoped from '@scope/tiny'
import native from 'native'
import only from 'only-here'

const peer = new Remote([process.argv[2]])
const run = (fn, external) => peer.send(captured(fn, external)).catch(e => [e.code, e.package, e.peerId])
console.log(JSON.stringify([
  await run(() => [version, hello(1), deep(2), new Extra().p, dep.mark, scoped.b(), dep.deep === deep]),
  await run(() => version, ['tiny-esm']),
  await run(() => native.where),
  await run(() => only, ['only-here']),
  await run(async () => (await import('native')).default.where),
]))
process.exit()
`,
  })
  t.same(program(dir, 'main.mjs', [peer]), [
    ['1.0.0', 'part 1!function', 'deep 2', 'part extra', '!function', 2, true],
    '2.0.0',
    '2.0.0',
    ['SHOAL_CODE', 'only-here', 'peer-of-test'],
    '2.0.0',
  ])
  t.end()
})

t.test('code is captured again in a worker when its files are gone', t => {
  const dir = project(t.testdir({}), {
    'lib/shapes.ts':
      "import { square } from './deep/square.ts'\nexport const area = (w: number): string => square(w) + unit\nconst unit: string = ' cm2'\nexport const scaled = (k: number) => (w: number) => area(w * k)\n",
    'lib/deep/square.ts': 'export const square = (x: number) => x * x\n',
    'lib/old.cjs': 'let n = 1\nexports.up = x => x + n\n',
    'lib/table.json': '{ "tail": " end" }',
    'main.ts': `
import { rmSync } from 'node:fs'
import { capture } from '${new URL('../../../sdk/capture/index.ts', import.meta.url).href}'
import { captured, Remote } from '${support.href}'
import { area, scaled } from './lib/shapes.ts'
import { up } from './lib/old.cjs'
import table from './lib/table.json' with { type: 'json' }

const dir = process.argv[2], root = process.argv[3], mark = { s: '!' }
const again = (k: number, root: string, dir: string) => {
  const helper = (w: number) => area(w * k) + mark.s + table.tail + up(k)
  rmSync(dir, { recursive: true, force: true })
  const none = { byClass() {}, byName() {}, entries: () => [] }
  const twice = scaled(2)
  const lazy = () => import('./lib/shapes.ts').then(m => m.area(1))
  const code = capture(async (w: number) => [helper(w), twice(w), scaled(3)(w), await lazy()], { extensions: [], types: none as any, shoalRoot: root })
  return { hash: code.hash, bytes: code.bytes, blobs: code.blobs }
}
const code = await new Remote().send(captured(again), [2, root, dir])
console.log(JSON.stringify(await new Remote().send(code, [1])))
process.exit()
`,
  })
  const root = new URL('../../../', import.meta.url).pathname
  t.same(program(dir, 'main.ts', [dir, root]), ['4 cm2! end3', '4 cm2', '9 cm2', '1 cm2'])
  t.end()
})

t.test('a CommonJS program: its variables by value, what it requires as modules, sloppy functions sloppy', t => {
  const dir = project(t.testdir({}), {
    'package.json': '{}',
    'lib.js': 'let n = 5\nexports.plus = x => x + n\nexports.Thing = class Thing { go() { return n } }\n',
    'main.js': `
const { captured, Remote } = require('${support.pathname}')
const lib = require('./lib'), { plus, Thing } = lib, path = require('path'), { join } = require('node:path')
const k = 3
let w = 0
function sloppy() { undeclared = 1; return this === globalThis }
function strict() { 'use strict'; return this === undefined }
const peer = new Remote()
const run = fn => peer.send(captured(fn)).catch(e => e.code + ' ' + e.message)
;(async () => {
  console.log(JSON.stringify([
    await run(() => [lib.plus(1), plus(2), new Thing().go(), path.join('a', 'b'), join('c', 'd'), k, ++w, new Thing() instanceof lib.Thing]),
    await run(() => [require('./lib').plus(k), __filename.endsWith('main.js'), require('fs') === require('node:fs')]),
    await run(() => [sloppy(), strict()]),
    await run(async () => (await import('./lib.js')).default.plus(1)),
  ]))
  process.exit()
})()
`,
  })
  t.same(program(dir, 'main.js'), [[6, 7, 5, 'a/b', 'c/d', 3, 1, true], [8, true, true], [true, true], 6])
  t.end()
})
