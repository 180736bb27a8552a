import { type Client, keyOf } from './clients.ts'
import type { Failure } from './failures.ts'
import { type Rows, state } from './rows.ts'

/** Bytes somewhere: in a record, or in memory of their own. */
export interface Bytes {
  u8: Uint8Array
  at: number
  bytes: number
}

/** What the owner's core has done by its shell. */
export interface ObjectEffects {
  /** A small value for a client's slot. `kept`: the slot goes on naming the object. */
  result(client: number, slot: number, failed: boolean, kept: boolean, from: Bytes): void
  /** A value that lies in the store. */
  stored(client: number, slot: number, bytes: number): void
  /** Frees a place in the store. */
  free(offset: number): void
  /** The error that users see, encoded as a value. */
  encode(failure: Failure, row: number): Uint8Array
}

/**
 * Values and who holds them (protocols §2). A row lives while somebody holds it: its client's slot, borrowers' slots, tasks
 * whose arguments name it, objects inside whose value it is. A small result that nobody else knows of is never kept: it is
 * delivered into its client's ref and its row is dropped.
 */
export class Objects {
  readonly rows: Rows
  readonly clients: Map<number, Client>
  readonly #effects: ObjectEffects
  readonly #byKey = new Map<number, number>()
  /** Called for rows that waited for one that is there now. */
  onAvailable: (waiterToken: number, row: number) => void = () => undefined

  constructor(parts: { rows: Rows; clients: Map<number, Client>; effects: ObjectEffects }) {
    this.rows = parts.rows
    this.clients = parts.clients
    this.#effects = parts.effects
  }

  /** The row of an object that its client has shared, or -1. */
  shared(client: number, number: number): number {
    return this.#byKey.get(keyOf(client, number)) ?? -1
  }

  hold(row: number): void {
    this.rows.holders[row]++
  }

  /** One holder less; the last one takes the row with it. */
  letGo(row: number): void {
    this.rows.holders[row]--
    this.sweep(row)
  }

  /** Frees a row that nobody holds, reads or computes. */
  sweep(row: number): void {
    const { rows } = this
    if (rows.holders[row] > 0 || rows.state[row] < state.ready) return
    const extra = rows.extra[row]
    if (extra && extra.pins > 0) return
    if (rows.shared[row]) this.#byKey.delete(keyOf(rows.client[row], rows.number[row]))
    const holds = extra?.holds
    if (extra && extra.offset >= 0) this.#effects.free(extra.offset)
    rows.remove(row)
    if (holds) for (const held of holds) this.letGo(held)
  }

  /** A client's own object, which is not a task's result. */
  add(client: Client, slot: number, number: number): number {
    const { rows } = this
    const expected = this.shared(client.id, number)
    const row = expected >= 0 ? expected : rows.add(state.expected, client.id, slot, number, -1)
    if (rows.state[row] !== state.expected) throw new Error(`object ${client.id}/${number} is there already`)
    rows.slot[row] = slot
    client.map(slot, row)
    this.hold(row)
    return row
  }

  /** The value of an object that is no task's result. */
  supply(row: number, failed: boolean, from: Bytes, holds: number[]): void {
    if (!failed) this.rows.slot[row] = -1 // its client has the value already
    this.complete(row, failed, from, holds)
  }

  /** The client names this object to others from now on. */
  share(client: Client, slot: number, number: number): void {
    const { rows } = this
    let row = client.row(slot)
    if (row < 0 || rows.number[row] !== number || rows.client[row] !== client.id) {
      // Delivered before the client said so: it sends the value back when it sees that the result was not kept.
      if (this.shared(client.id, number) >= 0) return
      row = rows.add(state.expected, client.id, -1, number, -1)
    }
    if (rows.shared[row]) return
    rows.shared[row] = 1
    this.#byKey.set(keyOf(client.id, number), row)
  }

  /** A ref that came to this client inside a value. */
  borrow(client: Client, slot: number, owner: number, number: number): void {
    let row = this.shared(owner, number)
    if (row < 0) {
      row = this.rows.add(state.expected, owner, -1, number, -1)
      this.fail(row, { kind: 'lost', reason: 'nobody here holds it any more' })
    }
    client.map(slot, row)
    this.hold(row)
  }

  release(client: Client, slot: number): void {
    const row = client.unmap(slot)
    if (row < 0) return
    if (this.rows.client[row] === client.id && this.rows.slot[row] === slot) this.rows.slot[row] = -1
    this.letGo(row)
  }

  /** Tells a borrower when the object is there, at once if it is. */
  subscribe(client: Client, slot: number): void {
    const row = client.row(slot)
    if (row < 0) return
    if (this.rows.state[row] >= state.ready && this.rows.state[row] !== state.expected) this.#tell(row, client.id, slot)
    else {
      const extra = this.rows.more(row)
      extra.subscribers ??= []
      extra.subscribers.push({ client: client.id, slot })
    }
  }

  #tell(row: number, client: number, slot: number): void {
    const extra = this.rows.more(row)
    if (extra.offset >= 0) this.#effects.stored(client, slot, extra.bytes)
    else {
      const value = extra.value as Uint8Array
      const from = { u8: value, at: 0, bytes: value.length }
      this.#effects.result(client, slot, this.rows.state[row] === state.failed, true, from)
    }
  }

  /** The rows that keys name; keys of what is gone are left out. */
  rowsOfKeys(keys: readonly number[]): number[] {
    const found: number[] = []
    for (let i = 0; i < keys.length; i += 2) {
      const row = this.shared(keys[i], keys[i + 1])
      if (row >= 0) found.push(row)
    }
    return found
  }

  /** A value is there: delivered, and kept only if somebody needs it here. Its row may be gone afterwards. */
  complete(row: number, failed: boolean, from: Bytes, holds: number[] | undefined): void {
    const { rows } = this
    const extra = rows.extra[row]
    const slot = rows.slot[row]
    const contains = holds !== undefined && holds.length > 0
    const waiters = extra?.waiters
    const subscribers = extra?.subscribers
    const kept = contains || rows.shared[row] === 1
    if (contains) for (const held of holds) this.hold(held)
    if (slot >= 0) {
      this.#effects.result(rows.client[row], slot, failed, kept, from)
      if (!kept) {
        this.clients.get(rows.client[row])?.unmap(slot)
        rows.slot[row] = -1
        rows.holders[row]--
      }
    }
    const old = extra?.holds
    rows.state[row] = failed ? state.failed : state.ready
    if (extra) {
      extra.holds = contains ? holds : undefined
      extra.arguments = undefined
      extra.dependencies = undefined
      extra.values = undefined
    } else if (contains) rows.more(row).holds = holds
    if (rows.holders[row] > 0) {
      const more = rows.more(row)
      more.value = from.u8.slice(from.at, from.at + from.bytes)
      more.bytes = from.bytes
      this.#available(row, waiters, subscribers)
    }
    if (old) for (const held of old) this.letGo(held)
    this.sweep(row)
  }

  /** The value lies in the store. */
  completeStored(row: number, offset: number, bytes: number, holds: number[] | undefined): void {
    const { rows } = this
    const extra = rows.more(row)
    const { waiters, subscribers, holds: old } = extra
    if (holds) for (const held of holds) this.hold(held)
    extra.holds = holds
    extra.offset = offset
    extra.bytes = bytes
    extra.arguments = undefined
    extra.dependencies = undefined
    extra.values = undefined
    rows.state[row] = state.ready
    if (rows.slot[row] >= 0 && rows.kind[row] >= 0) this.#effects.stored(rows.client[row], rows.slot[row], bytes)
    this.#available(row, waiters, subscribers)
    if (old) for (const held of old) this.letGo(held)
    this.sweep(row)
  }

  #available(
    row: number,
    waiters: number[] | undefined,
    subscribers: { client: number; slot: number }[] | undefined,
  ): void {
    const extra = this.rows.more(row)
    extra.waiters = undefined
    extra.subscribers = undefined
    // Held meanwhile: a waiter that fails lets go of this row.
    this.hold(row)
    if (subscribers) {
      for (const { client, slot } of subscribers) {
        if (this.clients.get(client)?.row(slot) === row) this.#tell(row, client, slot)
      }
    }
    if (waiters) for (const waiter of waiters) this.onAvailable(waiter, row)
    this.rows.holders[row]--
  }

  fail(row: number, failure: Failure): void {
    const value = failure.kind === 'code' ? failure.bytes : this.#effects.encode(failure, row)
    this.complete(row, true, { u8: value, at: 0, bytes: value.length }, undefined)
  }

  /** Somebody reads the stored value: it stays where it is until `unpin`. */
  pin(row: number): { offset: number; bytes: number; token: number } {
    const extra = this.rows.more(row)
    extra.pins++
    return { offset: extra.offset, bytes: extra.bytes, token: this.rows.token(row) }
  }

  unpin(token: number): void {
    const row = this.rows.rowOf(token)
    if (row < 0) return
    const extra = this.rows.extra[row]
    if (!extra || extra.pins === 0) return
    extra.pins--
    this.sweep(row)
  }

  /** A client is gone: what it held is let go, what it alone had is lost. */
  detach(client: Client): void {
    for (const { slot } of [...client.slots()]) this.release(client, slot)
    for (const row of [...this.#byKey.values()]) {
      if (this.rows.client[row] === client.id && this.rows.state[row] === state.expected) {
        this.fail(row, { kind: 'lost', reason: 'the program that had it has ended' })
      }
    }
  }
}
