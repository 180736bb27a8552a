import { setImmediate as loopTurn } from 'node:timers/promises'

/** Measures for about so many milliseconds, at least one operation; gives the value in the figure's unit. */
export type Probe = (ms: number) => Promise<number>

/** Rounds in which the measurements of a figure take turns, so that a noisy moment hits all alike. */
const rounds = 6

/** Runs the probes in turn, for so many seconds in all; the first round warms up, of the others each gives its median. */
export async function inTurns<Name extends string>(
  seconds: number,
  probes: Record<Name, Probe>,
): Promise<Record<Name, number>> {
  const names = Object.keys(probes) as Name[]
  const sliceMs = (seconds * 1000) / (rounds * names.length)
  const values = Object.fromEntries(names.map(name => [name, [] as number[]])) as Record<Name, number[]>
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const value = await probes[name](sliceMs)
      if (round > 0) values[name].push(value)
    }
  }
  return Object.fromEntries(names.map(name => [name, median(values[name])])) as Record<Name, number>
}

/** How many a second, where a batch is `count` of them. */
export function perSecond(count: number, batch: () => unknown): Probe {
  return async ms => {
    const startedAt = performance.now()
    const breathe = breather()
    let done = 0
    let passed = 0
    while (passed < ms || done === 0) {
      await batch()
      done += count
      await breathe()
      passed = performance.now() - startedAt
    }
    return (done / passed) * 1000
  }
}

/** The median duration of calls, one after the other, in microseconds. */
export function microseconds(call: () => Promise<unknown>): Probe {
  return async ms => {
    const durations: number[] = []
    const breathe = breather()
    const endsAt = performance.now() + ms
    while (durations.length === 0 || performance.now() < endsAt) {
      durations.push(await timed(call))
      await breathe()
    }
    return median(durations) * 1000
  }
}

/** The median rate at which so many bytes are moved; `move` gives the milliseconds that it took without its preparations. */
export function gigabytesPerSecond(bytes: number, move: () => number | Promise<number>): Probe {
  return async ms => {
    const durations: number[] = []
    const endsAt = performance.now() + ms
    while (durations.length === 0 || performance.now() < endsAt) {
      durations.push(await move())
      await loopTurn()
    }
    return bytes / 1e6 / median(durations)
  }
}

/** How long something takes, in milliseconds. */
export async function timed(work: () => unknown): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

const breathMs = 20

/** Lets the event loop turn now and then: answers that come without a pause keep it from everything else, such as Ctrl-C. */
function breather(): () => Promise<void> | undefined {
  let last = performance.now()
  return () => {
    const now = performance.now()
    if (now - last < breathMs) return undefined
    last = now
    return loopTurn()
  }
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}
