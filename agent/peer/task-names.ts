import type { TaskState } from '../../wire/state.ts'
import { busiestFirst, emptyTaskName, type TaskName } from '../../wire/task-names.ts'
import type { Kind, Owner } from '../core/index.ts'
import { limits } from './limits.ts'

/** The tasks and calls that a peer owns, counted by their names: in one pass over its tables, when somebody asks. */
export function taskNames(owner: Owner, stateName: (at: number) => TaskState): TaskName[] {
  const { rows, kinds, history } = owner
  const byName = new Map<string, TaskName>()
  const of = (kind: Kind): TaskName => {
    const sum = byName.get(kind.name) ?? emptyTaskName(kind.name)
    byName.set(kind.name, sum)
    return sum
  }
  for (const row of owner.liveTasks()) {
    const kind = kinds[rows.kind[row]] as Kind
    // A guest is counted by its home, an actor among actors.
    if (!rows.extra[row]?.home && !kind.actor) of(kind)[stateName(rows.state[row])]++
  }
  for (const { kind, failed, error, startedAt, endedAt } of history.entries()) {
    const sum = of(kind)
    sum[error === 'cancelled' ? 'cancelled' : failed ? 'failed' : 'finished']++
    if (startedAt <= 0 || endedAt < startedAt) continue
    sum.runs++
    sum.runMs += endedAt - startedAt
  }
  return [...byName.values()].sort(busiestFirst).slice(0, limits.taskNamesMax)
}
