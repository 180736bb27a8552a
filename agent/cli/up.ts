import { cwd } from 'node:process'
import {
  type AgentRecord,
  findAgent,
  type Home,
  homeAt,
  isSameProcess,
  prepareHome,
  processIdentity,
} from '../home/index.ts'
import { type AgentSettings, agentOptions, readAgentSettings } from './agent-settings.ts'
import type { Command } from './command.ts'
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
  async run(args, terminal) {
    const settings = readAgentSettings(args)
    const home = homeAt()
    const parent = detachedParent()
    try {
      prepareHome(home)
      const running = await findAgent(home)
      if (running.state === 'running') return announceRunning(home, running.record, terminal, parent?.ready)
      if (args.has('detach')) return await detach(home, settings, terminal)
      await probe(settings)
      const outcome = await runForeground({ home, settings, folders: [cwd()], terminal, parent })
      return 'heldBy' in outcome
        ? announceRunning(home, await awaitOther(home, outcome.heldBy), terminal, parent?.ready)
        : outcome.exitCode
    } catch (error) {
      parent?.failed(describeFailure(error))
      throw error
    }
  },
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

function announceRunning(
  home: Home,
  record: AgentRecord,
  terminal: Terminal,
  ready?: (line: UpLine, already: boolean) => void,
): number {
  const line = upLine(home, record)
  if (ready) ready(line, true)
  else if (terminal.json) terminal.printJson(line)
  else terminal.print(runningText(line))
  return 0
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
