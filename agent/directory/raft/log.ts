import type { Config, LogEntry, Persisted, Snapshot } from './types.ts'

const none: Config = { voters: [], learners: [] }

/** The log after its snapshot, and who decides by it. */
export class RaftLog {
  #snapshot: Snapshot | undefined
  #entries: LogEntry[] = []
  #bytes = 0
  /** Configurations in force from an index on: the snapshot's, then those of the log. */
  #configs: { index: number; config: Config }[] = []
  /** What was not given away to be kept begins here. */
  #unstable: number

  constructor({ snapshot, entries }: Pick<Persisted, 'snapshot' | 'entries'>) {
    this.#snapshot = snapshot
    if (snapshot) this.#configs.push({ index: snapshot.index, config: snapshot.config })
    for (const entry of entries) this.#push(entry)
    this.#unstable = this.lastIndex + 1
  }

  get snapshot(): Snapshot | undefined {
    return this.#snapshot
  }

  get snapshotIndex(): number {
    return this.#snapshot?.index ?? 0
  }

  get lastIndex(): number {
    return this.snapshotIndex + this.#entries.length
  }

  get lastTerm(): number {
    return this.termAt(this.lastIndex) as number
  }

  get entries(): readonly LogEntry[] {
    return this.#entries
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The newest configuration, committed or not. */
  get config(): Config {
    return this.#configs.at(-1)?.config ?? none
  }

  get configIndex(): number {
    return this.#configs.at(-1)?.index ?? 0
  }

  /** Undefined: not in the log, or no more. */
  termAt(index: number): number | undefined {
    if (index === this.snapshotIndex) return this.#snapshot?.term ?? 0
    return this.#entries[index - this.snapshotIndex - 1]?.term
  }

  /** Entries from one index to before another, at most so many bytes, at least one. */
  slice(from: number, to: number, bytesMax = Number.POSITIVE_INFINITY): LogEntry[] {
    const found: LogEntry[] = []
    let bytes = 0
    for (let index = from; index < to; index++) {
      const entry = this.#entries[index - this.snapshotIndex - 1]
      if (!entry) break
      bytes += sizeOf(entry)
      if (found.length > 0 && bytes > bytesMax) break
      found.push(entry)
    }
    return found
  }

  #push(entry: LogEntry): void {
    this.#entries.push(entry)
    this.#bytes += sizeOf(entry)
    if (entry.config) this.#configs.push({ index: entry.index, config: entry.config })
  }

  add(entry: LogEntry): void {
    if (entry.index !== this.lastIndex + 1) throw new Error(`entry ${entry.index} after ${this.lastIndex}`)
    this.#push(entry)
  }

  /** A leader's entries, none of them committed here, in place of what differs. Gives up to where the log is as it was. */
  merge(entries: readonly LogEntry[]): number {
    let same = this.lastIndex
    for (const entry of entries) {
      const term = this.termAt(entry.index)
      if (term === entry.term) continue
      if (term !== undefined) {
        this.#cut(entry.index)
        same = Math.min(same, entry.index - 1)
      }
      this.add(entry)
    }
    return same
  }

  #cut(from: number): void {
    for (const entry of this.#entries.splice(from - this.snapshotIndex - 1)) this.#bytes -= sizeOf(entry)
    while ((this.#configs.at(-1)?.index ?? 0) >= from) this.#configs.pop()
    this.#unstable = Math.min(this.#unstable, from)
  }

  get hasUnstable(): boolean {
    return this.#unstable <= this.lastIndex
  }

  /** What is new since the last call. */
  takeUnstable(): LogEntry[] {
    const from = Math.max(this.#unstable, this.snapshotIndex + 1)
    this.#unstable = this.lastIndex + 1
    return this.slice(from, this.lastIndex + 1)
  }

  /** The last index up to `index` whose term is not above `term`: how far two logs can be the same, at most. */
  conflict(index: number, term: number): { index: number; term: number } {
    let at = Math.min(index, this.lastIndex)
    while (at > this.snapshotIndex && (this.termAt(at) ?? 0) > term) at--
    return { index: at, term: this.termAt(at) ?? 0 }
  }

  /** The state machine is known as it was after `index`: the log up to there is not needed. Gives the snapshot. */
  compact(index: number, data: string): Snapshot {
    const term = this.termAt(index)
    if (term === undefined || index <= this.snapshotIndex) throw new Error(`no entry ${index} to compact up to`)
    const config = this.#configs.findLast(one => one.index <= index)?.config ?? none
    const gone = this.#entries.splice(0, index - this.snapshotIndex)
    for (const entry of gone) this.#bytes -= sizeOf(entry)
    this.#snapshot = { index, term, config, data }
    this.#configs = [{ index, config }, ...this.#configs.filter(one => one.index > index)]
    return this.#snapshot
  }

  /** A leader's snapshot instead of everything. */
  restore(snapshot: Snapshot): void {
    this.#snapshot = snapshot
    this.#entries = []
    this.#bytes = 0
    this.#configs = [{ index: snapshot.index, config: snapshot.config }]
    this.#unstable = snapshot.index + 1
  }
}

function sizeOf(entry: LogEntry): number {
  return 64 + (entry.command?.length ?? 0)
}
