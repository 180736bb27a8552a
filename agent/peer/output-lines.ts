/** An unfinished line is not held beyond this. */
const HELD_MAX = 65_536

/** What a worker's tasks write, in whole lines: what is unfinished is held until it goes on, its task ends, or the worker does. */
export class OutputLines {
  readonly #print: (token: number, isError: boolean, text: string) => void
  /** Unfinished lines, by task and stream. */
  readonly #held = new Map<string, { token: number; isError: boolean; text: string }>()

  constructor(print: (token: number, isError: boolean, text: string) => void) {
    this.#print = print
  }

  write(token: number, isError: boolean, text: string): void {
    // What belongs to no task has no end to wait for.
    if (token < 0 || (this.#held.size === 0 && text.endsWith('\n'))) {
      this.#print(token, isError, text)
      return
    }
    const key = `${token}/${isError}`
    const whole = (this.#held.get(key)?.text ?? '') + text
    this.#held.delete(key)
    const end = whole.length > HELD_MAX ? whole.length : whole.lastIndexOf('\n') + 1
    if (end > 0) this.#print(token, isError, whole.slice(0, end))
    if (end < whole.length) this.#held.set(key, { token, isError, text: whole.slice(end) })
  }

  /** A task has come to its end. */
  ended(token: number): void {
    if (this.#held.size > 0) this.#flush(one => one.token === token)
  }

  /** So has the worker. */
  close(): void {
    this.#flush(() => true)
  }

  #flush(isOver: (one: { token: number }) => boolean): void {
    for (const [key, one] of this.#held) {
      if (!isOver(one)) continue
      this.#held.delete(key)
      this.#print(one.token, one.isError, one.text)
    }
  }
}
