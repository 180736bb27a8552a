import type { PlacementGroup } from './types.ts'

/** Marks a placement group, in every copy of this package. */
export const groupBrand = Symbol.for('shoal.placement-group')

/** What a group is known by besides its id: the bundles it was asked for. */
export interface BrandedGroup extends PlacementGroup {
  readonly [groupBrand]: { readonly id: string; readonly bundles: readonly Readonly<Record<string, number>>[] }
}

/** Whether a value is what `placementGroup` gives. */
export function isPlacementGroup(value: unknown): value is BrandedGroup {
  return typeof value === 'object' && value !== null && groupBrand in value
}
