/**
 * Puts stretches of time into as few lanes as it finds: in one lane they follow each other or lie inside each other, at most
 * `depth` deep, as viewers of traces require it of a thread.
 */
export class Lanes {
  readonly #depth: number
  /** Of each lane, the ends of what is open there, the innermost last. */
  readonly #open: number[][] = []

  constructor(depth: number) {
    this.#depth = depth
  }

  /** The lane of the next stretch. They come by their begins; of those that begin together the longest first. */
  place(from: number, to: number): number {
    for (const [lane, ends] of this.#open.entries()) {
      while (ends.length > 0 && ends[ends.length - 1] <= from) ends.pop()
      if (ends.length > 0 && (ends.length >= this.#depth || ends[ends.length - 1] < to)) continue
      ends.push(to)
      return lane
    }
    return this.#open.push([to]) - 1
  }
}
