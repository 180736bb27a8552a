import { setTimeout as delay } from 'node:timers/promises'
import { type AgentConnection, withAgent } from './agent-connection.ts'
import type { Arguments, Command } from './command.ts'
import { usageError } from './failure.ts'
import { parseDuration } from './quantity.ts'
import { openScreen } from './screen.ts'
import type { Terminal } from './terminal.ts'
import { takeSnapshot } from './top-snapshot.ts'
import { topLines } from './top-text.ts'

const intervalMs = { usual: 1_000, min: 100, max: 3_600_000 }

export const top: Command = {
  name: 'top',
  summary: 'shows what the mesh does, live: peers, tasks by name, actors by class',
  usage: '[--once] [--interval 1s]',
  about: [
    'Shows the peers with their load and stores, the tasks by name with counts and mean run time (of those that have ended',
    'the last 10,000 of each peer), and the actors by class. On a terminal it fills the screen until q or Ctrl-C; elsewhere it',
    'prints a snapshot each time.',
  ].join('\n'),
  options: {
    once: { help: 'one snapshot, then end (default: go on)' },
    interval: { value: 'TIME', help: 'how often it looks: 500ms, 1s, 1m (default: 1s; at least 100ms)' },
  },
  json: 'one snapshot a line: { time, meshId, peers, resources, available, waiting, tasks, names, classes, actors }',
  examples: [
    ['shoal top', 'watch the mesh'],
    ['shoal top --once --json', 'the same, once, for a program'],
  ],
  async run(args, terminal) {
    const everyMs = readInterval(args)
    return await withAgent(agent => {
      if (args.has('once')) return once(agent, terminal)
      if (terminal.json || !process.stdout.isTTY) return printed(agent, everyMs, terminal)
      return live(agent, everyMs, terminal)
    })
  },
}

function readInterval(args: Arguments): number {
  const text = args.value('interval')
  if (text === undefined) return intervalMs.usual
  const ms = parseDuration(text)
  if (ms === undefined || ms < intervalMs.min || ms > intervalMs.max)
    throw usageError(`--interval "${text}": 500ms, 1s, 1m, from 100ms to 1h`)
  return ms
}

async function once(agent: AgentConnection, terminal: Terminal): Promise<number> {
  const snapshot = await takeSnapshot(agent)
  if (terminal.json) terminal.printJson(snapshot)
  else terminal.print(topLines(snapshot, undefined, terminal).join('\n'))
  return 0
}

/** Without a screen: until the process is ended, or nobody reads any more. */
async function printed(agent: AgentConnection, everyMs: number, terminal: Terminal): Promise<number> {
  for (let last: Awaited<ReturnType<typeof takeSnapshot>> | undefined; ; ) {
    const snapshot = await takeSnapshot(agent)
    if (terminal.json) terminal.printJson(snapshot)
    else terminal.print(`${topLines(snapshot, last, terminal).join('\n')}\n`)
    last = snapshot
    await delay(everyMs)
  }
}

/** On a terminal, until q or Ctrl-C. */
async function live(agent: AgentConnection, everyMs: number, terminal: Terminal): Promise<number> {
  using screen = openScreen()
  let last: Awaited<ReturnType<typeof takeSnapshot>> | undefined
  while (!screen.ended.aborted) {
    const snapshot = await takeSnapshot(agent)
    const before = last
    screen.draw(size => topLines(snapshot, before, terminal, size.rows))
    last = snapshot
    await delay(everyMs, undefined, { signal: screen.ended }).catch(() => undefined)
  }
  return screen.exitCode
}
