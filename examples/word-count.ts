// Counts the words of real files: map tasks per batch of files, a shuffle by hash, reduce tasks that take the maps' refs.
// On a mesh of three agents, the first of which is killed halfway; the count comes out right.
//   npm run demo -- --help
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { asCompleted, get, init, type Mesh, task } from 'shoal'
import { add, type Counts, countWords, equal, type PackedCounts, partition, top, unpack } from './word-count/count.ts'
import { type Batch, batches, textFiles } from './word-count/files.ts'
import { type OwnMesh, startOwnMesh } from './word-count/own-mesh.ts'
import { ProgressLine } from './word-count/progress.ts'
import { report } from './word-count/report.ts'
import { readSettings, type Settings } from './word-count/settings.ts'

const topSize = 20

/** Reads files: both counts find them in memory then, and the threads have started. */
const read = task(function read(paths: string[]): void {
  for (const path of paths) readFileSync(path)
})

/** Counts a batch: its words, shared out by hash, one part for each reducer. Large results stay where they were made. */
const map = task(function map(paths: string[], reducers: number): PackedCounts[] {
  return partition(countWords(paths), reducers)
})

/** Adds up one share of the words, over all maps. */
const reduce = task(function reduce(share: number, ...maps: PackedCounts[][]) {
  const counts: Counts = new Map()
  for (const parts of maps) add(counts, unpack(parts[share]))
  const [table] = partition(counts, 1)
  return { top: top(counts, topSize), table }
})

async function countOnShoal(mesh: Mesh, work: Batch[], reducers: number, own: OwnMesh | undefined) {
  const { cpus } = await mesh.resources()
  const progress = { done: 0, total: work.length + reducers, bytes: 0 }
  const line = new ProgressLine(async () => ({
    ...progress,
    running: Math.max(0, Math.round(cpus - (await mesh.available()).cpus)),
    ...(own
      ? { peers: (await mesh.peers()).filter(({ state }) => state === 'alive').length, again: await runAgain(mesh) }
      : {}),
  }))
  const startedAt = performance.now()
  const maps = work.map(batch => map.remote(batch.paths, reducers))
  const bytesOf = new Map(maps.map((ref, at) => [ref, work[at].bytes]))
  for await (const ref of asCompleted(maps)) {
    progress.done++
    progress.bytes += bytesOf.get(ref) ?? 0
    // Halfway the peer that founded the mesh is lost: no peer is special.
    if (own && own.agents.length > 2 && progress.done === work.length >> 1) own.kill(own.agents[0])
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

/** Tasks that had another attempt, because the peer of the first was lost. */
async function runAgain(mesh: Mesh): Promise<number> {
  let again = 0
  for await (const { attempts } of mesh.state.tasks()) if (attempts.length > 1) again++
  return again
}

/** What each peer of a mesh did. */
async function deedsOf(mesh: Mesh, own: OwnMesh): Promise<{ name: string; state: string; tasks: number }[]> {
  const tasks = new Map<string, number>()
  for await (const row of mesh.state.tasks()) if (row.peerId) tasks.set(row.peerId, (tasks.get(row.peerId) ?? 0) + 1)
  const peers = await mesh.peers()
  return own.agents.map(({ peerId }, at) => ({
    name: `peer ${at + 1} (…${peerId.slice(-6)}${at === 0 ? ', the founder' : ''})`.padEnd(28),
    state: peers.find(peer => peer.peerId === peerId)?.state ?? 'gone',
    tasks: tasks.get(peerId) ?? 0,
  }))
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

  using own = settings.peers > 0 ? startOwnMesh(settings.peers, availableParallelism()) : undefined
  // Attached to the last of them: the first is to be lost.
  await using mesh = await init({ address: own?.agents.at(-1)?.socket ?? 'local' })
  if (own) await mesh.waitFor({ peers: own.agents.length }, { timeoutMs: 20_000 })
  await get(work.map(batch => read.remote(batch.paths)))

  const shoal = await countOnShoal(mesh, work, settings.reducers, own)
  const serial = countInOneProcess(work)

  const counts: Counts = new Map()
  for (const table of shoal.tables) add(counts, unpack(table))
  const isEqual = equal(counts, serial.counts)
  const peers = own ? await deedsOf(mesh, own) : []
  const again = own ? await runAgain(mesh) : 0
  report({ work, counts, top: shoal.top, shoalMs: shoal.ms, serialMs: serial.ms, isEqual, peers, again, settings })
  if (own && settings.keep) process.stdout.write(`\nThe mesh is still up:\n${own.keep()}\n`)
  process.exitCode = isEqual ? 0 : 1
}

await main(readSettings(process.argv.slice(2), fileURLToPath(new URL('../node_modules', import.meta.url)))).catch(
  error => {
    process.stderr.write(`word-count: ${error?.message ?? error}\n`)
    process.exitCode = 1
  },
)
