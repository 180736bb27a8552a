/** Rounds to so many decimals. */
export function round(x: number, decimals: number): number {
  const scale = 10 ** decimals
  return Math.round(x * scale) / scale
}
