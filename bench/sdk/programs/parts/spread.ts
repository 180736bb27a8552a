import { mean } from './mean.ts'

/** The standard deviation. */
export function spread(xs: readonly number[]): number {
  const middle = mean(xs)
  return Math.sqrt(mean(xs.map(x => (x - middle) ** 2)))
}
