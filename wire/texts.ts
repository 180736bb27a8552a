import type { RecordMemory } from './inbox.ts'
import type { Outbox } from './outbox.ts'
import { record } from './records.ts'

const encoder = new TextEncoder()

/** A record that is a few words and a JSON text: for everything that is rare. words first, the text's bytes, the text. */
export function sendText(outbox: Outbox, type: number, field: number, words: readonly number[], value: unknown): void {
  const text = encoder.encode(JSON.stringify(value) ?? 'null')
  const at = outbox.begin(type, field, (words.length + 1) * 4 + text.length)
  const word = at >> 2
  for (let i = 0; i < words.length; i++) outbox.i32[word + i] = words[i]
  outbox.i32[word + words.length] = text.length
  outbox.u8.set(text, at + (words.length + 1) * 4)
  outbox.end()
}

/** The text of such a record. */
export function readText(memory: RecordMemory, at: number, words: number, bytes: number): unknown {
  const length = memory.i32[(at >> 2) + words]
  const from = at + (words + 1) * 4
  if (length < 0 || from + length > at + bytes) throw new Error('a text longer than its record')
  return JSON.parse(Buffer.from(memory.u8.buffer, memory.u8.byteOffset + from, length).toString('utf8'))
}

/** A record of words alone. */
export function sendWords(outbox: Outbox, type: number, field: number, ...words: number[]): void {
  const at = outbox.begin(type, field, words.length * 4)
  for (let i = 0; i < words.length; i++) outbox.i32[(at >> 2) + i] = words[i]
  outbox.end()
}

/** Words, then bytes that begin 8-aligned. Gives back where they do. */
export function alignedAfterWords(words: number): number {
  return (words * 4 + 7) & ~7
}

/** A record of words and bytes. */
export function sendBytes(
  outbox: Outbox,
  type: number,
  field: number,
  words: readonly number[],
  from: { u8: Uint8Array; at: number; bytes: number },
): void {
  const head = alignedAfterWords(words.length)
  const at = outbox.begin(type, field, head + from.bytes)
  for (let i = 0; i < words.length; i++) outbox.i32[(at >> 2) + i] = words[i]
  copyBytes(outbox.u8, at + head, from.u8, from.at, from.bytes)
  outbox.end()
}

/** Copies between views; a loop beats `set` with its `subarray` for what tasks usually carry. */
export function copyBytes(to: Uint8Array, at: number, from: Uint8Array, start: number, bytes: number): void {
  if (bytes > 96) {
    to.set(from.subarray(start, start + bytes), at)
    return
  }
  for (let i = 0; i < bytes; i++) to[at + i] = from[start + i]
}

/** Code or a module by its hash; no bytes: nobody here has it. */
export function sendCode(outbox: Outbox, hash: string, bytes: Uint8Array): void {
  const text = encoder.encode(JSON.stringify({ hash }))
  const head = (8 + text.length + 7) & ~7
  const at = outbox.begin(record.code, 0, head + bytes.length)
  outbox.i32[at >> 2] = bytes.length
  outbox.i32[(at >> 2) + 1] = text.length
  outbox.u8.set(text, at + 8)
  outbox.u8.set(bytes, at + head)
  outbox.end()
}

/** What such a record holds. */
export function readCode(
  memory: RecordMemory,
  at: number,
  bytes: number,
): { hash: string; from: number; length: number } {
  const word = at >> 2
  const length = memory.i32[word]
  const { hash } = readText(memory, at + 4, 0, bytes - 4) as { hash: string }
  const from = at + ((8 + memory.i32[word + 1] + 7) & ~7)
  if (length < 0 || from + length > at + bytes) throw new Error('code longer than its record')
  return { hash, from, length }
}
