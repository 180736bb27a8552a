/** A curve of some lines of text: its scale at the left, as many columns as asked for. */
export function curve(
  values: readonly number[],
  options: { rows: number; columns: number; logarithmic?: boolean },
): string {
  const { rows, columns, logarithmic = false } = options
  const width = Math.min(columns, values.length)
  const points = Array.from({ length: width }, (_, at) => {
    const value = values[Math.round((at * (values.length - 1)) / Math.max(1, width - 1))]
    return logarithmic ? Math.log10(value) : value
  })
  const low = Math.min(...points)
  const high = Math.max(...points)
  const heights = points.map(point => Math.round(((point - low) / (high - low || 1)) * (rows - 1)))
  const label = (row: number) => {
    const value = low + ((high - low) * row) / (rows - 1)
    return (logarithmic ? (10 ** value).toExponential(1) : value.toPrecision(3)).padStart(9)
  }
  const lines = Array.from({ length: rows }, (_, from) => {
    const row = rows - 1 - from
    return `${label(row)} │${heights.map(height => (height === row ? '•' : height > row ? '·' : ' ')).join('')}`
  })
  return lines.join('\n')
}
