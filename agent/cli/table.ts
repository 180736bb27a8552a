import { stripVTControlCharacters } from 'node:util'
import { printable, type Terminal } from './terminal.ts'

/** One column of a table that a person reads. */
export interface Column<Row> {
  readonly title: string
  /** The cell's text; what steers a terminal is made harmless. */
  text(row: Row): string
  readonly align?: 'left' | 'right'
  /** A colour for the cell. */
  style?(row: Row): Parameters<Terminal['style']>[0] | undefined
}

/** Longer cells are cut with an ellipsis, but for the last column, where ids stand that are to be copied. */
const cellWidthMax = 48

/** Aligned columns with their titles. */
export function formatTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], terminal: Terminal): string {
  const last = columns.length - 1
  const cells = rows.map(row =>
    columns.map((column, c) => (c === last ? printable(column.text(row)) : cut(printable(column.text(row))))),
  )
  const widths = columns.map((column, c) =>
    cells.reduce((most, line) => Math.max(most, textWidth(line[c]!)), textWidth(column.title)),
  )
  const pad = (text: string, c: number, styled = text) => {
    const space = ' '.repeat(widths[c]! - textWidth(text))
    if (columns[c]!.align === 'right') return space + styled
    return c === last ? styled : styled + space
  }
  const head = columns.map((column, c) => pad(column.title, c, terminal.style('dim', column.title)))
  const lines = cells.map((line, r) =>
    line.map((text, c) => {
      const style = columns[c]!.style?.(rows[r]!)
      return pad(text, c, style ? terminal.style(style, text) : text)
    }),
  )
  return [head, ...lines].map(line => line.join('  ').trimEnd()).join('\n')
}

function cut(text: string): string {
  if (textWidth(text) <= cellWidthMax) return text
  let kept = ''
  let width = 0
  for (const character of text) {
    width += characterWidth(character)
    if (width > cellWidthMax - 1) break
    kept += character
  }
  return `${kept}…`
}

/** Columns that a text takes in a terminal. */
export function textWidth(text: string): number {
  let width = 0
  for (const character of stripVTControlCharacters(text)) width += characterWidth(character)
  return width
}

const combining = /\p{Mark}/u
// East Asian Width W and F (Unicode Annex 11), and emoji, in whole blocks.
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u

function characterWidth(character: string): number {
  if (character < '\u0300') return 1
  if (combining.test(character)) return 0
  return wide.test(character) ? 2 : 1
}
