import type { RecordMemory } from '../../wire/inbox.ts'
import type { CallSpec } from '../../wire/records.ts'
import type { ActorInstance, Group, WaitingCall } from './actor.ts'
import type { WorkerFunctionState } from './functions.ts'

/** A call whose turn it is. */
export interface Called {
  readonly fn: WorkerFunctionState
  readonly actor: ActorInstance
  readonly group: Group
}

/** What the calls of actors need of their runner. */
export interface CallDoor {
  start(call: Called, field: number, memory: RecordMemory, at: number): void
  /** It does not begin here. */
  skip(token: number, claim: number): void
}

/** The actors of one worker, and their calls that wait for their turns. */
export class ActorCalls {
  readonly #door: CallDoor
  readonly #actors = new Map<number, ActorInstance>()
  readonly #saving = new Map<number, NodeJS.Timeout>()
  /** What actors that are about to be made had saved. */
  readonly #saved = new Map<number, Uint8Array>()
  /** Calls that wait, by their tokens. */
  readonly #waiting = new Map<number, WaitingCall>()
  /** How many have ended. */
  ended = 0

  constructor(door: CallDoor) {
    this.#door = door
  }

  add(actor: ActorInstance, save: () => void): void {
    this.#actors.set(actor.token, actor)
    if (actor.spec.checkpointMs > 0) this.#saving.set(actor.token, setInterval(save, actor.spec.checkpointMs))
  }

  /** What an actor had saved comes before the record that makes it. */
  saved(token: number, bytes: Uint8Array): void {
    this.#saved.set(token, bytes)
  }

  takeSaved(token: number): Uint8Array | undefined {
    const bytes = this.#saved.get(token)
    this.#saved.delete(token)
    return bytes
  }

  /** A `run` record of a call. */
  arrived(fn: WorkerFunctionState, field: number, memory: RecordMemory, at: number, bytes: number): void {
    const word = at >> 2
    const actor = this.#actors.get(memory.i32[word + 7])
    if (!actor) {
      this.#door.skip(memory.i32[word], memory.i32[word + 1])
      return
    }
    const { method, group: named } = fn.spec.call as CallSpec
    const group = actor.groupOf(method, named)
    if (group.running >= group.limit || group.waiting > 0) {
      const call = { fn, group, field, buffer: memory.u8.slice(at, at + bytes).buffer as ArrayBuffer, gone: false }
      group.push(call)
      this.#waiting.set(memory.i32[word], call)
      return
    }
    this.#door.start({ fn, actor, group }, field, memory, at)
  }

  /** Starts what waits in a group. */
  next(actor: ActorInstance, group: Group): void {
    if (group.starting) return
    group.starting = true
    while (group.waiting > 0 && group.running < group.limit) {
      const { fn, field, buffer } = group.shift() as WaitingCall
      const memory = { i32: new Int32Array(buffer), u8: new Uint8Array(buffer), f64: new Float64Array(buffer) }
      this.#waiting.delete(memory.i32[0])
      this.#door.start({ fn, actor, group }, field, memory, 0)
    }
    group.starting = false
  }

  /** A call that waits was given up. */
  forget(token: number): void {
    const call = this.#waiting.get(token)
    if (!call) return
    this.#waiting.delete(token)
    call.group.drop(call)
    this.#door.skip(token, new Int32Array(call.buffer, 0, 2)[1])
  }

  /** An actor is over: what waits for it does not begin, its timers are cleared. */
  remove(token: number): ActorInstance | undefined {
    const actor = this.#actors.get(token)
    if (!actor) return undefined
    this.#actors.delete(token)
    clearInterval(this.#saving.get(token))
    this.#saving.delete(token)
    this.ended++
    actor.over = true
    actor.clearTimers()
    for (const group of actor.groups()) {
      for (let call = group.shift(); call; call = group.shift()) {
        const words = new Int32Array(call.buffer, 0, 2)
        this.#waiting.delete(words[0])
        this.#door.skip(words[0], words[1])
      }
    }
    return actor
  }
}
