import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  checkOwner,
  errnoOf,
  type Home,
  HomeError,
  readIncarnation,
  readMeshId,
  readPeerIdentity,
  writeDurably,
} from '../home/index.ts'
import { attempt, type Check, fail, ok, warn } from './doctor-check.ts'
import { formatBytes } from './quantity.ts'

/** The folder of the home and the files in it. Nothing is changed. */
export function homeChecks(home: Home): Check[] {
  const folder = attempt('home', () => folderCheck(home))
  if (folder.state === 'fail' || !existsSync(home.dir)) return [folder]
  return [
    folder,
    attempt('key', () => keyCheck(home)),
    attempt('mesh', () => meshCheck(home)),
    attempt('incarnation', () =>
      ok('incarnation', String(readIncarnation(home) ?? 'none yet: shoal up takes one from the clock')),
    ),
    attempt('logs', () => logsCheck(home)),
  ]
}

function folderCheck(home: Home): Check {
  if (!isThere(home.dir)) {
    const parent = existingParent(home.dir)
    if (!statSync(parent).isDirectory())
      return fail('home', `${home.dir} cannot be made: ${parent} is a file`, 'set SHOAL_HOME to a folder')
    tryToWrite(parent)
    return ok('home', `${home.dir} is not there yet: shoal up makes it`)
  }
  const { mode } = checkOwner(home.dir)
  tryToWrite(home.dir)
  const octal = mode.toString(8)
  if ((mode & 0o022) !== 0)
    return fail('home', `${home.dir} can be written by other users (mode ${octal})`, `chmod 700 ${home.dir}`)
  if ((mode & 0o077) !== 0)
    return warn('home', `${home.dir} can be read by other users (mode ${octal})`, `chmod 700 ${home.dir}`)
  return ok('home', `${home.dir} is yours alone and can be written`)
}

/** Throws a `HomeError` that says why a folder cannot be written: a full disk, a read-only one, permissions. */
function tryToWrite(folder: string): void {
  const probe = join(folder, `.shoal-doctor-${process.pid}`)
  try {
    writeDurably(probe, 'x'.repeat(4096))
  } catch (error) {
    throw new HomeError(folder, (error as Error).message.slice(probe.length + 2), { cause: error })
  } finally {
    rmSync(probe, { force: true })
  }
}

function isThere(path: string): boolean {
  try {
    statSync(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return false
    throw new HomeError(path, `cannot be looked at (${errnoOf(error)})`, { cause: error })
  }
}

function existingParent(path: string): string {
  let parent = path
  while (!isThere(parent) && parent !== dirname(parent)) parent = dirname(parent)
  return parent
}

function keyCheck(home: Home): Check {
  const identity = readPeerIdentity(home)
  return ok('key', identity ? `peer ${identity.peerId}` : 'none yet: shoal up makes one')
}

function meshCheck(home: Home): Check {
  const meshId = readMeshId(home)
  return ok('mesh', meshId ?? 'none yet: shoal up founds one')
}

function logsCheck(home: Home): Check {
  if (!existsSync(home.logsDir)) return ok('logs', 'none yet')
  const sizes = readdirSync(home.logsDir).map(name => statSync(join(home.logsDir, name)).size)
  return ok('logs', `${formatBytes(sizes.reduce((sum, size) => sum + size, 0))} in ${home.logsDir} (at most 50 MiB)`)
}
