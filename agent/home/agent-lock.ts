import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isSameProcess, processIdentity } from '../process-identity.ts'
import { errnoOf, HomeError, onFile } from './home-error.ts'

/** The lock of a home, held by one process from before its agent starts until after it has stopped. */
export interface AgentLock {
  release(): void
}

const attemptsMax = 20

/**
 * Takes the lock, or says which living process holds it.
 *
 * Node has no `flock`, so the lock is a folder with one file, named for its holder, and rests on what POSIX says of
 * `rename`: a folder replaces an empty folder atomically and never a full one. A dead holder's file is removed by its
 * name, so a slow rival can never remove the file of whoever came in between. Throws `HomeError`.
 */
export function takeAgentLock(dir: string): AgentLock | { readonly heldBy: number } {
  const mine = `${process.pid}.${processIdentity(process.pid)}`
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    if (tryTake(dir, mine)) return { release: () => giveBack(dir, mine) }
    const holder = lockHolder(dir)
    if (holder !== undefined) return { heldBy: holder }
  }
  throw new HomeError(dir, 'cannot be taken: stop every shoal of this home and remove this folder')
}

/** The pid of the living process that holds the lock. Files of dead ones are removed. */
export function lockHolder(dir: string): number | undefined {
  for (const entry of entriesOf(dir)) {
    const dot = entry.indexOf('.')
    const pid = Number(entry.slice(0, dot))
    if (dot > 0 && Number.isInteger(pid) && isSameProcess(pid, entry.slice(dot + 1))) return pid
    onFile(join(dir, entry), () => rmSync(join(dir, entry), { recursive: true, force: true }))
  }
  return undefined
}

function tryTake(dir: string, mine: string): boolean {
  const beside = `${dir}.${process.pid}`
  return onFile(dir, () => {
    rmSync(beside, { recursive: true, force: true })
    mkdirSync(beside, { mode: 0o700 })
    writeFileSync(join(beside, mine), '', { mode: 0o600 })
    try {
      renameSync(beside, dir)
      return true
    } catch (error) {
      rmSync(beside, { recursive: true, force: true })
      if (errnoOf(error) === 'ENOTEMPTY' || errnoOf(error) === 'EEXIST') return false
      if (errnoOf(error) === 'ENOTDIR') throw new HomeError(dir, 'a file is in the way: remove it')
      throw error
    }
  })
}

function giveBack(dir: string, mine: string): void {
  try {
    unlinkSync(join(dir, mine))
    rmdirSync(dir)
  } catch {
    // Somebody took the emptied folder at once, or removed it: either way it is no longer this process's.
  }
}

function entriesOf(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
