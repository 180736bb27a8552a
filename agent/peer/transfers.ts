import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { meshLimits } from '../../mesh/index.ts'
import type { BulkStream } from '../../mesh/node/index.ts'
import { asCount, asMap, type HeaderValue } from '../../mesh/wire/index.ts'

/** Refs inside a value follow the header, so many in a frame. */
export const NAMES_PER_FRAME = 2000

/** One copy between native code and the store at a time. */
const CHUNK_BYTES = meshLimits.bulkChunkBytes

/** Where an object's bytes are read from. */
export interface ObjectSource {
  readonly bytes: number
  /** The CRC-32 that they must have, where it is known. */
  readonly checksum?: number
  /** Copies the bytes from `at` on. */
  fill(into: Uint8Array, at: number): Promise<void> | undefined
}

/** Bytes that are not those that were written. */
export class CorruptError extends Error {
  constructor() {
    super('its bytes on disk are not those that were written: their CRC-32 differs')
  }
}

/** Bytes in memory. */
export function inMemory(u8: Uint8Array, offset: number, bytes: number): ObjectSource {
  return {
    bytes,
    fill(into, at) {
      into.set(u8.subarray(offset + at, offset + at + into.length))
      return undefined
    },
  }
}

/**
 * Sends an object over a stream of its own: its header, then bytes as far as the receiver has given credit, then their
 * SHA-256. The receiver sets the pace (protocols §3).
 */
export async function sendObject(
  stream: BulkStream,
  header: { [key: string]: HeaderValue },
  names: readonly HeaderValue[],
  from: ObjectSource,
): Promise<void> {
  await stream.send({ ...header, bytes: from.bytes })
  for (let at = 0; at < names.length; at += NAMES_PER_FRAME) await stream.send(names.slice(at, at + NAMES_PER_FRAME))
  const hash = createHash('sha256')
  let checksum = 0
  const size = Math.min(CHUNK_BYTES, Math.max(from.bytes, 1))
  // Two of them: one is prepared while the other is on its way.
  const scratch = [new Uint8Array(size), new Uint8Array(size)]
  let credit = 0
  let writing: Promise<void> = Promise.resolve()
  for (let sent = 0, turn = 0; sent < from.bytes; turn++) {
    while (credit === 0) credit += asCount(asMap(await deadline(stream.frame()), 'credit').credit, 'credit')
    const n = Math.min(size, credit, from.bytes - sent)
    // Native code takes no view of shared memory.
    const chunk = scratch[turn & 1].subarray(0, n)
    const filled = from.fill(chunk, sent)
    if (filled !== undefined) await filled
    hash.update(chunk)
    if (from.checksum !== undefined) checksum = crc32(chunk, checksum)
    await deadline(writing)
    writing = stream.write(chunk)
    writing.catch(() => undefined)
    credit -= n
    sent += n
  }
  await deadline(writing)
  const digest = hash.digest()
  if (from.checksum !== undefined && checksum !== from.checksum) throw new CorruptError()
  await stream.write(digest)
  await stream.end()
}

/** What an object's stream begins with. */
export interface IncomingObject {
  bytes: number
  header: { [key: string]: HeaderValue | undefined }
}

/** The header of an object that comes over a stream. */
export async function objectHeader(stream: BulkStream): Promise<IncomingObject> {
  const header = asMap(await deadline(stream.frame()), 'a header')
  return { bytes: header.gone === true ? -1 : asCount(header.bytes, 'bytes'), header }
}

/** Receives the bytes into their room, giving credit as they are taken, and checks their hash. */
export async function receiveObject(
  stream: BulkStream,
  to: { u8: Uint8Array; at: number; bytes: number },
): Promise<void> {
  const hash = createHash('sha256')
  let given = Math.min(to.bytes, meshLimits.bulkWindowBytes)
  let saying = to.bytes > 0 ? stream.send({ credit: given }) : Promise.resolve()
  saying.catch(() => undefined)
  let got = 0
  const tail = new Uint8Array(32)
  let tailBytes = 0
  let reading = stream.read()
  for (;;) {
    const chunk = await deadline(reading)
    if (chunk === null) break
    // The next is on its way while this one is looked at.
    reading = stream.read()
    reading.catch(() => undefined)
    const n = Math.min(chunk.length, to.bytes - got)
    if (n > 0) {
      const part = n === chunk.length ? chunk : chunk.subarray(0, n)
      hash.update(part)
      to.u8.set(part, to.at + got)
      got += n
      const more = Math.min(to.bytes, got + meshLimits.bulkWindowBytes) - given
      if (more >= meshLimits.bulkCreditBytes || (more > 0 && got + more === to.bytes)) {
        given += more
        // One after the other, and not waited for: what is read meanwhile is on its way already.
        saying = saying.then(() => stream.send({ credit: more }))
        saying.catch(() => undefined)
      }
    }
    const rest = chunk.subarray(n)
    if (tailBytes + rest.length > tail.length) throw new Error('more bytes than were announced')
    tail.set(rest, tailBytes)
    tailBytes += rest.length
  }
  if (got < to.bytes || tailBytes < tail.length)
    throw new Error(`the object was cut short: ${got} of ${to.bytes} bytes`)
  if (!hash.digest().equals(tail)) throw new Error('the bytes have another hash than was sent with them')
}

/** A transfer on which nothing moves is given up. */
function deadline<T>(step: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`nothing moved for ${meshLimits.bulkStallMs} ms`)),
      meshLimits.bulkStallMs,
    )
  })
  step.catch(() => undefined)
  return Promise.race([step, late]).finally(() => clearTimeout(timer))
}
