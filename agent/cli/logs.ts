import { existsSync } from 'node:fs'
import { followLog, type Home, homeAt, type LogEntry, logSize, mentions, readLog } from '../home/index.ts'
import { isRunId } from '../runs/index.ts'
import type { Command } from './command.ts'
import { Failure, usageError } from './failure.ts'
import { runLogs } from './run-logs.ts'
import { printableLines, type Terminal } from './terminal.ts'

const entriesDefault = 1_000
const entriesMax = 1_000_000

export const logs: Command = {
  name: 'logs',
  summary: "prints the agent's log, whole or what names one id, or what a run has said",
  usage: '[ID] [-f]',
  about: [
    "Prints the newest entries of the agent's log, or those that name ID: a task, an actor, a worker, an object, a job, a peer.",
    'It reads the files under $SHOAL_HOME/logs (at most 5 of 10 MiB), so it works when the agent has ended, too.',
    'Where ID is a run (shoal run --detach): what its program has written, each stream to the same one here.',
  ].join('\n'),
  options: {
    follow: { short: 'f', help: 'go on printing what is added, until Ctrl-C (default: end)' },
    lines: { value: 'N', short: 'n', help: `at most N entries, the newest (default: ${entriesDefault})` },
  },
  positionals: { name: 'ID', max: 1, what: 'an id' },
  json: 'an array of { time, text }, of a run of { stream, text }; with -f one such object a line',
  examples: [
    ['shoal logs -f', 'watch what the agent says'],
    ['shoal logs TASK', 'what is known about one task'],
    ['shoal logs ACTOR', 'what the methods of one actor have written'],
    ['shoal logs run-0123456789', 'what a program has written that shoal run --detach has started'],
  ],
  async run(args, terminal) {
    const [id] = args.positionals
    if (id !== undefined && !/^[A-Za-z0-9][\w.:-]*$/.test(id))
      throw usageError(
        `"${id.slice(0, 100)}" is no id: ids are letters, digits, "-", "_", "." and ":", as shoal tasks --json shows them`,
      )
    const count = readCount(args.value('lines'))
    const follow = args.has('follow')
    if (id !== undefined && isRunId(id))
      return await runLogs(id, { count: args.has('lines') ? count : undefined, isFollowed: follow }, terminal)
    const home = homeAt()
    const keep = (entry: LogEntry) => id === undefined || mentions(entry, id)
    const from = logSize(home.logFile)
    const entries = await readLog(home.logFile, count, keep)
    if (!follow && entries.length === 0) throw nothing(home, id)
    if (!follow) {
      if (terminal.json) terminal.printJson(entries)
      else for (const entry of entries) terminal.print(entryText(entry))
      return 0
    }
    for (const entry of entries) printEntry(entry, terminal)
    // Ends with the process: by Ctrl-C, or when nobody reads any more.
    for await (const entry of followLog(home.logFile, from, new AbortController().signal)) {
      if (keep(entry)) printEntry(entry, terminal)
    }
    return 0
  },
}

function readCount(text: string | undefined): number {
  if (text === undefined) return entriesDefault
  const count = /^\d{1,7}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > entriesMax) throw usageError(`--lines "${text}": a whole number from 1 to ${entriesMax}`)
  return count
}

function printEntry(entry: LogEntry, terminal: Terminal): void {
  if (terminal.json) terminal.printJson(entry)
  else terminal.print(entryText(entry))
}

function entryText({ time, text }: LogEntry): string {
  return printableLines(time ? `${time} ${text}` : text)
}

function nothing(home: Home, id: string | undefined): Failure {
  if (!existsSync(home.logFile)) {
    return new Failure('SHOAL_LOGS', `there is no log yet (${home.logFile}): type shoal up to start the agent`)
  }
  const what = id === undefined ? 'the log is empty' : `the log names no "${id}" (older entries fall away)`
  return new Failure('SHOAL_LOGS', `${what}: ${home.logFile}`)
}
