import { parentPort, workerData } from 'node:worker_threads'
import type { SpillOrder, SpillReport, SpillThreadData } from './spill-messages.ts'
import { readSpilled, SpillWriter } from './spill-writer.ts'

/** The entry of a thread of the disk: it writes values of the store into files, or reads them back, one after the other. */
const { store, dir, fileBytes } = workerData as SpillThreadData
const u8 = new Uint8Array(store)
const say = (report: SpillReport): void => parentPort?.postMessage(report)
const writer = new SpillWriter({ dir, fileBytes, moved: (id, { path, at }) => say({ t: 'moved', id, path, at }) })

parentPort?.on('message', (order: SpillOrder) => {
  const { id } = order
  try {
    switch (order.t) {
      case 'write':
        say({ t: 'written', id, place: writer.write(id, u8.subarray(order.offset, order.offset + order.bytes)) })
        break
      case 'forget':
        writer.forget(id)
        break
      case 'read':
        readSpilled(order.place, u8.subarray(order.offset, order.offset + order.place.bytes))
        say({ t: 'read', id })
        break
    }
  } catch (error) {
    say({ t: 'failed', id, reason: (error as Error).message })
  }
})
