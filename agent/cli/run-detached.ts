import { setTimeout as delay } from 'node:timers/promises'
import type { RunRow } from '../runs/index.ts'
import { withAgent } from './agent-connection.ts'
import { askPeer, findRun, rowAt } from './run-reader.ts'
import type { Terminal } from './terminal.ts'

const lookMs = 50

/** Has the agent start a script, which then needs this terminal no more. */
export async function startDetachedRun(file: string, args: readonly string[], terminal: Terminal): Promise<number> {
  const request = { command: [process.execPath], script: file, args, cwd: process.cwd(), env: process.env }
  const { id, pid } = await withAgent(agent => agent.call<RunRow>('run-start', request))
  if (terminal.json) terminal.printJson({ id, pid })
  else terminal.print(id)
  terminal.note(`It runs (pid ${pid}). shoal run --attach ${id} follows it, shoal run --stop ${id} ends it.`)
  return 0
}

/** Ends a run, and waits for that. */
export async function stopRun(id: string, terminal: Terminal): Promise<number> {
  return await withAgent(async agent => {
    let row = await findRun(agent, id)
    const { peerId, state: before } = row
    if (before === 'running') {
      await askPeer(agent, 'run-stop', { peerId, id })
      // SIGKILL follows after 5 s: this comes to an end.
      while (row.state === 'running') {
        await delay(lookMs)
        row = await rowAt(agent, { peerId, id })
      }
    }
    const { state, exitCode } = row
    if (terminal.json) terminal.printJson({ id, state, exitCode })
    else {
      const how = exitCode === null ? state : `${state}, exit code ${exitCode}`
      terminal.print(before === 'running' ? `${id} has ended: ${how}` : `${id} had ended already: ${how}`)
    }
    return 0
  })
}
