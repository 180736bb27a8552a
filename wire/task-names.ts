import type { TaskState } from './state.ts'

/** The tasks of one name that are not over, and those of the last finished ones that a peer remembers. */
export interface TaskName extends Record<TaskState, number> {
  name: string
  /** Attempts that have ended, and how long they took together. */
  runs: number
  runMs: number
}

export function emptyTaskName(name: string): TaskName {
  return { name, waiting: 0, queued: 0, running: 0, finished: 0, failed: 0, cancelled: 0, runs: 0, runMs: 0 }
}

/** Adds what several peers say. */
export function sumTaskNames(rows: Iterable<TaskName>): TaskName[] {
  const sums = new Map<string, TaskName>()
  for (const row of rows) {
    const sum = sums.get(row.name) ?? emptyTaskName(row.name)
    sums.set(row.name, sum)
    for (const key of ['waiting', 'queued', 'running', 'finished', 'failed', 'cancelled', 'runs', 'runMs'] as const)
      sum[key] += row[key]
  }
  return [...sums.values()]
}

/** What happens now comes first, then what there was most of. */
export function busiestFirst(a: TaskName, b: TaskName): number {
  return b.running - a.running || open(b) - open(a) || ended(b) - ended(a) || (a.name < b.name ? -1 : 1)
}

function open({ waiting, queued }: TaskName): number {
  return waiting + queued
}

function ended({ finished, failed, cancelled }: TaskName): number {
  return finished + failed + cancelled
}
