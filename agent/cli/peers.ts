import type { PeerInfo } from '../../wire/state.ts'
import { fits } from './filters.ts'
import { listCommand } from './list-command.ts'
import { peerColumns } from './peer-columns.ts'

export const peers = listCommand<PeerInfo>({
  name: 'peers',
  summary: 'lists the peers of the mesh and what they offer',
  about: 'Lists the peers of the mesh as this agent knows them; SEEN says how old that knowledge is.',
  rowType: 'PeerInfo',
  filters: {
    state: ['alive', 'suspect', 'draining', 'left', 'dead'],
    role: 'any',
    peerId: 'any',
    pid: 'any',
    version: 'any',
  },
  examples: [['shoal peers --filter state=alive --json', 'the living ones, for a program']],
  columns: peerColumns,
  none: 'No peers.',
  fetch: async (agent, filters) => (await agent.call<PeerInfo[]>('peers')).filter(row => fits(row, filters)),
})
