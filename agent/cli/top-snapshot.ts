import type { Status } from '../../wire/state.ts'
import type { TaskName } from '../../wire/task-names.ts'
import type { AgentConnection } from './agent-connection.ts'

/** Actors of one class, by states. */
export interface ActorClass {
  className: string
  /** By state: pending, alive, restarting, dead. */
  states: Record<string, number>
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

/** What is needed of a row of an actor. */
interface ActorRow {
  className: string
  state: string
  pendingCalls?: number
  restarts?: number
}

/** Actors of one look; of more the classes are counted of these, and `actors` has all. */
const actorsMax = 5_000

export async function takeSnapshot(agent: AgentConnection): Promise<Snapshot> {
  const [status, names, actors] = await Promise.all([
    agent.call<Status>('status'),
    agent.call<TaskName[]>('task-names'),
    actorRows(agent),
  ])
  return {
    time: Date.now(),
    ...status,
    names: names.map(row => ({ ...row, meanMs: row.runs === 0 ? null : row.runMs / row.runs })),
    classes: classesOf(actors),
  }
}

/** None where the agent knows of none. */
async function actorRows(agent: AgentConnection): Promise<ActorRow[]> {
  try {
    const { rows } = await agent.call<{ rows: ActorRow[] }>('actors', { limit: actorsMax })
    return rows
  } catch (error) {
    if ((error as { code?: unknown }).code === 'SHOAL_INVALID_OPTION') return []
    throw error
  }
}

function classesOf(actors: readonly ActorRow[]): ActorClass[] {
  const classes = new Map<string, ActorClass>()
  for (const { className, state, pendingCalls = 0, restarts = 0 } of actors) {
    const one = classes.get(className) ?? { className, states: {}, pendingCalls: 0, restarts: 0 }
    classes.set(className, one)
    one.states[state] = (one.states[state] ?? 0) + 1
    one.pendingCalls += pendingCalls
    one.restarts += restarts
  }
  const alive = ({ states }: ActorClass) => states.alive ?? 0
  return [...classes.values()].sort((a, b) => alive(b) - alive(a) || (a.className < b.className ? -1 : 1))
}
