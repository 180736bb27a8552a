import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { chromeTrace } from '../../wire/trace.ts'
import { traceSource } from '../../wire/trace-source.ts'
import { withAgent } from './agent-connection.ts'
import type { Command } from './command.ts'
import { Failure, usageError } from './failure.ts'
import { formatBytes, formatCount } from './quantity.ts'

export const timeline: Command = {
  name: 'timeline',
  summary: 'writes what ran where and when, as a trace for Perfetto',
  usage: '-o FILE',
  about: [
    'Writes a Chrome trace (JSON) of the tasks that all peers remember: submission, waiting for arguments, the queue,',
    'bytes fetched from elsewhere, each run, storing of large results. A process for each peer, a thread for each worker.',
    "Open it at https://ui.perfetto.dev. The peers' clocks are compared when you ask, and times are set right by that.",
  ].join('\n'),
  options: {
    output: { value: 'FILE', short: 'o', help: 'where to write it; what is there is replaced (no default)' },
  },
  json: '{ file, bytes, peers, tasks, phases }',
  examples: [['shoal timeline -o trace.json', 'then open trace.json at https://ui.perfetto.dev']],
  async run(args, terminal) {
    const output = args.value('output')
    if (!output) throw usageError('shoal timeline needs -o FILE: where the trace is to be written')
    const file = resolve(output)
    const source = await withAgent(agent => traceSource((method, params) => agent.call(method, params)))
    const trace = chromeTrace(source)
    replace(file, trace)
    const { peers, tasks, phases } = source
    const counts = { peers: peers.length, tasks: tasks.length, phases: phases.length }
    if (terminal.json) terminal.printJson({ file, bytes: trace.length, ...counts })
    else
      terminal.print(
        `${formatCount(counts.tasks)} tasks on ${counts.peers === 1 ? '1 peer' : `${counts.peers} peers`}: ${file} (${formatBytes(trace.length)}); open it at https://ui.perfetto.dev`,
      )
    return 0
  },
}

/** All of it or nothing: a trace that is cut short opens nowhere. */
function replace(file: string, bytes: Uint8Array): void {
  const beside = `${file}.${process.pid}.tmp`
  try {
    writeFileSync(beside, bytes)
    renameSync(beside, file)
  } catch (error) {
    rmSync(beside, { force: true })
    throw new Failure('SHOAL_FILE', `${file} cannot be written: ${(error as Error).message}`, { cause: error })
  }
}
