import type { PeerInfo } from 'shoal'
import type { Reading } from './report.ts'

/** Where a figure is measured, and for how long. */
export interface Setting {
  seconds: number
  /** The peer that the program talks to. */
  here: PeerInfo
  /** Another one that takes tasks, where there is one. */
  there: PeerInfo | undefined
  /** Options that keep tasks and actors at this peer: none where it is the only one. */
  local: { placement?: { peer: string } }
}

/** Something that `shoal bench` measures. */
export interface Figure {
  /** What is measured, for the progress line; a reading says it again, with the amounts that there was room for. */
  readonly what: string
  measure(setting: Setting): Promise<Reading>
}

/** How many are begun before the first is waited for. */
export const outstanding = 1000

/** 0 … count - 1, each given to `call`. */
export function times<T>(count: number, call: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => call(index))
}
