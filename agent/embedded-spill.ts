import { randomBytes } from 'node:crypto'
import { readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isSameProcess, processIdentity } from './process-identity.ts'

/** Folders of embedded peers: their process, its identity, and something random. */
const embeddedName = /^shoal-spill-(\d+)-([^-]+(?:-[^-]+)*)-[0-9a-f]{8}$/

/** Where an embedded peer of this process spills: a folder that is made when it is needed. */
export function embeddedSpillFolder(): string {
  const id = `${process.pid}-${processIdentity(process.pid) ?? 'unknown'}-${randomBytes(4).toString('hex')}`
  return join(tmpdir(), `shoal-spill-${id}`)
}

/** Removes what embedded peers of programs that were killed have left. */
export function removeDeadSpillFolders(): void {
  for (const name of entriesOf(tmpdir())) {
    const [, pid, identity] = embeddedName.exec(name) ?? []
    if (pid === undefined || isSameProcess(Number(pid), identity)) continue
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
    } catch {
      // Another user's.
    }
  }
}

function entriesOf(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}
