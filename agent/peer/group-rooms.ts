import type { GroupRoom, Owner } from '../core/index.ts'

/** Peers that take bundles of placement groups, this one first: what each has, and what of it was free when it last said so. */
export function groupRooms({ exchange, resources }: Owner, members: readonly Record<string, unknown>[]): GroupRoom[] {
  const { self } = exchange
  const rooms: GroupRoom[] = []
  if (!self.closed) rooms.push({ peerId: self.peerId, free: resources.available(), totals: resources.total() })
  const available = new Map(members.map(row => [row.peerId, row.available]))
  for (const { offer } of exchange.peers()) {
    const { peerId, totals, closed } = offer
    if (!closed) rooms.push({ peerId, totals, free: (available.get(peerId) ?? totals) as Record<string, number> })
  }
  return rooms
}
