import type { PeerInfo, Resources } from '../../wire/state.ts'
import { formatAge, formatBytes, formatCount } from './quantity.ts'
import { stateStyle } from './state-style.ts'
import type { Column } from './table.ts'

/** The table of peers, in `shoal peers` and `shoal status`. */
export const peerColumns: readonly Column<PeerInfo>[] = [
  { title: 'STATE', text: row => row.state, style: row => stateStyle(row.state) },
  { title: 'CPUS FREE', align: 'right', text: row => freeOf(row, 'cpus') },
  { title: 'GPUS FREE', align: 'right', text: row => freeOf(row, 'gpus') },
  {
    title: 'MEMORY FREE',
    align: 'right',
    text: row => `${formatBytes(row.available.memoryBytes)} of ${formatBytes(row.resources.memoryBytes)}`,
  },
  {
    title: 'STORE USED',
    align: 'right',
    text: row => `${formatBytes(row.store.usedBytes)} of ${formatBytes(row.store.capacityBytes)}`,
  },
  { title: 'OTHER FREE', text: row => customResources(row.available, row.resources) },
  {
    title: 'LABELS',
    text: row =>
      Object.entries(row.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(' '),
  },
  { title: 'PID', align: 'right', text: row => String(row.pid) },
  { title: 'SEEN', align: 'right', text: row => formatAge(row.ageMs) },
  { title: 'PEER', text: row => row.peerId },
]

function freeOf(row: PeerInfo, name: 'cpus' | 'gpus'): string {
  return `${formatCount(row.available[name])} of ${formatCount(row.resources[name])}`
}

/** `slot 1 of 2, scanner 1 of 1`: the resources beside CPUs, GPUs and memory. */
export function customResources(available: Resources, resources: Resources): string {
  const names = Object.keys(resources).filter(name => !['cpus', 'gpus', 'memoryBytes'].includes(name))
  return names
    .map(name => `${name} ${formatCount(available[name] ?? 0)} of ${formatCount(resources[name] ?? 0)}`)
    .join(', ')
}
