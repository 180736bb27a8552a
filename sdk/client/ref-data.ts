import { type OwnerId, objectIdText } from '../../wire/ids.ts'
import type { Engine } from './engine.ts'
import type { Waiter } from './waiter.ts'

/** Where what a ref names is. */
export const at = {
  /** Its task has not ended. */
  pending: 0,
  /** A value that needs no decoding. */
  value: 1,
  /** Bytes of a value, here. */
  bytes: 2,
  /** In the store of the agent. */
  stored: 3,
  /** Bytes of an error. */
  failed: 4,
  /** An error that was made here. */
  broken: 5,
  /** Given to this program by another; nobody has asked for it here. */
  borrowed: 6,
} as const

/** What a ref is to the engine: its name, its place on the channel, and what has come of it. */
export class RefData {
  /** Hidden, so that what walks through a ref (a diff, a structured log) does not walk through the engine. */
  readonly #engine: Engine
  /** Owner, client there and number: the object's name. */
  readonly owner: OwnerId
  readonly client: number
  readonly number: number
  /** What the agent calls it on this channel, or -1. */
  slot: number
  state: number = at.pending
  /** By state: the value, bytes, an error; for stored ones the bytes once they have been fetched over a socket. */
  value: unknown = undefined
  waiters: Waiter | Waiter[] | undefined = undefined
  /** Others may name it by its key. */
  shared = false
  /** Refs among the task's arguments that were pending when it was submitted. */
  dependencies: RefData[] | undefined = undefined
  /** A value that this program put, and kept. */
  isPut = false
  /** Of stored ones. */
  storedBytes = 0
  /** Let go of: it cannot be read or passed on. What came of it stays as long as a task that was given it may need it. */
  released = false
  /** Its bytes were asked to come to this program's peer. */
  brought = false
  /** The last `wait` that looked at it: it is given each of its refs once. */
  seenBy = 0
  /** Somebody has asked for the value, so that a failure is known. */
  asked = false
  /** Times that its stored value was asked for and has not been read: the agent is told to let go afterwards. */
  fetches = 0

  constructor(engine: Engine, owner: OwnerId, client: number, number: number, slot: number) {
    this.#engine = engine
    this.owner = owner
    this.client = client
    this.number = number
    this.slot = slot
  }

  /** The engine that made it. */
  get engine(): Engine {
    return this.#engine
  }

  get id(): string {
    return objectIdText(this.owner, this.client, this.number)
  }
}

/** Makes the refs that users see. */
export type MakeRef = new (engine: Engine, owner: OwnerId, client: number, number: number, slot: number) => RefData
