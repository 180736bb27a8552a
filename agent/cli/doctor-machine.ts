import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import type { Home } from '../home/index.ts'
import { usableMemoryBytes } from '../machine.ts'
import { nodeProblem, nodeVersionMin, shoalVersion } from '../node-version.ts'
import { attempt, type Check, fail, ok, warn } from './doctor-check.ts'
import { formatAge, formatBytes, formatCount } from './quantity.ts'

const mebibyte = 2 ** 20

/** Below `fail` Shoal does not work; below `warn` it does, for small work. */
const marks = {
  diskBytes: { fail: 64 * mebibyte, warn: 1024 * mebibyte },
  memoryBytes: { fail: 64 * mebibyte, warn: 512 * mebibyte },
  openFiles: { fail: 128, warn: 1024 },
  threads: { fail: 32, warn: 512 },
}

/** Node, the clock, memory, disk and limits. */
export function machineChecks(home: Home): Check[] {
  return [
    nodeCheck(),
    ok('native parts', 'none needed: tasks run on Node alone'),
    attempt('clock', () => clockCheck(home)),
    attempt('memory', memoryCheck),
    attempt('disk', () => diskCheck(home)),
    attempt('open files', openFilesCheck),
    attempt('threads', threadsCheck),
  ]
}

function nodeCheck(): Check {
  const problem = nodeProblem()
  if (problem) return fail('node', problem, `install Node ${nodeVersionMin} or newer`)
  return ok(
    'node',
    `Node ${process.versions.node} (needs ${nodeVersionMin} or newer), shoal ${shoalVersion}, ${process.platform} ${process.arch}`,
  )
}

/** The day Shoal began: no clock that is right shows an earlier one. */
const earliestMs = Date.UTC(2025, 0, 1)
const skewMsMax = 5 * 60_000

function clockCheck(home: Home): Check {
  const now = Date.now()
  const shown = new Date(now).toISOString()
  if (now < earliestMs) return fail('clock', `it says ${shown}`, 'set it, and let it be kept right (NTP)')
  const text = existsSync(home.incarnationFile) ? readFileSync(home.incarnationFile, 'utf8').trim() : ''
  const behindMs = /^\d+$/.test(text) ? Number(text) - now : 0
  if (behindMs > skewMsMax) {
    return warn(
      'clock',
      `it says ${shown}, ${formatAge(behindMs)} before this agent's last start`,
      'set it, and let it be kept right (NTP)',
    )
  }
  return ok('clock', shown)
}

function memoryCheck(): Check {
  const bytes = usableMemoryBytes()
  const message = `${formatBytes(bytes)} for this process, ${formatCount(availableParallelism())} CPUs`
  return graded(
    'memory',
    bytes,
    marks.memoryBytes,
    message,
    'give the machine or container more memory, or offer less (shoal up --memory, --object-store)',
  )
}

function diskCheck(home: Home): Check {
  let folder = home.dir
  while (!existsSync(folder) && folder !== dirname(folder)) folder = dirname(folder)
  const { bavail, bsize } = statfsSync(folder)
  const bytes = bavail * bsize
  return graded(
    'disk',
    bytes,
    marks.diskBytes,
    `${formatBytes(bytes)} free for ${home.dir}`,
    'free some space there, or set SHOAL_HOME to a folder on another disk',
  )
}

function openFilesCheck(): Check {
  const limit = limitOf('Max open files', 'ulimit -n')
  return graded(
    'open files',
    limit,
    marks.openFiles,
    `${shownLimit(limit)} allowed`,
    'raise the limit: ulimit -n 4096, LimitNOFILE= in a systemd unit',
  )
}

function threadsCheck(): Check {
  const limit = Math.min(limitOf('Max processes', 'ulimit -u'), groupLimit())
  return graded(
    'threads',
    limit,
    marks.threads,
    `${shownLimit(limit)} allowed`,
    'raise the limit: ulimit -u 4096, TasksMax= in a systemd unit, --pids-limit of a container',
  )
}

function graded(
  name: string,
  value: number,
  mark: { fail: number; warn: number },
  message: string,
  advice: string,
): Check {
  if (value < mark.fail) return fail(name, message, advice)
  return value < mark.warn ? warn(name, message, advice) : ok(name, message)
}

function shownLimit(limit: number): string {
  return limit === Number.POSITIVE_INFINITY ? 'any number' : formatCount(limit)
}

/** A soft limit of this process. Node raises that of open files to the hard one when it starts. */
function limitOf(row: string, command: string): number {
  const text = existsSync('/proc/self/limits')
    ? new RegExp(`^${row}\\s+(\\S+)`, 'm').exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    : execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8' }).trim()
  return /^\d+$/.test(text ?? '') ? Number(text) : Number.POSITIVE_INFINITY
}

/** The limit of the control group on processes and threads, where a container has one. */
function groupLimit(): number {
  for (const file of ['/sys/fs/cgroup/pids.max', '/sys/fs/cgroup/pids/pids.max']) {
    const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
    if (/^\d+$/.test(text)) return Number(text)
  }
  return Number.POSITIVE_INFINITY
}
