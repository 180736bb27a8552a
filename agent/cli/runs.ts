import { basename } from 'node:path'
import type { RunRow } from '../runs/index.ts'
import { fits } from './filters.ts'
import { listCommand } from './list-command.ts'
import { formatAge } from './quantity.ts'
import { stateStyle } from './state-style.ts'

export const runs = listCommand<RunRow>({
  name: 'runs',
  summary: 'lists the programs that shoal run --detach has started',
  about: [
    'Lists the programs that the agents of this mesh have started: those that run, and the last 100 of each. A run is lost',
    'where its agent was killed: one that lived on is found by the next agent, and nobody knows its exit code in the end.',
  ].join('\n'),
  rowType: '{ id, peerId, script, args, cwd, state, reason, pid, exitCode, startedAt, endedAt }',
  filters: {
    state: ['running', 'finished', 'failed', 'lost'],
    id: 'any',
    script: 'any',
    peerId: 'any',
    pid: 'any',
    exitCode: 'any',
  },
  examples: [['shoal runs --filter state=running', 'which programs run now']],
  columns: [
    { title: 'SCRIPT', text: row => [basename(row.script), ...row.args].join(' ') },
    { title: 'STATE', text: row => row.state, style: row => stateStyle(row.state) },
    { title: 'AGE', align: 'right', text: row => formatAge(Date.now() - row.startedAt) },
    { title: 'TOOK', align: 'right', text: row => formatAge((row.endedAt ?? Date.now()) - row.startedAt) },
    { title: 'EXIT', align: 'right', text: row => String(row.exitCode ?? '') },
    { title: 'PID', align: 'right', text: row => String(row.pid) },
    { title: 'PEER', text: row => row.peerId.slice(-8) },
    { title: 'RUN', text: row => row.id },
  ],
  none: 'No runs: shoal run --detach SCRIPT starts one.',
  fetch: async (agent, filters) => {
    const rows = await agent.call<RunRow[]>('runs')
    return rows.filter(row => fits(row, filters)).sort((a, b) => a.startedAt - b.startedAt)
  },
})
