import type { Lineage } from './lineage.ts'
import type { Bytes, Objects } from './objects.ts'
import { type Location, type Rows, state } from './rows.ts'

/** Items that a reader is told of ahead of those that it has taken, at most. */
const PUSHED_AHEAD = 256

/** What the products have done by their shell. */
export interface ProductEffects {
  /** Tells a client of the next item of a stream that it reads. */
  item(client: number, slot: number, row: number): void
  /** Tells it that no more than `count` will come. */
  streamEnded(client: number, slot: number, count: number, failed: boolean): void
  /** Tells whoever runs a generator how many of its items have been taken; with -1 to come to its end. */
  credit(row: number, read: number): void
}

/**
 * What a task gives besides its own result: the parts of one with `returns: n`, or the items of a generator. Each is a row of
 * its own, made when it is there (of parts: when the task is submitted), and holds the task's row, by which it is made again
 * should it be lost.
 */
export interface Products {
  readonly isStream: boolean
  /** How many the attempt that runs, or ran last, has given. */
  given: number
  /** Rows by index; -1: nobody holds it any more. */
  readonly rows: number[]
  /** How many of these are there. */
  live: number
  /** Of a stream: the task has come to its end. */
  ended: boolean
  failed: boolean
  /** Items that were taken; those from here on are held until they are. */
  read: number
  /** Items of which the reader has been told. */
  pushed: number
  reader: StreamReader | undefined
  /** Nobody reads it any more. */
  closed: boolean
  /** That was before its end: there may be more items than it has given. */
  cut: boolean
  /** The attempt that runs was told to end, and the task runs again from its first item. */
  restarts: boolean
  /** Holders that hold the task's row until it has come to its end, and do not read. */
  idle: number
}

/** Who reads a stream: a client of this peer by its slot, or another peer that asks for what comes after a number of items. */
export type StreamReader = { client: number; slot: number; told: boolean } | { tell: () => void; by: string }

/** What has come of one product, as its task's worker says it. */
export type Produced =
  | { is: 'value'; from: Bytes; failed: boolean }
  | { is: 'stored'; offset: number; bytes: number }
  | { is: 'remote'; location: Location; bytes: number }

/**
 * The parts and items of tasks (protocols §2, "Stream items carry (generator task, attempt, index)"). A task that runs again
 * makes all of them again; those that are there already stay as they are, and what is made twice is dropped.
 */
export class ProductTable {
  readonly #rows: Rows
  readonly #objects: Objects
  readonly #lineage: Lineage
  readonly #effects: ProductEffects
  readonly #newClient: () => number
  /** Whose the items of streams are: their numbers are given here. */
  #client = -1
  #number = 1

  constructor(parts: {
    rows: Rows
    objects: Objects
    lineage: Lineage
    effects: ProductEffects
    newClient: () => number
  }) {
    this.#rows = parts.rows
    this.#objects = parts.objects
    this.#lineage = parts.lineage
    this.#effects = parts.effects
    this.#newClient = parts.newClient
    parts.objects.onProductFreed = (row, madeBy) => this.#freed(row, madeBy)
    parts.objects.onUnwatched = row => this.close(row)
  }

  of(task: number): Products | undefined {
    return this.#rows.extra[task]?.products
  }

  /** A new task that gives more than one value. `slots`: of its parts, whose numbers follow its own; none for a stream. */
  begin(task: number, slots: readonly number[], isStream: boolean): void {
    const rows = this.#rows
    const products: Products = {
      isStream,
      given: 0,
      rows: [],
      live: 0,
      ended: false,
      failed: false,
      read: 0,
      pushed: 0,
      reader: undefined,
      closed: false,
      cut: false,
      restarts: false,
      idle: 0,
    }
    rows.more(task).products = products
    const client = rows.client[task]
    for (const [index, slot] of slots.entries()) {
      const row = this.#add(task, products, index, { client, slot, number: rows.number[task] + 1 + index })
      this.#objects.clients.get(client)?.map(slot, row)
    }
  }

  #add(
    task: number,
    products: Products,
    index: number,
    { client, slot, number }: { client: number; slot: number; number: number },
  ): number {
    const rows = this.#rows
    const row = rows.add(state.expected, client, slot, number, -1)
    rows.job[row] = rows.job[task]
    rows.submittedAt[row] = rows.submittedAt[task]
    rows.more(row).madeBy = { task, index }
    rows.holders[row] = 1
    this.#objects.hold(task)
    products.rows[index] = row
    products.live++
    return row
  }

  /** An item of a stream, for the first time or again, held until it is taken. */
  #addItem(task: number, products: Products, index: number): number {
    if (this.#client < 0) this.#client = this.#newClient()
    const row = this.#add(task, products, index, { client: this.#client, slot: -1, number: this.#number++ })
    this.#objects.publish(row)
    return row
  }

  #freed(row: number, { task, index }: { task: number; index: number }): void {
    const products = this.of(task)
    if (products?.rows[index] === row) {
      products.rows[index] = -1
      products.live--
    }
    this.#objects.letGo(task)
  }

  /** A product is there. False: it is not needed, and whoever made it keeps what it takes. */
  produced(task: number, index: number, what: Produced, holds: number[] | undefined): boolean {
    const products = this.of(task)
    if (!products || index < 0) return false
    const rows = this.#rows
    products.given = index + 1
    // It only makes again what was lost of a stream that had been left: its own end may never come.
    if (products.ended && products.cut && index + 1 === products.rows.length) this.#effects.credit(task, -1)
    let row = products.rows[index] ?? -1
    if (products.isStream && index === products.rows.length && !products.closed)
      row = this.#addItem(task, products, index)
    if (row < 0 || rows.state[row] !== state.expected) return false
    // Its row may be gone when it has been delivered.
    this.#objects.hold(task)
    switch (what.is) {
      case 'value':
        this.#objects.complete(row, what.failed, what.from, holds)
        break
      case 'stored':
        this.#objects.completeStored(row, what.offset, what.bytes, holds)
        break
      case 'remote':
        if (holds) for (const held of holds) this.#objects.hold(held)
        rows.more(row).holds = holds
        this.#objects.settleRemote(row, what.bytes, [what.location])
        break
    }
    this.#push(products)
    this.#objects.letGo(task)
    return true
  }

  /** The task has come to its end. What it has not given fails as it did, or because it is not there. */
  ended(task: number, failed: boolean, value: Uint8Array): void {
    const products = this.of(task)
    if (!products) return
    const rows = this.#rows
    // An attempt that makes again what was lost does not change how the first one ended.
    if (!products.ended) products.failed = failed && !products.closed
    products.ended = true
    products.idle = 0
    const { given } = products
    products.given = 0
    for (const [index, row] of [...products.rows].entries()) {
      if (row < 0 || products.rows[index] !== row || rows.state[row] !== state.expected) continue
      if (failed) this.#objects.complete(row, true, { u8: value, at: 0, bytes: value.length }, undefined)
      else if (index < given) this.#lostMeanwhile(row)
      else this.#objects.fail(row, { kind: 'lost', reason: 'its task ran again, and did not give it' })
    }
    this.#push(products)
  }

  /** It was given, and lost again while its task went on. */
  #lostMeanwhile(row: number): void {
    if (this.#rows.state[this.#rows.extra[row]?.madeBy?.task ?? 0] < state.ready) return
    const reason = 'it was lost with the peer that had it'
    const obstacle = this.#lineage.makeAgain(row, reason)
    if (obstacle !== undefined) this.#objects.fail(row, { kind: 'lost', reason: `${reason}, and ${obstacle}` })
  }

  // ---- readers

  /** A client reads a stream from its item `from` on: the only one that does, from now on. */
  readBy(task: number, reader: StreamReader, from: number): void {
    const products = this.of(task)
    if (!products?.isStream) return
    products.reader = reader
    products.pushed = from
    if (from < products.read || products.closed) this.#goBack(task, products, from)
    this.#push(products)
  }

  /** Items that had been taken, or left, are wanted again: those that are gone are made again. */
  #goBack(task: number, products: Products, from: number): void {
    const rows = this.#rows
    const missing: number[] = []
    let first = products.rows.length
    for (let index = from; index < Math.min(products.read, products.rows.length); index++) {
      const there = products.rows[index]
      if (there >= 0) this.#objects.hold(there)
      else {
        first = Math.min(first, index)
        missing.push(this.#addItem(task, products, index))
      }
    }
    products.read = Math.min(products.read, from)
    const { cut } = products
    products.closed = false
    products.cut = false
    if (missing.length === 0 && !cut) return
    const wasEnded = products.ended
    if (cut) products.ended = false
    const isOver = rows.state[task] >= state.ready
    const obstacle = isOver ? this.#lineage.makeAgain(task, 'it is read again') : this.#startAnew(task, first, cut)
    if (obstacle === undefined) return
    products.ended = wasEnded
    if (cut && rows.state[task] === state.failed) products.failed = true
    else if (cut) missing.push(this.#addItem(task, products, products.rows.length))
    for (const row of missing) this.#objects.fail(row, { kind: 'lost', reason: `it was let go, and ${obstacle}` })
  }

  /**
   * An item is needed that the running attempt of its generator has given already: the attempt is told to end, and the task runs
   * again from its first item. Waiting for its own end may be for ever: it may stand at its backpressure, or have no end. Why
   * not, if it cannot.
   */
  #startAnew(task: number, index: number, isEnding: boolean): string | undefined {
    const products = this.of(task)
    if (!products?.isStream || products.restarts || (index >= products.given && !isEnding)) return undefined
    if (this.#rows.retries[task] === 0) return 'its retries are used up'
    products.restarts = true
    if (!isEnding) this.#effects.credit(task, -1)
    return undefined
  }

  /** An item is lost while its generator runs. */
  missed(task: number, index: number): void {
    this.#startAnew(task, index, false)
  }

  #push(products: Products): void {
    const { reader } = products
    if (!reader) return
    if ('tell' in reader) {
      reader.tell()
      return
    }
    const { client, slot } = reader
    while (products.pushed < products.rows.length && products.pushed < products.read + PUSHED_AHEAD) {
      this.#effects.item(client, slot, products.rows[products.pushed++])
    }
    if (!products.ended || reader.told) return
    reader.told = true
    this.#effects.streamEnded(client, slot, products.rows.length, products.failed)
  }

  /** The reader has taken so many items: it holds those that it needs itself. */
  taken(task: number, read: number): void {
    const products = this.of(task)
    if (!products?.isStream || read <= products.read) return
    const from = products.read
    products.read = Math.min(read, products.rows.length)
    this.#objects.hold(task)
    for (let index = from; index < products.read; index++) {
      const row = products.rows[index]
      if (row >= 0) this.#objects.letGo(row)
    }
    if (this.#rows.state[task] < state.ready) this.#effects.credit(task, this.credit(products))
    this.#push(products)
    this.#objects.letGo(task)
  }

  /** What the producer may count as taken: everything when it only makes again what was lost; -1: it is to end. */
  credit(products: Products): number {
    if (products.restarts) return -1
    if (products.ended) return Number.MAX_SAFE_INTEGER
    return products.closed ? -1 : products.read
  }

  /** Nobody reads a stream any more: what is not taken goes, and its producer comes to its end. */
  close(task: number): void {
    const products = this.of(task)
    if (!products?.isStream || products.closed) return
    const { reader } = products
    products.closed = true
    products.cut = !products.ended
    products.reader = undefined
    this.#objects.hold(task)
    const unread = products.rows.slice(products.read)
    products.read = products.rows.length
    for (const row of unread) if (row >= 0) this.#objects.letGo(row)
    if (reader && 'tell' in reader) reader.tell()
    products.restarts = false
    if (this.#rows.state[task] < state.ready && !products.ended) this.#effects.credit(task, -1)
    this.#objects.letGo(task)
  }

  /** Whether somebody else reads a stream than this client of this peer's, or of another's by its name there. */
  isReadByOther(task: number, who: { client: number; slot: number } | { by: string }): boolean {
    const reader = this.of(task)?.reader
    if (!reader) return false
    if ('by' in who) return !('by' in reader) || reader.by !== who.by
    return !('client' in reader) || reader.client !== who.client || reader.slot !== who.slot
  }

  /** A client leaves it to others to read, and says so before it lets go. */
  leave(task: number): void {
    const products = this.of(task)
    if (!products?.isStream || products.ended) return
    products.idle++
    this.#objects.sweep(task)
  }

  /** A client that is gone reads no more. */
  readerGone(client: number): void {
    const rows = this.#rows
    for (let row = 0; row < rows.capacity; row++) {
      const products = rows.state[row] === state.free ? undefined : rows.extra[row]?.products
      if (products?.reader && 'client' in products.reader && products.reader.client === client)
        products.reader = undefined
    }
  }
}
