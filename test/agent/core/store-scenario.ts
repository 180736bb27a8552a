import type { Client } from '../../../agent/core/clients.ts'
import type { Memory } from '../../../agent/core/spilling.ts'
import { Allocator } from '../../../agent/store/allocator.ts'
import { Scenario } from './scenario.ts'

export const MiB = 1 << 20

/** The store and the disk, played by the test: what is asked of the disk is noted, and done when the test says so. */
export class PlayedMemory implements Memory {
  readonly capacityBytes: number
  readonly allocator: Allocator
  readonly writing = new Map<number, { offset: number; bytes: number }>()
  readonly reading = new Map<number, number>()
  readonly disk = new Set<number>()
  collections = 0

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes
    this.allocator = new Allocator(capacityBytes)
  }

  get usedBytes(): number {
    return this.allocator.usedBytes
  }

  allocate(bytes: number): number {
    return this.allocator.allocate(bytes)
  }

  spill(id: number, from: { offset: number; bytes: number }): void {
    this.writing.set(id, from)
  }

  restore(id: number, offset: number): void {
    if (!this.disk.has(id)) throw new Error(`${id} is not on disk`)
    this.reading.set(id, offset)
  }

  forget(id: number): void {
    this.disk.delete(id)
  }

  collect(): void {
    this.collections++
  }

  full(): Uint8Array {
    return new Uint8Array(9)
  }
}

/** A peer's cores with a store: values are put, read by clients and tasks, and moved to disk and back. */
export class StoreScenario extends Scenario {
  readonly memory: PlayedMemory
  /** What became of requests for room: by name, the offset, or `full`. */
  readonly rooms = new Map<string, number | 'full'>()

  constructor(resources: Record<string, number>, capacityBytes: number) {
    const memory = new PlayedMemory(capacityBytes)
    super(resources, memory)
    this.memory = memory
    this.onFree = offset => memory.allocator.free(offset)
  }

  get spilling() {
    return this.owner.objects.spilling
  }

  /** Asks for room, as a client does before it puts. */
  request(name: string, bytes: number): void {
    this.spilling.request({
      bytes,
      found: offset => this.rooms.set(name, offset),
      refused: () => this.rooms.set(name, 'full'),
    })
  }

  /** Puts a value; there has to be room. */
  put(name: string, bytes: number, client: Client = this.driver): void {
    this.request(name, bytes)
    this.seal(name, bytes, client)
  }

  /** The value is in the room that was found for it. */
  seal(name: string, bytes: number, client: Client = this.driver): void {
    const offset = this.rooms.get(name)
    if (typeof offset !== 'number') throw new Error(`${name} has no room`)
    const number = this.next++
    const row = this.owner.objects.add(client, number, number)
    this.slots.set(name, { slot: number, number })
    this.names.set(row, name)
    this.owner.objects.completeStored(row, offset, bytes, [])
  }

  slotOf(name: string): number {
    return (this.slots.get(name) as { slot: number }).slot
  }

  release(name: string): void {
    this.owner.objects.release(this.driver, this.slotOf(name))
  }

  /** What happened since the last look, without what became free. */
  events(): string[] {
    return this.take().filter(line => !line.startsWith('free '))
  }

  /** Where a value is. */
  where(name: string): string {
    const extra = this.owner.rows.extra[this.row(name)]
    const places = []
    if (extra && extra.offset >= 0) places.push('store')
    if (extra?.spilling !== undefined) places.push('being written')
    if (extra?.disk !== undefined) places.push('disk')
    if (extra?.pulling) places.push('being read')
    return places.join(', ')
  }

  /** The disk has done everything that it was asked for, or has failed. */
  diskDone(trouble?: string): void {
    for (const [id] of [...this.memory.writing]) {
      this.memory.writing.delete(id)
      if (trouble === undefined) this.memory.disk.add(id)
      this.spilling.spilled(id, trouble, this.now)
    }
    for (const [id] of [...this.memory.reading]) {
      this.memory.reading.delete(id)
      this.spilling.restored(id, trouble)
    }
  }
}
