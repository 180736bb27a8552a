import type { TaskRow } from '../../wire/state.ts'
import { fetchPages, listCommand } from './list-command.ts'
import { formatAge, formatCount } from './quantity.ts'
import { stateStyle } from './state-style.ts'

const states = ['waiting', 'queued', 'running', 'finished', 'failed', 'cancelled']

export const tasks = listCommand<TaskRow>({
  name: 'tasks',
  summary: 'lists tasks: state, attempts, and why one waits or failed',
  about: 'Lists the tasks that the agent knows of, the running ones and the newest of those that have ended.',
  rowType: 'TaskRow',
  filters: {
    state: states,
    name: 'any',
    kind: ['task', 'call'],
    taskId: 'any',
    jobId: 'any',
    ownerId: 'any',
    peerId: 'any',
    actorId: 'any',
    attempt: 'any',
    reason: 'any',
    submittedAt: 'any',
  },
  examples: [
    ['shoal tasks --filter state=failed', 'what failed, and why'],
    ['shoal tasks --filter name=resize --json', 'all of one function, for a program'],
  ],
  columns: [
    { title: 'NAME', text: row => row.name },
    { title: 'STATE', text: row => row.state, style: row => stateStyle(row.state) },
    { title: 'AGE', align: 'right', text: row => formatAge(Date.now() - row.submittedAt) },
    { title: 'TOOK', align: 'right', text: took },
    { title: 'ATTEMPT', align: 'right', text: row => formatCount(row.attempt) },
    { title: 'CPUS', align: 'right', text: row => formatCount(row.resources.cpus) },
    { title: 'WHY', text: why },
    { title: 'TASK', text: row => row.taskId },
  ],
  none: 'No tasks yet.',
  fetch: (agent, filters) => fetchPages<TaskRow>(agent, 'tasks', filters, row => row.taskId),
})

/** Run time of the last attempt. */
function took({ attempts }: TaskRow): string {
  const last = attempts.at(-1)
  return last ? formatAge((last.endedAt ?? Date.now()) - last.startedAt) : ''
}

function why({ state, reason, attempts }: TaskRow): string {
  if (reason) return reason
  const error = state === 'failed' ? attempts.at(-1)?.error : undefined
  if (error === undefined || error === null) return ''
  const message = (error as { message?: unknown }).message
  return typeof error === 'string' ? error : typeof message === 'string' ? message : JSON.stringify(error)
}
