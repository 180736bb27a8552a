import { workerData } from 'node:worker_threads'
import { generateKey, meshIdOf, peerIdOf } from '../mesh/identity/index.ts'
import type { EmbeddedData } from './embedded-data.ts'
import { shoalVersion } from './node-version.ts'
import { shoalUrl, startWorker } from './workers/index.ts'

/**
 * The entry of an embedded peer's thread: a peer of its own inside a program, with a key that lives in memory only and no
 * port. It ends with the program, or when the program ends it.
 */
const { channel, store, hello, resources, labels, folders } = workerData as EmbeddedData

const identity = { peerId: peerIdOf(generateKey()), meshId: meshIdOf(generateKey()), incarnation: Date.now() }
// The first task will need a thread: it starts while this one loads the rest. Client 1 is the driver.
const setup = { ...identity, store, release: shoalVersion, folders, shoalUrl: shoalUrl() }
const firstWorker = startWorker(setup, 2, channel.bell)

const { Peer } = await import('./peer/index.ts')
const peer = new Peer({
  ...identity,
  resources,
  objectStoreBytes: store.byteLength,
  labels,
  version: shoalVersion,
  folders,
  handlers: {},
  log: () => undefined,
  store,
  bell: channel.bell,
  firstWorker,
})
peer.attachRing(channel, hello)
peer.warm()
