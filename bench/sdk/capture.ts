import type { Reading } from '../figure.ts'
import { interleave } from '../statistics.ts'
import { runProgram } from './program.ts'

const rounds = 5

/** A function's first `.remote()` until its result, in a fresh process whose threads are up. */
export async function measure(): Promise<Reading[]> {
  const { plain, imports } = await interleave(rounds, {
    plain: () => runProgram('capture.ts', 'plain').printed.firstCallMs,
    imports: () => runProgram('capture.ts', 'imports').printed.firstCallMs,
  })
  return [
    { what: 'a closure without imports', value: plain, unit: 'ms', mark: { of: 'value', atMost: 5 } },
    { what: 'a closure with three imports', value: imports, unit: 'ms', mark: { of: 'value', atMost: 60 } },
  ]
}
