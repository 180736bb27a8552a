// Counts the words of real files: map tasks per batch of files, a shuffle by hash, reduce tasks that take the maps' refs.
//   npm run demo -- --help
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { asCompleted, get, init, type Mesh, type ObjectRef, put, task } from 'shoal'
import { add, type Counts, countWords, equal, type PackedCounts, partition, top, unpack } from './word-count/count.ts'
import { type Batch, batches, textFiles } from './word-count/files.ts'
import { startOwnAgent } from './word-count/own-agent.ts'
import { ProgressLine } from './word-count/progress.ts'
import { report } from './word-count/report.ts'
import { readSettings, type Settings } from './word-count/settings.ts'

const topSize = 20

/** Reads files: both counts find them in memory then, and the threads have started. */
const read = task(function read(paths: string[]): void {
  for (const path of paths) readFileSync(path)
})

/** Counts a batch and leaves its words in the object store, one object for each reducer: nothing passes the driver. */
const map = task(function map(paths: string[], reducers: number): Promise<ObjectRef<PackedCounts>[]> {
  return Promise.all(partition(countWords(paths), reducers).map(part => put(part)))
})

/** Adds up one share of the words, over all maps; the whole table stays in the store, its top is the result. */
const reduce = task(async function reduce(share: number, ...maps: ObjectRef<PackedCounts>[][]) {
  const counts: Counts = new Map()
  for (const part of await get(maps.map(parts => parts[share]))) add(counts, unpack(part))
  const [table] = partition(counts, 1)
  return { top: top(counts, topSize), table: await put(table) }
})

async function countOnShoal(mesh: Mesh, work: Batch[], reducers: number) {
  const { cpus } = await mesh.resources()
  const progress = { done: 0, total: work.length + reducers, bytes: 0 }
  const line = new ProgressLine(async () => ({
    ...progress,
    running: Math.round(cpus - (await mesh.available()).cpus),
  }))
  const startedAt = performance.now()
  const maps = work.map(batch => map.remote(batch.paths, reducers))
  const bytesOf = new Map(maps.map((ref, at) => [ref, work[at].bytes]))
  for await (const ref of asCompleted(maps)) {
    progress.done++
    progress.bytes += bytesOf.get(ref) ?? 0
  }
  const shares = await get(Array.from({ length: reducers }, (_, share) => reduce.remote(share, ...maps)))
  const ms = performance.now() - startedAt
  progress.done = progress.total
  await line.stop()
  return {
    ms,
    top: top(
      shares.flatMap(share => share.top),
      topSize,
    ),
    tables: shares.map(share => share.table),
  }
}

function countInOneProcess(work: Batch[]): { ms: number; counts: Counts } {
  const paths = work.flatMap(batch => batch.paths)
  const startedAt = performance.now()
  const counts = countWords(paths)
  return { counts, ms: performance.now() - startedAt }
}

async function main(settings: Settings): Promise<void> {
  const work = batches(textFiles(settings.root), settings.batchBytes)
  if (work.length === 0) throw new Error(`no text files under ${settings.root}`)

  using agent = settings.agent ? startOwnAgent() : undefined
  await using mesh = await init({ address: agent?.socket ?? 'local' })
  await get(work.map(batch => read.remote(batch.paths)))

  const shoal = await countOnShoal(mesh, work, settings.reducers)
  const serial = countInOneProcess(work)

  const counts: Counts = new Map()
  for (const table of await get(shoal.tables)) add(counts, unpack(table))
  const isEqual = equal(counts, serial.counts)
  report({ work, counts, top: shoal.top, shoalMs: shoal.ms, serialMs: serial.ms, isEqual, settings })
  process.exitCode = isEqual ? 0 : 1
}

await main(readSettings(process.argv.slice(2), fileURLToPath(new URL('../node_modules', import.meta.url)))).catch(
  error => {
    process.stderr.write(`word-count: ${error?.message ?? error}\n`)
    process.exitCode = 1
  },
)
