import { refuseAsLater } from './options/index.ts'

/** Parts of the contract that are not in this version. */
export function placementGroup(bundles: unknown): never {
  return refuseAsLater({ call: 'placementGroup', option: 'bundles' }, bundles, 'left out', 'placementGroup')
}

/** Draining another peer is not in this version: `shoal down` there drains that one. */
export async function drain(peerId: unknown): Promise<never> {
  return refuseAsLater({ call: 'drain', option: 'peerId' }, peerId, 'left out', 'drain of another peer')
}
