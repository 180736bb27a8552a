const linePeriodMs = 2000
const redrawPeriodMs = 100

/** How far a job is. */
export interface Progress {
  done: number
  running: number
  total: number
  bytes: number
  /** Of a mesh: peers that live, and tasks that ran again because theirs was lost. */
  peers?: number
  again?: number
}

/**
 * One line on standard error that says how far a job is: rewritten in place on a terminal, else a line now and then.
 * `read` is asked when it is time to draw; `stop` draws for the last time.
 */
export class ProgressLine {
  readonly #read: () => Progress | Promise<Progress>
  readonly #startedAt = performance.now()
  readonly #timer: NodeJS.Timeout
  #stopped = false

  constructor(read: () => Progress | Promise<Progress>) {
    this.#read = read
    this.#timer = setInterval(() => void this.#draw(), process.stderr.isTTY ? redrawPeriodMs : linePeriodMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    const seconds = this.#seconds()
    this.#stopped = true
    show(await this.#read(), seconds)
    if (process.stderr.isTTY) process.stderr.write('\n')
  }

  async #draw(): Promise<void> {
    const progress = await this.#read()
    if (!this.#stopped) show(progress, this.#seconds())
  }

  #seconds(): number {
    return (performance.now() - this.#startedAt) / 1000
  }
}

function show({ done, running, total, bytes, peers, again }: Progress, seconds: number): void {
  const megabytes = bytes / 1e6
  const rate = (megabytes / seconds).toFixed(0)
  const mesh = peers === undefined ? '' : `, ${peers} peers alive, ${again ?? 0} tasks failed over`
  const text = `${done} of ${total} tasks done, ${running} running, ${megabytes.toFixed(1)} MB, ${rate} MB/s${mesh}`
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[2K${text}` : `${text}\n`)
}
