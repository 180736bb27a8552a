import { type Control, connectControl } from '../../wire/control.ts'
import type { Status, TaskState } from '../../wire/state.ts'
import { formatAge, formatCount } from './quantity.ts'

const everyMs = 250

/** The line on a terminal's standard error that tells how far the agent's work is; erased whenever the script prints. */
export class Progress {
  readonly #socket: string
  readonly #startedAt = Date.now()
  #control: Control | undefined
  #endedBefore: number | undefined
  #shown = false
  /** The script left the cursor within a line: the progress line waits until that is complete. */
  #midLine = false
  #stopped = false
  #timer: NodeJS.Timeout | undefined

  constructor(socket: string) {
    this.#socket = socket
    void this.#update()
  }

  /** Passes on what the script printed. */
  pass(stream: NodeJS.WriteStream, bytes: Buffer): void {
    this.#erase()
    stream.write(bytes)
    this.#midLine = bytes.at(-1) !== 0x0a
  }

  /** Erases the line for good. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#control?.close()
    this.#erase()
  }

  async #update(): Promise<void> {
    try {
      this.#control ??= await connectControl(this.#socket, { timeoutMs: 2_000 })
      const status: Status = await this.#control.call('status')
      if (!this.#stopped) this.#show(status)
    } catch {
      // The agent is busy or gone: the script is told by its own connection, and the line waits.
      this.#control?.close()
      this.#control = undefined
      this.#erase()
    }
    if (this.#stopped) this.#control?.close()
    else this.#timer = setTimeout(() => void this.#update(), everyMs).unref()
  }

  #show({ tasks }: Status): void {
    const count = (...states: TaskState[]) => states.reduce((sum, state) => sum + (tasks[state] ?? 0), 0)
    const ended = count('finished', 'failed', 'cancelled')
    this.#endedBefore = Math.min(this.#endedBefore ?? ended, ended)
    if (this.#midLine) return
    const parts = [
      `${formatCount(ended - this.#endedBefore)} done`,
      `${formatCount(count('running'))} running`,
      `${formatCount(count('waiting', 'queued'))} waiting`,
      formatAge(Date.now() - this.#startedAt),
    ]
    const text = `shoal: ${parts.join(' · ')}`.slice(0, Math.max(10, process.stderr.columns - 1))
    this.#erase()
    process.stderr.write(text)
    this.#shown = true
  }

  #erase(): void {
    if (!this.#shown) return
    this.#shown = false
    process.stderr.write('\r\x1b[2K')
  }
}
