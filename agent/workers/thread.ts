import { parentPort, workerData } from 'node:worker_threads'
import { BellLoop } from '../../wire/bell.ts'
import { RingInbox, RingOutbox } from '../../wire/ring.ts'
import type { WorkerData } from './data.ts'
import { serve } from './serve.ts'
import { SharedStore } from './worker-store.ts'

/** The entry of a worker thread: its rings, on which it serves its agent. */
const { channel, claims, store, ...identity } = workerData as WorkerData
const worker = await serve({
  identity,
  outbox: new RingOutbox(channel.out, channel.peerBell),
  claims,
  store: new SharedStore(store),
})
const inbox = new RingInbox(channel.in, channel.peerBell, worker)
const loop = new BellLoop(channel.bell, () => worker.round(() => inbox.drain() > 0))
// A ring keeps no event loop alive: this thread stays until its agent ends it.
void loop.run()

/** The agent has interrupted what held this thread: its frames are gone, and what follows goes on from here. */
parentPort?.on('message', () => {
  const wasReading = inbox.skip()
  // What ran in a timer or behind an await leaves nothing half done here; but what read a record and was no call does.
  if (worker.interrupted() || !wasReading) loop.resume()
  else process.exit(1)
})
