import { cwd } from 'node:process'
import { readTicket } from '../../mesh/admission/index.ts'
import { connectControl } from '../../wire/control.ts'
import { type AgentRecord, findAgent, type Home, homeAt, prepareHome } from '../home/index.ts'
import { isSameProcess, processIdentity } from '../process-identity.ts'
import { type AgentSettings, agentOptions, readAgentSettings } from './agent-settings.ts'
import type { Arguments, Command } from './command.ts'
import { describeFailure, Failure } from './failure.ts'
import { parseListenAddress, probeListenAddress } from './listen-address.ts'
import type { Terminal } from './terminal.ts'
import { detachedParent, startDetached } from './up-detached.ts'
import { runForeground } from './up-foreground.ts'
import { readyText, runningText, type UpLine, upLine } from './up-line.ts'

export const up: Command = {
  name: 'up',
  summary: "starts this machine's agent; programs that import shoal use it from then on",
  usage: '[options]',
  about: [
    "Starts this machine's agent: with a mesh of its own the first time, in its mesh again after that. Where it runs",
    'already, says so. In the foreground Ctrl-C drains it (5 s at most), and a second Ctrl-C does not wait.',
  ].join('\n'),
  options: {
    ...agentOptions,
    detach: { help: 'go on in the background, and return when the agent is ready' },
  },
  json: '{ meshId, peerId, pid, socket, listen, home, ticket }, one line, when the agent is ready',
  examples: [
    ['shoal up', 'an agent in this terminal, with all CPUs'],
    ['shoal up --detach --cpus 4 --memory 8GiB', 'in the background, with a part of the machine'],
    ['shoal up --resource scanner=1 --label zone=eu', 'with a resource and a label of its own'],
  ],
  run: (args, terminal) => startAgent(args, terminal),
}

/** Starts this home's agent, or says that it runs. `ticket`: it joins the mesh of that ticket. */
export async function startAgent(args: Arguments, terminal: Terminal, ticket?: string): Promise<number> {
  const settings = readAgentSettings(args)
  const home = homeAt()
  const parent = detachedParent()
  try {
    prepareHome(home)
    const running = await findAgent(home)
    if (running.state === 'running') {
      if (ticket !== undefined) checkSameMesh(running.record.meshId, ticket)
      return await announceRunning(home, running.record, terminal, parent?.ready)
    }
    if (args.has('detach')) return await detach(home, settings, terminal)
    await probe(settings)
    const outcome = await runForeground({ home, settings, folders: [cwd()], terminal, parent, ticket })
    return 'heldBy' in outcome
      ? await announceRunning(home, await awaitOther(home, outcome.heldBy), terminal, parent?.ready)
      : outcome.exitCode
  } catch (error) {
    parent?.failed(describeFailure(error))
    throw error
  }
}

/** An agent runs: a ticket of another mesh is not quietly ignored. */
function checkSameMesh(meshId: string, ticket: string): void {
  const { meshId: wanted } = readTicket(ticket)
  if (wanted === meshId) return
  throw new Failure(
    'SHOAL_ADMISSION',
    `this machine's agent runs already, in the mesh ${meshId}; the ticket is of ${wanted}. To change meshes: shoal down, and a SHOAL_HOME of its own`,
  )
}

async function probe({ listenAt }: AgentSettings): Promise<void> {
  const address = listenAt === undefined ? undefined : parseListenAddress(listenAt)
  if (address && listenAt !== undefined) await probeListenAddress(address, listenAt)
}

async function detach(home: Home, settings: AgentSettings, terminal: Terminal): Promise<number> {
  const { line, already } = await startDetached(home)
  if (terminal.json) terminal.printJson(line)
  else if (already) terminal.print(runningText(line))
  else terminal.print(readyText(line, settings, 'shoal down stops it.'))
  return 0
}

async function announceRunning(
  home: Home,
  record: AgentRecord,
  terminal: Terminal,
  ready?: (line: UpLine, already: boolean) => void,
): Promise<number> {
  const line = upLine(home, record, await ticketOf(record))
  if (ready) ready(line, true)
  else if (terminal.json) terminal.printJson(line)
  else terminal.print(runningText(line))
  return 0
}

/** A new ticket of a running agent, or null where it issues none. */
async function ticketOf({ socket }: AgentRecord): Promise<string | null> {
  try {
    const control = await connectControl(socket)
    try {
      return ((await control.call('ticket', {})) as { ticket: string }).ticket
    } finally {
      control.close()
    }
  } catch {
    return null
  }
}

/** Another `shoal up` of this home is starting: its agent is this command's answer, too. */
async function awaitOther(home: Home, pid: number): Promise<AgentRecord> {
  const identity = processIdentity(pid)
  for (const end = Date.now() + 15_000; Date.now() < end && identity && isSameProcess(pid, identity); ) {
    const found = await findAgent(home)
    if (found.state === 'running') return found.record
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Failure(
    'SHOAL_CONNECT',
    `another shoal of this home (pid ${pid}, ${home.lockDir}) has not become an agent: type shoal down --now, then shoal up`,
  )
}
