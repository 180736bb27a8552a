import { existsSync } from 'node:fs'
import {
  type AgentRecord,
  type AgentState,
  findAgent,
  type Home,
  HomeError,
  homeAt,
  lockHolder,
  removeAgentTraces,
  takeAgentLock,
} from '../home/index.ts'
import { isSameProcess, processIdentity } from '../process-identity.ts'
import { connectAgent } from './agent-connection.ts'
import type { Command } from './command.ts'
import { Failure } from './failure.ts'

/** How long an agent may take to end: what it may drain, and then some; with `--now`, before it is killed. */
const waitMs = { drain: 30_000, now: 5_000, killed: 5_000 }

export const down: Command = {
  name: 'down',
  summary: "drains this machine's agent, then stops it",
  usage: '[--now]',
  about: [
    "Stops this machine's agent: it takes no new work, what runs has 20 s to finish, and then it ends.",
    'Actors that may restart move to other peers, and objects that others hold are handed over.',
    'Where no agent runs, says so; that is no failure.',
  ].join('\n'),
  options: {
    now: { help: 'do not wait for what runs; an agent that does not answer is killed (default: drain first)' },
  },
  json: '{ stopped: boolean, pid, message }',
  examples: [
    ['shoal down', 'finish what runs, then stop'],
    ['shoal down --now', 'stop at once'],
  ],
  async run(args, terminal) {
    const outcome = await stopAgent(homeAt(), args.has('now'))
    if (terminal.json) terminal.printJson(outcome)
    else terminal.print(outcome.message)
    return 0
  },
}

interface Outcome {
  readonly stopped: boolean
  readonly pid: number | null
  readonly message: string
}

async function stopAgent(home: Home, now: boolean): Promise<Outcome> {
  const found = await findAgent(home).catch((error: unknown) => stopUnreadable(home, now, error))
  if ('stopped' in found) return found
  if (found.state === 'none' || found.state === 'dead') return stopUnrecorded(home, found, now)
  const { record } = found
  if (found.state === 'running') await ask(home, record, now)
  else if (!now) throw notEnding(record.pid)
  const { pid, processIdentity: identity } = record
  if (await endsWithin(pid, identity, now ? waitMs.now : waitMs.drain)) {
    return { stopped: true, pid, message: `the agent (pid ${pid}) has stopped` }
  }
  if (!now) throw notEnding(pid)
  process.kill(pid, 'SIGKILL')
  await endsWithin(pid, identity, waitMs.killed)
  removeLeftovers(home, record.socket)
  return { stopped: true, pid, message: `the agent (pid ${pid}) did not answer and was killed` }
}

/** The record is damaged: whoever holds the home's lock is the agent. */
async function stopUnreadable(home: Home, now: boolean, error: unknown): Promise<Outcome> {
  if (!(error instanceof HomeError) || error.path !== home.agentFile || !existsSync(home.agentFile)) throw error
  const pid = lockHolder(home.lockDir)
  const outcome = pid === undefined ? undefined : await stopByPid(pid, now)
  removeLeftovers(home, undefined)
  const removed = `${home.agentFile} was damaged and is removed`
  return {
    stopped: !!outcome,
    pid: pid ?? null,
    message: `${outcome?.message ?? `no agent runs for ${home.dir}`}; ${removed}`,
  }
}

async function stopUnrecorded(home: Home, found: AgentState, now: boolean): Promise<Outcome> {
  const pid = lockHolder(home.lockDir)
  let leftovers = ''
  if (found.state === 'dead') {
    removeLeftovers(home, found.record.socket)
    leftovers = `: that of pid ${found.record.pid} had died, and its leftovers are removed`
  }
  if (pid !== undefined) return stopByPid(pid, now)
  return { stopped: false, pid: null, message: `no agent runs for ${home.dir}${leftovers}` }
}

/** Asks the agent to stop. One that is too busy to answer is killed after that with `--now`, and told of without. */
async function ask(home: Home, record: AgentRecord, now: boolean): Promise<void> {
  try {
    const agent = await connectAgent(home, record, now ? waitMs.now : undefined)
    try {
      await agent.call('stop', { now })
    } finally {
      agent.close()
    }
  } catch (error) {
    // It may have ended between the question and the answer: then that is what was wanted.
    if (!now && isSameProcess(record.pid, record.processIdentity)) throw error
  }
}

/** A process that holds the home and cannot be asked, because it is starting or its record is lost. */
async function stopByPid(pid: number, now: boolean): Promise<Outcome> {
  const identity = processIdentity(pid)
  process.kill(pid, now ? 'SIGKILL' : 'SIGTERM')
  if (identity !== undefined && !(await endsWithin(pid, identity, waitMs.drain))) throw notEnding(pid)
  return { stopped: true, pid, message: `the agent (pid ${pid}) has stopped` }
}

/** Removes what a dead agent left, under the home's lock: another `shoal up` may have begun meanwhile. */
function removeLeftovers(home: Home, socket: string | undefined): void {
  const lock = takeAgentLock(home.lockDir)
  if ('heldBy' in lock) return
  removeAgentTraces(home, socket)
  lock.release()
}

function notEnding(pid: number): Failure {
  return new Failure('SHOAL_AGENT', `the agent (pid ${pid}) does not end: shoal down --now kills it`)
}

/** Another process's end cannot be awaited: it is looked at every 20 ms. */
async function endsWithin(pid: number, identity: string, ms: number): Promise<boolean> {
  for (const end = Date.now() + ms; isSameProcess(pid, identity); ) {
    if (Date.now() > end) return false
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return true
}
