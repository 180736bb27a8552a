import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { onFile } from '../home/index.ts'
import { limits } from './limits.ts'

export type RunStream = 'stdout' | 'stderr'

const streams: readonly RunStream[] = ['stdout', 'stderr']

/** A piece of what a run has said. `from` is past what was asked for where older output has fallen away. */
export interface RunPiece {
  readonly from: number
  readonly bytes: Buffer
  readonly next: number
}

/** A part of a stream: the bytes from `base` on. */
interface Segment {
  readonly path: string
  readonly base: number
  readonly size: number
}

/**
 * What a run writes, in files that it writes into itself: its agent may die. `stdout` is the newest part; it is rotated by
 * copying it to `stdout.<base>`, named by where it begins in all that was ever said, and cutting it to nothing.
 */
export class RunOutput {
  readonly #folder: string
  readonly #limits: { readonly fileBytesMax: number; readonly filesMax: number }

  constructor(folder: string, bounds: { readonly fileBytesMax: number; readonly filesMax: number } = limits) {
    this.#folder = folder
    this.#limits = bounds
  }

  /** A descriptor for the program to append to. */
  open(stream: RunStream): number {
    const path = join(this.#folder, stream)
    return onFile(path, () => openSync(path, constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY, 0o600))
  }

  /** At most `bytesMax` from place `from` on. */
  read(stream: RunStream, from: number, bytesMax: number = limits.pieceBytes): RunPiece {
    for (const { path, base, size } of this.#segments(stream)) {
      if (base + size <= from) continue
      const start = Math.max(from, base)
      const bytes = readPart(path, start - base, Math.min(bytesMax, base + size - start))
      return { from: start, bytes, next: start + bytes.length }
    }
    return { from, bytes: Buffer.alloc(0), next: from }
  }

  /** Cuts what has grown too long; to be called now and then while the program runs. */
  rotate(): void {
    for (const stream of streams) {
      const live = this.#segments(stream).at(-1)
      if (live && live.size >= this.#limits.fileBytesMax) this.#rotate(stream, live.base)
    }
  }

  #rotate(stream: RunStream, base: number): void {
    const file = openSync(join(this.#folder, stream), constants.O_RDWR)
    try {
      // Of what came faster than it is looked at, the newest is kept.
      let end = fstatSync(file).size
      const start = Math.max(0, end - this.#limits.fileBytesMax)
      const kept: Buffer[] = []
      for (let at = start; at < end; ) {
        const piece = Buffer.alloc(end - at)
        const read = readSync(file, piece, 0, piece.length, at)
        kept.push(piece.subarray(0, read))
        at += read
        // What was written meanwhile, up to the last moment before it is cut.
        if (at >= end || read === 0) end = fstatSync(file).size
        if (read === 0) break
      }
      writeFileSync(join(this.#folder, `${stream}.${base + start}`), Buffer.concat(kept), { mode: 0o600 })
      ftruncateSync(file, 0)
    } finally {
      closeSync(file)
    }
    const rotated = this.#segments(stream).slice(0, -1)
    for (const { path } of rotated.slice(0, Math.max(0, rotated.length - (this.#limits.filesMax - 1)))) rmSync(path)
  }

  /** Bytes on disk. */
  get bytes(): number {
    return streams.flatMap(stream => this.#segments(stream)).reduce((sum, { size }) => sum + size, 0)
  }

  remove(): void {
    for (const stream of streams) for (const { path } of this.#segments(stream)) rmSync(path, { force: true })
  }

  /** The parts of a stream, oldest first; the last is the one that is written into. */
  #segments(stream: RunStream): Segment[] {
    if (!existsSync(this.#folder)) return []
    const parts: Segment[] = []
    for (const name of readdirSync(this.#folder)) {
      const base = name.startsWith(`${stream}.`) ? Number(name.slice(stream.length + 1)) : Number.NaN
      if (Number.isSafeInteger(base)) parts.push(segment(join(this.#folder, name), base))
    }
    parts.sort((a, b) => a.base - b.base)
    const newest = parts.at(-1)
    parts.push(segment(join(this.#folder, stream), newest ? newest.base + newest.size : 0))
    return parts
  }
}

function segment(path: string, base: number): Segment {
  return { path, base, size: statSync(path, { throwIfNoEntry: false })?.size ?? 0 }
}

function readPart(path: string, at: number, bytesMax: number): Buffer {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(bytesMax)
    return bytes.subarray(0, readSync(file, bytes, 0, bytesMax, at))
  } finally {
    closeSync(file)
  }
}
