import { limits } from '../../wire/limits.ts'
import type { Outbox } from '../../wire/outbox.ts'
import { high, low } from '../../wire/records.ts'
import { sendBytes } from '../../wire/texts.ts'
import type { Bytes } from '../core/index.ts'

/** Sends a stored value to one who does not see the store: records of six words, then a piece each; one if it is empty. */
export function sendPieces(outbox: Outbox, type: number, name: number, { u8, at, bytes }: Bytes): void {
  for (let from = 0; from < bytes || from === 0; from += limits.socketChunkBytes) {
    const n = Math.min(limits.socketChunkBytes, bytes - from)
    const words = [name, low(from), high(from), n, low(bytes), high(bytes)]
    sendBytes(outbox, type, 0, words, { u8, at: at + from, bytes: n })
  }
}
