import { closeSync, createReadStream, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { logLimits } from './log-file.ts'

/** One entry of the log: what was logged at once, which may have several lines. */
export interface LogEntry {
  /** ISO 8601, as it stands in the file; empty for what others wrote into the log, such as Node itself. */
  readonly time: string
  readonly text: string
}

const entryStart = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (.*)$/s

/** Cuts a stream of lines into entries. */
export class EntryParser {
  #time = ''
  #lines: string[] = []

  /** Takes one line; gives the entry before it, once that is complete. */
  line(line: string): LogEntry | undefined {
    const start = entryStart.exec(line)
    if (!start && (this.#time !== '' ? line.startsWith('  ') : this.#lines.length > 0)) {
      this.#lines.push(this.#time === '' ? line : line.slice(2))
      return undefined
    }
    const before = this.end()
    this.#time = start?.[1] ?? ''
    this.#lines = [start?.[2] ?? line]
    return before
  }

  /** The entry that has been begun. */
  end(): LogEntry | undefined {
    const entry = this.#lines.length > 0 ? { time: this.#time, text: this.#lines.join('\n') } : undefined
    this.#lines = []
    this.#time = ''
    return entry
  }
}

/** Whether an entry names this id, as a word of its own. */
export function mentions(entry: LogEntry, id: string): boolean {
  for (let at = entry.text.indexOf(id); at >= 0; at = entry.text.indexOf(id, at + 1)) {
    const isWord = (character: string | undefined) => character !== undefined && /[\w-]/.test(character)
    if (!isWord(entry.text[at - 1]) && !isWord(entry.text[at + id.length])) return true
  }
  return false
}

/** The newest entries of a log and its rotated files, oldest first: those that fit `keep`, at most `count`. */
export async function readLog(path: string, count: number, keep: (entry: LogEntry) => boolean): Promise<LogEntry[]> {
  const newest: LogEntry[] = []
  // From the newest file back: older ones are read only while entries are missing.
  for (const file of logFiles(path)) {
    if (newest.length >= count) break
    const found: LogEntry[] = []
    const add = (entry: LogEntry | undefined) => {
      if (!entry || !keep(entry)) return
      found.push(entry)
      if (found.length >= 2 * count) found.splice(0, found.length - count)
    }
    const parser = new EntryParser()
    for await (const line of createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Infinity }))
      add(parser.line(line))
    add(parser.end())
    newest.unshift(...found.slice(-(count - newest.length)))
  }
  return newest
}

function logFiles(path: string): string[] {
  const rotated = Array.from({ length: logLimits.filesMax - 1 }, (_, n) => `${path}.${n + 1}`)
  return [path, ...rotated].filter(file => existsSync(file))
}

/** The size of a log, 0 where there is none: where `followLog` is to begin. */
export function logSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** What was added to a log from byte `from` on, at most 1 MiB; all of it where it has been rotated since. */
export function readLogFrom(path: string, from: number): string {
  return readFrom(path, from).bytes.toString()
}

const followEveryMs = 200

/** Entries as they are added from byte `from` on; goes on from the start when the log was rotated. Ends by the signal. */
export async function* followLog(path: string, from: number, signal: AbortSignal): AsyncGenerator<LogEntry> {
  let at = from
  let partial = ''
  const decoder = new TextDecoder()
  const parser = new EntryParser()
  while (!signal.aborted) {
    const { bytes, next } = readFrom(path, at)
    at = next
    const lines = (partial + decoder.decode(bytes, { stream: true })).split('\n')
    partial = lines.pop() ?? ''
    for (const line of lines) {
      const entry = parser.line(line)
      if (entry) yield entry
    }
    if (bytes.length > 0) continue
    // Nothing came for a while: what has begun is complete.
    const last = parser.end()
    if (last) yield last
    await new Promise<void>(resolve => {
      const timer = setTimeout(wake, followEveryMs)
      function wake() {
        clearTimeout(timer)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      signal.addEventListener('abort', wake)
    })
  }
}

/** At most 1 MiB from a place in the file; from its start where the file is shorter than that now. */
function readFrom(path: string, at: number): { bytes: Buffer; next: number } {
  if (!existsSync(path)) return { bytes: Buffer.alloc(0), next: 0 }
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const start = at > size ? 0 : at
    const bytes = Buffer.alloc(Math.min(size - start, 1024 * 1024))
    const read = readSync(file, bytes, 0, bytes.length, start)
    return { bytes: bytes.subarray(0, read), next: start + read }
  } finally {
    closeSync(file)
  }
}
