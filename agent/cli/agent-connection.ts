import type { Control } from '../../wire/control.ts'
import { type AgentRecord, checkOwner, errnoOf, findAgent, type Home, homeAt } from '../home/index.ts'
import { Failure } from './failure.ts'

const connectTimeoutMs = 5_000
const callTimeoutMs = 30_000

/** A connection to this home's agent, for one command. */
export interface AgentConnection {
  readonly record: AgentRecord
  /** Calls a control method; rejects when the agent ends or does not answer in time. */
  call<T>(method: string, params?: unknown): Promise<T>
  close(): void
}

/** Runs `use` with a connection to the agent of `$SHOAL_HOME`. Throws a `Failure` that says what to type if none runs. */
export async function withAgent<T>(use: (agent: AgentConnection) => Promise<T>): Promise<T> {
  const home = homeAt()
  const agent = await connectAgent(home, await requireAgent(home))
  try {
    return await use(agent)
  } finally {
    agent.close()
  }
}

/** The record of the running agent. Throws a `Failure` where none runs or it does not answer. */
export async function requireAgent(home: Home): Promise<AgentRecord> {
  const found = await findAgent(home)
  if (found.state === 'running') return found.record
  if (found.state === 'stuck') throw stuck(found.record)
  // Without a record there is nothing to tell a home that is another user's from an empty one.
  if (found.state === 'none') ownHome(home)
  const why = found.state === 'dead' ? ` (the one of pid ${found.record.pid} has died)` : ''
  throw new Failure(
    'SHOAL_CONNECT',
    `no agent runs for ${home.dir}${why}: type shoal up (or shoal up --detach) to start one`,
  )
}

function ownHome(home: Home): void {
  try {
    checkOwner(home.dir)
  } catch (error) {
    if (errnoOf((error as Error).cause) !== 'ENOENT') throw error
  }
}

/** Connects to an agent that is known to run; each call may take `answerMs` (default 30 s). */
export async function connectAgent(
  home: Home,
  record: AgentRecord,
  answerMs: number = callTimeoutMs,
): Promise<AgentConnection> {
  const { connectControl } = await import('../../wire/control.ts')
  let control: Control
  try {
    control = await connectControl(record.socket, { timeoutMs: Math.min(connectTimeoutMs, answerMs) })
  } catch (error) {
    // It answered a moment ago: it has ended since, or its event loop is blocked.
    if ((await findAgent(home)).state === 'running') throw stuck(record, error)
    throw new Failure('SHOAL_CONNECT', `the agent of ${home.dir} has ended: type shoal up to start it again`, {
      cause: error,
    })
  }
  return {
    record,
    call: (method, params) => inTime(control.call(method, params), record, answerMs),
    close: () => control.close(),
  }
}

async function inTime<T>(answer: Promise<T>, record: AgentRecord, answerMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(stuck(record)), answerMs)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

function stuck(record: AgentRecord, cause?: unknown): Failure {
  const message = `the agent (pid ${record.pid}) runs and does not answer: wait, or stop it (shoal down --now) and type shoal up`
  return new Failure('SHOAL_CONNECT', message, { cause })
}
