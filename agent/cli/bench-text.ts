import type { Unit } from '../../microbenchmark/index.ts'
import type { BenchLine, BenchOrigin } from './bench.ts'
import { formatCount } from './quantity.ts'
import { printable, type Terminal } from './terminal.ts'

const whatWidth = 45
const valueWidth = 11

/** Against whom it is measured, before the first figure. */
export function headerText({ kind, pid, cpus, cpusFree, peers }: BenchOrigin['peer']): string {
  const offered = cpus === 1 ? '1 CPU' : `${formatCount(cpus)} CPUs`
  if (kind === 'embedded') return `No agent runs here: measured on an embedded peer (${offered}).`
  const others = peers === 1 ? '' : `, one of ${peers} peers`
  const used =
    cpusFree < cpus ? `\n${formatCount(cpus - cpusFree)} of its CPUs are in use: the figures are worse for that.` : ''
  return `Measured on this machine's agent (pid ${pid}, ${offered}${others}).${used}`
}

/** One figure, in the terms of its yardstick. */
export function lineText(line: BenchLine, terminal: Terminal): string {
  const what = line.what.padEnd(whatWidth)
  if ('error' in line) return `  ${what} ${terminal.style('red', `failed: ${printable(line.error)}`)}`
  const { value, unit, yardstick, ratio } = line
  const shown = terminal.style('bold', formatValue(value, unit).padStart(valueWidth))
  if (!yardstick || ratio === undefined) return `  ${what} ${shown}`
  const beside = `${ratio >= 100 ? formatCount(Math.round(ratio)) : ratio.toPrecision(2)} × ${yardstick.what} (${formatValue(yardstick.value, unit)})`
  return `  ${what} ${shown}  ${terminal.style('dim', beside)}`
}

/** What the figures are of, after the last. */
export function footerText({ machine, node, shoal }: BenchOrigin): string {
  return `${printable(machine)}; Node ${node}; shoal ${shoal}`
}

function formatValue(value: number, unit: Unit): string {
  const rounding = unit === '/s' || value >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 }
  const number = value.toLocaleString('en-US', rounding)
  return unit === '/s' ? `${number}/s` : `${number} ${unit}`
}
