/** A name that is taken in the mesh, as `shoal names` lists it. */
export interface NameRow {
  id: number
  namespace: string
  name: string
  /** `owned`: it goes with its owner. `detached`: it is begun anew elsewhere when its peer is gone. */
  kind: 'owned' | 'detached'
  /** Counts the hosts of a detached one. */
  epoch: number
  state: 'pending' | 'alive' | 'restarting'
  /** The PeerId of where it is. */
  holder?: string
  restarts: number
  /** -1: without end. */
  restartsLeft: number
  /** Why its last host ended. */
  reason?: string
}

/** Who decides about names. */
export interface NamesStatus {
  voters: string[]
  /** Who has a copy, and no vote. */
  learners: string[]
  /** How many names this agent's own copy has; null: it has no copy. */
  copied: number | null
  leader: string | null
  term: number
  /** Counts forced recoveries. */
  generation: number
}
