import { workerData } from 'node:worker_threads'
import { BellLoop } from '../../wire/bell.ts'
import { setWorkerBridge, type WorkerBridge, type WorkerClient } from '../../wire/bridge.ts'
import type { RecordMemory } from '../../wire/inbox.ts'
import { joined, record, recordsVersion, type WorkerFunction } from '../../wire/records.ts'
import { RingInbox, RingOutbox } from '../../wire/ring.ts'
import { readCode, readText, sendWords } from '../../wire/texts.ts'
import { Decoder, Encoder } from '../../wire/values/index.ts'
import { CodeLoader } from '../code/index.ts'
import { collectWhenIdle } from './collection.ts'
import type { WorkerData } from './data.ts'
import { WorkerFunctions } from './functions.ts'
import { Runner } from './runner.ts'
import { currentTask } from './running-task.ts'
import { guardProcess } from './surroundings.ts'

/** The entry of a worker thread: the channel to its agent, the code of users, and the `shoal` module that this code sees. */
const data = workerData as WorkerData
const { channel, claims, store, client: clientId, peerId, meshId, incarnation, release, shoalUrl, folders } = data
const outbox = new RingOutbox(channel.out, channel.peerBell)

const bridge: WorkerBridge = {
  outbox,
  store,
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
const runner = new Runner({ outbox, claims, store, functions, client, owner: { peerId, incarnation } })

const inbox = new RingInbox(channel.in, channel.peerBell, {
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
        runner.abort(i32[word])
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
})

let draining = false
let flushing = false
// What tasks say between two rounds of work leaves together, at the end of this turn of the event loop.
outbox.onPending = () => {
  if (draining || flushing) return
  flushing = true
  setImmediate(() => {
    flushing = false
    outbox.flush()
  })
}

guardProcess({ outbox, runner })
const loop = new BellLoop(channel.bell, () => {
  draining = true
  runner.beginRound()
  const found = inbox.drain() > 0
  draining = false
  outbox.flush()
  return found
})
sendWords(outbox, record.ready, 0, 0)
outbox.flush()
// A ring keeps no event loop alive: this thread stays until its agent ends it.
collectWhenIdle(() => runner.idle)
void loop.run()
