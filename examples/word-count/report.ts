import type { Counts } from './count.ts'
import type { Batch } from './files.ts'
import type { Settings } from './settings.ts'

/** What the two counts gave. */
export interface Results {
  work: Batch[]
  counts: Counts
  top: [string, number][]
  shoalMs: number
  serialMs: number
  isEqual: boolean
  /** Of a mesh: what each peer did, and what was run again. */
  peers: { name: string; state: string; tasks: number }[]
  again: number
  settings: Settings
}

/** Prints the table, the speed-up and whether both counts are equal; with `--json` one object. */
export function report({ work, counts, top, shoalMs, serialMs, isEqual, peers, again, settings }: Results): void {
  const files = sum(work.map(batch => batch.paths.length))
  const bytes = sum(work.map(batch => batch.bytes))
  const words = sum(counts.values())
  const speedUp = serialMs / shoalMs
  if (settings.json) {
    const figures = {
      files,
      bytes,
      words,
      distinct: counts.size,
      shoalMs,
      serialMs,
      speedUp,
      equal: isEqual,
      peers,
      again,
    }
    process.stdout.write(`${JSON.stringify({ ...figures, mapTasks: work.length, reducers: settings.reducers, top })}\n`)
    return
  }
  const width = Math.max(...top.map(([word]) => word.length))
  const digits = Math.max(...top.map(([, count]) => count.toLocaleString('en').length))
  const rows = top.map(([word, count], at) => {
    return `${String(at + 1).padStart(4)}  ${word.padEnd(width)}  ${count.toLocaleString('en').padStart(digits)}`
  })
  const where = settings.peers > 0 ? `${settings.peers} agents'` : 'embedded'
  const did = peers.map(({ name, state, tasks }) => `  ${name}  ${state.padEnd(6)} ${String(tasks).padStart(4)} tasks`)
  process.stdout.write(
    `${[
      ...rows,
      '',
      `${words.toLocaleString('en')} words, ${counts.size.toLocaleString('en')} different ones, in ` +
        `${files.toLocaleString('en')} files (${(bytes / 1e6).toFixed(1)} MB) under ${settings.root}`,
      `${work.length} map and ${settings.reducers} reduce tasks, ${where} workers: ${shoalMs.toFixed(0)} ms; ` +
        `one process, serially: ${serialMs.toFixed(0)} ms; speed-up ${speedUp.toFixed(2)} ×`,
      ...(did.length > 0 ? [...did, `${again} tasks ran again on other peers, because theirs was lost`] : []),
      isEqual ? 'both counts are equal' : 'THE COUNTS DIFFER',
    ].join('\n')}\n`,
  )
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}
