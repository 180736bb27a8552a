import { StringDecoder } from 'node:string_decoder'
import type { RunStream } from '../runs/index.ts'
import { follow, passOn, printRaw } from './run-attach.ts'
import { openRun } from './run-reader.ts'
import type { Terminal } from './terminal.ts'

const streams = ['stdout', 'stderr'] as const

/**
 * `shoal logs RUN`: what a run has written so far, and with `isFollowed` what it writes until its end. `count`: of each stream
 * only the last so many lines of what there is.
 */
export async function runLogs(
  id: string,
  { count, isFollowed }: { count: number | undefined; isFollowed: boolean },
  terminal: Terminal,
): Promise<number> {
  const reader = await openRun(id)
  const places = { stdout: 0, stderr: 0 }
  try {
    if (count !== undefined || (terminal.json && !isFollowed)) {
      const kept = new KeptLines(count)
      while (await passOn(reader, places, kept.take));
      if (!terminal.json) kept.print()
      else if (isFollowed) for (const line of kept.all()) terminal.printJson(line)
      else terminal.printJson(kept.all())
    }
    if (isFollowed) {
      // Ends with the run, or with this process: by Ctrl-C, or when nobody reads any more.
      const lines = new Lines((stream, text) => terminal.printJson({ stream, text }))
      await follow(reader, {
        places,
        sink: terminal.json ? lines.take : printRaw,
        signal: new AbortController().signal,
      })
      lines.end()
    } else if (count === undefined && !terminal.json) while (await passOn(reader, places, printRaw));
  } finally {
    reader.close()
  }
  return 0
}

/** Cuts what a run writes into lines. */
class Lines {
  readonly #line: (stream: RunStream, text: string) => void
  readonly #rest = { stdout: '', stderr: '' }
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') }

  constructor(line: (stream: RunStream, text: string) => void) {
    this.#line = line
  }

  readonly take = (stream: RunStream, bytes: Buffer): void => {
    const lines = (this.#rest[stream] + this.#decoders[stream].write(bytes)).split('\n')
    this.#rest[stream] = lines.pop() ?? ''
    for (const text of lines) this.#line(stream, text)
  }

  /** A last line without its end. */
  rest(stream: RunStream): string {
    return this.#rest[stream]
  }

  end(): void {
    for (const stream of streams) if (this.#rest[stream] !== '') this.#line(stream, this.#rest[stream])
  }
}

/** The last lines of each stream. */
class KeptLines {
  readonly #count: number
  readonly #kept: Record<RunStream, string[]> = { stdout: [], stderr: [] }
  readonly #lines = new Lines((stream, text) => {
    const kept = this.#kept[stream]
    kept.push(text)
    if (kept.length > 2 * this.#count) kept.splice(0, kept.length - this.#count)
  })

  constructor(count = Number.POSITIVE_INFINITY) {
    this.#count = count
  }

  readonly take = this.#lines.take

  #of(stream: RunStream): string[] {
    const rest = this.#lines.rest(stream)
    const lines = rest === '' ? this.#kept[stream] : [...this.#kept[stream], rest]
    return lines.slice(-Math.min(this.#count, lines.length))
  }

  all(): { stream: RunStream; text: string }[] {
    return streams.flatMap(stream => this.#of(stream).map(text => ({ stream, text })))
  }

  /** As it was written: a last line without its end stays so. */
  print(): void {
    for (const stream of streams) {
      const lines = this.#of(stream)
      if (lines.length > 0) process[stream].write(lines.join('\n') + (this.#lines.rest(stream) === '' ? '\n' : ''))
    }
  }
}
