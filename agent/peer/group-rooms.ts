import type { GroupRoom, Owner, PlacementGroups, ResourceMap } from '../core/index.ts'

/** Peers that take bundles of placement groups, this one first: what each has, and what of it was free when it last said so. */
export function groupRooms(
  { exchange, resources }: Owner,
  members: readonly Record<string, unknown>[],
  role: 'peer' | 'driver' = 'peer',
): GroupRoom[] {
  const { self } = exchange
  const rooms: GroupRoom[] = []
  if (!self.closed && role === 'peer')
    rooms.push({ peerId: self.peerId, free: resources.available(), totals: resources.total() })
  const available = new Map(members.map(row => [row.peerId, row.available]))
  for (const { offer } of exchange.peers()) {
    const { peerId, totals, closed } = offer
    if (!closed) rooms.push({ peerId, totals, free: (available.get(peerId) ?? totals) as Record<string, number> })
  }
  return rooms
}

/** Groups that are not reserved yet, as the status lists what waits. */
export function waitingGroups(groups: PlacementGroups): { reason: string; resources: ResourceMap; count: number }[] {
  return [...groups.waiting()].map(({ spec, reason }) => {
    const resources: ResourceMap = { cpus: 0, gpus: 0, memoryBytes: 0 }
    for (const bundle of spec.bundles)
      for (const name in bundle) resources[name] = (resources[name] ?? 0) + bundle[name]
    return { reason: `placement group ${spec.name ?? spec.id}: ${reason}`, resources, count: 1 }
  })
}
