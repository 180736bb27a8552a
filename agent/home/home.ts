import { chmodSync, mkdirSync, readdirSync, rmSync, type Stats, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { errnoOf, HomeError, homeErrorOf, onFile } from './home-error.ts'

/** The files of one home. All are this user's alone: the folder is 0700, each file 0600. */
export interface Home {
  /** Absolute path. */
  readonly dir: string
  /** The peer's private key. */
  readonly keyFile: string
  /** The mesh that it belongs to. */
  readonly meshFile: string
  /** Tickets that this peer has made. */
  readonly ticketsFile: string
  /** Where the mesh listened last. */
  readonly listenFile: string
  /** Members that were known last. */
  readonly peersFile: string
  readonly incarnationFile: string
  /** What this peer keeps of the directory of names. */
  readonly namesFile: string
  /** Code of detached actors, by its hash. */
  readonly codeDir: string
  /** Which agent runs. */
  readonly agentFile: string
  /** Held while an agent starts and runs. */
  readonly lockDir: string
  readonly logsDir: string
  readonly logFile: string
  /** Programs that the agent has started: a folder for each, with its record and what it has said. */
  readonly runsDir: string
  /** Objects that do not fit into the store. Removed at the agent's start and end. */
  readonly spillDir: string
}

/** `$SHOAL_HOME`, else `~/.shoal`, as an absolute path. */
export function homeDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  return resolve(environment.SHOAL_HOME || join(homedir(), '.shoal'))
}

/** The paths of a home, which need not be there. */
export function homeAt(dir: string = homeDirectory()): Home {
  return {
    dir,
    keyFile: join(dir, 'key'),
    meshFile: join(dir, 'mesh.json'),
    ticketsFile: join(dir, 'tickets.json'),
    listenFile: join(dir, 'listen'),
    peersFile: join(dir, 'peers.json'),
    incarnationFile: join(dir, 'incarnation'),
    namesFile: join(dir, 'names.log'),
    codeDir: join(dir, 'code'),
    agentFile: join(dir, 'agent.json'),
    lockDir: join(dir, 'agent.lock'),
    logsDir: join(dir, 'logs'),
    logFile: join(dir, 'logs', 'agent.log'),
    runsDir: join(dir, 'runs'),
    spillDir: join(dir, 'spill'),
  }
}

/**
 * Makes the folder where it is missing, and checks that it is this user's and nobody else can write in it.
 * A folder that is empty or a home already is made private; any other that others may write in is refused, because
 * changing the mode of `/tmp` would not be ours to do. Throws `HomeError`.
 */
export function prepareHome(home: Home): void {
  makePrivate(home.dir)
  const { mode } = checkOwner(home.dir)
  if ((mode & 0o077) !== 0) {
    const entries = onFile(home.dir, () => readdirSync(home.dir))
    const isHome = ['key', 'mesh.json', 'incarnation'].every(name => entries.includes(name))
    if (entries.length === 0 || isHome) onFile(home.dir, () => chmodSync(home.dir, 0o700))
    else if ((mode & 0o022) !== 0) {
      throw new HomeError(
        home.dir,
        `other users can write here: chmod 700 ${home.dir}, or set SHOAL_HOME to a folder of its own`,
      )
    }
  }
  makePrivate(home.logsDir)
  makePrivate(home.runsDir)
}

/** Owner and mode of a home that is there. Throws `HomeError` where it is no folder or another user's. */
export function checkOwner(dir: string): { mode: number } {
  const found = onFile(dir, () => statSync(dir))
  if (!found.isDirectory()) throw new HomeError(dir, 'is a file, and a folder is needed: set SHOAL_HOME to a folder')
  const user = process.getuid?.()
  if (user !== undefined && found.uid !== user) {
    throw new HomeError(
      dir,
      `belongs to another user (uid ${found.uid}, you are ${user}): run shoal as that user, or set SHOAL_HOME to a folder of your own`,
    )
  }
  return { mode: found.mode & 0o777 }
}

/** Makes a folder of mode 0700 and what of its parents is missing; one that is there stays as it is. */
function makePrivate(dir: string): void {
  // Not mkdir's `recursive`: where a file system forbids it with ENOENT (/proc), Node tries for ever.
  const missing: string[] = []
  for (let part = dir; ; part = dirname(part)) {
    const found = statIfThere(part)
    if (found?.isDirectory()) break
    if (found) throw new HomeError(part, 'is a file, and a folder is needed: set SHOAL_HOME to a folder')
    missing.unshift(part)
  }
  for (const part of missing) {
    onFile(part, () => {
      try {
        mkdirSync(part, { mode: 0o700 })
      } catch (error) {
        // Another shoal makes it at the same time.
        if (errnoOf(error) !== 'EEXIST') throw error
      }
    })
  }
}

function statIfThere(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined
    throw homeErrorOf(path, error)
  }
}

/** Removes what an agent of this home has spilled, or one that was killed has left. */
export function removeSpilled(home: Home): void {
  onFile(home.spillDir, () => rmSync(home.spillDir, { recursive: true, force: true }))
}
