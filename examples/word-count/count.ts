import { readFileSync } from 'node:fs'

/** How often each word occurs. */
export type Counts = Map<string, number>

/** A part of a table of counts in a form that travels fast: one string and one typed array in place of thousands of entries. */
export interface PackedCounts {
  /** The words, separated by line feeds: no word contains one. */
  words: string
  /** How often each of them occurs, in the same order. */
  counts: Uint32Array
}

/** Counts the words of some text files: runs of letters of any script, in lower case. */
export function countWords(paths: readonly string[]): Counts {
  const counts: Counts = new Map()
  for (const path of paths) {
    const words =
      readFileSync(path, 'utf8')
        .toLowerCase()
        .match(/\p{L}+/gu) ?? []
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return counts
}

/** Splits counts into `parts` by hash, so that each word is in the same part whoever splits. */
export function partition(counts: Counts, parts: number): PackedCounts[] {
  const words = Array.from({ length: parts }, (): string[] => [])
  const numbers = Array.from({ length: parts }, (): number[] => [])
  for (const [word, count] of counts) {
    const part = hash(word) % parts
    words[part].push(word)
    numbers[part].push(count)
  }
  return words.map((list, part) => ({ words: list.join('\n'), counts: Uint32Array.from(numbers[part]) }))
}

/** Adds counts to `into`. */
export function add(into: Counts, from: Iterable<[string, number]>): Counts {
  for (const [word, count] of from) into.set(word, (into.get(word) ?? 0) + count)
  return into
}

/** The entries of packed counts. */
export function* unpack({ words, counts }: PackedCounts): Iterable<[string, number]> {
  let at = 0
  for (const word of counts.length ? words.split('\n') : []) yield [word, counts[at++]]
}

/** The `size` most frequent words, the most frequent first; equally frequent ones by their letters. */
export function top(counts: Iterable<[string, number]>, size: number): [string, number][] {
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, size)
}

/** Whether two tables say the same of every word. */
export function equal(a: Counts, b: Counts): boolean {
  if (a.size !== b.size) return false
  for (const [word, count] of a) if (b.get(word) !== count) return false
  return true
}

/** FNV-1a, 32 bits. */
function hash(word: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < word.length; at++) value = Math.imul(value ^ word.charCodeAt(at), 0x01000193)
  return value >>> 0
}
