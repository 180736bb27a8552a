import type { ActorPart } from './actors.ts'
import { limits } from './limits.ts'
import type { Products } from './products.ts'

/** States of a row. A row is a task and its result, or an object that was put. */
export const state = {
  free: 0,
  /** Its dependencies are not there yet. */
  waiting: 1,
  /** In a ready queue. */
  queued: 2,
  /** Given to another peer, which runs it. */
  granted: 3,
  /** Sent to a thread. */
  running: 4,
  /** Awaits something of the mesh; its resources are free meanwhile. */
  suspended: 5,
  /** What it awaited is there; it waits for its resources and its thread. */
  resuming: 6,
  /** Its value is here. */
  ready: 7,
  /** Its value is an error. */
  failed: 8,
  /** It has a value, whose bytes are at other peers, or on disk. */
  remote: 9,
  /** Its value is on its way from the client or the owner that has it. */
  expected: 10,
  /** Only lineage holds it: its value was let go, and is made again should it be needed. */
  gone: 11,
} as const

/** What only some rows have. */
export interface Extra {
  /** Arguments that do not fit the row. */
  arguments?: Uint8Array
  /** Row of each dependency, -1 where its value is in `values`. */
  dependencies?: Int32Array
  values?: (Uint8Array | undefined)[]
  missing: number
  /** Since when its arguments are awaited, if not since its submission; the bytes of those that come from elsewhere. */
  gathering?: { since: number; bytes: number } | undefined
  /** Rows that this one keeps alive: dependencies, refs in arguments; after it ended, refs in its value. */
  holds?: number[]
  /** Rows that wait for this one's value. */
  waiters?: number[]
  /** Clients that asked to be told. */
  subscribers?: { client: number; slot: number }[]
  /** Its client was told that the value is stored: should it be made again, and be small then, that is not said again. */
  told?: boolean
  /** The value: bytes, or a place in the store. */
  value?: Uint8Array
  offset: number
  bytes: number
  /** The number of the value on disk. It may be in the store, too. */
  disk?: number | undefined
  /** The number under which it is being written to disk. */
  spilling?: number | undefined
  /** Threads and clients that read the stored value now. */
  pins: number
  attempts?: Attempt[]
  /** GPUs granted to it. */
  gpus?: number[]
  /** Peers that have the stored value, each with what it is called there. */
  locations?: Location[]
  /** The bytes are being fetched. */
  pulling?: boolean
  /** Clients that wait for the bytes to be fetched. */
  fetchers?: { client: number; slot: number }[]
  /** Peers that asked for the value. */
  wanters?: number[]
  /** Peers that hold a ref to it. */
  borrowers?: Set<number>
  /** Of a borrowed one: its owner was asked for the value. */
  wanted?: boolean
  /** The row whose place in the store this one shares. */
  sharesWith?: number
  /** Rows that are held so that the task can run again, should its value be lost. */
  lineage?: readonly number[]
  /** Of an actor that may be made anew: what it needs then and no task could make again, held like anything else. */
  needed?: readonly number[]
  /** How many of its holders are tasks that could run again, and need it then. */
  lineageHolders: number
  /** How it was made is not kept any more: there was too much of that. */
  forgotten?: boolean
  /** Peers that keep a copy of a replicated object, and whether they have it. */
  replicas?: Map<number, boolean>
  /** Its owner does not know that it is here: a copy that is kept, and nothing else. */
  unregistered?: boolean
  /** Of a copy that is kept for another peer: who owns it, and who follows, in order; -1 is this peer. */
  keptFor?: { authority: number; order: number[]; passed?: number[] }
  /** The key and the name of the object of a dead owner that this one continues, and which others keep copies of that. */
  succeeds?: number
  formerly?: { client: number; number: number; keepers: number[] }
  /** Of a borrowed one whose owner died, and which nobody continues: the owner's peer. */
  ownerGone?: string
  /** Of a borrowed one whose owner died: the row of the object that continues it. */
  alias?: number
  /** Rows of objects that this one continues, which wait for its value. */
  followers?: number[]
  /** A task's result that its client had been given, and has brought back for others: nothing here says so else. */
  wasResult?: boolean
  /** What the task gives besides its own result. */
  products?: Products
  /** Of such a product: the row of the task that gives it, and which it is. */
  madeBy?: { task: number; index: number }
  /** Of a guest that is a generator: how many of its items have been taken; -1: it is to come to its end. */
  credit?: number
  /** It stands for an actor: one of this peer's, one that lives here for another, or one that is known here. */
  actor?: ActorPart
  /** Of a guest: what its home calls it. */
  home?: { peer: number; token: number }
}

/** A copy of a stored value at another peer, by the name that it has there. */
export interface Location {
  peer: number
  token: number
}

/** One attempt, as the state shows it. */
export interface Attempt {
  thread: number
  startedAt: number
  endedAt?: number
  error?: string
  /** Where it ran, if not here. */
  at?: { peerId: string; workerId: string; pid: number }
}

/**
 * Tasks and objects as rows of typed arrays: a task of the common kind (small arguments, no dependencies) allocates nothing
 * here. A row's token is its index with its generation, so that an answer to an earlier use of the row is seen as such.
 */
export class Rows {
  capacity = 0
  live = 0
  /** How often one was made or freed. */
  changes = 0
  state!: Uint8Array
  client!: Int32Array
  slot!: Int32Array
  number!: Float64Array
  kind!: Int32Array
  attempt!: Uint16Array
  retries!: Int32Array
  job!: Uint16Array
  depth!: Uint16Array
  parent!: Int32Array
  thread!: Int32Array
  /** The peer that it was granted to, or -1. */
  peer!: Int32Array
  claim!: Int32Array
  /** Of a call: the row of its actor, else -1. */
  actor!: Int32Array
  /** Of a call: who makes it; one caller's calls run in order. */
  caller!: Float64Array
  next!: Int32Array
  holders!: Int32Array
  shared!: Uint8Array
  argumentBytes!: Int32Array
  submittedAt!: Float64Array
  startedAt!: Float64Array
  generation!: Uint8Array
  arguments!: Uint8Array
  extra: (Extra | undefined)[] = []
  #freeHead = -1

  constructor(capacity = 1024) {
    this.#grow(capacity)
  }

  #grow(capacity: number): void {
    if (capacity > limits.rowsMax) throw new RangeError(`more than ${limits.rowsMax} tasks and objects at one peer`)
    const old = this.capacity
    this.state = grown(this.state, new Uint8Array(capacity))
    this.client = grown(this.client, new Int32Array(capacity))
    this.slot = grown(this.slot, new Int32Array(capacity))
    this.number = grown(this.number, new Float64Array(capacity))
    this.kind = grown(this.kind, new Int32Array(capacity))
    this.attempt = grown(this.attempt, new Uint16Array(capacity))
    this.retries = grown(this.retries, new Int32Array(capacity))
    this.job = grown(this.job, new Uint16Array(capacity))
    this.depth = grown(this.depth, new Uint16Array(capacity))
    this.parent = grown(this.parent, new Int32Array(capacity))
    this.thread = grown(this.thread, new Int32Array(capacity))
    this.peer = grown(this.peer, new Int32Array(capacity))
    this.claim = grown(this.claim, new Int32Array(capacity))
    this.actor = grown(this.actor, new Int32Array(capacity))
    this.caller = grown(this.caller, new Float64Array(capacity))
    this.next = grown(this.next, new Int32Array(capacity))
    this.holders = grown(this.holders, new Int32Array(capacity))
    this.shared = grown(this.shared, new Uint8Array(capacity))
    this.argumentBytes = grown(this.argumentBytes, new Int32Array(capacity))
    this.submittedAt = grown(this.submittedAt, new Float64Array(capacity))
    this.startedAt = grown(this.startedAt, new Float64Array(capacity))
    this.generation = grown(this.generation, new Uint8Array(capacity))
    this.arguments = grown(this.arguments, new Uint8Array(capacity * limits.rowArgumentBytes))
    this.extra.length = capacity
    for (let row = capacity - 1; row >= old; row--) {
      this.next[row] = this.#freeHead
      this.#freeHead = row
    }
    this.capacity = capacity
  }

  /** A free row, with everything at its default. */
  add(state: number, client: number, slot: number, number: number, kind: number): number {
    if (this.#freeHead < 0) this.#grow(this.capacity * 2)
    const row = this.#freeHead
    this.#freeHead = this.next[row]
    this.live++
    this.changes++
    this.state[row] = state
    this.client[row] = client
    this.slot[row] = slot
    this.number[row] = number
    this.kind[row] = kind
    this.attempt[row] = 0
    this.job[row] = 0
    this.depth[row] = 0
    this.parent[row] = -1
    this.thread[row] = -1
    this.peer[row] = -1
    this.claim[row] = -1
    this.actor[row] = -1
    this.next[row] = -1
    this.holders[row] = 0
    this.shared[row] = 0
    this.argumentBytes[row] = 0
    this.startedAt[row] = 0
    return row
  }

  remove(row: number): void {
    this.state[row] = state.free
    this.generation[row]++
    if (this.extra[row]) this.extra[row] = undefined
    this.next[row] = this.#freeHead
    this.#freeHead = row
    this.live--
    this.changes++
  }

  /** The row's extra part, made at its first use. */
  more(row: number): Extra {
    let extra = this.extra[row]
    if (!extra) {
      extra = { missing: 0, offset: -1, bytes: 0, pins: 0, lineageHolders: 0 }
      this.extra[row] = extra
    }
    return extra
  }

  /** Names this use of the row to a worker: 24 bits of row, 7 of generation. */
  token(row: number): number {
    return row | ((this.generation[row] & 0x7f) << 24)
  }

  /** The row that a token names, or -1 if it has been used for something else since. */
  rowOf(token: number): number {
    const row = token & 0xff_ffff
    if (token < 0 || row >= this.capacity || this.state[row] === state.free) return -1
    return (this.generation[row] & 0x7f) === token >>> 24 ? row : -1
  }
}

function grown<T extends Uint8Array | Uint16Array | Int32Array | Float64Array>(old: T | undefined, larger: T): T {
  if (old) larger.set(old as never)
  return larger
}
