/** Records a ring holds; a power of two. */
const capacity = 1 << 16
/** Words of a record. */
const words = 8

/** A ring of fixed records from one thread to one other: the least that can carry a task. */
export interface Ring {
  /** Word 0: how many records have ever been written. */
  head: Int32Array
  data: Int32Array
}

export function makeRing(): SharedArrayBuffer {
  return new SharedArrayBuffer(64 + capacity * words * 4)
}

export function openRing(buffer: SharedArrayBuffer): Ring {
  return { head: new Int32Array(buffer, 0, 16), data: new Int32Array(buffer, 64, capacity * words) }
}

/** Where in `data` the record of this number is. */
export function place(record: number): number {
  return (record & (capacity - 1)) * words
}

export function makeBell(): SharedArrayBuffer {
  return new SharedArrayBuffer(64)
}

/** Wakes the bell's owner, if it sleeps. */
export function ring(bell: Int32Array): void {
  if (Atomics.load(bell, 0) !== 1) return
  Atomics.store(bell, 0, 0)
  Atomics.notify(bell, 0)
}

/** Works whenever the bell rings. `work` says whether it found something; it is asked once more before each sleep. */
export async function workOn(bell: Int32Array, work: () => boolean): Promise<never> {
  for (;;) {
    work()
    Atomics.store(bell, 0, 1)
    if (work()) {
      Atomics.store(bell, 0, 0)
      continue
    }
    const wait = Atomics.waitAsync(bell, 0, 1)
    if (wait.async) await wait.value
    else await undefined
  }
}
