import { isMet, type Mark, type Reading, ratio, type Unit } from './figure.ts'
import type { Origin } from './machine.ts'
import { rivalFigures, rivalsSource } from './rivals.ts'

/** A figure's readings, or why there are none. */
export interface Outcome {
  id: string
  title: string
  readings: Reading[]
  error?: string
}

/** Everything as one JSON object. */
export function toJson(origin: Origin, outcomes: readonly Outcome[]): string {
  const figures = outcomes.map(outcome => ({
    ...outcome,
    readings: outcome.readings.map(reading => ({ ...reading, ratio: ratio(reading), met: isMet(reading) })),
  }))
  return JSON.stringify({ ...origin, figures, rivals: { source: rivalsSource, figures: rivalFigures } }, null, 1)
}

/** One figure as lines of text. */
export function toText({ title, readings, error }: Outcome): string {
  const lines = readings.map(reading => `  ${reading.what.padEnd(34)} ${describe(reading)}`)
  if (error) lines.push(`  could not be measured: ${error}`)
  else if (readings.length === 0) lines.push('  not here')
  return [title, ...lines].join('\n')
}

/** The rest of the text: the rivals, and where the figures are from. */
export function footer({ machine, node, commit, at }: Origin): string {
  const width = Math.max(...rivalFigures.map(({ figure }) => figure.length))
  return [
    `others (${rivalsSource})`,
    ...rivalFigures.map(({ system, figure, value }) => `  ${system.padEnd(9)} ${figure.padEnd(width)}  ${value}`),
    '',
    `${machine}; Node ${node}; commit ${commit}; ${at}`,
  ].join('\n')
}

function describe(reading: Reading): string {
  const { value, unit, limit, mark, note } = reading
  const parts = [show(value, unit).padStart(12)]
  if (limit) parts.push(`${(ratio(reading) ?? 0).toFixed(2)} × ${limit.what} (${show(limit.value, unit)})`)
  if (mark) parts.push(`mark ${showMark(mark, unit)}: ${isMet(reading) ? 'met' : 'NOT MET'}`)
  if (note) parts.push(note)
  return parts.join('; ')
}

function showMark(mark: Mark, unit: Unit): string {
  const [sign, bound] = 'atLeast' in mark ? ['≥', mark.atLeast] : ['≤', mark.atMost]
  return `${sign} ${mark.of === 'ratio' ? `${bound} ×` : show(bound, unit)}`
}

function show(value: number, unit: Unit): string {
  const digits = unit === '/s' || value >= 100 ? 0 : value >= 10 ? 1 : 2
  const text = value.toLocaleString('en', { maximumFractionDigits: digits })
  return unit === '/s' ? `${text}/s` : `${text} ${unit}`
}
