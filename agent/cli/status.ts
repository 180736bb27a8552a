import type { Resources, Status } from '../../wire/state.ts'
import { withAgent } from './agent-connection.ts'
import type { Command } from './command.ts'
import { customResources, peerColumns } from './peer-columns.ts'
import { formatBytes, formatCount } from './quantity.ts'
import { formatTable } from './table.ts'
import { printable, type Terminal } from './terminal.ts'

export const status: Command = {
  name: 'status',
  summary: 'shows peers, resources, load, what waits and why',
  usage: '',
  about: 'Shows the mesh as this agent sees it: peers, resources, how many tasks there are, what waits and for what.',
  options: {},
  json: 'Status: { meshId, peers: PeerInfo[], resources, available, waiting, tasks, actors }',
  examples: [['shoal status', 'is anything running, and what is it waiting for?']],
  async run(_args, terminal) {
    const row = await withAgent(agent => agent.call<Status>('status'))
    if (terminal.json) terminal.printJson(row)
    else terminal.print(statusText(row, terminal))
    return 0
  },
}

function statusText(row: Status, terminal: Terminal): string {
  const { resources, available } = row
  const free = (name: 'cpus' | 'gpus') => `${formatCount(available[name])} of ${formatCount(resources[name])} free`
  const custom = customResources(available, resources)
  const lines: [title: string, text: string][] = [
    ['mesh', row.meshId],
    ['CPUs', free('cpus')],
    ...(resources.gpus > 0 ? [['GPUs', free('gpus')] as [string, string]] : []),
    ['memory', `${formatBytes(available.memoryBytes)} of ${formatBytes(resources.memoryBytes)} free`],
    ...(custom ? [['other', `${custom} free`] as [string, string]] : []),
    ['tasks', counts(row.tasks) || 'none yet'],
    ...(counts(row.actors) ? [['actors', counts(row.actors)] as [string, string]] : []),
  ]
  return [
    ...lines.map(([title, text]) => `${terminal.style('bold', title.padEnd(8))} ${printable(text)}`),
    '',
    formatTable(peerColumns, row.peers, terminal),
    ...waitingText(row, terminal),
  ].join('\n')
}

function waitingText({ waiting }: Status, terminal: Terminal): string[] {
  if (waiting.length === 0) return ['', 'Nothing waits.']
  const columns = [
    { title: 'WAITING', align: 'right' as const, text: (row: (typeof waiting)[number]) => formatCount(row.count) },
    { title: 'NEEDS', text: (row: (typeof waiting)[number]) => needs(row.resources) },
    { title: 'WHY', text: (row: (typeof waiting)[number]) => row.reason },
  ]
  return ['', formatTable(columns, waiting, terminal)]
}

function needs({ cpus, gpus, memoryBytes, ...custom }: Resources): string {
  const parts = [
    ...(cpus ? [`${formatCount(cpus)} CPUs`] : []),
    ...(gpus ? [`${formatCount(gpus)} GPUs`] : []),
    ...(memoryBytes ? [formatBytes(memoryBytes)] : []),
    ...Object.entries(custom).map(([name, amount]) => `${formatCount(amount)} ${name}`),
  ]
  return parts.join(', ')
}

/** `3 running, 1,234 finished`: the states that occur. */
function counts(byState: Record<string, number>): string {
  const some = Object.entries(byState).filter(([, count]) => count > 0)
  return some.map(([state, count]) => `${formatCount(count)} ${state}`).join(', ')
}
