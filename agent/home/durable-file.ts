import { closeSync, fchmodSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { errnoOf, onFile } from './home-error.ts'

/**
 * Replaces a file as a whole: after a crash or a power cut it holds the old text or the new one, never a part.
 * Written beside it, fsync, rename, fsync of the folder. Mode 0600 whatever the umask.
 */
export function writeDurably(path: string, text: string): void {
  onFile(path, () => {
    const beside = `${path}.${process.pid}.new`
    try {
      const file = openSync(beside, 'w', 0o600)
      try {
        fchmodSync(file, 0o600)
        const bytes = Buffer.from(text)
        for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      renameSync(beside, path)
    } catch (error) {
      rmSync(beside, { force: true })
      throw error
    }
    syncFolder(dirname(path))
  })
}

let nextBeside = 1

/** The same without holding up the thread: for what may be large, and several times at once. */
export async function writeDurablyAside(path: string, bytes: Uint8Array): Promise<void> {
  const beside = `${path}.${process.pid}.${nextBeside++}.new`
  try {
    const file = await open(beside, 'w', 0o600)
    try {
      await file.chmod(0o600)
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(beside, path)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync().catch(unlessUnable)
  } finally {
    await folder.close()
  }
}

/** A rename is durable once its folder is. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } catch (error) {
    unlessUnable(error)
  } finally {
    closeSync(folder)
  }
}

/** Some file systems cannot sync folders: then nothing more can be done. */
function unlessUnable(error: unknown): void {
  if (errnoOf(error) !== 'EINVAL' && errnoOf(error) !== 'ENOTSUP') throw error
}

/** The text of a file, or `undefined` where there is none. */
export function readIfThere(path: string): string | undefined {
  return onFile(path, () => {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    }
  })
}
