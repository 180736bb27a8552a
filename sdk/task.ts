import { expectProcess } from './expected-processes.ts'
import { FunctionSource } from './function-code.ts'
import { checkTaskFunction, checkTaskOptions, checkTogether } from './options/index.ts'
import { remoteFunction } from './remote-function.ts'
import type { AnyFunction, RemoteFunction, ReturnsOf, TaskOptions } from './types.ts'

/**
 * Makes a function remote: `.remote(...)` runs it on the mesh and gives a ref of its result. Any function: a closure, an
 * import, a method; what it uses is found at the first `.remote()` and travels with it.
 * @throws InvalidOptionError for a wrong option, or for what is no function
 */
export function task<F extends AnyFunction, const Options extends TaskOptions = TaskOptions>(
  fn: F,
  options?: Options,
): RemoteFunction<F, ReturnsOf<Options>> {
  checkTaskFunction(fn)
  const checked = checkTaskOptions(options)
  const stack = fn.name === '' && checked.name === undefined ? new Error('task').stack : undefined
  const source = new FunctionSource(fn, { stack })
  checkTogether(checked, 'task', source.isGenerator)
  expectProcess(checked)
  return remoteFunction<F>(source, checked) as unknown as RemoteFunction<F, ReturnsOf<Options>>
}
