import { limits } from './limits.ts'
import { type Extra, type Rows, state } from './rows.ts'

/** The store and the disk beside it, as the core has them used by its shell. */
export interface Memory {
  readonly capacityBytes: number
  readonly usedBytes: number
  /** The offset of room for so many bytes, or -1. */
  allocate(bytes: number): number
  /** Writes bytes of the store to disk under a number; `spilled` follows. They stay where they are meanwhile. */
  spill(id: number, from: { offset: number; bytes: number }): void
  /** Reads what is on disk under a number into the store; `restored` follows. */
  restore(id: number, offset: number): void
  /** What is on disk under a number is needed no more. */
  forget(id: number): void
  /** Has idle workers collect what they no longer need; `collected` follows. */
  collect(): void
  /** The error of one who asked for room that cannot be had, as a value. */
  full(bytes: number, trouble: string | undefined): Uint8Array
}

/** A peer without a store: of simulations. */
export const noMemory: Memory = {
  capacityBytes: 0,
  usedBytes: 0,
  allocate: () => -1,
  spill: () => undefined,
  restore: () => undefined,
  forget: () => undefined,
  collect: () => undefined,
  full: () => new Uint8Array(0),
}

/** One who waits for room in the store. Exactly one of the two is called. */
export interface RoomRequest {
  bytes: number
  /** It is needed by what has begun: it goes before the others. */
  urgent?: boolean
  found(offset: number): void
  refused(error: Uint8Array): void
}

/** What the owner of the rows does when their bytes move. */
export interface SpillingHost {
  /** The bytes came back from disk. */
  arrived(row: number, offset: number): void
  /** There was no room for them; they stay on disk. */
  noRoom(row: number, error: Uint8Array): void
  /** They cannot be read: what was on disk is gone. */
  unreadable(row: number, reason: string): void
  free(offset: number): void
}

interface Waiting extends RoomRequest {
  since: number
  collected: boolean
}

/**
 * Which stored values are in the store, which on disk (protocols §3). A value lies in the store, is being written (and lies
 * there still), lies in both, lies on disk alone, or is on its way back. Values that somebody reads stay where they are. Of the
 * others, those that are elsewhere too, on disk or at the peer they came from, give way at once, the least recently used first; those
 * that are nowhere else are written to disk above 80 % of the store's capacity.
 *
 * Who finds no room waits in a queue. Whoever is first gets what becomes free, by eviction, spilling and collection, and is
 * refused only when nothing of these is left and nobody who holds room is about to give it back.
 */
export class Spilling {
  readonly memory: Memory
  readonly #rows: Rows
  readonly #host: SpillingHost
  /** Rows that could give way, the least recently used first: those with another copy, and those without. */
  readonly #clean = new Set<number>()
  readonly #dirty = new Set<number>()
  #cleanBytes = 0
  #dirtyBytes = 0
  /** By number: what is being written, and what is being read. */
  readonly #writing = new Map<number, { token: number; bytes: number }>()
  #writingBytes = 0
  readonly #reading = new Map<number, { token: number; offset: number }>()
  readonly #onDisk = new Map<number, { row: number; bytes: number }>()
  /** Room that somebody was given and has not filled yet. */
  readonly #unfilled = new Set<number>()
  readonly #queue: Waiting[] = []
  #nextId = 1
  #now = 0
  #collecting = false
  /** Why the last value could not be written; for whom that was; until when nothing is written in advance. */
  #trouble: string | undefined
  #troubled: Waiting | undefined
  #quietUntil = 0
  /** Pins that end by themselves, soon: not those of views. */
  passingPins = 0
  spilledBytes = 0
  restoredBytes = 0
  restoredObjects = 0

  constructor(parts: { rows: Rows; memory: Memory; host: SpillingHost }) {
    this.#rows = parts.rows
    this.memory = parts.memory
    this.#host = parts.host
  }

  get spilledObjects(): number {
    return this.#onDisk.size
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#queue.length
  }

  // ---- rows

  /** A row's value lies in the store from now on. */
  placed(row: number, offset: number): void {
    this.#rows.more(row).offset = offset
    this.#unfilled.delete(offset)
    this.add(row)
  }

  /** Nobody reads it now. */
  add(row: number): void {
    const extra = this.#rows.more(row)
    if (extra.offset < 0 || extra.pins > 0 || extra.spilling !== undefined) return
    if (this.#clean.has(row) || this.#dirty.has(row)) return
    if (this.#hasOther(extra)) {
      this.#clean.add(row)
      this.#cleanBytes += extra.bytes
    } else {
      this.#dirty.add(row)
      this.#dirtyBytes += extra.bytes
    }
  }

  /** Somebody reads it. */
  remove(row: number): void {
    if (this.#clean.delete(row)) this.#cleanBytes -= this.#rows.more(row).bytes
    if (this.#dirty.delete(row)) this.#dirtyBytes -= this.#rows.more(row).bytes
  }

  /** What else it is for has changed. */
  reconsider(row: number): void {
    this.remove(row)
    this.add(row)
  }

  #hasOther(extra: Extra): boolean {
    if (extra.disk !== undefined) return true
    // A copy for the case that the others are lost counts for itself.
    return extra.keptFor === undefined && extra.locations !== undefined && extra.locations.length > 0
  }

  /** A row's value is another row's from now on, wherever it is. */
  move(row: number, to: number): void {
    const from = this.#rows.more(row)
    const into = this.#rows.more(to)
    this.remove(row)
    const { offset, disk, spilling } = from
    Object.assign(into, { offset, disk, spilling })
    Object.assign(from, { offset: -1, disk: undefined, spilling: undefined })
    const token = this.#rows.token(to)
    const writing = spilling === undefined ? undefined : this.#writing.get(spilling)
    if (writing) writing.token = token
    const reading = disk === undefined ? undefined : this.#reading.get(disk)
    if (reading) reading.token = token
    const known = disk === undefined ? undefined : this.#onDisk.get(disk)
    if (known) known.row = to
    this.add(to)
  }

  /** The row's value is needed no more, wherever it is. */
  drop(row: number): void {
    const extra = this.#rows.extra[row]
    if (!extra) return
    this.remove(row)
    if (extra.offset >= 0) this.free(extra.offset)
    extra.offset = -1
    extra.spilling = undefined
    if (extra.disk !== undefined) this.#forget(extra.disk)
    extra.disk = undefined
  }

  free(offset: number): void {
    this.#unfilled.delete(offset)
    this.#host.free(offset)
  }

  #forget(id: number): void {
    this.spilledBytes -= this.#onDisk.get(id)?.bytes ?? 0
    this.#onDisk.delete(id)
    this.memory.forget(id)
  }

  /** Its room is needed: the value is read again from where else it is. */
  #evict(row: number): void {
    const extra = this.#rows.more(row)
    this.remove(row)
    this.#host.free(extra.offset)
    extra.offset = -1
    this.#rows.state[row] = state.remote
  }

  // ---- room

  /** Asks for room. It may be found at once. */
  request(request: RoomRequest): void {
    const { bytes, urgent } = request
    if (bytes > this.memory.capacityBytes) {
      request.refused(this.memory.full(bytes, undefined))
      return
    }
    if (this.#queue.length === 0 || urgent) {
      const offset = this.#place(bytes)
      if (offset >= 0) {
        this.#grant(request, offset)
        return
      }
    }
    const waiting: Waiting = {
      bytes,
      found: offset => this.#grant(request, offset),
      refused: error => request.refused(error),
      since: this.#now,
      collected: false,
    }
    if (urgent) this.#queue.unshift(waiting)
    else this.#queue.push(waiting)
  }

  #grant(request: RoomRequest, offset: number): void {
    this.#unfilled.add(offset)
    request.found(offset)
  }

  /** Room for so many bytes, from what is free and what has another copy; or -1. */
  #place(bytes: number): number {
    const { memory } = this
    for (;;) {
      const offset = memory.allocate(bytes)
      if (offset >= 0) return offset
      const row = this.#oldestClean()
      if (row < 0) return -1
      this.#evict(row)
    }
  }

  #oldestClean(): number {
    for (const row of this.#clean) {
      if (this.#hasOther(this.#rows.more(row))) return row
      // The peer that had it is gone.
      this.reconsider(row)
    }
    return -1
  }

  /** To be called after whatever may have given room back: serves those who wait, and writes ahead. */
  advance(now: number): void {
    this.#now = now
    while (this.#queue.length > 0) {
      const [head] = this.#queue
      const offset = this.#place(head.bytes)
      if (offset >= 0) {
        this.#queue.shift()
        head.found(offset)
      } else if (this.#mayStillCome(head, now)) break
      else {
        this.#queue.splice(this.#queue.indexOf(head), 1)
        head.refused(this.memory.full(head.bytes, this.#trouble))
      }
    }
    this.#writeAhead(now)
  }

  /** Whether something is under way that can make room, or is begun now. */
  #mayStillCome(head: Waiting, now: number): boolean {
    if (this.#troubled !== head) {
      const { capacityBytes, usedBytes } = this.memory
      const lacking = head.bytes - (capacityBytes - usedBytes) - this.#writingBytes
      // Where it is in pieces, more has to go than the sum says.
      if (lacking > 0 || this.#writing.size === 0) this.#write(Math.max(lacking, limits.spillBytesMin))
    }
    if (this.#writing.size > 0) return true
    if (!head.collected) {
      if (!this.#collecting) {
        this.#collecting = true
        this.memory.collect()
      }
      if (this.#collecting) return true
    }
    const passing = this.passingPins + this.#unfilled.size + this.#reading.size
    return passing > 0 && now - head.since < limits.roomStuckMs
  }

  collected(): void {
    this.#collecting = false
    for (const head of this.#queue) head.collected = true
  }

  // ---- disk

  #writeAhead(now: number): void {
    if (this.#dirtyBytes === 0 || now < this.#quietUntil || this.#writing.size > 0) return
    const { capacityBytes, usedBytes } = this.memory
    const above = usedBytes - this.#cleanBytes - limits.spillAbove * capacityBytes
    if (above > 0) this.#write(Math.max(above, Math.min(limits.spillFileBytes, capacityBytes / 4)))
  }

  /** Writes the least recently used, so many bytes. */
  #write(bytes: number): void {
    for (const row of this.#dirty) {
      if (bytes <= 0) return
      const extra = this.#rows.more(row)
      this.remove(row)
      const id = this.#nextId++
      extra.spilling = id
      this.#writing.set(id, { token: this.#rows.token(row), bytes: extra.bytes })
      this.#writingBytes += extra.bytes
      bytes -= extra.bytes
      this.memory.spill(id, { offset: extra.offset, bytes: extra.bytes })
    }
  }

  /** What was to be written has been; or could not be, and why. */
  spilled(id: number, trouble: string | undefined, now: number): void {
    const written = this.#writing.get(id)
    if (!written) return
    this.#writing.delete(id)
    this.#writingBytes -= written.bytes
    const row = this.#rows.rowOf(written.token)
    const extra = row < 0 ? undefined : this.#rows.extra[row]
    const current = extra !== undefined && extra.spilling === id
    if (trouble !== undefined) {
      this.#trouble = trouble
      this.#troubled = this.#queue[0]
      this.#quietUntil = now + limits.spillAgainMs
      if (current) {
        extra.spilling = undefined
        this.add(row)
      }
      return
    }
    this.#trouble = undefined
    if (!current) {
      this.memory.forget(id)
      return
    }
    extra.spilling = undefined
    extra.disk = id
    this.#onDisk.set(id, { row, bytes: written.bytes })
    this.spilledBytes += written.bytes
    this.add(row)
  }

  /** Reads a row's value back from disk. Its row has to be held until the host is told. */
  restore(row: number, urgent: boolean): void {
    const { bytes, disk } = this.#rows.more(row)
    const id = disk as number
    this.request({
      bytes,
      urgent,
      found: offset => {
        this.#unfilled.delete(offset)
        const known = this.#onDisk.get(id)
        // It was found to be lost meanwhile.
        if (!known) {
          this.#host.free(offset)
          return
        }
        this.#reading.set(id, { token: this.#rows.token(known.row), offset })
        this.memory.restore(id, offset)
      },
      refused: error => {
        const known = this.#onDisk.get(id)
        if (known) this.#host.noRoom(known.row, error)
      },
    })
  }

  /** What was to be read has been; or cannot be, and why. */
  restored(id: number, trouble: string | undefined): void {
    const read = this.#reading.get(id)
    if (!read) return
    this.#reading.delete(id)
    const row = this.#rows.rowOf(read.token)
    if (trouble === undefined) {
      this.restoredBytes += this.#onDisk.get(id)?.bytes ?? 0
      this.restoredObjects++
      this.#host.arrived(row, read.offset)
      return
    }
    this.free(read.offset)
    this.#lost(row, trouble)
  }

  /** What is on disk of this row was found to be no good. */
  lose(row: number, reason: string): void {
    const extra = this.#rows.extra[row]
    // Who reads it into the store finds the same.
    if (extra?.disk !== undefined && !this.#reading.has(extra.disk)) this.#lost(row, reason)
  }

  #lost(row: number, reason: string): void {
    const extra = this.#rows.more(row)
    if (extra.disk !== undefined) this.#forget(extra.disk)
    extra.disk = undefined
    this.#host.unreadable(row, reason)
  }
}
