import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { dirname, join } from 'node:path'

/** What a peer offers when it is not told: every CPU it may use, 70 % of the memory, 30 % of that for objects. */
export function defaultResources(): { cpus: number; memoryBytes: number; objectStoreBytes: number } {
  const memoryBytes = Math.floor(usableMemoryBytes() * 0.7)
  return { cpus: availableParallelism(), memoryBytes, objectStoreBytes: objectStoreShare(memoryBytes) }
}

/** The object store's default share of a peer's memory: 30 %. */
export function objectStoreShare(memoryBytes: number): number {
  return Math.floor(memoryBytes * 0.3)
}

/** The memory that this process may use: the machine's, or the tightest limit of its control groups (v1, v2). */
export function usableMemoryBytes(): number {
  return Math.min(totalmem(), memoryLimitOfGroups('/sys/fs/cgroup', readText('/proc/self/cgroup')))
}

/**
 * The tightest memory limit of a process's control group and all above it. Lines of /proc/self/cgroup are
 * `id:controllers:path`; in v2 there is one, `0::path`. A container often sees its group's files at the root of the
 * mount and not under the path, so every folder from the path up to the mount is looked at.
 */
export function memoryLimitOfGroups(mount: string, groups: string): number {
  let limit = Number.POSITIVE_INFINITY
  for (const line of groups.split('\n')) {
    const [id, controllers, ...rest] = line.split(':')
    const path = rest.join(':')
    const v2 = id === '0' && controllers === ''
    if (!v2 && !controllers?.split(',').includes('memory')) continue
    const root = v2 ? (existsSync(join(mount, 'unified')) ? join(mount, 'unified') : mount) : join(mount, 'memory')
    for (let folder = join(root, path); folder.startsWith(root); folder = dirname(folder)) {
      const text = readText(join(folder, v2 ? 'memory.max' : 'memory.limit_in_bytes')).trim()
      if (/^\d+$/.test(text)) limit = Math.min(limit, Number(text))
    }
  }
  return limit
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // No such group, or no control groups at all on this system.
    return ''
  }
}
