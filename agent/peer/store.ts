import { Allocator } from '../store/allocator.ts'

/** The peer's object store: one shared buffer, whose pages are taken when they are first written, and its allocator. */
export class Store {
  readonly memory: SharedArrayBuffer
  readonly u8: Uint8Array
  readonly #allocator: Allocator
  objects = 0

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.u8 = new Uint8Array(memory)
    this.#allocator = new Allocator(memory.byteLength)
  }

  /** Room for `bytes`, or -1. */
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
}
