/** How long a line is remembered, to be printed once however many workers print it. */
const WINDOW_MS = 1000

interface Remembered {
  worker: string
  name: string
  isError: boolean
  repeats: number
}

/**
 * Console output of remote code, at the driver: each line with the name of its task and its worker before it. What several
 * workers print alike within a second appears once, with how often it was repeated.
 */
export class LogPrinter {
  readonly #enabled: boolean
  readonly #recent = new Map<string, Remembered>()
  #timer: NodeJS.Timeout | undefined

  constructor(enabled: boolean) {
    this.#enabled = enabled
  }

  print(isError: boolean, { name, worker, text }: { name?: string; worker: string; text: string }): void {
    if (!this.#enabled) return
    const lines = text.split('\n')
    if (lines.at(-1) === '') lines.pop()
    for (const line of lines) this.#line(isError, name ?? 'shoal', worker, line)
  }

  #line(isError: boolean, name: string, worker: string, line: string): void {
    const known = this.#recent.get(line)
    if (known && known.worker !== worker && known.isError === isError) {
      known.repeats++
      return
    }
    if (!known) {
      this.#recent.set(line, { worker, name, isError, repeats: 0 })
      this.#timer ??= setTimeout(() => this.#flush(), WINDOW_MS).unref()
    }
    write(isError, `(${name} ${worker}) ${line}\n`)
  }

  #flush(): void {
    this.#timer = undefined
    for (const [line, { name, isError, repeats }] of this.#recent) {
      if (repeats > 0)
        write(
          isError,
          `(${name}) ${line} [repeated ${repeats} more ${repeats === 1 ? 'time' : 'times'} by other workers]\n`,
        )
    }
    this.#recent.clear()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#flush()
  }
}

function write(isError: boolean, text: string): void {
  ;(isError ? process.stderr : process.stdout).write(text)
}
