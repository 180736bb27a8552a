import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

/** Whether a process runs; a zombie does not. */
export function running(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

/** A folder for this test file. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'shoal-test-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
