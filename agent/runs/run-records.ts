import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { onFile, writeDurably } from '../home/index.ts'

/** `lost`: its agent was killed, and nobody knows how it ended. */
export type RunState = 'running' | 'finished' | 'failed' | 'lost'

/** A program that an agent has started: what `shoal runs` lists, and `run.json` says. Times in milliseconds since the epoch. */
export interface RunRecord {
  readonly id: string
  readonly script: string
  readonly args: readonly string[]
  readonly cwd: string
  state: RunState
  /** Why it failed or was lost, where its exit code does not say it. */
  reason?: string
  readonly pid: number
  /** Tells this process from a later one of the same pid. */
  readonly processIdentity: string
  /** Of one that a signal ended 128 + its number; null where it runs, or nobody knows. */
  exitCode: number | null
  readonly startedAt: number
  endedAt: number | null
}

const idForm = /^run-[0-9a-f]{10}$/

/** Whether a text is the id of a run. */
export function isRunId(text: string): boolean {
  return idForm.test(text)
}

export function newRunId(): string {
  return `run-${randomBytes(5).toString('hex')}`
}

/** The folder of a run under that of all runs. */
export function runFolder(runsDir: string, id: string): string {
  return join(runsDir, id)
}

export function makeRunFolder(runsDir: string, id: string): string {
  const folder = runFolder(runsDir, id)
  onFile(folder, () => mkdirSync(folder, { recursive: true, mode: 0o700 }))
  return folder
}

export function writeRunRecord(runsDir: string, record: RunRecord): void {
  writeDurably(join(runFolder(runsDir, record.id), 'run.json'), `${JSON.stringify(record, undefined, 2)}\n`)
}

export function removeRun(runsDir: string, id: string): void {
  rmSync(runFolder(runsDir, id), { recursive: true, force: true })
}

/** Every record that can be read, oldest first. */
export function readRunRecords(runsDir: string): RunRecord[] {
  if (!existsSync(runsDir)) return []
  const ids = onFile(runsDir, () => readdirSync(runsDir).filter(isRunId))
  return ids.flatMap(id => readRecord(runsDir, id) ?? []).sort((a, b) => a.startedAt - b.startedAt)
}

function readRecord(runsDir: string, id: string): RunRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(join(runFolder(runsDir, id), 'run.json'), 'utf8')) as RunRecord
    return record.id === id && Number.isInteger(record.pid) ? record : undefined
  } catch {
    // Its agent was killed while it began, or the file is damaged: there is nothing to be told of it.
    return undefined
  }
}
