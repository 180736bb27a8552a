import type { FigureName } from './names.ts'

/** What the program is started with: JSON, its one argument. */
export interface Order {
  /** As `init` takes it: an agent's socket, or `'local'`. */
  address: string
  /** How long each figure may take. */
  seconds: number
  /** Only these; all that can be measured where it is absent. */
  only?: readonly FigureName[]
}

export type Unit = '/s' | 'µs' | 'GB/s'

/** A number that was measured, in terms of one that was measured in turn with it. */
export interface Reading {
  what: string
  value: number
  unit: Unit
  yardstick?: { what: string; value: number }
}

/** Where it is measured. */
export interface Place {
  peerId: string
  /** What the peer offers, and what of it nobody uses when the program begins. */
  cpus: number
  cpusFree: number
  /** Live peers of the mesh, this one included. */
  peers: number
}

/** What the program says over its IPC channel, in this order. */
export type Report =
  | { kind: 'joined'; place: Place; names: readonly FigureName[] }
  | { kind: 'begun'; name: FigureName; what: string }
  | ({ kind: 'measured'; name: FigureName } & (Reading | { what: string; error: string }))
  | { kind: 'done' }
  | { kind: 'failed'; code: string; message: string }
