import { expectProcess } from './expected-processes.ts'
import { FunctionSource } from './function-code.ts'
import { checkTaskFunction, checkTaskOptions, checkTogether } from './options/index.ts'
import { remoteFunction } from './remote-function.ts'
import type { AnyFunction, RemoteFunction, TaskOptions } from './types.ts'

/**
 * Makes a function remote: `.remote(...)` runs it on the mesh and gives a ref of its result. Any function: a closure, an
 * import, a method; what it uses is found at the first `.remote()` and travels with it.
 * @throws InvalidOptionError for a wrong option, or for what is no function
 */
export function task<F extends AnyFunction>(fn: F, options?: TaskOptions): RemoteFunction<F> {
  checkTaskFunction(fn)
  const checked = checkTaskOptions(options)
  checkTogether(checked, 'task')
  expectProcess(checked)
  const stack = fn.name === '' && checked.name === undefined ? new Error('task').stack : undefined
  return remoteFunction<F>(new FunctionSource(fn, { stack }), checked)
}
