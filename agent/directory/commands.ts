import type { Claim, PeerRun } from './types.ts'

/** What changes the directory. The time and everything random is in it: every peer carries it out alike. */
export type Command =
  | ({ readonly do: 'claim' } & Claim)
  | { readonly do: 'free'; readonly id: number; readonly reason: string }
  /** The leader gives it its next host. `epoch`: the one before. */
  | { readonly do: 'place'; readonly id: number; readonly epoch: number; readonly holder: PeerRun }
  /** A host that has never begun it will not. */
  | { readonly do: 'unplace'; readonly id: number; readonly epoch: number }
  | {
      readonly do: 'alive'
      readonly id: number
      readonly epoch: number
      readonly token: number
      readonly data?: string | undefined
    }
  | {
      readonly do: 'ended'
      readonly id: number
      readonly epoch: number
      readonly reason: string
      readonly mayRestart: boolean
      /** It has not begun there: that is no end, and costs no restart. */
      readonly free?: boolean | undefined
    }
  | { readonly do: 'checkpoint'; readonly id: number; readonly epoch: number; readonly value: string }
  /** This run of a peer, and all before it, are over. */
  | { readonly do: 'gone'; readonly peerId: string; readonly incarnation: number; readonly reason: string }

/** A command as it stands in the log. */
export interface Proposal {
  /** Who asks, and its number of this: one that is sent again is not carried out again. */
  readonly request: string
  /** The leader's clock, milliseconds since the epoch. */
  readonly at: number
  readonly command: Command
}

/** What came of a command. */
export type Outcome =
  | { readonly won: boolean; readonly id: number }
  /** Whether it applied: it was of this epoch. */
  | { readonly ok: boolean }
  /** A bound was reached. */
  | { readonly refused: string }
