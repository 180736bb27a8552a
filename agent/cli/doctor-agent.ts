import { readdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Status } from '../../wire/state.ts'
import { type AgentRecord, findAgent, type Home } from '../home/index.ts'
import { shoalVersion } from '../node-version.ts'
import { connectAgent } from './agent-connection.ts'
import { attempt, type Check, fail, ok, warn } from './doctor-check.ts'
import { formatAge } from './quantity.ts'

/** Whether the agent of the home answers, who may reach it, and what a killed one has left. */
export async function agentChecks(home: Home): Promise<Check[]> {
  try {
    const found = await findAgent(home)
    const stale = attempt('leftovers', () => leftoversCheck(home))
    if (found.state === 'none') return [ok('agent', 'none runs: shoal up starts one'), stale]
    const { pid } = found.record
    if (found.state === 'dead') {
      return [
        warn(
          'agent',
          `none runs; the one of pid ${pid} ended without cleaning up`,
          'shoal up starts one and removes what it left',
        ),
        stale,
      ]
    }
    if (found.state === 'stuck')
      return [fail('agent', `pid ${pid} runs and does not answer`, 'wait, or shoal down --now and shoal up'), stale]
    return [await answerCheck(home, found.record), attempt('socket', () => socketCheck(found.record)), stale]
  } catch (error) {
    return [{ name: 'agent', state: 'fail', message: error instanceof Error ? error.message : String(error) }]
  }
}

async function answerCheck(home: Home, record: AgentRecord): Promise<Check> {
  const since = performance.now()
  const agent = await connectAgent(home, record)
  try {
    await agent.call<Status>('status')
  } finally {
    agent.close()
  }
  const took = Math.round(performance.now() - since)
  const message = `pid ${record.pid} answers in ${took} ms; shoal ${record.version}, up for ${formatAge(Date.now() - record.startedAt)}`
  if (record.version === shoalVersion) return ok('agent', message)
  return warn(
    'agent',
    `${message}, and this command is ${shoalVersion}`,
    'shoal down, then shoal up, to run the version that is installed',
  )
}

function socketCheck({ socket }: AgentRecord): Check {
  const mode = statSync(socket).mode & 0o777
  const folderMode = statSync(dirname(socket)).mode & 0o777
  const message = `${socket}, mode ${mode.toString(8)}`
  // Either keeps others out.
  if ((mode & 0o077) !== 0 && (folderMode & 0o011) !== 0)
    return fail('socket', `${message}: other users can open it`, `chmod 600 ${socket}`)
  return ok('socket', message)
}

const halfWritten = /^(key|mesh\.json|incarnation|agent\.json)\.\d+\.new$|^agent\.lock\.\d+$/

function leftoversCheck(home: Home): Check {
  const found = statSync(home.dir, { throwIfNoEntry: false })?.isDirectory()
    ? readdirSync(home.dir).filter(name => halfWritten.test(name))
    : []
  if (found.length === 0) return ok('leftovers', 'none')
  return warn('leftovers', `${found.join(', ')} in ${home.dir}: a start was interrupted`, 'remove them')
}
