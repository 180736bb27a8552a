import { setWorkerBridge, type WorkerBridge, type WorkerClient } from '../../wire/bridge.ts'
import { collectThen } from '../../wire/collection.ts'
import { stackOf, thrownText } from '../../wire/errors/index.ts'
import type { RecordHandler, RecordMemory } from '../../wire/inbox.ts'
import type { Outbox } from '../../wire/outbox.ts'
import { joined, record, recordsVersion, type WorkerFunction } from '../../wire/records.ts'
import { readCode, readText, sendText, sendWords } from '../../wire/texts.ts'
import { Decoder, Encoder } from '../../wire/values/index.ts'
import { CodeLoader } from '../code/index.ts'
import { collectWhenIdle } from './collection.ts'
import type { WorkerIdentity } from './data.ts'
import { WorkerFunctions } from './functions.ts'
import { FREEZE } from './process-start.ts'
import { Runner } from './runner.ts'
import { currentTask } from './running-task.ts'
import type { Keeping } from './saving.ts'
import { guardProcess, leave } from './surroundings.ts'
import { noteTimers } from './timers.ts'
import type { WorkerStore } from './worker-store.ts'

/** What a worker serves its agent with. */
export interface WorkerParts {
  identity: WorkerIdentity
  outbox: Outbox
  /** A word for each task that is here: 0 until it has begun, 2 once the agent has taken it back. */
  claims: Int32Array
  store: WorkerStore
}

/** Not that of the actor whose code speaks, with which it would end (`noteTimers`). */
const soon = setImmediate

/** A worker that is ready. */
export interface Worker extends RecordHandler {
  /** Reads a batch of records by `read`; what they cause leaves together at its end. */
  round<T>(read: () => T): T
  /** The call that held the thread was interrupted. False: it was something else, and nothing here can be relied on. */
  interrupted(): boolean
}

/** Makes this thread, or this process, a worker: the code of users, and the `shoal` module that this code sees. */
export async function serve({ identity, outbox, claims, store }: WorkerParts): Promise<Worker> {
  const { client: clientId, peerId, meshId, incarnation, release, shoalUrl, folders } = identity
  const bridge: WorkerBridge = {
    outbox,
    store: store.memory,
    welcome: {
      version: recordsVersion,
      client: clientId,
      peerId,
      meshId,
      incarnation,
      jobId: '',
      namespace: '',
      release,
    },
    current: () => currentTask.getStore(),
    exitActor: () => {
      const actor = currentTask.getStore()?.actor
      if (!actor) throw new Error('this code belongs to no actor')
      return leave(actor, { outbox, exit: false, code: 0 })
    },
    inActor: () => currentTask.getStore()?.actor !== undefined,
    local: (hash, entry) => functions.local(hash, entry),
    loading: () => functions.loading,
    isLoaded: hash => functions.isLoaded(hash),
    prepare: async hash => {
      await functions.prepare(hash)
    },
  }
  setWorkerBridge(bridge)
  await import(shoalUrl)
  const client = bridge.client as WorkerClient

  const functions = new WorkerFunctions(
    blob => new CodeLoader({ extensions: client.extensions, types: client.types, shoalUrl, folders, peerId, blob }),
    client.types,
    types => ({
      encoder: new Encoder({ types, extensions: client.extensions }),
      decoder: new Decoder({ types, extensions: client.extensions }),
      inner: new Decoder({ types, extensions: client.extensions }),
    }),
  )
  const runner = new Runner({
    outbox,
    claims,
    store,
    functions,
    client,
    owner: { peerId, incarnation },
    keeping: () => bridge.keeping as Keeping,
  })

  let draining = false
  let flushing = false
  // What tasks say between two rounds of work leaves together, at the end of this turn of the event loop.
  outbox.onPending = () => {
    if (draining || flushing) return
    flushing = true
    soon(() => {
      flushing = false
      outbox.flush()
    })
  }
  guardProcess({ outbox, runner })
  noteTimers(() => {
    const actor = currentTask.getStore()?.actor
    return actor?.spec.shares ? actor : undefined
  })
  sendWords(outbox, record.ready, 0, 0)
  outbox.flush()
  collectWhenIdle(runner)

  return {
    round(read) {
      draining = true
      runner.beginRound()
      let found: ReturnType<typeof read>
      try {
        found = read()
      } catch (error) {
        // Half of a batch was read: nothing here can be relied on any more, and its agent makes another worker.
        sendText(outbox, record.output, 1, [-1], {
          text: `the worker cannot go on: ${stackOf(error) || thrownText(error)}\n`,
        })
        process.exit(1)
      }
      draining = false
      outbox.flush()
      return found
    },
    interrupted() {
      draining = false
      outbox.abandon()
      const isKnown = runner.interrupted()
      outbox.flush()
      return isKnown
    },
    record(type: number, field: number, memory: RecordMemory, at: number, bytes: number): void {
      const { i32 } = memory
      const word = at >> 2
      switch (type) {
        case record.run:
          runner.run(field, memory, at, bytes)
          break
        case record.learn:
          functions.learn(i32[word], readText(memory, at, 1, bytes) as WorkerFunction)
          break
        case record.code: {
          const { hash, from, length } = readCode(memory, at, bytes)
          functions.addCode(hash, memory.u8.slice(from, from + length))
          break
        }
        case record.named:
          runner.named(
            i32[word],
            readText(memory, at, 1, bytes) as { peerId: string; incarnation: number; client: number },
          )
          break
        case record.abort:
          runner.abort(i32[word], field === 1)
          break
        case record.credit:
          runner.credit(i32[word], i32[word + 1])
          break
        case record.freeze:
          Atomics.wait(claims, FREEZE, 1)
          break
        case record.dismiss:
          runner.dismiss(i32[word])
          break
        case record.restore:
          runner.actors.saved(i32[word], memory.u8.slice(at + 8, at + 8 + i32[word + 1]))
          break
        case record.collect:
          collectThen(() => sendWords(outbox, record.collected, 0, 0))
          break
        case record.refused: {
          const from = at + 8
          runner.refused(i32[word], memory.u8.slice(from, from + i32[word + 1]))
          break
        }
        case record.allocated:
          if (field === 1) runner.allocated(i32[word], joined(i32[word + 1], i32[word + 2]))
          else client.record(type, field, memory, at, bytes)
          break
        default:
          client.record(type, field, memory, at, bytes)
      }
    },
  }
}
