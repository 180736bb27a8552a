import { lstatSync, readdirSync } from 'node:fs'
import { extname, join } from 'node:path'

const extensions = new Set(
  ['js', 'mjs', 'cjs', 'jsx', 'ts', 'mts', 'cts', 'tsx', 'md', 'json', 'txt', 'html', 'css', 'yml', 'yaml'].map(
    name => `.${name}`,
  ),
)
const fileBytesMax = 1_000_000

/** A group of files that one task counts. */
export interface Batch {
  paths: string[]
  bytes: number
}

/** The text files under `root`, in an order that does not depend on the disk: no links, nothing hidden, nothing over 1 MB. */
export function* textFiles(root: string): Iterable<{ path: string; bytes: number }> {
  const entries = readdirSync(root, { withFileTypes: true })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(root, entry.name)
    if (entry.name.startsWith('.')) continue
    if (entry.isDirectory()) yield* textFiles(path)
    else if (entry.isFile() && extensions.has(extname(entry.name))) {
      const bytes = lstatSync(path).size
      if (bytes > 0 && bytes <= fileBytesMax) yield { path, bytes }
    }
  }
}

/** Groups files, in their order, so that each group has about `bytesWanted`. */
export function batches(files: Iterable<{ path: string; bytes: number }>, bytesWanted: number): Batch[] {
  const groups: Batch[] = []
  let group: Batch = { paths: [], bytes: 0 }
  for (const { path, bytes } of files) {
    if (group.bytes >= bytesWanted || group.paths.length === 0) {
      group = { paths: [], bytes: 0 }
      groups.push(group)
    }
    group.paths.push(path)
    group.bytes += bytes
  }
  return groups
}
