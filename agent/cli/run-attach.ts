import { setTimeout as delay } from 'node:timers/promises'
import type { RunRow, RunStream } from '../runs/index.ts'
import { openRun, type RunReader } from './run-reader.ts'
import type { Terminal } from './terminal.ts'

const lookMs = 100
const interrupted = 130

/** Where output of a run goes. */
export type RunSink = (stream: RunStream, bytes: Buffer) => Promise<void> | void

/** Prints what a run has said and says, until it ends; gives its exit code. Ctrl-C leaves it running. */
export async function attach(id: string, terminal: Terminal): Promise<number> {
  const leaving = new AbortController()
  const leave = () => {
    // A second one does not wait for whoever reads what is printed here.
    if (leaving.signal.aborted) process.exit(interrupted)
    leaving.abort()
  }
  process.on('SIGINT', leave)
  const reader = await openRun(id, leaving.signal)
  try {
    const row = await follow(reader, { places: { stdout: 0, stderr: 0 }, sink: printRaw, signal: leaving.signal })
    if (!row) {
      terminal.note(
        `\nDetached; ${id} goes on. shoal run --attach ${id} follows it again, shoal run --stop ${id} ends it.`,
      )
      return interrupted
    }
    if (row.exitCode === null) terminal.note(`shoal: ${id} is lost: ${row.reason ?? 'nobody knows how it ended'}`)
    return row.exitCode ?? 1
  } finally {
    process.off('SIGINT', leave)
    reader.close()
  }
}

/** Hands on all that a run has said, from those places on, and says, until it has ended; undefined where `signal` came before. */
export async function follow(
  reader: RunReader,
  { places, sink, signal }: { places: Record<RunStream, number>; sink: RunSink; signal: AbortSignal },
): Promise<RunRow | undefined> {
  let row: RunRow | undefined
  try {
    while (!signal.aborted) {
      // Looked at before its output: what it said last is there then.
      row = await reader.row()
      const some = await passOn(reader, places, sink)
      if (!some && row.state !== 'running') return row
      if (!some) await delay(lookMs, undefined, { signal }).catch(() => undefined)
    }
  } catch (error) {
    if (signal.aborted) return undefined
    // Its agent ends: how the run has ended is known.
    if (row && row.state !== 'running') return row
    throw error
  }
  return undefined
}

/** Hands on what has come since the last call. False: nothing. */
export async function passOn(reader: RunReader, places: Record<RunStream, number>, sink: RunSink): Promise<boolean> {
  let some = false
  for (const stream of ['stdout', 'stderr'] as const) {
    const { bytes, next } = await reader.output(stream, places[stream])
    places[stream] = next
    if (bytes.length === 0) continue
    some = true
    await sink(stream, bytes)
  }
  return some
}

/** As the script wrote it. */
export const printRaw: RunSink = async (stream, bytes) => {
  const to = process[stream]
  if (!to.write(bytes)) await new Promise(resolve => to.once('drain', resolve))
}
