/** Blocks begin at multiples of this. */
const GRAIN = 64
/** log2 of the second-level lists of each first-level class. */
const SECOND_BITS = 4
const SECOND = 1 << SECOND_BITS
/** First-level classes: sizes up to 2^(6 + 40) bytes. */
const FIRST = 42

const NONE = -1
const FREE = 1
const USED = 2

/**
 * Two-level segregated fit (Masmano, Ripoll, Crespo, Real: TLSF, ECRTS 2004): places and gives back blocks of a store in
 * constant time, joining free neighbours at once. Sizes are counted in grains of 64 bytes, so that 32-bit tables serve
 * stores up to 128 GiB; the tables lie outside the store.
 */
export class Allocator {
  readonly capacityBytes: number
  /** Per block: place and size in grains, neighbours in memory, neighbours in its free list. */
  #place = new Int32Array(64)
  #size = new Int32Array(64)
  #before = new Int32Array(64)
  #after = new Int32Array(64)
  #previousFree = new Int32Array(64)
  #nextFree = new Int32Array(64)
  #state = new Uint8Array(64)
  #unused: number[] = []
  #blockCount = 0
  readonly #heads = new Int32Array(FIRST * SECOND).fill(NONE)
  readonly #secondMaps = new Int32Array(FIRST)
  #firstMap = 0n
  /** Block of each place in use. */
  readonly #byPlace = new Map<number, number>()
  #usedGrains = 0

  constructor(capacityBytes: number) {
    const grains = Math.floor(capacityBytes / GRAIN)
    if (!(grains >= 1 && grains <= 0x7fff_ffff))
      throw new RangeError(`a store of ${capacityBytes} bytes is out of range`)
    this.capacityBytes = grains * GRAIN
    const block = this.#newBlock(0, grains, NONE, NONE)
    this.#insert(block)
  }

  get usedBytes(): number {
    return this.#usedGrains * GRAIN
  }

  /** Blocks in use. */
  get blocks(): number {
    return this.#byPlace.size
  }

  /** The largest block that could be placed now, at least: its class is not looked through. */
  get largestFreeBytes(): number {
    let largest = 0
    for (let block = 0; block < this.#blockCount; block++) {
      if (this.#state[block] === FREE) largest = Math.max(largest, this.#size[block])
    }
    return largest * GRAIN
  }

  /** The offset of a block of at least `bytes`, a multiple of 64; -1 if none fits. */
  allocate(bytes: number): number {
    if (!(bytes > 0) || bytes > this.capacityBytes) return NONE
    const grains = Math.ceil(bytes / GRAIN)
    const block = this.#find(grains)
    if (block === NONE) return NONE
    this.#remove(block)
    if (this.#size[block] > grains) this.#split(block, grains)
    this.#state[block] = USED
    this.#usedGrains += grains
    const place = this.#place[block]
    this.#byPlace.set(place, block)
    return place * GRAIN
  }

  /** Gives a block back. Throws for what is no block in use. */
  free(offset: number): void {
    const place = offset / GRAIN
    let block = this.#byPlace.get(place)
    if (block === undefined) throw new RangeError(`no block in use begins at ${offset}`)
    this.#byPlace.delete(place)
    this.#usedGrains -= this.#size[block]
    const after = this.#after[block]
    if (after !== NONE && this.#state[after] === FREE) {
      this.#remove(after)
      this.#join(block, after)
    }
    const before = this.#before[block]
    if (before !== NONE && this.#state[before] === FREE) {
      this.#remove(before)
      this.#join(before, block)
      block = before
    }
    this.#insert(block)
  }

  #newBlock(place: number, size: number, before: number, after: number): number {
    const block = this.#unused.pop() ?? this.#blockCount++
    if (block >= this.#place.length) this.#grow()
    this.#place[block] = place
    this.#size[block] = size
    this.#before[block] = before
    this.#after[block] = after
    if (before !== NONE) this.#after[before] = block
    if (after !== NONE) this.#before[after] = block
    return block
  }

  #grow(): void {
    const length = this.#place.length * 2
    const larger = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const made = new Int32Array(length)
      made.set(old)
      return made
    }
    this.#place = larger(this.#place)
    this.#size = larger(this.#size)
    this.#before = larger(this.#before)
    this.#after = larger(this.#after)
    this.#previousFree = larger(this.#previousFree)
    this.#nextFree = larger(this.#nextFree)
    const state = new Uint8Array(length)
    state.set(this.#state)
    this.#state = state
  }

  #split(block: number, grains: number): void {
    const rest = this.#newBlock(this.#place[block] + grains, this.#size[block] - grains, block, this.#after[block])
    this.#size[block] = grains
    this.#insert(rest)
  }

  /** `second`, which follows `first`, becomes part of it. */
  #join(first: number, second: number): void {
    this.#size[first] += this.#size[second]
    const after = this.#after[second]
    this.#after[first] = after
    if (after !== NONE) this.#before[after] = first
    this.#state[second] = 0
    this.#unused.push(second)
  }

  /** The list that a free block of this size is in. */
  #list(grains: number): number {
    if (grains < SECOND) return grains
    const log = 31 - Math.clz32(grains)
    return (log - SECOND_BITS + 1) * SECOND + ((grains >>> (log - SECOND_BITS)) & (SECOND - 1))
  }

  /** A free block of at least this size, or NONE: first its own list, which may hold larger ones, then any above. */
  #find(grains: number): number {
    const own = this.#list(grains)
    const first = this.#heads[own]
    if (first !== NONE && this.#size[first] >= grains) return first
    const list = this.#above(own + 1)
    if (list !== NONE) return this.#heads[list]
    // Nothing above: a block of its own class may be just large enough.
    for (let block = first; block !== NONE; block = this.#nextFree[block]) if (this.#size[block] >= grains) return block
    return NONE
  }

  #above(list: number): number {
    let first = list >> SECOND_BITS
    if (first >= FIRST) return NONE
    const within = this.#secondMaps[first] & (-1 << (list & (SECOND - 1)))
    if (within !== 0) return first * SECOND + lowestBit(within)
    const higher = this.#firstMap >> BigInt(first + 1)
    if (higher === 0n) return NONE
    first++
    while (this.#secondMaps[first] === 0) first++
    return first * SECOND + lowestBit(this.#secondMaps[first])
  }

  #insert(block: number): void {
    const list = this.#list(this.#size[block])
    const head = this.#heads[list]
    this.#state[block] = FREE
    this.#previousFree[block] = NONE
    this.#nextFree[block] = head
    if (head !== NONE) this.#previousFree[head] = block
    this.#heads[list] = block
    const first = list >> SECOND_BITS
    this.#secondMaps[first] |= 1 << (list & (SECOND - 1))
    this.#firstMap |= 1n << BigInt(first)
  }

  #remove(block: number): void {
    const list = this.#list(this.#size[block])
    const previous = this.#previousFree[block]
    const next = this.#nextFree[block]
    if (previous === NONE) this.#heads[list] = next
    else this.#nextFree[previous] = next
    if (next !== NONE) this.#previousFree[next] = previous
    if (this.#heads[list] !== NONE) return
    const first = list >> SECOND_BITS
    this.#secondMaps[first] &= ~(1 << (list & (SECOND - 1)))
    if (this.#secondMaps[first] === 0) this.#firstMap &= ~(1n << BigInt(first))
  }
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}
