import type { FunctionSpec } from '../../wire/records.ts'
import type { BundleName, LabelRule, Placement } from '../core/index.ts'

/** The bundle from which its tasks draw. */
export function bundleOf({ placement }: FunctionSpec): BundleName | undefined {
  return placement?.group && { group: placement.group.id, index: placement.group.bundle }
}

/** Where a function's options say that its tasks may run. */
export function placementOf({ placement }: Pick<FunctionSpec, 'placement'>): Placement {
  if (placement === undefined) return { spread: false, soft: false }
  const { peer, labels, soft, spread } = placement
  return {
    spread: spread === true,
    soft: soft === true,
    ...(peer === undefined ? {} : { peer }),
    ...(labels === undefined ? {} : { labels: labels as Record<string, LabelRule> }),
  }
}
