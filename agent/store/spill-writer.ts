import { closeSync, ftruncateSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { DISK_RETRY_MS, type SpilledPlace } from './spill-messages.ts'

/** One file of spilled values. */
interface SpillFile {
  readonly path: string
  fd: number
  bytes: number
  liveBytes: number
  readonly ids: Set<number>
}

/** How much is copied at a time when a file is compacted. */
const COPY_BYTES = 4 << 20
/** Failures that another try does not mend: a full disk, mostly. */
const noRetry = new Set(['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'EFBIG'])

/**
 * Writes values into files, several in one: each after the other until a file has `fileBytes`. A file is deleted with its last
 * value; one that is closed and has become half waste gives what it still has to the current one. Synchronous: it runs in a
 * thread of its own.
 */
export class SpillWriter {
  readonly #dir: string
  readonly #fileBytes: number
  readonly #byId = new Map<number, { file: SpillFile; place: SpilledPlace }>()
  #current: SpillFile | undefined
  /** Files of one writer have one name, and a number each. */
  readonly #name = Date.now().toString(36)
  #next = 1
  readonly #moved: (id: number, place: SpilledPlace) => void

  constructor(options: { dir: string; fileBytes: number; moved: (id: number, place: SpilledPlace) => void }) {
    this.#dir = options.dir
    this.#fileBytes = options.fileBytes
    this.#moved = options.moved
  }

  /** Writes a value. Throws what the disk says; then it has nothing of it. */
  write(id: number, value: Uint8Array): SpilledPlace {
    return this.#add(id, value.length, crc32(value), file => {
      writeAll(file.fd, value, file.bytes)
    })
  }

  #add(id: number, bytes: number, checksum: number, put: (file: SpillFile) => void): SpilledPlace {
    for (let attempt = 0; ; attempt++) {
      const file = this.#open()
      try {
        put(file)
        const place = { path: file.path, at: file.bytes, bytes, checksum }
        file.bytes += bytes
        file.liveBytes += bytes
        file.ids.add(id)
        this.#byId.set(id, { file, place })
        return place
      } catch (error) {
        this.#undo(file)
        const { code } = error as NodeJS.ErrnoException
        if (attempt === DISK_RETRY_MS.length || noRetry.has(code ?? '')) throw error
        sleep(DISK_RETRY_MS[attempt])
      }
    }
  }

  /** The file that is written to. */
  #open(): SpillFile {
    if (this.#current && this.#current.bytes < this.#fileBytes) return this.#current
    this.#closeCurrent()
    makeFolder(this.#dir)
    const path = join(this.#dir, `${this.#name}-${this.#next++}.spill`)
    const file = { path, fd: openSync(path, 'wx+', 0o600), bytes: 0, liveBytes: 0, ids: new Set<number>() }
    this.#current = file
    return file
  }

  /** What a failed write has left behind the last value. */
  #undo(file: SpillFile): void {
    try {
      if (file.bytes === 0) this.#delete(file)
      else ftruncateSync(file.fd, file.bytes)
    } catch {
      // The disk fails; the next value is written over it.
    }
  }

  #closeCurrent(): void {
    const file = this.#current
    this.#current = undefined
    if (!file) return
    closeSync(file.fd)
    file.fd = -1
    if (file.ids.size === 0) this.#delete(file)
    else this.#compact(file)
  }

  #delete(file: SpillFile): void {
    if (file === this.#current) this.#current = undefined
    if (file.fd >= 0) closeSync(file.fd)
    file.fd = -1
    unlinkSync(file.path)
  }

  /** A value is needed no more. */
  forget(id: number): void {
    const known = this.#byId.get(id)
    if (!known) return
    const { file, place } = known
    this.#byId.delete(id)
    file.ids.delete(id)
    file.liveBytes -= place.bytes
    try {
      if (file.ids.size === 0) this.#delete(file)
      else this.#compact(file)
    } catch {
      // It is removed with the folder.
    }
  }

  /** Moves what is left of a file that is half waste. */
  #compact(file: SpillFile): void {
    if (file === this.#current || 2 * file.liveBytes > file.bytes || file.fd >= 0) return
    const from = openSync(file.path, 'r')
    try {
      for (const id of [...file.ids]) {
        const { place } = this.#byId.get(id) as { place: SpilledPlace }
        const moved = this.#add(id, place.bytes, place.checksum, to =>
          copyBetween(from, place.at, to.fd, to.bytes, place.bytes),
        )
        file.ids.delete(id)
        file.liveBytes -= place.bytes
        this.#moved(id, moved)
      }
      this.#delete(file)
    } catch {
      // No room for a move: what was moved is moved, the rest stays where it is.
    } finally {
      closeSync(from)
    }
  }
}

function makeFolder(dir: string): void {
  try {
    mkdirSync(dir, { mode: 0o700 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function writeAll(fd: number, value: Uint8Array, at: number): void {
  for (let done = 0; done < value.length; ) done += writeSync(fd, value, done, value.length - done, at + done)
}

function copyBetween(from: number, fromAt: number, to: number, toAt: number, bytes: number): void {
  const piece = new Uint8Array(Math.min(COPY_BYTES, bytes))
  for (let done = 0; done < bytes; ) {
    const n = readSync(from, piece, 0, Math.min(piece.length, bytes - done), fromAt + done)
    if (n === 0) throw new Error('the file was cut short')
    writeAll(to, piece.subarray(0, n), toAt + done)
    done += n
  }
}

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** Reads a value back. Throws what the disk says, or that the bytes are not those that were written. */
export function readSpilled({ path, at, bytes, checksum }: SpilledPlace, into: Uint8Array): void {
  const fd = openSync(path, 'r')
  try {
    for (let done = 0; done < bytes; ) {
      const n = readSync(fd, into, done, bytes - done, at + done)
      if (n === 0) throw new Error(`${path} was cut short: ${at + done} bytes of ${at + bytes}`)
      done += n
    }
  } finally {
    closeSync(fd)
  }
  if (crc32(into) !== checksum)
    throw new Error(`its bytes in ${path} are not those that were written: their CRC-32 differs`)
}
