/** The middle value; of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort()
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

/** Runs each of the measurements in turn, `rounds` times, so that a noisy moment hits all alike; gives the median of each. */
export async function interleave<Name extends string>(
  rounds: number,
  measurements: Record<Name, () => number | Promise<number>>,
): Promise<Record<Name, number>> {
  const names = Object.keys(measurements) as Name[]
  const values = Object.fromEntries(names.map(name => [name, [] as number[]])) as Record<Name, number[]>
  for (let round = 0; round < rounds; round++) {
    for (const name of names) values[name].push(await measurements[name]())
  }
  return Object.fromEntries(names.map(name => [name, median(values[name])])) as Record<Name, number>
}

/** The median duration of `count` calls, one after the other, in microseconds. */
export async function microsecondsEach(count: number, call: () => Promise<unknown>): Promise<number> {
  const durations: number[] = []
  for (let done = 0; done < count; done++) {
    const startedAt = performance.now()
    await call()
    durations.push(performance.now() - startedAt)
  }
  return median(durations) * 1000
}

/** How many calls a second are done when `outstanding` are always begun together, over `total`. */
export async function callsPerSecond(
  total: number,
  outstanding: number,
  callMany: (count: number) => Promise<unknown>,
): Promise<number> {
  const startedAt = performance.now()
  for (let done = 0; done < total; done += outstanding) await callMany(outstanding)
  return (total / (performance.now() - startedAt)) * 1000
}

/** How one of those that are compared is called, and how often: in all to warm it up and to count, and one at a time. */
export interface Compared {
  many(count: number): Promise<unknown>
  one(): Promise<unknown>
  warmUp: number
  total: number
  each: number
}

/** Calls a second with 1,000 outstanding, and the median microseconds of one at a time, of those that are compared. */
export async function ratesOf<Name extends string>(
  rounds: number,
  compared: Record<Name, Compared>,
): Promise<{ perSecond: Record<Name, number>; each: Record<Name, number> }> {
  const measured = (measure: (one: Compared) => Promise<number>): Record<Name, () => Promise<number>> => {
    const names = Object.keys(compared) as Name[]
    return Object.fromEntries(names.map(name => [name, () => measure(compared[name])])) as Record<
      Name,
      () => Promise<number>
    >
  }
  await interleave(
    2,
    measured(({ warmUp, many }) => callsPerSecond(warmUp, 1000, many)),
  )
  return {
    perSecond: await interleave(
      rounds,
      measured(({ total, many }) => callsPerSecond(total, 1000, many)),
    ),
    each: await interleave(
      rounds,
      measured(({ each, one }) => microsecondsEach(each, one)),
    ),
  }
}
