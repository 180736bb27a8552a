import type { ActorRow } from '../../wire/state.ts'
import { fetchPages, listCommand } from './list-command.ts'
import { formatCount } from './quantity.ts'
import { stateStyle } from './state-style.ts'

export const actors = listCommand<ActorRow>({
  name: 'actors',
  summary: 'lists actors: where they live, what one waits for or died of',
  about: 'Lists the actors of the mesh, those that live and the newest of those that are over.',
  rowType: 'ActorRow',
  filters: {
    state: ['pending', 'alive', 'restarting', 'dead'],
    className: 'any',
    name: 'any',
    namespace: 'any',
    lifetime: ['refs', 'detached'],
    actorId: 'any',
    peerId: 'any',
    workerId: 'any',
    jobId: 'any',
    pid: 'any',
    restarts: 'any',
    pendingCalls: 'any',
    reason: 'any',
  },
  examples: [
    ['shoal actors --filter state=pending', 'what waits to be placed, and for what'],
    ['shoal actors --filter name=model --json', 'one by its name, for a program'],
  ],
  columns: [
    { title: 'CLASS', text: row => row.className },
    { title: 'STATE', text: row => row.state, style: row => stateStyle(row.state) },
    { title: 'NAME', text: row => (row.name === undefined ? '' : `${row.namespace}/${row.name}`) },
    { title: 'CALLS', align: 'right', text: row => formatCount(row.pendingCalls) },
    { title: 'RESTARTS', align: 'right', text: row => formatCount(row.restarts) },
    { title: 'PEER', text: row => row.peerId?.slice(-8) ?? '' },
    { title: 'WORKER', text: row => row.workerId ?? '' },
    { title: 'WHY', text: row => row.reason ?? '' },
    { title: 'ACTOR', text: row => row.actorId },
  ],
  none: 'No actors yet.',
  fetch: (agent, filters) => fetchPages<ActorRow>(agent, 'actors', filters, row => row.actorId),
})
