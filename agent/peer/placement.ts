import type { FunctionSpec } from '../../wire/records.ts'
import type { LabelRule, Placement } from '../core/index.ts'

/** Where a function's options say that its tasks may run. */
export function placementOf({ placement }: FunctionSpec): Placement {
  if (placement === undefined) return { spread: false, soft: false }
  const { peer, labels, soft, spread } = placement
  return {
    spread: spread === true,
    soft: soft === true,
    ...(peer === undefined ? {} : { peer }),
    ...(labels === undefined ? {} : { labels: labels as Record<string, LabelRule> }),
  }
}
