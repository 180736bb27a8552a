import type { ObjectRow } from '../../wire/state.ts'
import { fetchPages, listCommand } from './list-command.ts'
import { formatBytes } from './quantity.ts'

export const objects = listCommand<ObjectRow>({
  name: 'objects',
  summary: 'lists stored objects: size, places, who holds them',
  about: [
    'Lists the objects that agents keep, and what keeps them: refs in programs and workers, other peers, pending tasks,',
    'other objects. Small values that one program alone knows are kept by that program, and are not listed.',
  ].join('\n'),
  rowType: 'ObjectRow',
  filters: {
    kind: ['put', 'result'],
    spilled: ['true', 'false'],
    objectId: 'any',
    ownerId: 'any',
    jobId: 'any',
    name: 'any',
    bytes: 'any',
  },
  examples: [['shoal objects --filter kind=put', 'what programs have put, and not let go of']],
  columns: [
    { title: 'KIND', text: row => row.kind },
    { title: 'SIZE', align: 'right', text: row => formatBytes(row.bytes) },
    { title: 'PLACES', align: 'right', text: row => String(row.locations.length) },
    { title: 'HELD BY', text: heldBy },
    { title: 'NAME', text: row => row.name ?? '' },
    { title: 'OBJECT', text: row => row.objectId },
  ],
  none: 'No objects.',
  fetch: (agent, filters) => fetchPages<ObjectRow>(agent, 'objects', filters, row => row.objectId),
})

function heldBy({ references }: ObjectRow): string {
  const holders = [
    [references.local, 'ref', 'refs'],
    [references.borrowers, 'peer', 'peers'],
    [references.tasks, 'task', 'tasks'],
    [references.objects, 'object', 'objects'],
  ] as const
  const held = holders.filter(([count]) => count > 0)
  return held.map(([count, one, many]) => `${count} ${count === 1 ? one : many}`).join(', ')
}
