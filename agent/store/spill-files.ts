import { rmSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import {
  DISK_RETRY_MS,
  type SpilledPlace,
  type SpillOrder,
  type SpillReport,
  type SpillThreadData,
} from './spill-messages.ts'

/** What has come of orders. */
export interface SpillEvents {
  /** `trouble`: why it could not be. */
  spilled(id: number, trouble: string | undefined): void
  restored(id: number, trouble: string | undefined): void
}

/** Threads that read. */
const READERS = 2

interface Reader {
  readonly thread: Worker
  readonly ids: Set<number>
}

/**
 * Values of the store on disk, in a folder of this peer's alone. One thread writes and others read, made when they are first
 * needed, so that nobody's value waits behind others that are written. The checksums are made there, too.
 */
export class SpillFiles {
  readonly dir: string
  readonly #data: SpillThreadData
  readonly #events: SpillEvents
  readonly #places = new Map<number, SpilledPlace>()
  readonly #writing = new Set<number>()
  readonly #reading = new Map<number, { offset: number; tries: number }>()
  #writer: Worker | undefined
  readonly #readers: Reader[] = []
  #closed = false

  constructor(options: SpillThreadData & { events: SpillEvents }) {
    const { events, ...data } = options
    this.dir = data.dir
    this.#data = data
    this.#events = events
  }

  spill(id: number, from: { offset: number; bytes: number }): void {
    this.#writing.add(id)
    this.#toWriter({ t: 'write', id, ...from })
  }

  restore(id: number, offset: number): void {
    this.#reading.set(id, { offset, tries: 0 })
    this.#read(id)
  }

  #read(id: number): void {
    const place = this.#places.get(id)
    const reading = this.#reading.get(id)
    if (!reading || this.#closed) return
    if (!place) {
      this.#reading.delete(id)
      queueMicrotask(() => this.#events.restored(id, 'it is not on disk'))
      return
    }
    const reader = this.#freeReader()
    reader.ids.add(id)
    reader.thread.postMessage({ t: 'read', id, offset: reading.offset, place } satisfies SpillOrder)
  }

  /** The reader that has least to do. */
  #freeReader(): Reader {
    const [least] = this.#readers.toSorted((a, b) => a.ids.size - b.ids.size)
    if (least && (least.ids.size === 0 || this.#readers.length === READERS)) return least
    const ids = new Set<number>()
    const thread = this.#start('reader', report => {
      ids.delete(report.id)
      this.#hasRead(report)
    })
    const reader = { thread, ids }
    this.#readers.push(reader)
    return reader
  }

  forget(id: number): void {
    this.#places.delete(id)
    if (this.#writer) this.#toWriter({ t: 'forget', id })
  }

  #toWriter(order: SpillOrder): void {
    if (this.#closed) return
    this.#writer ??= this.#start('writer', report => this.#hasWritten(report))
    this.#writer.postMessage(order)
  }

  #start(name: string, told: (report: SpillReport) => void): Worker {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./spill-thread.${extension}`, import.meta.url), {
      workerData: this.#data,
      execArgv: [],
      name: `shoal disk ${name}`,
    })
    worker.on('message', told)
    worker.on('error', error => this.#ended(worker, error.message))
    worker.unref()
    return worker
  }

  /** A thread has failed: everything that it was to do has. Another is made when one is needed. */
  #ended(worker: Worker, reason: string): void {
    if (worker === this.#writer) {
      this.#writer = undefined
      const ids = [...this.#writing]
      this.#writing.clear()
      for (const id of ids) this.#events.spilled(id, reason)
      return
    }
    const at = this.#readers.findIndex(({ thread }) => thread === worker)
    if (at < 0) return
    const [{ ids }] = this.#readers.splice(at, 1)
    for (const id of ids) if (this.#reading.delete(id)) this.#events.restored(id, reason)
  }

  #hasWritten(report: SpillReport): void {
    this.#writing.delete(report.id)
    switch (report.t) {
      case 'written':
        this.#places.set(report.id, report.place)
        this.#events.spilled(report.id, undefined)
        break
      case 'moved': {
        const place = this.#places.get(report.id)
        if (place) this.#places.set(report.id, { ...place, path: report.path, at: report.at })
        break
      }
      case 'failed':
        this.#events.spilled(report.id, report.reason)
        break
    }
  }

  #hasRead(report: SpillReport): void {
    const { id } = report
    const reading = this.#reading.get(id)
    if (!reading) return
    // The disk may do it yet, and the value may have been moved meanwhile.
    if (report.t === 'failed' && reading.tries < DISK_RETRY_MS.length) {
      void delay(DISK_RETRY_MS[reading.tries++], undefined, { ref: false }).then(() => this.#read(id))
      return
    }
    this.#reading.delete(id)
    this.#events.restored(id, report.t === 'failed' ? report.reason : undefined)
  }

  /** A value's bytes for others, straight from its file. */
  async open(id: number): Promise<SpilledReader> {
    for (let attempt = 0; ; attempt++) {
      const place = this.#places.get(id)
      if (!place) throw new Error('it is not on disk')
      try {
        return new SpilledReader(await open(place.path, 'r'), place)
      } catch (error) {
        if (attempt === DISK_RETRY_MS.length) throw error
        await delay(DISK_RETRY_MS[attempt])
      }
    }
  }

  /** Ends the threads, and removes every file. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([this.#writer, ...this.#readers.map(({ thread }) => thread)].map(thread => thread?.terminate()))
    rmSync(this.dir, { recursive: true, force: true })
  }
}

/** Reads one value from its file, piece by piece. */
export class SpilledReader {
  readonly #file: FileHandle
  readonly #place: SpilledPlace

  constructor(file: FileHandle, place: SpilledPlace) {
    this.#file = file
    this.#place = place
  }

  get bytes(): number {
    return this.#place.bytes
  }

  /** The CRC-32 that its bytes had when they were written. */
  get checksum(): number {
    return this.#place.checksum
  }

  /** Fills `into` with the bytes from `at` on. */
  async read(at: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const { bytesRead } = await this.#file.read(into, done, into.length - done, this.#place.at + at + done)
      if (bytesRead === 0) throw new Error('its file was cut short')
      done += bytesRead
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
