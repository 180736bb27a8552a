import fc from 'fast-check'
import t, { type Test } from 'tap'
import { InvalidOptionError } from '../../sdk/errors/index.ts'
import {
  checkAsCompletedOptions,
  checkCompletedRefs,
  checkGetOptions,
  checkGetTarget,
  checkInitOptions,
  checkMapItems,
  checkMapOptions,
  checkMapped,
  checkPutOptions,
  checkRef,
  checkRowFilter,
  checkTaskFunction,
  checkTaskOptions,
  checkTogether,
  checkWaitOptions,
  checkWaitRefs,
  parseAddress,
} from '../../sdk/options/index.ts'
import type { ObjectRef, TaskOptions } from '../../sdk/types.ts'

class Ref {}
const isRef = (value: unknown) => value instanceof Ref
const refs = (...list: unknown[]) => list as ObjectRef<unknown>[]

/** What each check must refuse: the option it must name, and what its message must say. */
type Refusals = readonly (readonly [given: unknown, option: string, says: RegExp])[]

function refuses(t: Test, check: (given: unknown) => unknown, refusals: Refusals): void {
  for (const [given, option, says] of refusals) {
    let error: unknown
    try {
      check(given)
    } catch (thrown) {
      error = thrown
    }
    if (!(error instanceof InvalidOptionError)) {
      t.fail(`${option}, ${says}: ${error}`)
      continue
    }
    t.equal(error.option, option)
    t.match(error.message, says)
    t.ok(error.message.includes(`: ${option} `), error.message)
  }
}

t.test('options of a task: what is wrong, what it was, what is allowed', t => {
  refuses(t, checkTaskOptions, [
    [{ cpus: -1 }, 'cpus', /0 or a number from 0\.0001 to 1,000,000,000; it was -1$/],
    [{ cpus: Number.NaN }, 'cpus', /it was NaN$/],
    [{ cpus: '2' }, 'cpus', /it was '2'$/],
    [{ cpus: Number.POSITIVE_INFINITY }, 'cpus', /it was Infinity$/],
    [{ cpus: 0.00005 }, 'cpus', /it was 0\.00005$/],
    [{ cpus: null }, 'cpus', /it was null$/],
    [{ cpus: 1n }, 'cpus', /it was 1n$/],
    [{ gpus: -3 }, 'gpus', /it was -3$/],
    [{ memoryBytes: -5 }, 'memoryBytes', /whole number of bytes of at least 0; it was -5$/],
    [{ memoryBytes: 1.5 }, 'memoryBytes', /it was 1\.5$/],
    [{ resources: { tpu: -4 } }, 'resources.tpu', /it was -4$/],
    [{ resources: { tpu: undefined } }, 'resources.tpu', /it was undefined$/],
    [{ resources: 'tpu' }, 'resources', /an object of names and, for each, 0 or a number/],
    [{ resources: ['tpu'] }, 'resources', /it was \[ 'tpu' \]$/],
    [{ resources: { cpus: 1 } }, 'a name in resources', /none of cpus, gpus, memoryBytes .*; it was 'cpus'$/],
    [{ resources: { 'a b': 1 } }, 'a name in resources', /without spaces and '='/],
    [{ resources: { '': 1 } }, 'a name in resources', /it was ''$/],
    [{ resources: JSON.parse('{"__proto__":1}') }, 'a name in resources', /__proto__/],
    [{ retries: -2 }, 'retries', /from -1 to 2,147,483,647 \(-1: without end\); it was -2$/],
    [{ retries: 1.5 }, 'retries', /it was 1\.5$/],
    [{ retries: 2 ** 31 }, 'retries', /it was 2147483648$/],
    [{ retryErrors: 'all' }, 'retryErrors', /true, false or an array of error classes; it was 'all'$/],
    [{ retryErrors: [RangeError, Map] }, 'retryErrors[1]', /a class that extends Error; it was \[Function: Map\]$/],
    [{ retryErrors: [() => new Error('x')] }, 'retryErrors[0]', /a class that extends Error/],
    [{ retryErrors: [new Error('x')] }, 'retryErrors[0]', /it was/],
    [{ timeoutMs: -10 }, 'timeoutMs', /above 0, up to 2,147,483,647 \(leave it out for no limit\); it was -10$/],
    [{ timeoutMs: 0 }, 'timeoutMs', /it was 0$/],
    [{ timeoutMs: Number.NaN }, 'timeoutMs', /it was NaN$/],
    [{ timeoutMs: 2 ** 31 }, 'timeoutMs', /it was 2147483648$/],
    [{ returns: 0 }, 'returns', /it was 0$/],
    [{ returns: 2.5 }, 'returns', /it was 2\.5$/],
    [
      { placement: 'everywhere' },
      'placement',
      /'pack', 'spread', \{ peer, soft\? \}, \{ labels, soft\? \} or \{ group, bundle\? \}; it was 'everywhere'$/,
    ],
    [{ placement: {} }, 'placement', /it was \{\}$/],
    [{ placement: { soft: true } }, 'placement', /it was \{ soft: true \}$/],
    [{ placement: { peer: 'p', labels: {} } }, 'placement', /it was/],
    [{ placement: { peer: 5 } }, 'placement.peer', /it was 5$/],
    [{ placement: { group: {} } }, 'placement.group', /what placementGroup\(\) gives; it was \{\}$/],
    [{ placement: { peer: 'p', bundle: 0 } }, 'placement', /it was/],
    [{ placement: { bundle: 0 } }, 'placement', /it was/],
    [{ placement: { peer: '' } }, 'placement.peer', /it was ''$/],
    [{ placement: { peer: 'p', soft: 1 } }, 'placement.soft', /true or false; it was 1$/],
    [{ placement: { peer: 'p', label: {} } }, 'placement.label', /is no option .*did you mean labels\?$/],
    [{ placement: { labels: { zone: 5 } } }, 'placement.labels.zone', /it was 5$/],
    [{ placement: { labels: { zone: {} } } }, 'placement.labels.zone', /it was \{\}$/],
    [{ placement: { labels: { zone: { in: 'a' } } } }, 'placement.labels.zone.in', /an array of texts; it was 'a'$/],
    [{ placement: { labels: { zone: { in: [1] } } } }, 'placement.labels.zone.in[0]', /it was 1$/],
    [{ placement: { labels: { zone: { exists: 'yes' } } } }, 'placement.labels.zone.exists', /it was 'yes'$/],
    [{ placement: { labels: { zone: { in: [], exists: true } } } }, 'placement.labels.zone', /it was/],
    [{ isolation: 'fiber' }, 'isolation', /must be 'thread' or 'process'; it was 'fiber'$/],
    [{ env: 'A=1' }, 'env', /an object of names .*; it was 'A=1'$/],
    [{ env: { A: 1 } }, 'env.A', /a text without NUL characters; it was 1$/],
    [{ env: { 'A=B': '1' } }, 'a name in env', /a text without '='; it was 'A=B'$/],
    [{ priority: Number.NaN }, 'priority', /a finite number; it was NaN$/],
    [{ priority: 'high' }, 'priority', /it was 'high'$/],
    [{ name: 7 }, 'name', /it was 7$/],
    [{ name: '' }, 'name', /it was ''$/],
    [{ name: 'a\x1b[2J' }, 'name', /without control characters or line breaks; it was 'a\\x1B\[2J'$/],
    [{ name: 'n'.repeat(257) }, 'name', /1 to 256 characters/],
    [{ copy: 0 }, 'copy', /it was 0$/],
    [{ external: 'sharp' }, 'external', /an array of npm packages' names/],
    [{ external: ['sharp', 'sharp/lib'] }, 'external[1]', /without a path in it; it was 'sharp\/lib'$/],
    [{ external: ['@scope'] }, 'external[0]', /it was '@scope'$/],
    [{ infeasibleTimeoutMs: -1 }, 'infeasibleTimeoutMs', /it was -1$/],
    [5, 'options', /an object like \{ … \}; it was 5$/],
    [null, 'options', /it was null$/],
    [[], 'options', /it was \[\]$/],
    [new Map([['cpus', 2]]), 'options', /it was Map/],
    [() => ({}), 'options', /it was \[Function/],
  ])
  t.end()
})

t.test('an unknown option is refused with the name that was likely meant', t => {
  refuses(t, checkTaskOptions, [
    [{ retrys: 3 }, 'retrys', /is no option \(it was 3\); did you mean retries\?$/],
    [{ num_cpus: 2 }, 'num_cpus', /did you mean cpus\?$/],
    [{ max_retries: 2 }, 'max_retries', /did you mean retries\?$/],
    [{ memory: 2 }, 'memory', /did you mean memoryBytes\?$/],
    [{ timeout: 2 }, 'timeout', /did you mean timeoutMs\?$/],
    [{ CPUS: undefined }, 'CPUS', /did you mean cpus\?$/],
    [{ pirority: 2 }, 'pirority', /did you mean priority\?$/],
    [{ banana: 2 }, 'banana', /known are cpus, gpus, .*backpressure$/],
    [JSON.parse('{"__proto__":{"cpus":1}}'), '__proto__', /is no option/],
    [{ ['x\n'.repeat(500)]: 1 }, `${'x\\n'.repeat(26)}…`, /is no option/],
  ])
  t.end()
})

t.test('an environment of its own is for processes', t => {
  const check = (options: unknown) => checkTogether(options as TaskOptions, 'task', false)
  refuses(t, check, [
    [{ env: {} }, 'env', /left out where isolation is not 'process'.*it was \{\}$/],
    [{ env: { A: '1' }, isolation: 'thread' }, 'env', /threads share the environment/],
  ])
  check({ env: { A: '1' }, isolation: 'process' })
  check({ isolation: 'process' })
  check({})
  t.end()
})

t.test('several values and streams do not go together, nor with map', t => {
  refuses(t, options => checkTogether(options as TaskOptions, 'task', true), [
    [{ returns: 2 }, 'returns', /1 or left out for a generator.*it was 2$/],
  ])
  refuses(t, options => checkTogether(options as TaskOptions, 'task', false), [
    [{ backpressure: 2 }, 'backpressure', /no generator.*it was 2$/],
  ])
  refuses(t, options => checkMapped(options as TaskOptions, false), [
    [{ returns: 2 }, 'returns', /functions that give one value.*it was 2$/],
  ])
  t.throws(() => checkMapped({}, true), { code: 'SHOAL_INVALID_OPTION', option: 'fn' })
  refuses(t, checkTaskOptions, [
    [{ backpressure: 0 }, 'backpressure', /it was 0$/],
    [{ returns: 100_001 }, 'returns', /it was 100001$/],
  ])
  checkTogether({ returns: 3 }, 'task', false)
  checkTogether({ backpressure: 1 }, 'task', true)
  checkTaskFunction(function* () {})
  t.end()
})

t.test('a ticket is an address', t => {
  t.same(parseAddress('shoal1secretsecret'), { kind: 'ticket', ticket: 'shoal1secretsecret' })
  t.end()
})

t.test('right options come out as copies, amounts to 0.0001, without what is undefined', t => {
  const given = {
    cpus: 1 / 3,
    gpus: 0,
    memoryBytes: 2 ** 50,
    resources: { tpu: 0.5, 'a.b/c:d': 1e9 },
    retries: -1,
    retryErrors: [RangeError, Error, InvalidOptionError, DOMException],
    timeoutMs: 0.5,
    returns: 1,
    placement: {
      labels: { zone: { in: ['a'] }, disk: 'ssd', spot: { exists: false }, os: { notIn: ['x'] } },
      soft: true,
    },
    isolation: 'thread',
    priority: -3.5,
    name: '../évil/../name',
    copy: false,
    external: ['sharp', '@img/sharp-linux-x64', 'JSONStream'],
    infeasibleTimeoutMs: 0,
  }
  const read = checkTaskOptions(given)
  t.same(read, { ...given, cpus: 0.3333 })
  given.resources.tpu = 9
  given.external.push('late')
  t.equal(read.resources?.tpu, 0.5)
  t.equal(read.external?.length, 3)
  t.same(checkTaskOptions(undefined), {})
  t.same(Object.keys(checkTaskOptions({ cpus: undefined, name: 'n' })), ['name'])
  t.same(checkTaskOptions(Object.assign(Object.create(null), { cpus: 1 })), { cpus: 1 })
  for (const placement of ['pack', 'spread', { peer: 'p' }]) t.same(checkTaskOptions({ placement }), { placement })
  t.end()
})

t.test('the function of a task', t => {
  for (const fn of [() => 1, async () => 1, function named() {}, Math.max]) checkTaskFunction(fn)
  refuses(t, checkTaskFunction, [
    [5, 'fn', /must be a function; it was 5$/],
    [undefined, 'fn', /it was undefined$/],
    [{}, 'fn', /it was \{\}$/],
    [class Model {}, 'fn', /that can be called without new; it was \[class Model\]$/],
  ])
  t.end()
})

t.test('options of init', t => {
  refuses(t, checkInitOptions, [
    [{ cpus: 'two' }, 'cpus', /it was 'two'$/],
    [{ gpus: Number.POSITIVE_INFINITY }, 'gpus', /it was Infinity$/],
    [{ memoryBytes: -1 }, 'memoryBytes', /it was -1$/],
    [{ objectStoreBytes: Number.NaN }, 'objectStoreBytes', /it was NaN$/],
    [{ objectStoreBytes: 1000 }, 'objectStoreBytes', /at least 1,048,576; it was 1000$/],
    [{ resources: { slot: -2 } }, 'resources.slot', /it was -2$/],
    [{ labels: { zone: 5 } }, 'labels.zone', /it was 5$/],
    [{ labels: { 'a=b': 'c' } }, 'a name in labels', /it was 'a=b'$/],
    [{ namespace: '' }, 'namespace', /it was ''$/],
    [{ namespace: 7 }, 'namespace', /it was 7$/],
    [{ logToDriver: 'yes' }, 'logToDriver', /true or false; it was 'yes'$/],
    [
      { address: 42 },
      'address',
      /'auto', 'local', a ticket \('shoal1…'\) or the path of an agent's socket; it was 42$/,
    ],
    [{ address: '' }, 'address', /it was ''$/],
    [{ address: 'lokal' }, 'address', /it was 'lokal'$/],
    [{ address: '/a\0b' }, 'address', /it was/],
    [{ cpu: 2 }, 'cpu', /did you mean cpus\?$/],
    ['local', 'options', /it was 'local'$/],
  ])
  const right = { address: 'local', cpus: 0, labels: { zone: 'a' }, objectStoreBytes: 1 << 20, logToDriver: false }
  t.same(checkInitOptions(right), right)
  t.same(parseAddress('auto'), { kind: 'auto' })
  t.same(parseAddress('local'), { kind: 'local' })
  for (const path of ['/run/shoal/agent.sock', './agent', 'agent.sock'])
    t.same(parseAddress(path), { kind: 'socket', path })
  refuses(t, given => parseAddress(given, { call: 'init', option: '$SHOAL_ADDRESS' }), [
    ['nowhere', '$SHOAL_ADDRESS', /it was 'nowhere'$/],
  ])
  t.end()
})

t.test('options of get, put, wait, map, asCompleted and of state', t => {
  const waiting: Refusals = [
    [{ timeoutMs: -1 }, 'timeoutMs', /from 0 to 2,147,483,647 \(leave it out for no limit\); it was -1$/],
    [{ timeoutMs: Number.NaN }, 'timeoutMs', /it was NaN$/],
    [{ timeoutMs: '5' }, 'timeoutMs', /it was '5'$/],
    [{ timeoutMs: Number.POSITIVE_INFINITY }, 'timeoutMs', /leave it out/],
    [{ signal: 'stop' }, 'signal', /an AbortSignal; it was 'stop'$/],
    [{ signal: new AbortController() }, 'signal', /an AbortSignal; it was/],
    [AbortSignal.abort(), 'options', /an object like/],
    [5000, 'options', /it was 5000$/],
  ]
  refuses(t, checkGetOptions, [...waiting, [{ copy: 'no' }, 'copy', /it was 'no'$/]])
  refuses(t, checkWaitOptions, [
    ...waiting,
    [{ count: 0 }, 'count', /a whole number of at least 1; it was 0$/],
    [{ count: 1.5 }, 'count', /it was 1\.5$/],
    [{ fetchLocal: 0 }, 'fetchLocal', /it was 0$/],
    [{ num_returns: 2 }, 'num_returns', /known are count, timeoutMs, fetchLocal, signal$/],
  ])
  refuses(t, checkPutOptions, [[{ tier: 'disk' }, 'tier', /must be 'memory' or 'replicated'; it was 'disk'$/]])
  refuses(t, checkMapOptions, [
    [{ concurrency: 0 }, 'concurrency', /a whole number from 1 to 100,000; it was 0$/],
    [{ concurrency: Number.POSITIVE_INFINITY }, 'concurrency', /it was Infinity$/],
    [{ ordered: 'no' }, 'ordered', /it was 'no'$/],
    [{ refs: 1 }, 'refs', /it was 1$/],
  ])
  refuses(t, checkMapItems, [[5, 'items', /an iterable or an async iterable; it was 5$/], [null, 'items', /it was null$/]]) // biome-ignore format: one line
  refuses(t, checkAsCompletedOptions, [[{ timeoutMs: 5 }, 'timeoutMs', /known are signal$/]])
  refuses(t, given => checkRowFilter('tasks', given), [
    [{ nam: 'x' }, 'nam', /did you mean name\?$/],
    [{ name: {} }, 'name', /a text, a number, true or false; it was \{\}$/],
  ])
  const signal = new AbortController().signal
  t.same(checkGetOptions({ timeoutMs: 0, copy: false, signal }), { timeoutMs: 0, copy: false, signal })
  t.same(checkWaitOptions({ count: 5, timeoutMs: 2 ** 31 - 1 }), { count: 5, timeoutMs: 2 ** 31 - 1 })
  t.same(checkRowFilter('objects', { objectId: 'a', spilled: false }), { objectId: 'a', spilled: false })
  t.end()
})

t.test('what must be a ref is one', t => {
  const [a, b] = [new Ref(), new Ref()]
  refuses(t, given => checkGetTarget(given, isRef), [
    [42, 'ref', /an ObjectRef or an array of them; it was 42$/],
    [undefined, 'ref', /it was undefined$/],
    [Promise.resolve(a), 'ref', /it was a promise\. Await it first: put\(\) gives a promise of a ref\.$/],
    [[a, 42], 'refs[1]', /an ObjectRef; it was 42$/],
    [[a, undefined], 'refs[1]', /it was undefined$/],
    [[[a]], 'refs[0]', /Flatten it first\.$/],
    // biome-ignore lint/suspicious/noSparseArray: a hole is no ref
    [[a, , b], 'refs[1]', /it was undefined$/],
    [new Set([a]), 'ref', /it was Set/],
  ])
  refuses(t, given => checkWaitRefs(given, isRef), [
    [a, 'refs', /an array of ObjectRefs; it was/],
    [[a, b, a], 'refs[2]', /It is refs\[0\] again\.$/],
    [[a, Promise.resolve(b)], 'refs[1]', /Await it first/],
  ])
  refuses(t, given => checkRef('move', given, isRef), [[5, 'ref', /^move: ref must be an ObjectRef; it was 5$/]])
  refuses(t, given => checkCompletedRefs(given as never, isRef), [
    [5, 'refs', /an iterable of ObjectRefs; it was 5$/],
    [new Set([a, 5]), 'refs[1]', /it was 5$/],
  ])
  checkGetTarget(a, isRef)
  checkGetTarget([], isRef)
  checkGetTarget([a, a], isRef)
  checkWaitRefs([a, b], isRef)
  t.same(checkCompletedRefs(new Set(refs(a, b)), isRef), [a, b])
  t.end()
})

t.test('whatever is passed, a check accepts it or throws an InvalidOptionError of one short line', t => {
  const checks = [
    checkTaskOptions,
    checkInitOptions,
    checkGetOptions,
    checkWaitOptions,
    checkMapOptions,
    checkPutOptions,
  ]
  const names = [
    'cpus',
    'resources',
    'retries',
    'placement',
    'labels',
    'name',
    'external',
    'address',
    'timeoutMs',
    'count',
    'tier',
  ]
  const value = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withTypedArray: true,
  })
  const options = fc.oneof(
    value,
    fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), value, { maxKeys: 3 }),
  )
  fc.assert(
    fc.property(fc.constantFrom(...checks), options, (check, given) => {
      try {
        check(given)
      } catch (error) {
        if (!(error instanceof InvalidOptionError)) throw error
        if (error.message.includes('\n') || error.message.length > 600) throw new Error(`too long: ${error.message}`)
        structuredClone(error.value)
      }
    }),
    { numRuns: 2000 },
  )
  t.end()
})
