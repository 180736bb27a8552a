import type { Command, Outcome, Proposal } from './commands.ts'
import { limits } from './limits.ts'
import type { EndedEntry, Entry, PeerRun } from './types.ts'

/** Why a detached entry is over. */
interface Tombstone extends EndedEntry {
  readonly at: number
}

/** What the state machine tells its peer. */
export interface EntriesEvents {
  changed?(id: number): void
  ended?(entry: Entry, reason: string): void
}

/** Ids of different generations never meet: each has so many. */
const IDS_A_GENERATION = 2 ** 40

interface Image {
  readonly entries: readonly Entry[]
  readonly tombstones: readonly Tombstone[]
  readonly requests: readonly (readonly [string, Outcome])[]
}

/**
 * The directory itself: every peer that has carried out the same commands holds the same. Pure: time comes with the commands.
 */
export class Entries {
  readonly #generation: number
  readonly #events: EntriesEvents
  readonly #byId = new Map<number, Entry>()
  readonly #byName = new Map<string, number>()
  readonly #tombstones = new Map<number, Tombstone>()
  #tombstoneCharacters = 0
  /** In the order in which they were made. */
  readonly #requests = new Map<string, Outcome>()
  #characters = 0
  #detached = 0

  constructor(generation: number, events: EntriesEvents = {}) {
    this.#generation = generation
    this.#events = events
  }

  get(id: number): Entry | undefined {
    return this.#byId.get(id)
  }

  named(namespace: string, name: string): Entry | undefined {
    return this.#byId.get(this.#byName.get(keyOf(namespace, name)) ?? -1)
  }

  /** Why it ended, if that is remembered. */
  ended(id: number): string | undefined {
    return this.#tombstones.get(id)?.reason
  }

  /** Detached ones that are over, the last first. */
  get endedEntries(): EndedEntry[] {
    return [...this.#tombstones.values()].reverse()
  }

  /** What came of a request, if that is remembered. */
  outcomeOf(request: string): Outcome | undefined {
    return this.#requests.get(request)
  }

  all(): IterableIterator<Entry> {
    return this.#byId.values()
  }

  get size(): number {
    return this.#byId.size
  }

  /** How many find their hosts by the directory. */
  get detached(): number {
    return this.#detached
  }

  // ---- the log

  apply(index: number, { request, at, command }: Proposal): Outcome {
    const before = this.#requests.get(request)
    // Its name was another's, and that one is gone meanwhile: it is a new question.
    if (before && !('won' in before && !before.won && !this.#byId.has(before.id))) return before
    this.#expire(at)
    const outcome = this.#carryOut(this.#generation * IDS_A_GENERATION + index, at, command)
    this.#requests.set(request, outcome)
    if (this.#requests.size > limits.requestsMax) this.#requests.delete(this.#requests.keys().next().value as string)
    return outcome
  }

  #carryOut(newId: number, at: number, command: Command): Outcome {
    switch (command.do) {
      case 'claim':
        return this.#claim(newId, command)
      case 'gone':
        return this.#gone(command, command.reason, at)
      case 'free': {
        const entry = this.#byId.get(command.id)
        if (entry) this.#remove(entry, command.reason, at)
        return { ok: entry !== undefined }
      }
    }
    const entry = this.#byId.get(command.id)
    if (entry?.kind !== 'detached' || entry.epoch !== command.epoch) return { ok: false }
    if (command.do === 'place') {
      if (entry.holder) return { ok: false }
      this.#put({ ...entry, epoch: entry.epoch + 1, holder: command.holder })
      return { ok: true }
    }
    if (!entry.holder) return { ok: false }
    switch (command.do) {
      case 'unplace':
        if (entry.state === 'alive') return { ok: false }
        this.#put(withoutHolder(entry))
        return { ok: true }
      case 'alive': {
        const { token, data = entry.data } = command
        const next: Entry = { ...entry, state: 'alive', token, data }
        if (!this.#fits(next, entry)) return { refused: full }
        this.#put(next)
        return { ok: true }
      }
      case 'ended':
        this.#ended(entry, command, at)
        return { ok: true }
      case 'checkpoint': {
        const next = { ...entry, checkpoint: command.value }
        if (!this.#fits(next, entry)) return { refused: full }
        this.#put(next)
        return { ok: true }
      }
    }
  }

  #claim(id: number, { namespace, name, owner, data, spec, restarts }: Extract<Command, { do: 'claim' }>): Outcome {
    const known = this.#byName.get(keyOf(namespace, name))
    if (known !== undefined) return { won: false, id: known }
    if (this.#byId.size >= limits.entriesMax) return { refused: `there are ${limits.entriesMax} names, the most` }
    const entry: Entry = {
      id,
      namespace,
      name,
      kind: owner ? 'owned' : 'detached',
      epoch: 0,
      state: owner ? 'alive' : 'pending',
      ...(owner ? { owner } : {}),
      data,
      ...(spec === undefined ? {} : { spec }),
      restartsLeft: restarts,
      restarts: 0,
    }
    if (!this.#fits(entry)) return { refused: full }
    this.#put(entry)
    return { won: true, id }
  }

  /** Its host is gone, or has ended it: the next one may begin it if a restart is left. */
  #ended(entry: Entry, how: { reason: string; mayRestart: boolean; free?: boolean | undefined }, at: number): void {
    const { reason, mayRestart, free } = how
    if (free && entry.state !== 'alive') {
      this.#put({ ...withoutHolder(entry), reason })
      return
    }
    if (!mayRestart || entry.restartsLeft === 0) {
      this.#remove(entry, reason, at)
      return
    }
    const { restartsLeft, restarts } = entry
    this.#put({
      ...withoutHolder(entry),
      state: 'restarting',
      restartsLeft: restartsLeft < 0 ? restartsLeft : restartsLeft - 1,
      restarts: restarts + 1,
      reason,
    })
  }

  #gone(run: PeerRun, reason: string, at: number): Outcome {
    const isOver = (one: PeerRun | undefined): boolean =>
      one !== undefined && one.peerId === run.peerId && one.incarnation <= run.incarnation
    let ok = false
    for (const entry of [...this.#byId.values()]) {
      if (isOver(entry.owner)) this.#remove(entry, reason, at)
      else if (!isOver(entry.holder)) continue
      else if (entry.state === 'alive') this.#ended(entry, { reason, mayRestart: true }, at)
      else this.#put(withoutHolder(entry))
      ok = true
    }
    return { ok }
  }

  // ---- the tables

  #fits(entry: Entry, instead?: Entry): boolean {
    const characters = this.#characters + sizeOf(entry) - (instead ? sizeOf(instead) : 0)
    return characters <= limits.stateCharactersMax
  }

  #put(entry: Entry): void {
    const before = this.#byId.get(entry.id)
    this.#characters += sizeOf(entry) - (before ? sizeOf(before) : 0)
    if (!before && entry.kind === 'detached') this.#detached++
    this.#byId.set(entry.id, entry)
    this.#byName.set(keyOf(entry.namespace, entry.name), entry.id)
    this.#events.changed?.(entry.id)
  }

  #remove(entry: Entry, reason: string, at: number): void {
    this.#characters -= sizeOf(entry)
    this.#byId.delete(entry.id)
    this.#byName.delete(keyOf(entry.namespace, entry.name))
    if (entry.kind === 'detached') {
      this.#detached--
      const { id, namespace, name, data, restarts } = entry
      this.#bury({ id, namespace, name, data, restarts, at, reason })
    }
    this.#events.changed?.(entry.id)
    this.#events.ended?.(entry, reason)
  }

  #bury(stone: Tombstone): void {
    this.#tombstones.set(stone.id, stone)
    this.#tombstoneCharacters += charactersOf(stone)
    for (const oldest of this.#tombstones.values()) {
      const fits = this.#tombstoneCharacters <= limits.tombstoneCharactersMax
      if (fits && this.#tombstones.size <= limits.tombstonesMax) return
      this.#forget(oldest)
    }
  }

  #forget(stone: Tombstone): void {
    this.#tombstones.delete(stone.id)
    this.#tombstoneCharacters -= charactersOf(stone)
  }

  #expire(at: number): void {
    for (const stone of this.#tombstones.values()) {
      if (at - stone.at < limits.tombstoneMs) return
      this.#forget(stone)
    }
  }

  // ---- snapshots

  image(): string {
    const image: Image = {
      entries: [...this.#byId.values()],
      tombstones: [...this.#tombstones.values()],
      requests: [...this.#requests],
    }
    return JSON.stringify(image)
  }

  /** Instead of everything. Empty: there is nothing yet. */
  restore(text: string): void {
    const { entries, tombstones, requests } = (text === '' ? nothing : JSON.parse(text)) as Image
    const before = new Map(this.#byId)
    this.#byId.clear()
    this.#byName.clear()
    this.#requests.clear()
    this.#characters = 0
    this.#detached = 0
    for (const [request, outcome] of requests) this.#requests.set(request, outcome)
    this.#tombstones.clear()
    this.#tombstoneCharacters = 0
    for (const stone of tombstones) this.#bury(stone)
    for (const entry of entries) {
      before.delete(entry.id)
      this.#put(entry)
    }
    for (const entry of before.values()) this.#events.ended?.(entry, this.ended(entry.id) ?? 'it was freed')
  }
}

const nothing: Image = { entries: [], tombstones: [], requests: [] }
const full = `all names together take more than ${limits.stateCharactersMax} characters, the most`

function keyOf(namespace: string, name: string): string {
  return `${namespace.length}/${namespace}/${name}`
}

function withoutHolder({ holder: _, token: __, ...entry }: Entry): Entry {
  return entry
}

function charactersOf({ namespace, name, data, reason }: Tombstone): number {
  return namespace.length + name.length + data.length + reason.length
}

function sizeOf({ namespace, name, data, spec, checkpoint, reason }: Entry): number {
  return (
    300 +
    namespace.length +
    name.length +
    data.length +
    (spec?.length ?? 0) +
    (checkpoint?.length ?? 0) +
    (reason?.length ?? 0)
  )
}
