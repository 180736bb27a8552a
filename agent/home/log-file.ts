import { closeSync, constants, copyFile, fstatSync, ftruncateSync, openSync, rename, write, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { errnoOf, onFile } from './home-error.ts'

const copyFileAsync = promisify(copyFile)
const renameAsync = promisify(rename)

/** Limits of an agent's log: at most 5 files of about 10 MiB; what waits for the disk is bounded, too. */
export const logLimits = { fileBytesMax: 10 * 1024 * 1024, filesMax: 5, queueBytesMax: 4 * 1024 * 1024 }

/** Of a longer entry only the beginning is kept. */
const ENTRY_CHARACTERS_MAX = 256 * 1024
/** Places of entries that fell away, before they are used again. */
const FALLEN_MAX = 4096

/**
 * Opens the log for appending. The file stays the same one for good: it is rotated by copying it and cutting it to
 * nothing, so that whoever else appends to it (a detached agent's stdout and stderr) needs no new descriptor.
 */
export function openLogForAppending(path: string): number {
  return onFile(path, () => openSync(path, constants.O_APPEND | constants.O_CREAT | constants.O_RDWR, 0o600))
}

/**
 * Appends lines to an agent's log: batched, one write in flight, rotated and bounded. Where more comes than the disk takes,
 * the oldest of what waits falls away: who looks for the end of a story finds it.
 */
export class LogFile {
  readonly #path: string
  readonly #limits: typeof logLimits
  readonly #file: number
  #size: number
  #waiting: string[] = []
  /** The first of them that has not fallen away. */
  #from = 0
  #waitingBytes = 0
  #dropped = 0
  #flushing: Promise<void> | undefined
  #closed = false

  /** Throws `HomeError` where the file cannot be opened. */
  constructor(path: string, limits: typeof logLimits = logLimits) {
    this.#path = path
    this.#limits = limits
    this.#file = openLogForAppending(path)
    this.#size = fstatSync(this.#file).size
  }

  /** Adds an entry with the time before it; further lines of the text stay part of it. */
  write(text: string): void {
    if (this.#closed) return
    const kept = text.length > ENTRY_CHARACTERS_MAX ? `${text.slice(0, ENTRY_CHARACTERS_MAX)}…` : text
    const entry = `${new Date().toISOString()} ${kept.trimEnd().replaceAll('\n', '\n  ')}\n`
    while (this.#from < this.#waiting.length && this.#waitingBytes + entry.length > this.#limits.queueBytesMax) {
      this.#waitingBytes -= this.#waiting[this.#from].length
      this.#waiting[this.#from++] = ''
      this.#dropped++
    }
    if (this.#from > FALLEN_MAX) {
      this.#waiting.splice(0, this.#from)
      this.#from = 0
    }
    this.#waiting.push(entry)
    this.#waitingBytes += entry.length
    this.#flushing ??= this.#flush()
  }

  /** Writes what waits and closes the file. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#flushing
    closeSync(this.#file)
  }

  /** Writes what waits at once, for a process that is about to end. */
  flushSync(): void {
    const text = this.#takeWaiting()
    try {
      if (text) writeSync(this.#file, text)
    } catch {
      // A full disk: the process ends for a reason of its own, and that is what is to be reported.
    }
  }

  async #flush(): Promise<void> {
    // One turn of the event loop gathers what is logged together.
    await new Promise(resolve => setImmediate(resolve))
    try {
      for (let text = this.#takeWaiting(); text; text = this.#takeWaiting()) {
        const bytes = Buffer.from(text)
        await this.#append(bytes)
        this.#size += bytes.length
        if (this.#size >= this.#limits.fileBytesMax) await this.#rotate()
      }
    } catch (error) {
      // A full disk must not end the agent. What was to be written is lost and counted.
      this.#dropped++
      this.#waiting = []
      this.#from = 0
      this.#waitingBytes = 0
      process.emitWarning(`shoal: ${this.#path} cannot be written (${errnoOf(error)})`, { code: 'SHOAL_LOG' })
    } finally {
      this.#flushing = undefined
    }
  }

  #takeWaiting(): string {
    const dropped =
      this.#dropped === 0
        ? ''
        : `${new Date().toISOString()} … ${this.#dropped} entries were dropped: the disk could not keep up\n`
    const text = dropped + this.#waiting.join('')
    this.#dropped = 0
    this.#waiting = []
    this.#from = 0
    this.#waitingBytes = 0
    return text
  }

  #append(bytes: Buffer, at = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      write(this.#file, bytes, at, (error, written) => {
        if (error) reject(error)
        else if (at + written < bytes.length) this.#append(bytes, at + written).then(resolve, reject)
        else resolve()
      })
    })
  }

  /** agent.log → agent.log.1 → … → agent.log.4; the oldest falls away. */
  async #rotate(): Promise<void> {
    for (let n = this.#limits.filesMax - 2; n >= 1; n--) {
      await renameAsync(`${this.#path}.${n}`, `${this.#path}.${n + 1}`).catch((error: unknown) => {
        if (errnoOf(error) !== 'ENOENT') throw error
      })
    }
    await copyFileAsync(this.#path, `${this.#path}.1`)
    ftruncateSync(this.#file, 0)
    this.#size = 0
  }
}
