/** Whoever is called and does not come within this time has gone: the next one is called. */
const turnMs = 1000

/** Whoever has waited so long is told to ask again: of those who do not listen any more none waits for ever. */
const askAgainMs = 60_000

interface Entry {
  readonly place: number
  leave(answer: number | undefined): void
}

/**
 * Those who wait for something at an actor, in the order in which they came. When there is something for the first, it is called:
 * its waiting call ends with its place, and it comes back with that to take what is kept for it a moment. One whose program
 * or task has died does not come, and so takes nothing.
 */
export class Line {
  /** By place. */
  readonly #waiting: Entry[] = []
  /** Places that were called and have not come. */
  readonly #turns = new Map<number, NodeJS.Timeout>()
  readonly #lapsed: () => void
  #places = 0

  /** @param lapsed called when one that was called did not come */
  constructor(lapsed: () => void) {
    this.#lapsed = lapsed
  }

  /** How many wait to be called. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** How many were called and are expected. */
  get expected(): number {
    return this.#turns.size
  }

  /**
   * One comes with its place: whether it is its turn, which is over then. One that comes late, when one behind it has been
   * called, has that one's turn: so what one program puts stays in its order.
   */
  comes(place: number | undefined): boolean {
    if (place === undefined) return false
    const turn = this.#turns.has(place) ? place : [...this.#turns.keys()].findLast(other => other > place)
    if (turn === undefined) return false
    clearTimeout(this.#turns.get(turn))
    return this.#turns.delete(turn)
  }

  /** The first is called. */
  call(): void {
    const first = this.#waiting[0]
    if (first === undefined) return
    const lapse = () => {
      if (this.#turns.delete(first.place)) this.#lapsed()
    }
    this.#turns.set(first.place, setTimeout(lapse, turnMs))
    first.leave(first.place)
  }

  /**
   * Stands in line, at the place that it has had, or behind all others. Gives its place when it is to ask again; undefined when
   * its time is over, or it is cancelled.
   */
  wait(had: number | undefined, timeoutMs: number | undefined, signal: AbortSignal): Promise<number | undefined> {
    const place = had ?? ++this.#places
    return new Promise(resolve => {
      const isLast = timeoutMs !== undefined && timeoutMs <= askAgainMs
      const entry: Entry = {
        place,
        leave: answer => {
          clearTimeout(timer)
          signal.removeEventListener('abort', cancelled)
          this.#waiting.splice(this.#waiting.indexOf(entry), 1)
          resolve(answer)
        },
      }
      const cancelled = () => entry.leave(undefined)
      const timer = setTimeout(() => entry.leave(isLast ? undefined : place), isLast ? timeoutMs : askAgainMs)
      signal.addEventListener('abort', cancelled, { once: true })
      const behind = this.#waiting.findIndex(other => other.place > place)
      this.#waiting.splice(behind < 0 ? this.#waiting.length : behind, 0, entry)
    })
  }
}
