/** Which group of voters: each forced recovery begins a new one, and the later one counts. */
export interface Generation {
  readonly n: number
  /** Tells two of the same number apart. */
  readonly by: string
}

/** Below every generation: of who has never heard of a group. */
export const noGeneration: Generation = { n: -1, by: '' }

export function compareGenerations(a: Generation, b: Generation): number {
  return a.n - b.n || (a.by < b.by ? -1 : a.by > b.by ? 1 : 0)
}

/** What a peer knows of who decides. */
export interface Known {
  readonly generation: Generation
  readonly term: number
  readonly configIndex: number
  readonly voters: readonly string[]
  readonly leader: string | undefined
}

export const nothingKnown: Known = {
  generation: noGeneration,
  term: 0,
  configIndex: 0,
  voters: [],
  leader: undefined,
}

/** Whether one says more, or later things, than another. */
export function isNewer(a: Known, b: Known): boolean {
  const order = compareGenerations(a.generation, b.generation) || a.term - b.term || a.configIndex - b.configIndex
  return order > 0 || (order === 0 && a.leader !== undefined && b.leader === undefined)
}
