import { random } from '../maths/random.ts'

const customers = 20_000
const warmUp = 1000

/**
 * How long customers wait at one counter, in the mean, when they come at random and are served in 1 at a mean: a simulation by
 * Lindley's recursion (1952).
 * @param load customers that come while one is served, below 1
 */
export function meanWait(load: number, seed: number): number {
  const uniform = random(seed)
  const exponential = (mean: number) => -mean * Math.log(1 - uniform())
  let wait = 0
  let total = 0
  for (let customer = 0; customer < warmUp + customers; customer++) {
    if (customer >= warmUp) total += wait
    wait = Math.max(0, wait + exponential(1) - exponential(1 / load))
  }
  return total / customers
}

/** The same by theory: the M/M/1 queue. */
export function expectedWait(load: number): number {
  return load / (1 - load)
}
