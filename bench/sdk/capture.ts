import type { Reading } from '../figure.ts'
import { interleave } from '../statistics.ts'
import { runProgram } from './program.ts'

const rounds = 5

/** A function's first `.remote()` until its result, in a fresh process whose threads are up. */
export async function measure(): Promise<Reading[]> {
  const laterCalls: number[] = []
  const { plain, later, imports } = await interleave(rounds, {
    plain: () => {
      const { printed } = runProgram('capture.ts', 'plain')
      laterCalls.push(printed.laterCallMs)
      return printed.firstCallMs
    },
    later: () => laterCalls[laterCalls.length - 1],
    imports: () => runProgram('capture.ts', 'imports').printed.firstCallMs,
  })
  return [
    { what: 'a closure without imports', value: plain, unit: 'ms', mark: { of: 'value', atMost: 5 } },
    { what: 'the same, further ones of that process', value: later, unit: 'ms' },
    { what: 'a closure with three imports', value: imports, unit: 'ms', mark: { of: 'value', atMost: 60 } },
  ]
}
