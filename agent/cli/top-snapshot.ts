import type { ActorRow, ActorState, Status } from '../../wire/state.ts'
import type { TaskName } from '../../wire/task-names.ts'
import type { AgentConnection } from './agent-connection.ts'

/** Actors of one class, by states. */
export interface ActorClass {
  className: string
  states: Record<ActorState, number>
  pendingCalls: number
  restarts: number
}

/** What `shoal top` shows: the mesh at one moment. */
export interface Snapshot extends Status {
  /** Milliseconds since the epoch. */
  time: number
  names: (TaskName & { meanMs: number | null })[]
  classes: ActorClass[]
}

/** Actors of one look; of more the classes are counted of these, and `actors` has all. */
const actorsMax = 5_000

export async function takeSnapshot(agent: AgentConnection): Promise<Snapshot> {
  const [status, names, actors] = await Promise.all([
    agent.call<Status>('status'),
    agent.call<TaskName[]>('task-names'),
    agent.call<{ rows: ActorRow[] }>('actors', { limit: actorsMax }),
  ])
  return {
    time: Date.now(),
    ...status,
    names: names.map(row => ({ ...row, meanMs: row.runs === 0 ? null : row.runMs / row.runs })),
    classes: classesOf(actors.rows),
  }
}

function classesOf(actors: readonly ActorRow[]): ActorClass[] {
  const classes = new Map<string, ActorClass>()
  for (const { className, state, pendingCalls, restarts } of actors) {
    const states = { pending: 0, alive: 0, restarting: 0, dead: 0 }
    const one = classes.get(className) ?? { className, states, pendingCalls: 0, restarts: 0 }
    classes.set(className, one)
    one.states[state]++
    one.pendingCalls += pendingCalls
    one.restarts += restarts
  }
  return [...classes.values()].sort((a, b) => b.states.alive - a.states.alive || (a.className < b.className ? -1 : 1))
}
