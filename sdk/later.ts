import { refuse, refuseAsLater } from './options/index.ts'

/**
 * Actors are the next but two of Shoal's parts, and not in this version. The names are here so that modules which make
 * actor classes beside their tasks can be loaded: making an actor throws InvalidOptionError that says so.
 */
export function actor(Class: unknown): { remote(...args: unknown[]): never; options(options: object): unknown } {
  if (typeof Class !== 'function') refuse({ call: 'actor', option: 'Class' }, Class, 'a class')
  const made = {
    remote: (): never => refuseAsLater({ call: 'actor', option: 'remote()' }, Class, 'a task', 'makes an actor, which'),
    options: (): unknown => made,
  }
  return made
}

/** As for `actor`: there is nothing to kill in this version. */
export async function kill(handle: unknown): Promise<void> {
  refuseAsLater({ call: 'kill', option: 'handle' }, handle, 'left out', 'kill')
}

/** As for `actor`. */
export async function getActor(name: unknown): Promise<never> {
  return refuseAsLater({ call: 'getActor', option: 'name' }, name, 'left out', 'getActor')
}

/** As for `actor`: the names of the methods that save and restore an actor's state. */
export const checkpoint = {
  save: Symbol.for('shoal.checkpoint.save'),
  restore: Symbol.for('shoal.checkpoint.restore'),
} as const

/** As for `actor`. */
export function exitActor(): never {
  return refuseAsLater({ call: 'exitActor', option: 'call' }, undefined, 'left out', 'exitActor')
}

/** As for `actor`. */
export class ActorPool {
  constructor(handles: unknown) {
    refuseAsLater({ call: 'new ActorPool', option: 'handles' }, handles, 'left out', 'ActorPool')
  }
}

/** As for `actor`. */
export class Queue {
  constructor(maxSize?: unknown) {
    refuseAsLater({ call: 'new Queue', option: 'maxSize' }, maxSize, 'left out', 'Queue')
  }
}
