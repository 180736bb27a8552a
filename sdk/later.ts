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
export async function getActor<T>(name: string): Promise<import('./types.ts').ActorHandle<T>> {
  return refuseAsLater({ call: 'getActor', option: 'name' }, name, 'left out', 'getActor')
}

/** As for `actor`. */
export function placementGroup(bundles: unknown): never {
  return refuseAsLater({ call: 'placementGroup', option: 'bundles' }, bundles, 'left out', 'placementGroup')
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

/** Draining another peer is not in this version: `shoal down` there drains that one. */
export async function drain(peerId: unknown): Promise<never> {
  return refuseAsLater({ call: 'drain', option: 'peerId' }, peerId, 'left out', 'drain of another peer')
}
