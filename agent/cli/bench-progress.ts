import { formatAge } from './quantity.ts'

const everyMs = 250

/** The line on a terminal's standard error that tells which figure is being measured; gone when this is disposed of. */
export class BenchProgress implements Disposable {
  readonly #silent: boolean
  readonly #startedAt = Date.now()
  readonly #timer: NodeJS.Timeout | undefined
  #names: readonly string[] = []
  #text = 'starting'
  #shown = false

  constructor(json: boolean) {
    this.#silent = json || !process.stderr.isTTY
    if (!this.#silent) this.#timer = setInterval(() => this.#show(), everyMs)
  }

  /** The figures that will be measured. */
  expect(names: readonly string[]): void {
    this.#names = names
  }

  begin(name: string, what: string): void {
    this.#text = `${this.#names.indexOf(name) + 1} of ${this.#names.length} · ${what}`
    this.#show()
  }

  /** Before anything is printed. */
  erase(): void {
    if (!this.#shown) return
    this.#shown = false
    process.stderr.write('\r\x1b[2K')
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.erase()
  }

  #show(): void {
    if (this.#silent) return
    this.erase()
    const text = `shoal: ${this.#text} · ${formatAge(Date.now() - this.#startedAt)}`
    process.stderr.write(text.slice(0, Math.max(10, process.stderr.columns - 1)))
    this.#shown = true
  }
}
