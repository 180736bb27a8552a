interface Range {
  start: number
  end: number
}

/** Replacements in a text that keep its lines, and its columns where there is room. */
export class Edits {
  readonly #text: string
  readonly #shift: number
  readonly #edits: { start: number; end: number; to: string }[] = []

  /** @param shift what to take off the positions given */
  constructor(text: string, shift: number) {
    this.#text = text
    this.#shift = shift
  }

  /** Puts `to` in the place of a range, filled up with spaces to its length; the range's line breaks stay. */
  replace(range: Range, to: string): void {
    const start = range.start - this.#shift
    const end = range.end - this.#shift
    const rest = blanks(this.#text.slice(start, end))
    // Line breaks are kept, also where `to` covers them.
    this.#edits.push({ start, end, to: to + rest.slice(0, to.length).replaceAll(' ', '') + rest.slice(to.length) })
  }

  /** Takes a range out. */
  blank(range: Range): void {
    this.replace(range, '')
  }

  /** Takes the initialiser of a field out: `static #x = 1` becomes `static #x    `. */
  blankInitialiser(field: { key: Range; value?: Range | null }): void {
    this.blank({ start: field.key.end, end: field.value!.end })
  }

  text(): string {
    let text = ''
    let at = 0
    for (const { start, end, to } of this.#edits.toSorted((a, b) => a.start - b.start)) {
      text += this.#text.slice(at, start) + to
      at = end
    }
    return text + this.#text.slice(at)
  }
}

function blanks(text: string): string {
  return text.replace(/[^\n\r\u2028\u2029]/g, ' ')
}
