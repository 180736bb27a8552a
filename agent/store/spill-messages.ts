/** A value on disk: its file, its place in it, and the CRC-32 of its bytes: three times as fast as a hash, and it is the disk that is checked. */
export interface SpilledPlace {
  path: string
  at: number
  bytes: number
  checksum: number
}

/** A disk that fails is tried again after these. */
export const DISK_RETRY_MS = [20, 100, 300]

/** What a thread of the disk is started with. */
export interface SpillThreadData {
  store: SharedArrayBuffer
  dir: string
  /** A file that has grown to this is closed. */
  fileBytes: number
}

/** What it is told. */
export type SpillOrder =
  | { t: 'write'; id: number; offset: number; bytes: number }
  | { t: 'forget'; id: number }
  | { t: 'read'; id: number; offset: number; place: SpilledPlace }

/** What it says. */
export type SpillReport =
  | { t: 'written'; id: number; place: SpilledPlace }
  | { t: 'moved'; id: number; path: string; at: number }
  | { t: 'read'; id: number }
  | { t: 'failed'; id: number; reason: string }
