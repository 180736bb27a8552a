#!/usr/bin/env node
// The `shoal` command. Nothing is imported here that an older Node could not read: it is to stop with one clear line.
import { nodeProblem } from '../node-version.ts'

const problem = nodeProblem()
if (problem) {
  const json = process.argv.includes('--json')
  process.stderr.write(
    `${json ? JSON.stringify({ error: { code: 'SHOAL_NODE', message: problem } }) : `shoal: ${problem}`}\n`,
  )
  process.exitCode = 1
} else {
  const { main } = await import('./main.ts')
  await main(process.argv.slice(2))
}
