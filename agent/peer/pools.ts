import type { FunctionSpec, ProcessSpec } from '../../wire/records.ts'

/** The name of the workers that may run a function (`Kind.pool`): '' for threads, for processes what makes them alike. */
export function poolOf({ process }: Pick<FunctionSpec, 'process'>): string {
  if (process === undefined) return ''
  const { env, memoryBytes } = process
  const sorted = Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify({ env: Object.fromEntries(sorted), memoryBytes } satisfies ProcessSpec)
}

/** What such a name says. */
export function processOf(pool: string): ProcessSpec {
  return JSON.parse(pool) as ProcessSpec
}
