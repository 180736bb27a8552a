import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The programs are TypeScript as users write it, whatever this file is compiled to. */
const programs = new URL('../../bench/sdk/programs/', import.meta.url)

/** Runs a program in a fresh process, as a user would; gives what it printed, as JSON, and how long the process took. */
export function runProgram(name: string, ...args: string[]): { printed: Record<string, number>; processMs: number } {
  const startedAt = performance.now()
  const stdout = execFileSync(process.execPath, [fileURLToPath(new URL(name, programs)), ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { printed: JSON.parse(stdout), processMs: performance.now() - startedAt }
}
