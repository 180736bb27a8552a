import type { PlacementSpec } from '../../wire/records.ts'
import type { Kind } from '../core/index.ts'

/** A rule about one label, as users write it. */
type LabelRule = string | { in: string[] } | { notIn: string[] } | { exists: boolean }

/** Whether a peer's labels fit a rule; `notIn` fits peers without the label too. */
function fits(value: string | undefined, rule: LabelRule): boolean {
  if (typeof rule === 'string') return value === rule
  if ('in' in rule) return value !== undefined && rule.in.includes(value)
  if ('notIn' in rule) return value === undefined || !rule.notIn.includes(value)
  return (value !== undefined) === rule.exists
}

/** Why a placement can never be met by this peer alone, or undefined. */
export function impossible(
  placement: PlacementSpec | undefined,
  peer: { peerId: string; labels: Record<string, string> },
): Kind['impossible'] {
  if (placement === undefined || placement.soft === true) return undefined
  if (placement.peer !== undefined && placement.peer !== peer.peerId) {
    return { resource: 'peer', requested: placement.peer, has: peer.peerId }
  }
  for (const [label, rule] of Object.entries(placement.labels ?? {})) {
    if (!fits(peer.labels[label], rule as LabelRule)) {
      return { resource: `label ${label}`, requested: JSON.stringify(rule), has: peer.labels[label] ?? 'no such label' }
    }
  }
  return undefined
}
