import { refuseAsLater } from './options/index.ts'

/** Parts of the contract that are not in this version. */
export function placementGroup(bundles: unknown): never {
  return refuseAsLater({ call: 'placementGroup', option: 'bundles' }, bundles, 'left out', 'placementGroup')
}

/** Draining another peer is not in this version: `shoal down` there drains that one. */
export async function drain(peerId: unknown): Promise<never> {
  return refuseAsLater({ call: 'drain', option: 'peerId' }, peerId, 'left out', 'drain of another peer')
}

/** As for `placementGroup`. */
export class ActorPool {
  constructor(handles: unknown) {
    refuseAsLater({ call: 'new ActorPool', option: 'handles' }, handles, 'left out', 'ActorPool')
  }
}

/** As for `placementGroup`. */
export class Queue {
  constructor(maxSize?: unknown) {
    refuseAsLater({ call: 'new Queue', option: 'maxSize' }, maxSize, 'left out', 'Queue')
  }
}
