import { createInterface } from 'node:readline/promises'
import type { NameRow, NamesStatus } from '../../wire/names.ts'
import { withAgent } from './agent-connection.ts'
import type { Arguments, Command } from './command.ts'
import { Failure, usageError } from './failure.ts'
import { type FilterKeys, filterOption, fits, readFilters } from './filters.ts'
import { stateStyle } from './state-style.ts'
import { type Column, formatTable } from './table.ts'
import type { Terminal } from './terminal.ts'

const filters: FilterKeys = {
  namespace: 'any',
  name: 'any',
  kind: ['owned', 'detached'],
  state: ['pending', 'alive', 'restarting'],
  holder: 'any',
}

const columns: readonly Column<NameRow>[] = [
  { title: 'NAMESPACE', text: row => row.namespace },
  { title: 'NAME', text: row => row.name },
  { title: 'KIND', text: row => row.kind },
  { title: 'EPOCH', align: 'right', text: row => String(row.epoch) },
  { title: 'STATE', text: row => row.state, style: row => stateStyle(row.state) },
  { title: 'HOLDER', text: row => row.holder ?? '' },
]

export const names: Command = {
  name: 'names',
  summary: 'lists the names of the mesh and what they stand for',
  usage: '[--filter KEY=VALUE …] | recover --force',
  about: [
    'Lists the names that are taken in the mesh. A few agents decide about names by majority (docs/names.md).',
    'shoal names recover --force is for when a majority of them is lost for ever: this agent alone decides from then on, from',
    'what it knows. Agents that decided before are refused when they come back, and what they decided alone is dropped.',
  ].join('\n'),
  options: {
    filter: filterOption(filters),
    force: { help: 'with recover: do not ask (default: ask, where there is a terminal)' },
  },
  positionals: { name: 'recover', max: 1, what: '"recover", or nothing' },
  json: 'an array of NameRow; with recover { voters, learners, copied, leader, term, generation }',
  examples: [
    ['shoal names --filter kind=detached --json', 'those that outlive their programs, for a program'],
    ['shoal names recover --force', 'the agents that decided about names are gone for ever'],
  ],
  async run(args, terminal) {
    const [verb] = args.positionals
    if (verb === undefined && !args.has('force')) return await list(args, terminal)
    if (verb !== 'recover')
      throw usageError(
        verb === undefined ? '--force goes with recover: shoal names recover --force' : `names ${verb}: only recover`,
      )
    if (args.values('filter').length > 0) throw usageError('--filter goes without recover')
    return await recover(args.has('force'), terminal)
  },
}

async function list(args: Arguments, terminal: Terminal): Promise<number> {
  const wanted = readFilters(args, filters)
  const { names: all } = await withAgent(agent => agent.call<NamesStatus & { names: NameRow[] }>('names'))
  const rows = all.filter(row => fits(row, wanted))
  if (terminal.json) terminal.printJson(rows)
  else if (rows.length > 0) terminal.print(formatTable(columns, rows, terminal))
  else terminal.print(Object.keys(wanted).length > 0 ? 'No names fit.' : 'No names.')
  return 0
}

async function recover(force: boolean, terminal: Terminal): Promise<number> {
  if (!force && !(await confirmed(terminal))) throw new Failure('SHOAL_CANCELLED', 'nothing was changed')
  const status = await withAgent(agent => agent.call<NamesStatus>('recover-names'))
  if (terminal.json) terminal.printJson(status)
  else terminal.print(`This agent alone decides about names now (generation ${status.generation}).`)
  return 0
}

async function confirmed(terminal: Terminal): Promise<boolean> {
  if (terminal.json || !process.stdin.isTTY)
    throw usageError('names recover drops what other agents decide meanwhile: say so with --force')
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await asking.question(
      'The agents that decide about names now are refused when they come back. Type yes to go on: ',
    )
    return answer.trim() === 'yes'
  } finally {
    asking.close()
  }
}
