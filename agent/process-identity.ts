import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/**
 * What tells a running process from a later one of the same pid: its start time (on Linux in ticks since boot, with the
 * boot's id). `undefined` where no such process runs; a zombie does not.
 */
export function processIdentity(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (fields[0] === 'Z' || fields[0] === 'X') return undefined
      return `${bootId()}.${fields[19]}`
    } catch {
      return undefined
    }
  }
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined
  }
  try {
    const started = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return started.trim().replace(/[^\w]+/g, '-') || undefined
  } catch {
    return 'unknown'
  }
}

/** The start of the kernel's boot id: pids and ticks start again at each boot. */
function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8)
}

/** Whether the process of this pid is still the one that had this identity. */
export function isSameProcess(pid: number, identity: string): boolean {
  return processIdentity(pid) === identity
}
