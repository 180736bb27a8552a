import { spawnSync } from 'node:child_process'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'

/** Where and of what the figures are. */
export interface Origin {
  machine: string
  node: string
  commit: string
  at: string
}

export function origin(): Origin {
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  return {
    machine: `${cpus()[0]?.model.trim()}, ${availableParallelism()} CPUs, ${memory}, ${type()} ${release()}`,
    node: process.version,
    commit: commit(),
    at: new Date().toISOString(),
  }
}

function commit(): string {
  const git = (...args: string[]) => spawnSync('git', args, { encoding: 'utf8' })
  const head = git('rev-parse', '--short', 'HEAD')
  if (head.status !== 0) return 'none'
  return head.stdout.trim() + (git('status', '--porcelain').stdout ? ', changed' : '')
}
