import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import * as door from '../../sdk/errors/index.ts'
import {
  dependencyError,
  type ErrorName,
  errorFromFields,
  errorTable,
  errorToFields,
  GetTimeoutError,
  InvalidOptionError,
  NotInitializedError,
  ShoalError,
  TaskError,
  taskError,
  WorkerDiedError,
} from '../../wire/errors/index.ts'

const root = new URL('../../', import.meta.url)
const names = Object.keys(errorTable) as ErrorName[]
const classOf = (name: ErrorName) => (door as any)[name]
const thrown = (throws: () => unknown): any => {
  try {
    throws()
  } catch (error) {
    return error
  }
}

t.test('every error of the table is exported to users, and every exported error is in the table', async t => {
  t.same(Object.keys(door).sort(), [...names, 'ShoalError'].sort())
  const codes = names.map(name => errorTable[name].code)
  t.equal(new Set(codes).size, codes.length)
  for (const name of names) {
    const error = new (classOf(name))('what happened', { cause: 'why' })
    t.equal(classOf(name).name, name)
    t.equal(classOf(name).code, errorTable[name].code)
    t.same([error.name, error.code, error.message, error.cause], [name, errorTable[name].code, 'what happened', 'why'])
    t.ok(error instanceof classOf(name) && error instanceof ShoalError && error instanceof Error)
  }
})

t.test('docs/errors.md says of every error what the table says, and of no other', async t => {
  const docs = readFileSync(new URL('docs/errors.md', root), 'utf8')
  const headings = [...docs.matchAll(/^## (\w+) · `(\w+)`$/gm)].map(([, name, code]) => [name, code])
  t.same(headings, names.map(name => [name, errorTable[name].code])) // biome-ignore format: one line
  for (const name of names) {
    const row = errorTable[name]
    const section = docs.split(`## ${name} · `)[1]?.split('\n## ')[0] ?? ''
    t.ok(section.includes(row.when), `${name}: when`)
    t.ok(section.includes(`**What to do:** ${row.advice}`), `${name}: what to do`)
    const fields = [...section.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, field, meaning]) => [field, meaning])
    t.same(fields, Object.entries(row.fields), `${name}: fields`)
  }
})

t.test('every error of the table is made somewhere', async t => {
  const sources = ['wire', 'mesh', 'agent', 'sdk'].flatMap(folder =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
      .filter(file => file.endsWith('.ts') && !file.startsWith('errors/table'))
      .map(file => readFileSync(new URL(`${folder}/${file}`, root), 'utf8')),
  )
  const code = sources.join('\n').replaceAll(/^\s*(\/\/|\/?\*).*$/gm, '')
  t.same(
    // mesh/ has errors of its own, which the doors turn into the users' by their code.
    names.filter(name => !code.includes(`new ${name}(`) && !code.includes(`code = '${errorTable[name].code}'`)),
    [],
  )
})

t.test('data fields are own enumerable properties; absent ones are absent', async t => {
  const lost = {
    taskId: 't',
    functionName: 'f',
    peerId: 'p',
    attempt: 1,
    exitCode: 113,
    signal: null,
    lastLines: ['bye'],
  }
  const error = new WorkerDiedError('it ended', { ...lost, stoppedTask: undefined })
  t.same({ ...error }, { code: 'SHOAL_WORKER_DIED', ...lost })
  t.equal('cause' in error, false)
  t.equal(Object.hasOwn(new NotInitializedError('first', { cause: undefined }), 'cause'), true)
})

t.test('instanceof goes by code, also for errors of another copy of the package', async t => {
  const folder = join(t.testdir(), 'errors')
  cpSync(new URL('wire/errors', root), folder, { recursive: true })
  const copy: typeof import('../../wire/errors/index.ts') = await import(pathToFileURL(join(folder, 'index.ts')).href)
  const foreign = new copy.GetTimeoutError('late', { timeoutMs: 5 })
  t.not(copy.GetTimeoutError, GetTimeoutError)
  t.equal(foreign instanceof GetTimeoutError, true)
  t.equal(new GetTimeoutError('late', { timeoutMs: 5 }) instanceof copy.GetTimeoutError, true)
  t.equal(foreign instanceof ShoalError, true)
  t.equal(new NotInitializedError('x') instanceof copy.ShoalError, true)
  t.equal(foreign instanceof TaskError, false)
  for (const other of [null, undefined, 5, new Error('x'), { code: 'SHOAL_GET_TIMEOUT' }] as unknown[]) {
    t.equal(other instanceof ShoalError || other instanceof GetTimeoutError, false, inspect(other))
  }
})

t.test('a class derived from ours is matched as usual', async t => {
  class Late extends GetTimeoutError {}
  t.equal(new GetTimeoutError('x', { timeoutMs: 1 }) instanceof Late, false)
  t.equal(new Late('x', { timeoutMs: 1 }) instanceof Late, true)
  t.equal(new Late('x', { timeoutMs: 1 }) instanceof GetTimeoutError, true)
})

t.test('an error taken apart and put together is the same, with its class, fields, stack and cause', async t => {
  const cause = Object.assign(new RangeError('boom'), { left: 3 })
  const error = taskError({ taskId: 't7', functionName: 'square', peerId: '12D3', attempt: 2, cause })
  const data = errorToFields(error)
  t.same(data.fields, { taskId: 't7', functionName: 'square', peerId: '12D3', attempt: 2 })
  const back = errorFromFields(structuredClone(data))
  t.ok(back instanceof TaskError)
  t.same({ ...back }, { ...error })
  t.equal(back.message, error.message)
  t.equal(back.stack, error.stack)
  t.ok(back.cause instanceof RangeError)
  const plain = errorFromFields(errorToFields(new GetTimeoutError('late', { timeoutMs: 5 })))
  t.equal('cause' in plain, false)
  t.equal('objectId' in plain, false)
})

t.test('an error of a newer peer keeps its code; its fields cannot displace what an error is', async t => {
  const fields = JSON.parse('{"__proto__":{"bad":1},"name":"X","stack":"no","message":"no","code":"no","size":3}')
  const error = errorFromFields({ code: 'SHOAL_FROM_TOMORROW', message: 'new', fields, stack: '' })
  t.ok(error instanceof ShoalError)
  t.same([error.code, error.message, error.name, { ...error }], ['SHOAL_FROM_TOMORROW', 'new', 'ShoalError', { code: 'SHOAL_FROM_TOMORROW', size: 3 }]) // biome-ignore format: one line
  t.equal((error as any).bad, undefined)
})

t.test("a TaskError's message names function, peer and cause; its stack is that of the user's code", async t => {
  const divide = (): never => {
    throw new RangeError('by zero')
  }
  const make = (cause: unknown) =>
    taskError({ taskId: 't', functionName: 'divide', peerId: '12D3KooX', attempt: 1, cause })
  const error = make(thrown(divide))
  t.equal(error.message, 'divide failed on peer 12D3KooX: by zero')
  const lines = error.stack!.split('\n')
  t.equal(lines[0], `TaskError: ${error.message}`)
  t.match(lines[1], /errors\.test\.ts:\d+/)
  t.notMatch(error.stack, /wire\/errors|node:internal/)
  t.notMatch(inspect(error).split('[cause]')[0], /wire\/errors|node:internal/)
  const odd = [['text', 'text'], [undefined, 'undefined'], [Symbol('s'), 'Symbol(s)'], [new Error(''), 'Error'], [{ message: 7 }, '7']] as const // biome-ignore format: one line
  for (const [cause, says] of odd) t.equal(make(cause).message, `divide failed on peer 12D3KooX: ${says}`)
  const hostile = { get message(): string { throw new Error('no') } } // biome-ignore format: one line
  t.equal(make(hostile).message, 'divide failed on peer 12D3KooX: something that has no text')
})

t.test('along a chain of tasks that never ran the cause stays the first failure', async t => {
  const task = { taskId: 't', peerId: 'p' }
  const first = taskError({ ...task, functionName: 'load', attempt: 4, cause: thrown(() => { throw new RangeError('gone') }) }) // biome-ignore format: one line
  let last = dependencyError({ ...task, functionName: 'next', cause: first })
  for (let i = 0; i < 1000; i++) last = dependencyError({ ...task, functionName: 'next', cause: last })
  t.equal(last.message, 'next did not run, since an argument had failed: load failed on peer p: gone')
  t.equal(last.cause, first)
  t.equal(last.attempt, 0)
  t.match(last.stack, /errors\.test\.ts/)
})

t.test('stacks keep the caller and leave out Shoal, within Error.stackTraceLimit', async t => {
  const deep = (n: number): ShoalError => (n > 0 ? deep(n - 1) : new InvalidOptionError('x', { option: 'a', value: 1, allowed: 'b' })) // biome-ignore format: one line
  const error = deep(40)
  const frames = error.stack!.split('\n').slice(1)
  t.equal(frames.length, Error.stackTraceLimit)
  for (const frame of frames) t.match(frame, /errors\.test\.ts/)
  t.equal(Object.keys(error).includes('stack'), false)
})

t.test('errors pass between threads', async t => {
  const url = new URL('wire/errors/index.ts', root).href
  const code = `import { parentPort } from 'node:worker_threads'
    import { errorToFields, GetTimeoutError } from ${JSON.stringify(url)}
    parentPort.postMessage(errorToFields(new GetTimeoutError('late', { objectId: 'o', timeoutMs: 5, cause: new TypeError('t') })))`
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`))
  const data = await new Promise<any>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  const error = errorFromFields(data)
  t.ok(error instanceof GetTimeoutError)
  t.ok(error.cause instanceof TypeError)
  t.equal((error as GetTimeoutError).objectId, 'o')
})
