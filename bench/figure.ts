/** Something that is measured, in a fresh process of its own. */
export interface Figure {
  /** What `--only` looks at. */
  id: string
  title: string
  /** The module whose `measure` gives the readings, without its extension. */
  module: string
  /** Whether the measuring program is run as TypeScript, as most users' programs are; else it is compiled. */
  asSource?: boolean
  /** Options of Node that the process needs. */
  nodeOptions?: readonly string[]
}

/** A number that was measured. */
export interface Reading {
  what: string
  value: number
  unit: Unit
  /** The physical limit, or the yardstick, measured in the same run. */
  limit?: { what: string; value: number }
  /** What the project promises: a bound of the value, or of its ratio to the limit. */
  mark?: Mark
  /** Anything else worth seeing, in words. */
  note?: string
}

export type Unit = '/s' | 'µs' | 'ms' | 'B' | 'MB' | 'MB/s' | '%'

export type Mark = { of: 'value' | 'ratio'; atLeast: number } | { of: 'value' | 'ratio'; atMost: number }

/** What a figure's module exports. */
export type Measure = () => Promise<Reading[]>

/** The reading's value in terms of its limit. */
export function ratio(reading: Reading): number | undefined {
  return reading.limit && reading.value / reading.limit.value
}

/** Whether the mark is met; `undefined` where there is none. */
export function isMet(reading: Reading): boolean | undefined {
  const { mark } = reading
  if (!mark) return undefined
  const value = mark.of === 'value' ? reading.value : ratio(reading)
  if (value === undefined) return undefined
  return 'atLeast' in mark ? value >= mark.atLeast : value <= mark.atMost
}
