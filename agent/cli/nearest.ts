/** Levenshtein's distance: single characters added, removed or replaced (Wagner and Fischer, 1974). */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}

/** The known word that was probably meant, if one is close: at most a third of its letters differ. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const short = word.slice(0, 40).toLowerCase()
  const ranked = known.map(candidate => ({ candidate, distance: distanceTo(candidate, short) }))
  ranked.sort((x, y) => x.distance - y.distance)
  const best = ranked[0]
  return best && best.distance <= Math.max(1, Math.floor(best.candidate.length / 3)) ? best.candidate : undefined
}

function distanceTo(candidate: string, word: string): number {
  if (word.length >= 3 && candidate.startsWith(word)) return 0
  return editDistance(word, candidate)
}
