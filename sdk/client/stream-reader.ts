import type { RecordMemory } from '../../wire/inbox.ts'
import { itemIs, joined, record } from '../../wire/records.ts'
import { sendWords } from '../../wire/texts.ts'
import type { Engine } from './engine.ts'
import { RefData, at as where } from './ref-data.ts'
import { notifyWaiters, type Waiter } from './waiter.ts'

/** What a record says of an item that nobody has taken yet. */
interface Item {
  client: number
  number: number
  is: number
  storedBytes: number
  value: Uint8Array | undefined
}

/** One who waits for the next item. */
interface Asker {
  resolve(ref: RefData | undefined): void
  reject(error: unknown): void
}

/**
 * One program's reading of a stream: items that its agent has told it of, in their order, and what has come of the generator.
 * Begins with the first question, and is over when the last item was taken, or the program has left.
 */
export class StreamReader {
  readonly ref: RefData
  /** Items that have been taken, or were before this program was given the stream. */
  taken: number
  /** It was named in a value: it may be read elsewhere. */
  passedOn = false
  readonly #engine: Engine
  readonly #items: Item[] = []
  readonly #askers: Asker[] = []
  #begun = false
  #count = -1
  #failed = false
  #over = false
  /** Settled while an item is here, or the end; what `wait` looks at. */
  #ready: RefData | undefined

  constructor(ref: RefData, taken: number) {
    this.ref = ref
    this.taken = taken
    this.#engine = ref.engine
    ref.asked = true
  }

  /** The next item's ref, or undefined at the end. Rejects with the generator's failure, once. */
  next(): Promise<RefData | undefined> {
    if (this.#over) return Promise.resolve(undefined)
    this.#begin()
    const item = this.#askers.length === 0 ? this.#items.shift() : undefined
    if (item) return Promise.resolve(this.#take(item))
    const asked = new Promise<RefData | undefined>((resolve, reject) => {
      this.#askers.push({ resolve, reject })
    })
    this.#look()
    return this.#over ? asked : this.#engine.suspension.while(asked)
  }

  #begin(): void {
    if (this.#begun) return
    this.#begun = true
    const { ref } = this
    if (ref.released) {
      this.#count = this.taken
      return
    }
    if (ref.slot < 0) {
      if (ref.state === where.pending) return
      // It failed before anything was sent.
      this.#count = this.taken
      this.#failed = true
      return
    }
    this.#engine.streams.set(ref.slot, this)
    sendWords(this.#engine.outbox, record.read, 0, ref.slot, this.taken)
  }

  /** A ref that is settled while the next item, or the end, is here. */
  readiness(): RefData {
    this.#begin()
    const isReady = this.#isReady
    if (!this.#ready || (this.#ready.state !== where.pending) !== isReady) {
      this.#ready = new RefData(this.#engine, this.ref.owner, this.ref.client, this.ref.number, -1)
      this.#ready.asked = true
      if (isReady) this.#ready.state = where.value
    }
    return this.#ready
  }

  get #isReady(): boolean {
    return this.#over || this.#items.length > 0 || (this.#count >= 0 && this.taken >= this.#count)
  }

  // ---- what the agent says

  item(field: number, memory: RecordMemory, at: number): void {
    const { i32, u8 } = memory
    const word = at >> 2
    const bytes = i32[word + 5] >>> 0
    const has = field === itemIs.value || field === itemIs.failed
    this.#items.push({
      client: i32[word + 2],
      number: joined(i32[word + 3], i32[word + 4]),
      is: field,
      storedBytes: field === itemIs.stored ? bytes : 0,
      value: has ? u8.slice(at + 24, at + 24 + bytes) : undefined,
    })
    this.#look()
  }

  ended(count: number, failed: boolean): void {
    this.#count = count
    this.#failed = failed
    this.#look()
  }

  /** Whether a record names this stream: its slot may have been another's. */
  is(number: number): boolean {
    return (this.ref.number | 0) === number
  }

  /** Gives what is here to those who wait. */
  #look(): void {
    while (this.#askers.length > 0) {
      const item = this.#items.shift()
      if (item) this.#askers.shift()?.resolve(this.#take(item))
      else if (this.#count >= 0 && this.taken >= this.#count) {
        const asker = this.#askers.shift() as Asker
        this.#end(asker)
      } else return
    }
    const ready = this.#ready
    if (ready?.state !== where.pending || !this.#isReady) return
    ready.state = where.value
    notifyWaiters(ready)
  }

  #take({ client, number, is, storedBytes, value }: Item): RefData {
    const engine = this.#engine
    const ref = engine.borrow(this.ref.owner, client, number)
    if (is === itemIs.stored) {
      ref.state = where.stored
      ref.storedBytes = storedBytes
    } else if (value) {
      ref.state = is === itemIs.failed ? where.failed : where.bytes
      ref.value = value
    }
    this.taken++
    sendWords(engine.outbox, record.read, 1, this.ref.slot, this.taken)
    return ref
  }

  /** No item is left: the end, or the failure of the generator, which is told of once. */
  #end(asker: Asker): void {
    const { ref } = this
    const engine = this.#engine
    this.#over = true
    const settle = (): void => {
      try {
        if (this.#failed) engine.read(ref, true)
        asker.resolve(undefined)
      } catch (error) {
        asker.reject(error)
      }
      this.#leave()
      for (const other of this.#askers.splice(0)) other.resolve(undefined)
    }
    if (!this.#failed || engine.settled(ref)) settle()
    else {
      const waiter: Waiter = { notify: settle }
      engine.await(ref, waiter)
    }
  }

  // ---- leaving

  /** The program reads no more: what is left goes, and the generator comes to its end. */
  close(): void {
    if (this.#over) return
    this.#over = true
    this.#items.length = 0
    const { ref } = this
    const engine = this.#engine
    if (!ref.released && ref.slot >= 0 && !engine.closed) sendWords(engine.outbox, record.read, 2, ref.slot, this.taken)
    this.#leave()
    for (const asker of this.#askers.splice(0)) asker.resolve(undefined)
    this.#look()
  }

  /**
   * Nobody here has the stream any more. What was read here, or only here could be, comes to its end; where it was passed on
   * others may read it.
   */
  drop(): void {
    if (this.#over) return
    const { ref } = this
    if ((this.#begun || ref.owner === this.#engine.owner) && !this.passedOn) {
      this.close()
      return
    }
    this.#over = true
    const pending = !ref.released && ref.slot >= 0 && ref.state === where.pending && !this.#engine.closed
    if (pending) sendWords(this.#engine.outbox, record.read, 3, ref.slot, this.taken)
    this.#leave()
  }

  /** The mesh is closed. */
  broken(error: Error): void {
    if (this.#over) return
    this.#over = true
    for (const asker of this.#askers.splice(0)) asker.reject(error)
    this.#look()
  }

  #leave(): void {
    const { ref } = this
    const engine = this.#engine
    if (ref.slot >= 0 && engine.streams.get(ref.slot) === this) engine.streams.delete(ref.slot)
    engine.release(ref)
  }
}
