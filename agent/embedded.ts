import { workerData } from 'node:worker_threads'
import { generateKey, meshIdOf, peerIdOf } from '../mesh/identity/index.ts'
import { control } from '../wire/embedded-control.ts'
import { failureOf } from '../wire/errors/index.ts'
import { record } from '../wire/records.ts'
import { RingOutbox } from '../wire/ring.ts'
import { sendText } from '../wire/texts.ts'
import type { EmbeddedData } from './embedded-data.ts'
import type { EmbeddedMesh } from './embedded-mesh.ts'
import { embeddedNames } from './embedded-names.ts'
import { removeDeadSpillFolders } from './embedded-spill.ts'
import { shoalVersion } from './node-version.ts'
import { shoalUrl, startWorker } from './workers/index.ts'

/**
 * The entry of an embedded peer's thread: a peer of its own inside a program, with a key that lives in memory only. It loads
 * nothing of the network, and opens no port, before it joins a mesh by a ticket or makes one. It ends with the program, or when
 * the program ends it.
 */
const {
  channel,
  store,
  hello,
  resources,
  labels,
  spillDir,
  folders,
  ticket,
  control: cells,
} = workerData as EmbeddedData

const key = generateKey()
const rootKey = generateKey()
const peerId = peerIdOf(key)
let mesh: EmbeddedMesh | undefined

async function start(): Promise<void> {
  const joined = ticket === undefined ? undefined : await (await import('./embedded-mesh.ts')).join(key, ticket)
  const identity = { peerId, meshId: joined?.meshId ?? meshIdOf(rootKey), incarnation: Date.now() }
  // The first task will need a thread: it starts while this one loads the rest. Client 1 is the driver.
  const setup = { ...identity, store, release: shoalVersion, folders, shoalUrl: shoalUrl() }
  const firstWorker = joined?.role === 'driver' ? undefined : startWorker(setup, 2, channel.bell)
  const { Peer } = await import('./peer/index.ts')
  const isDriver = joined?.role === 'driver'
  const openNames = embeddedNames(identity, joined === undefined)
  const peer = new Peer({
    ...identity,
    // Who joined as a driver offers nothing to others, and runs nothing.
    resources: isDriver ? { cpus: 0, gpus: 0, memoryBytes: resources.memoryBytes ?? 0 } : resources,
    objectStoreBytes: store.byteLength,
    labels,
    spillDir,
    version: shoalVersion,
    folders,
    role: joined?.role ?? 'peer',
    addresses: () => mesh?.host.addresses ?? [],
    members: () => mesh?.host.rows() ?? [],
    silence: (other, incarnation) =>
      mesh?.host.silence(other, incarnation) ?? { ms: Number.POSITIVE_INFINITY, gone: false },
    peerFacts: other => mesh?.host.facts(other) ?? { pid: 0 },
    directory: async host => (await openNames()).attach(host),
    handlers: {
      ticket: async params => {
        const { uses, ttlMs, role } = params as { uses: number; ttlMs?: number; role: 'peer' | 'driver' }
        await enter()
        return (mesh as EmbeddedMesh).makeTicket({ uses, role, ...(ttlMs === undefined ? {} : { ttlMs }) })
      },
      left: async () => {
        if (!mesh) await peer.endProcesses()
        return { mesh: mesh !== undefined }
      },
      drain: async () => {
        await peer.drain({ deadlineMs: Number.POSITIVE_INFINITY })
        return null
      },
    },
    log: () => undefined,
    store,
    bell: channel.bell,
    ...(firstWorker ? { firstWorker } : {}),
  })
  /** One at a time, and once. */
  let entering: Promise<void> | undefined
  const enter = (): Promise<void> => {
    entering ??= (async () => {
      Atomics.store(cells, control.mesh, 1)
      const { EmbeddedMesh } = await import('./embedded-mesh.ts')
      const names = await openNames()
      mesh = await EmbeddedMesh.open({ peer, key, ...identity, release: shoalVersion, rootKey, joined, names })
      void endWhenTold(async drainMs => {
        if (drainMs > 0) await peer.drain({ deadlineMs: drainMs, leaving: true })
        if (drainMs > 0) await names.leave()
        names.close()
        await mesh?.host.close()
        await peer.close()
      })
    })()
    return entering
  }
  if (joined) await enter()
  peer.attachRing(channel, hello)
  setImmediate(removeDeadSpillFolders)
  if (!isDriver) peer.warm()
}

/** The program says when this thread is to end: its native code first, then the thread, by itself. */
async function endWhenTold(close: (drainMs: number) => Promise<void>): Promise<void> {
  const waiting = Atomics.waitAsync(cells, control.end, 0)
  if (waiting.async) await waiting.value
  try {
    await close(Atomics.load(cells, control.end) === 1 ? 5000 : 0)
  } finally {
    Atomics.store(cells, control.ended, 1)
    Atomics.notify(cells, control.ended)
    process.exit(0)
  }
}

try {
  await start()
} catch (error) {
  const outbox = new RingOutbox(channel.out, channel.peerBell)
  sendText(outbox, record.closed, 0, [], { failure: failureOf(error) })
  outbox.flush()
}
