import { refuseAsLater } from './options/index.ts'

/** A part of the contract that is not in this version. */
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
