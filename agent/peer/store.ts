import type { Memory } from '../core/index.ts'
import { limits } from '../core/index.ts'
import { Allocator, type SpilledReader, SpillFiles } from '../store/index.ts'
import { storeFullValue } from './failure-values.ts'

/** What has come of what the store was told. */
export interface StoreEvents {
  spilled(id: number, trouble: string | undefined): void
  restored(id: number, trouble: string | undefined): void
  /** Has idle workers collect what they no longer need. */
  collect(): void
}

const silent: StoreEvents = { spilled: () => undefined, restored: () => undefined, collect: () => undefined }

/**
 * The peer's object store: one shared buffer, whose pages are taken when they are first written, its allocator, and the files
 * beside it. What is where is decided by the core (agent/core/spilling.ts).
 */
export class Store implements Memory {
  readonly memory: SharedArrayBuffer
  readonly u8: Uint8Array
  readonly #allocator: Allocator
  readonly #files: SpillFiles | undefined
  readonly #events: StoreEvents
  objects = 0

  /** `spillDir`: the folder for what does not fit; it need not be there. Without it nothing is spilled. */
  constructor(memory: SharedArrayBuffer, spillDir?: string, events: StoreEvents = silent) {
    this.memory = memory
    this.u8 = new Uint8Array(memory)
    this.#allocator = new Allocator(memory.byteLength)
    this.#events = events
    if (spillDir === undefined) return
    this.#files = new SpillFiles({ store: memory, dir: spillDir, fileBytes: limits.spillFileBytes, events })
  }

  allocate(bytes: number): number {
    const offset = this.#allocator.allocate(Math.max(bytes, 1))
    if (offset >= 0) this.objects++
    return offset
  }

  free(offset: number): void {
    this.objects--
    this.#allocator.free(offset)
  }

  get usedBytes(): number {
    return this.#allocator.usedBytes
  }

  get capacityBytes(): number {
    return this.memory.byteLength
  }

  spill(id: number, from: { offset: number; bytes: number }): void {
    if (this.#files) this.#files.spill(id, from)
    else queueMicrotask(() => this.#events.spilled(id, 'this peer has no folder for it'))
  }

  restore(id: number, offset: number): void {
    this.#files?.restore(id, offset)
  }

  forget(id: number): void {
    this.#files?.forget(id)
  }

  collect(): void {
    this.#events.collect()
  }

  full(bytes: number, trouble: string | undefined): Uint8Array {
    return storeFullValue(bytes, this, trouble)
  }

  /** What is on disk under a number, for others. */
  openSpilled(id: number): Promise<SpilledReader> {
    return this.#files?.open(id) ?? Promise.reject(new Error('it is not on disk'))
  }

  async close(): Promise<void> {
    await this.#files?.close()
  }
}
