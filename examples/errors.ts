// What goes wrong is an error with a stable code, and the function's own error is its cause.   node examples/errors.ts
import assert from 'node:assert/strict'
import { get, init, ShoalError, task } from 'shoal'

const parse = task(function parse(text: string): unknown {
  return JSON.parse(text)
})
const flaky = task((path: string) => {
  if (!path.endsWith('.json')) throw new RangeError(`not JSON: ${path}`)
  return path
})
const busy = task(
  function busy() {
    for (;;); // not even this holds up anybody else
  },
  { timeoutMs: 200 },
)

/** What a promise rejects with. */
async function failure(promise: Promise<unknown>): Promise<ShoalError> {
  const error = await promise.then(
    () => new Error('it did not fail'),
    reason => reason,
  )
  assert.ok(error instanceof ShoalError, String(error))
  return error
}

await using _mesh = await init()
assert.deepEqual(await get(parse.remote('{"a": 1}')), { a: 1 })

const wrong = await failure(get(parse.remote('{')))
console.log(wrong.code, '←', String(wrong.cause))
assert.equal(wrong.code, 'SHOAL_TASK_FAILED')
assert.ok(wrong.cause instanceof SyntaxError)

// A task whose argument failed never runs: it fails with the same cause.
const dependent = await failure(get(flaky.remote(flaky.remote('notes.txt'))))
console.log(dependent.code, '←', String(dependent.cause))
assert.match(String(dependent.cause ?? dependent), /not JSON: notes\.txt/)

const late = await failure(get(busy.remote()))
console.log(late.code)
assert.equal(late.code, 'SHOAL_TASK_TIMEOUT')
