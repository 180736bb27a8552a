import { workerData } from 'node:worker_threads'
import type { EmbeddedData } from './embedded-data.ts'
import { generateKey, meshIdOf, peerIdOf } from './identity/index.ts'
import { shoalVersion } from './node-version.ts'
import { Peer } from './peer/index.ts'

/**
 * The entry of an embedded peer's thread: a peer of its own inside a program, with a key that lives in memory only and no
 * port. It ends with the program, or when the program ends it.
 */
const { channel, store, hello, resources, labels, folders } = workerData as EmbeddedData

const peer = new Peer({
  peerId: peerIdOf(generateKey()),
  meshId: meshIdOf(generateKey()),
  incarnation: Date.now(),
  resources,
  objectStoreBytes: store.byteLength,
  labels,
  version: shoalVersion,
  folders,
  handlers: {},
  log: () => undefined,
  store,
  bell: channel.bell,
})
peer.attachRing(channel, hello)
// The first task will need a thread: it starts while the program prepares.
peer.warm()
