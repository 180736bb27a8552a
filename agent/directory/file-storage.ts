import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, truncateSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { HomeError } from '../home/index.ts'
import type { Generation } from './knowledge.ts'
import type { HardState, LogEntry, Snapshot } from './raft/index.ts'
import type { Kept, Storage, Stored } from './storage.ts'

/** One record of the file. Later ones count; entries replace all from the first one's index on. */
type Row =
  | { readonly is: 'names'; readonly version: 1; readonly meshId: string; readonly generation: Generation }
  | { readonly is: 'hard'; readonly hard: { readonly term: number; readonly vote?: string; readonly commit?: number } }
  | { readonly is: 'commit'; readonly index: number }
  | { readonly is: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly is: 'entries'; readonly entries: readonly LogEntry[] }

/** Length and CRC-32 of what follows. */
const HEAD_BYTES = 8

/**
 * A replica's file under the home: records with checksums, each write synced before its promise resolves. A write that a crash
 * has cut short is the last one, was not acknowledged to anybody, and is cut off. Anything else that does not fit is damage.
 */
export class FileStorage implements Storage {
  readonly #path: string
  readonly #meshId: string
  #file: FileHandle | undefined
  #writes: Promise<void> = Promise.resolve()

  constructor(path: string, meshId: string) {
    this.#path = path
    this.#meshId = meshId
    // What a crash has left half-written.
    rmSync(`${path}.new`, { force: true })
  }

  /** Throws `HomeError` where the file is damaged. Of another mesh: nothing. */
  load(): Stored | undefined {
    let bytes: Buffer
    try {
      bytes = readFileSync(this.#path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    let commit = 0
    let hard: HardState = { term: 0, vote: undefined }
    let snapshot: Snapshot | undefined
    let entries: LogEntry[] = []
    let head: Extract<Row, { is: 'names' }> | undefined
    for (const row of this.#rows(bytes)) {
      if (row.is === 'names') head = row
      else if (row.is === 'hard') {
        hard = { term: row.hard.term, vote: row.hard.vote }
        commit = Math.max(commit, row.hard.commit ?? 0)
      } else if (row.is === 'commit') commit = Math.max(commit, row.index)
      else if (row.is === 'snapshot') {
        snapshot = row.snapshot
        entries = []
      } else {
        const from = row.entries[0].index
        entries = [...entries.slice(0, Math.max(0, from - (snapshot?.index ?? 0) - 1)), ...row.entries]
      }
    }
    if (!head || head.meshId !== this.#meshId) return undefined
    return { generation: head.generation, hard: { ...hard, commit }, snapshot, entries }
  }

  *#rows(bytes: Buffer): Iterable<Row> {
    for (let at = 0; at < bytes.length; ) {
      const rest = bytes.length - at - HEAD_BYTES
      const length = rest >= 0 ? bytes.readUInt32LE(at) : 0
      if (rest < 0 || length > rest) {
        truncateSync(this.#path, at)
        return
      }
      const payload = bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length)
      if (crc32(payload) !== bytes.readUInt32LE(at + 4)) {
        if (length === rest) {
          // The last record: the crash came between its bytes.
          truncateSync(this.#path, at)
          return
        }
        throw new HomeError(
          this.#path,
          `is damaged at byte ${at}: restore it from a backup, or remove it (this peer then knows no names, and learns them from the others)`,
        )
      }
      yield JSON.parse(payload.toString()) as Row
      at += HEAD_BYTES + length
    }
  }

  keep({ hard, snapshot, entries }: Kept): Promise<void> {
    const rows: Row[] = []
    if (hard) rows.push(hardRow(hard))
    if (snapshot) rows.push({ is: 'snapshot', snapshot })
    if (entries.length > 0) rows.push({ is: 'entries', entries })
    const bytes = Buffer.concat(rows.map(record))
    return this.#inOrder(async () => {
      this.#file ??= await open(this.#path, 'a', 0o600)
      await this.#file.appendFile(bytes)
      await this.#file.datasync()
    })
  }

  note(commit: number): void {
    const bytes = record({ is: 'commit', index: commit })
    // Not synced, and not waited for.
    this.#inOrder(async () => await this.#file?.appendFile(bytes)).catch(() => undefined)
  }

  /** Written beside it, synced, renamed. */
  replace({ generation, hard, snapshot, entries }: Stored): Promise<void> {
    const rows: Row[] = [{ is: 'names', version: 1, meshId: this.#meshId, generation }, hardRow(hard)]
    if (snapshot) rows.push({ is: 'snapshot', snapshot })
    if (entries.length > 0) rows.push({ is: 'entries', entries })
    const bytes = Buffer.concat(rows.map(record))
    return this.#inOrder(async () => {
      const beside = `${this.#path}.new`
      const file = await open(beside, 'w', 0o600)
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await this.#file?.close()
      this.#file = undefined
      renameSync(beside, this.#path)
      syncFolder(dirname(this.#path))
    })
  }

  #inOrder(write: () => Promise<void>): Promise<void> {
    const done = this.#writes.then(write)
    this.#writes = done.catch(() => undefined)
    return done
  }

  close(): void {
    void this.#writes.then(() => this.#file?.close())
  }
}

function hardRow({ term, vote, commit }: HardState): Row {
  const hard = {
    term,
    ...(vote === undefined ? {} : { vote }),
    ...(commit === undefined ? {} : { commit }),
  }
  return { is: 'hard', hard }
}

function record(row: Row): Buffer {
  const payload = Buffer.from(JSON.stringify(row))
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt32LE(payload.length, 0)
  head.writeUInt32LE(crc32(payload), 4)
  return Buffer.concat([head, payload])
}

/** A rename is durable once its folder is. Some file systems cannot sync folders. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EINVAL' && code !== 'ENOTSUP') throw error
  } finally {
    closeSync(folder)
  }
}
