import { type Generation, noGeneration } from './knowledge.ts'
import type { Persisted, Ready } from './raft/index.ts'

/** All that a replica keeps. */
export interface Stored extends Persisted {
  readonly generation: Generation
}

export type Kept = Pick<Ready, 'hard' | 'snapshot' | 'entries'>

/** Where a replica keeps what it must not forget. What comes back as a promise is done when that resolves. */
export interface Storage {
  /** Undefined: there is nothing yet. */
  load(): Stored | undefined
  keep(what: Kept): Promise<void> | undefined
  /** How far the log is committed: of use for who reads the file later, and not missed. */
  note(commit: number): void
  /** Instead of everything. */
  replace(all: Stored): Promise<void> | undefined
  close(): void
}

export const nothingStored: Stored = {
  generation: noGeneration,
  hard: { term: 0, vote: undefined },
  snapshot: undefined,
  entries: [],
}

/** An embedded peer's: as long as it lives. The replica itself remembers. */
export class MemoryStorage implements Storage {
  load(): undefined {
    return undefined
  }

  keep(): undefined {
    return undefined
  }

  note(): void {}

  replace(): undefined {
    return undefined
  }

  close(): void {}
}
