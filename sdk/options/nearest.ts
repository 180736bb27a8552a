/** Names differ by at most this many edits to be taken for each other. */
const editsMax = 2

/**
 * The known name that was most likely meant: the same but for case and underscores, one inside the other (`num_cpus`,
 * `memory`), or at most two edits away (Damerau–Levenshtein, optimal string alignment).
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const wanted = plain(name)
  if (wanted === '') return undefined
  let best: string | undefined
  let bestEdits = editsMax + 1
  for (const candidate of known) {
    const other = plain(candidate)
    const within = wanted.length > 2 && (wanted.includes(other) || other.includes(wanted))
    const edits = wanted === other ? 0 : Math.min(editDistance(wanted, other), within ? editsMax : editsMax + 1)
    if (edits < bestEdits && edits < Math.max(wanted.length, other.length)) [best, bestEdits] = [candidate, edits]
  }
  return best
}

function plain(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '')
    .slice(0, 64)
}

function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let edits = Math.min(last[column]! + 1, current[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1))
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) edits = Math.min(edits, beforeLast[column - 2]! + 1)
      current.push(edits)
    }
    beforeLast = last
    last = current
  }
  return last[b.length]!
}
