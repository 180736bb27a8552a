/** One start of one peer. */
export interface PeerRun {
  readonly peerId: string
  readonly incarnation: number
}

/** `owned`: it ends with its owner, who hosts it as he likes. `detached`: the directory finds it a host, again and again. */
export type EntryKind = 'owned' | 'detached'

/**
 * `pending`: no host has begun it yet. `alive`: a host has said so (an owned one is from the start). `restarting`: its host
 * is gone or has ended it, and the next one has not begun it yet.
 */
export type EntryState = 'pending' | 'alive' | 'restarting'

/** A name that is taken, and by what. */
export interface Entry {
  /** Unique in the mesh, for ever: the place of its claim in the log. */
  readonly id: number
  readonly namespace: string
  readonly name: string
  readonly kind: EntryKind
  /** Counts the hosts of a detached one, from 1; 0 before the first. Grows only. An owned one has 0. */
  readonly epoch: number
  readonly state: EntryState
  /** Where a detached one was placed. */
  readonly holder?: PeerRun
  /** Of an owned one. */
  readonly owner?: PeerRun
  /** How to reach it; opaque here. */
  readonly data: string
  /** Of a detached one: all that is needed to make it anew, at most 1 MiB. Opaque here. */
  readonly spec?: string
  /** What its host calls it. */
  readonly token?: number
  /** -1: without end. */
  readonly restartsLeft: number
  /** How often it was begun anew. */
  readonly restarts: number
  /** What its host has kept last. Opaque here. */
  readonly checkpoint?: string
  /** Why its last host ended. */
  readonly reason?: string
}

/** A detached entry that is over since less than 10 minutes. */
export interface EndedEntry extends Pick<Entry, 'id' | 'namespace' | 'name' | 'data' | 'restarts'> {
  readonly reason: string
}

export interface Claim {
  readonly namespace: string
  readonly name: string
  /** Given: an `owned` entry. Without: a `detached` one, which needs a `spec`. */
  readonly owner?: PeerRun
  readonly data: string
  readonly spec?: string
  /** How often the directory may begin it anew; -1: without end. */
  readonly restarts: number
}

/**
 * The directory of names: linearizable, one a mesh (protocols §5). Every promise ends: after `timeoutMs` (10 s) it rejects with
 * `NamesUnavailableError`, which says who votes and who of them is not reached. What was asked for may then still come to pass.
 * Where no majority of the voters lives, the three questions are answered from what this peer has a copy of, if it has one.
 * Entries come without `spec` and `checkpoint`, which only `host` is given.
 */
export interface Directory {
  /** Not won: `entry` is who has the name. */
  claim(claim: Claim): Promise<{ won: boolean; entry: Entry }>
  /** `sure`: no copy will do. */
  lookup(namespace: string, name: string, sure?: boolean): Promise<Entry | undefined>
  /** Of an id. `ended`: it was a detached one and is over since less than 10 minutes, and why. Its epoch never goes back. */
  locate(id: number): Promise<Entry | { readonly ended: string } | undefined>
  /** The name is free. Its host, if it has one, is told to stop. */
  free(id: number): Promise<void>
  /** Its host has begun it. False: it is another's by now, and has to stop here. */
  alive(id: number, epoch: number, token: number, data?: string): Promise<boolean>
  /**
   * Its host has ended it. With `mayRestart` it is begun anew if a restart is left; `free`: it could not begin it, and another
   * may try, which costs no restart. False: it is another's by now.
   */
  ended(id: number, epoch: number, reason: string, mayRestart: boolean, free?: boolean): Promise<boolean>
  checkpoint(id: number, epoch: number, value: string): Promise<boolean>
  /** Whether this peer's lease of it runs at this moment: to be asked after a call too, before its answer leaves. No I/O. */
  holds(id: number, epoch: number): boolean
  /** Its host stops it (or its lease runs out), then it is freed or begun anew. False: there is none of this id. */
  kill(id: number, restart: boolean, reason: string): Promise<boolean>
  entries(): Promise<Entry[]>
  /** Those that are over, the last first. */
  endedEntries(): Promise<EndedEntry[]>
  /** This peer's run ends on purpose: its vote goes to another. Resolves when it has none, or cannot be rid of it within 5 s. */
  leave(): Promise<void>
  close(): void
}

/** What the directory asks of its peer. None of it may throw. */
export interface DirectoryHost {
  /** At the leader: who is to host a detached entry. Undefined: nobody fits now; asked again every 250 ms. */
  choose(entry: Entry): PeerRun | undefined
  /** It is placed here and its lease runs: begin it, then say `alive(id, epoch, token)`, or `ended(…)`. */
  host(entry: Entry): void
  /** It is another's or nobody's by now: end it. Nothing needs to be said of it any more. */
  stop(entry: Entry, why: string): void
  /**
   * Its lease could not be renewed: take no more calls, answer none, keep its state. `regained` or `stop` comes when it is known.
   * Of an owned one too: whether it minds is its owner's affair, since its handles do not need the name.
   */
  lost(entry: Entry): void
  /** The lease runs again, and nobody else has had it meanwhile: go on. */
  regained(entry: Entry): void
  /** At voters: an entry has changed. */
  changed?(id: number): void
  /** At voters: an entry is over. */
  ended?(entry: Entry, reason: string): void
}

/** Opens the directory of a peer, at its first use; the same one every time. `PeerOptions.directory`. */
export type OpenDirectory = (host: DirectoryHost) => Promise<Directory>
