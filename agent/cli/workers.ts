import type { WorkerRow } from '../../wire/state.ts'
import { fetchPages, listCommand } from './list-command.ts'
import { formatBytes } from './quantity.ts'
import { stateStyle } from './state-style.ts'

export const workers = listCommand<WorkerRow>({
  name: 'workers',
  summary: 'lists the threads that tasks run in',
  about: 'Lists the workers of the agent: threads, started on demand and ended after 60 s without work.',
  rowType: 'WorkerRow',
  filters: {
    state: ['idle', 'busy'],
    kind: ['thread', 'process'],
    workerId: 'any',
    peerId: 'any',
    pid: 'any',
    taskId: 'any',
    memoryBytes: 'any',
  },
  examples: [['shoal workers --filter state=busy', 'which threads run what']],
  columns: [
    { title: 'KIND', text: row => row.kind },
    { title: 'STATE', text: row => row.state, style: row => stateStyle(row.state) },
    { title: 'PID', align: 'right', text: row => String(row.pid) },
    { title: 'MEMORY', align: 'right', text: row => formatBytes(row.memoryBytes) },
    { title: 'WORKER', text: row => row.workerId },
    { title: 'TASK', text: row => row.taskId ?? '' },
  ],
  none: 'No workers: they start with the first task.',
  fetch: (agent, filters) => fetchPages<WorkerRow>(agent, 'workers', filters, row => `${row.peerId}/${row.workerId}`),
})
