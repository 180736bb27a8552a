/** An amount of each resource that is named: `{ cpus: 2, gpus: 1, slot: 0.5 }`. What is left out is 0. */
export interface ResourceRequest {
  cpus?: number
  gpus?: number
  memoryBytes?: number
  [resource: string]: number | undefined
}

/** Options of `placementGroup`. */
export interface PlacementGroupOptions {
  /**
   * `'pack'`, the default: on as few peers as possible. `'strict-pack'`: all on one. `'spread'`: over as many peers as possible.
   * `'strict-spread'`: each on a peer of its own. The strict ones do not bend: the group waits.
   */
  strategy?: 'pack' | 'spread' | 'strict-pack' | 'strict-spread'
  /** What state and messages call it. */
  name?: string
  /** `'refs'`, the default: it ends with the program that made it. `'detached'`: it stays until it is removed, or its owner's agent ends. */
  lifetime?: 'refs' | 'detached'
}

/** A bundle of a group, and where it is reserved; without `peerId`: nowhere yet, or not any more. */
export interface PlacedBundle {
  resources: ResourceRequest
  peerId?: string
}

/**
 * Resources that are reserved together, for tasks that name the group: `placement: { group, bundle? }`. It can be passed to
 * tasks and stored in values; all copies are the same group.
 */
export interface PlacementGroup {
  /** The group's id, the same wherever it goes. */
  readonly id: string
  readonly name?: string
  /**
   * Resolves when all bundles are reserved. Rejects with `GetTimeoutError` past `timeoutMs`, with `InfeasibleError` after 10
   * seconds in which no peer could ever have held it, with `PlacementGroupRemovedError` when it is gone.
   */
  ready(options?: { timeoutMs?: number }): Promise<void>
  /** What was asked for, in its order, each with the peer that has it. Rejects with `PlacementGroupRemovedError`. */
  bundles(): Promise<PlacedBundle[]>
  /** Gives everything back; its tasks end with `PlacementGroupRemovedError`. Twice is nothing. */
  remove(): Promise<void>
}
