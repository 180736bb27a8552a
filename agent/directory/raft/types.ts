/** Who decides, and who is learning so that it may. A change concerns one peer at a time. */
export interface Config {
  readonly voters: readonly string[]
  readonly learners: readonly string[]
}

/** A place in the log: something for the state machine, who decides from here on, or nothing (a new leader's first). */
export interface LogEntry {
  readonly index: number
  readonly term: number
  readonly command?: string
  readonly config?: Config
}

/** The state machine as it was after `index`, instead of the log up to there. */
export interface Snapshot {
  readonly index: number
  readonly term: number
  readonly config: Config
  readonly data: string
}

export interface HardState {
  readonly term: number
  readonly vote: string | undefined
  /** Up to here the log is known to be committed: may be behind. */
  readonly commit?: number
}

/** What a peer has to have kept over a crash. */
export interface Persisted {
  readonly hard: HardState
  readonly snapshot: Snapshot | undefined
  /** In order, without gaps, right after the snapshot. */
  readonly entries: readonly LogEntry[]
}

export type Message = { readonly term: number } & (
  | {
      readonly t: 'append'
      /** Where the entries follow on. */
      readonly index: number
      readonly indexTerm: number
      readonly entries: readonly LogEntry[]
      readonly commit: number
      /** The last read that the sender had taken in when it sent this. */
      readonly read: number
    }
  | {
      readonly t: 'appended'
      /** How far the log is the leader's own; where not `ok`: how far it may be, at most. */
      readonly index: number
      readonly ok: boolean
      /** Where not `ok`: the term at `index`, and the `index` that was asked for. */
      readonly indexTerm: number
      readonly asked: number
      readonly read: number
    }
  | { readonly t: 'snapshot'; readonly snapshot: Snapshot; readonly read: number }
  | {
      readonly t: 'vote'
      /** Would you? Nobody's term changes by it. */
      readonly pre: boolean
      /** The leader itself has asked for it. */
      readonly force: boolean
      readonly index: number
      readonly indexTerm: number
    }
  | { readonly t: 'voted'; readonly pre: boolean; readonly granted: boolean; readonly retired: boolean }
  | { readonly t: 'campaign' }
)

export interface Envelope {
  readonly to: string
  readonly message: Message
}

/** What is to be done, in this order: `early` leaves, the rest is kept durably, `messages` leave, `committed` is carried out. */
export interface Ready {
  /** Whatever is kept: may leave before it is. */
  readonly early: readonly Envelope[]
  readonly hard: HardState | undefined
  /** From a leader: instead of the whole log and the state machine. */
  readonly snapshot: Snapshot | undefined
  /** Instead of all entries from the first one's index on. */
  readonly entries: readonly LogEntry[]
  readonly messages: readonly Envelope[]
  readonly committed: readonly LogEntry[]
  /** How far the log is committed now. */
  readonly commit: number
  /** Reads that may be answered from the state machine as it is after `committed`. */
  readonly reads: readonly number[]
  /** Reads that this peer cannot answer any more, being no leader. */
  readonly refused: readonly number[]
}
