import type { Reading } from '../figure.ts'
import { interleave } from '../statistics.ts'
import { runProgram } from './program.ts'

const rounds = 7

/** From `init()` to the first result in a fresh process, and that whole process beside one that does nothing. */
export async function measure(): Promise<Reading[]> {
  const firstResults: number[] = []
  const { first, whole, bare } = await interleave(rounds, {
    whole: () => {
      const { printed, processMs } = runProgram('first-result.ts')
      firstResults.push(printed.firstResultMs)
      return processMs
    },
    first: () => firstResults[firstResults.length - 1],
    bare: () => runProgram('nothing.ts').processMs,
  })
  return [
    { what: 'init() to the first result', value: first, unit: 'ms', mark: { of: 'value', atMost: 250 } },
    {
      what: 'the whole process',
      value: whole,
      unit: 'ms',
      limit: { what: 'a TypeScript program that does nothing', value: bare },
    },
  ]
}
