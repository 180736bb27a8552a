import { randomUUID } from 'node:crypto'
import type { Outbox } from '../../wire/outbox.ts'
import { high, itemIs, low, record } from '../../wire/records.ts'
import { sendBytes, sendWords } from '../../wire/texts.ts'
import { type Client, type Owner, state } from '../core/index.ts'
import type { PeerParts } from './parts.ts'

/** Items that one answer tells of, at most. */
const ITEMS_MAX = 256

/** What streams need of their peer. */
export interface StreamHost {
  /** Asks another peer; rejects where that is gone. */
  ask(peer: number, method: string, params: unknown): Promise<unknown>
  item(client: number, slot: number, row: number): void
  ended(client: number, slot: number, count: number, failed: boolean): void
  /** What was decided leaves. */
  stirred(): void
}

/** What a client says of a stream that it reads. */
export type Reading = 'begin' | 'taken' | 'close' | 'leave'

/** A stream by the name that its owner gives it. */
type StreamKey = [client: number, number: number]

/** What comes after so many items; `count`: how many there are in all, or -1. */
interface NextItems {
  items: StreamKey[]
  count: number
  failed: boolean
}

/** A stream as one of its readers names it: the slot, and the low word of its number, since slots are used again. */
export interface StreamName {
  slot: number
  number: number
}

/** Tells a client of the next item of a stream: its name, and what is known of its value. */
export function sendItem(outbox: Outbox, { rows, peers }: Owner, stream: StreamName, row: number): void {
  const extra = rows.extra[row]
  const at = rows.state[row]
  const value = at === state.ready || at === state.failed ? extra?.value : undefined
  const isStored = !value && (at === state.ready || at === state.remote)
  const bytes = value || isStored ? (extra?.bytes ?? 0) : 0
  const home = peers.homeOf(rows.client[row])
  const number = rows.number[row]
  const words = [stream.slot, stream.number, home ? home.client : rows.client[row], low(number), high(number), bytes]
  if (value) {
    const from = { u8: value, at: 0, bytes: value.length }
    sendBytes(outbox, record.item, at === state.failed ? itemIs.failed : itemIs.value, words, from)
  } else sendWords(outbox, record.item, isStored ? itemIs.stored : itemIs.unknown, ...words)
}

/** A client of this peer that reads a stream of another owner's. */
interface ForeignReader {
  readonly client: number
  readonly slot: number
  readonly peer: number
  readonly key: StreamKey
  /** What the owner knows this reader by. */
  readonly by: string
  /** The rows of the items from `read` on, held until they are taken. */
  rows: number[]
  read: number
  closed: boolean
  /** Its client knows of everything that will come. */
  over: boolean
  acknowledging: boolean
}

/**
 * Who reads which stream (core: `ProductTable`). A client of the owner's peer is told of items as they come; that of another
 * peer through its agent, which asks the owner for what comes next.
 */
export class Streams {
  readonly #parts: PeerParts
  readonly #host: StreamHost
  readonly #foreign = new Map<string, ForeignReader>()

  constructor(parts: PeerParts, host: StreamHost) {
    this.#parts = parts
    this.#host = host
  }

  /** A client reads: from item `count` on, has taken so many, or reads no more. */
  reading(client: Client, slot: number, what: Reading, count: number): void {
    const { owner } = this.#parts
    const row = client.row(slot)
    if (row < 0) return
    if (owner.objects.isForeign(row)) {
      this.#readForeign(client, slot, row, what, count)
      return
    }
    const { products } = owner
    if (what === 'begin') products.readBy(row, { client: client.id, slot, told: false }, count)
    else if (products.isReadByOther(row, { client: client.id, slot })) {
      // It reads no more, and what it still says of its reading is not its successor's.
      if (what === 'leave' || (what === 'close' && owner.rows.client[row] === client.id)) products.leave(row)
    } else if (what === 'taken') products.taken(row, count)
    else if (what === 'close') products.close(row)
    else products.leave(row)
  }

  /** A client is gone. */
  clientGone(client: number): void {
    for (const [name, reader] of this.#foreign) if (reader.client === client) this.#leave(name, reader)
  }

  // ---- streams of other owners

  #readForeign(client: Client, slot: number, row: number, what: Reading, count: number): void {
    const name = `${client.id}/${slot}`
    const reader = this.#foreign.get(name)
    const { rows, peers } = this.#parts.owner
    if (what === 'begin') {
      const home = peers.homeOf(rows.client[row])
      if (!home) return
      const key: StreamKey = [home.client, rows.number[row]]
      const { peer } = home
      const by = randomUUID()
      const fresh = {
        client: client.id,
        slot,
        peer,
        key,
        by,
        rows: [],
        read: count,
        closed: false,
        over: false,
        acknowledging: false,
      }
      if (reader) this.#leave(name, reader)
      this.#foreign.set(name, fresh)
      void this.#pump(name, fresh)
    } else if (reader && what === 'taken') this.#taken(name, reader, count)
    else if (reader) {
      this.#leave(name, reader)
      if (what === 'close') void this.#tell(reader, 'stream-close', { key: reader.key, by: reader.by })
    }
  }

  /** Tells its client of everything that comes. */
  async #pump(name: string, reader: ForeignReader): Promise<void> {
    const { client, slot, peer, key, by } = reader
    for (let begin = true; !reader.closed; begin = false) {
      const from = reader.read + reader.rows.length
      let next: NextItems
      try {
        const asked = this.#host.ask(peer, 'stream-next', { key, by, from, begin })
        this.#host.stirred()
        next = (await asked) as NextItems
      } catch {
        // Its owner is gone, or does not know it: what becomes of the stream's own ref says why.
        next = { items: [], count: from, failed: true }
      }
      if (reader.closed) return
      const { objects, peers } = this.#parts.owner
      for (const [theirs, number] of next.items) {
        const row = objects.rowOfKey(peers.clientId(peer, theirs), number)
        objects.hold(row)
        reader.rows.push(row)
        this.#host.item(client, slot, row)
      }
      const { count, failed } = next
      reader.over = count >= 0 && reader.read + reader.rows.length >= count
      if (reader.over) this.#host.ended(client, slot, count, failed)
      this.#host.stirred()
      if (reader.over) break
    }
    this.#forgetIfOver(name, reader)
  }

  /** Everything has come, and was taken. */
  #forgetIfOver(name: string, reader: ForeignReader): void {
    if (reader.over && reader.rows.length === 0 && this.#foreign.get(name) === reader) this.#foreign.delete(name)
  }

  #taken(name: string, reader: ForeignReader, read: number): void {
    const taken = reader.rows.splice(0, Math.max(0, read - reader.read))
    reader.read += taken.length
    for (const row of taken) this.#parts.owner.objects.letGo(row)
    this.#forgetIfOver(name, reader)
    if (reader.acknowledging) return
    reader.acknowledging = true
    // What was borrowed has left by then: the owner may let go.
    setImmediate(() => {
      reader.acknowledging = false
      if (!reader.closed) void this.#tell(reader, 'stream-taken', { key: reader.key, by: reader.by, read: reader.read })
    })
  }

  async #tell(reader: ForeignReader, method: string, params: unknown): Promise<void> {
    const told = this.#host.ask(reader.peer, method, params)
    this.#host.stirred()
    await told.catch(() => undefined)
  }

  #leave(name: string, reader: ForeignReader): void {
    reader.closed = true
    this.#foreign.delete(name)
    const { rows } = reader
    reader.rows = []
    for (const row of rows) this.#parts.owner.objects.letGo(row)
  }

  // ---- questions of other peers

  /** What another peer asks, or says, about a stream of this one's. */
  answer(method: string, params: unknown): Promise<unknown> {
    const {
      key,
      by = '',
      from = 0,
      read = 0,
      begin = false,
    } = params as {
      key: StreamKey
      by?: string
      from?: number
      read?: number
      begin?: boolean
    }
    const { objects, products, rows } = this.#parts.owner
    const row = objects.shared(key[0], key[1])
    if (row < 0 || rows.state[row] === state.free || !products.of(row)) {
      return method === 'stream-next' ? Promise.reject(new Error('there is no such stream')) : Promise.resolve(null)
    }
    if (method === 'stream-next') return this.#next(row, { by, from, begin })
    if (products.isReadByOther(row, { by })) return Promise.resolve(null)
    if (method === 'stream-taken') products.taken(row, read)
    else products.close(row)
    this.#host.stirred()
    return Promise.resolve(null)
  }

  /** Who asks holds the stream itself: the question alone must not keep it, should its asker be gone. */
  #next(row: number, { by, from, begin }: { by: string; from: number; begin: boolean }): Promise<NextItems> {
    const { products, rows } = this.#parts.owner
    const stream = products.of(row)
    return new Promise(resolve => {
      if (!stream) return
      const tell = (): void => {
        const { failed, ended, closed } = stream
        if (closed) resolve({ items: [], count: from, failed })
        else if (ended || stream.rows.length > from) {
          const some = stream.rows.slice(from, from + ITEMS_MAX)
          const items = some.map((item): StreamKey => [rows.client[item], rows.number[item]])
          resolve({ items, count: ended ? stream.rows.length : -1, failed })
        }
      }
      const reader = { tell, by }
      if (begin) products.readBy(row, reader, from)
      else if (!products.isReadByOther(row, reader)) {
        stream.reader = reader
        tell()
      }
    })
  }
}
