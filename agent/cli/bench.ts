import { availableParallelism, cpus, release, type } from 'node:os'
import type { FigureName, Order, Place, Reading, Report } from '../../microbenchmark/index.ts'
import { figureNames } from '../../microbenchmark/index.ts'
import { findAgent, homeAt } from '../home/index.ts'
import { usableMemoryBytes } from '../machine.ts'
import { shoalVersion } from '../node-version.ts'
import { requireAgent } from './agent-connection.ts'
import { runDriver } from './bench-driver.ts'
import { BenchProgress } from './bench-progress.ts'
import { footerText, headerText, lineText } from './bench-text.ts'
import type { Arguments, Command } from './command.ts'
import { usageError } from './failure.ts'
import { nearest } from './nearest.ts'
import type { Terminal } from './terminal.ts'

const seconds = { usual: 2, min: 0.01, max: 600 }

/** A line of the report: what was measured, or why not. */
export type BenchLine = { name: FigureName } & ((Reading & { ratio?: number }) | { what: string; error: string })

/** What the figures are of. */
export interface BenchOrigin {
  /** The agent whose driver it was, or the embedded peer of a program on its own. */
  peer: { kind: 'agent' | 'embedded'; pid?: number } & Place
  machine: string
  node: string
  shoal: string
}

export const bench: Command = {
  name: 'bench',
  summary: 'measures what tasks, actors and objects cost on this machine',
  usage: '[--seconds N] [--only NAME …]',
  about: [
    "Measures, as a program of this machine's agent, or on an embedded peer where none runs: tasks, calls of an actor, actors,",
    'small and large objects, tasks of tasks; in a mesh of several peers also a task at another peer and an object from there.',
    'Each beside a yardstick that is measured in turn with it: what Node, memory or this peer give. Other work on the machine',
    'or the mesh makes the figures worse. Ctrl-C ends it and leaves nothing behind.',
    '',
    `Names: ${figureNames.join(', ')}.`,
  ].join('\n'),
  options: {
    seconds: {
      value: 'N',
      help: `how long each figure takes (default: ${seconds.usual}; ${seconds.min} to ${seconds.max})`,
    },
    only: { value: 'NAME', repeatable: true, help: 'only this figure (default: all that can be measured here)' },
  },
  json: '{ peer, seconds, figures: { name, what, value, unit, yardstick?, ratio? }[], machine, node, shoal }; a figure that failed has error',
  examples: [
    ['shoal bench', 'what does this machine give?'],
    ['shoal bench --only tasks --only task --seconds 10', 'two figures, longer'],
  ],
  async run(args, terminal) {
    const only = readOnly(args)
    const order = { seconds: readSeconds(args), ...(only.length > 0 ? { only } : {}) }
    const found = await findAgent(homeAt())
    if (found.state !== 'running' && found.state !== 'stuck')
      return await measure({ ...order, address: 'local' }, { kind: 'embedded' }, terminal)
    const { socket, pid } = await requireAgent(homeAt())
    return await measure({ ...order, address: socket }, { kind: 'agent', pid }, terminal)
  },
}

function readSeconds(args: Arguments): number {
  const text = args.value('seconds')
  if (text === undefined) return seconds.usual
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= seconds.min && value <= seconds.max))
    throw usageError(`--seconds "${text}": a number of seconds from ${seconds.min} to ${seconds.max}`)
  return value
}

function readOnly(args: Arguments): FigureName[] {
  for (const name of args.values('only')) {
    if (figureNames.some(known => known === name)) continue
    const meant = nearest(name, figureNames)
    const hint = meant ? `did you mean ${meant}? ` : ''
    throw usageError(`--only "${name}": ${hint}The figures are ${figureNames.join(', ')}`)
  }
  return args.values('only') as FigureName[]
}

async function measure(
  order: Order,
  peer: Pick<BenchOrigin['peer'], 'kind' | 'pid'>,
  terminal: Terminal,
): Promise<number> {
  using progress = new BenchProgress(terminal.json)
  const lines: BenchLine[] = []
  let origin: BenchOrigin | undefined
  const print = (text: string) => {
    progress.erase()
    if (!terminal.json) terminal.print(text)
  }
  const on = (report: Report) => {
    if (report.kind === 'joined') {
      origin = { peer: { ...peer, ...report.place }, machine: machine(), node: process.version, shoal: shoalVersion }
      progress.expect(report.names)
      print(headerText(origin.peer))
    } else if (report.kind === 'begun') progress.begin(report.name, report.what)
    else if (report.kind === 'measured') {
      const line = lineOf(report)
      lines.push(line)
      print(lineText(line, terminal))
    }
  }
  const interrupted = await runDriver(order, on)
  if (interrupted > 0 || !origin) return interrupted
  if (terminal.json) terminal.printJson({ seconds: order.seconds, ...origin, figures: lines })
  else print(footerText(origin))
  return lines.some(line => 'error' in line) ? 1 : 0
}

function lineOf({ kind: _, ...reading }: Extract<Report, { kind: 'measured' }>): BenchLine {
  if ('error' in reading || !reading.yardstick) return reading
  return { ...reading, ratio: reading.value / reading.yardstick.value }
}

function machine(): string {
  const memory = `${Math.round(usableMemoryBytes() / 2 ** 30)} GiB`
  return `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${availableParallelism()} CPUs, ${memory}, ${type()} ${release()}`
}
