import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

/** Where a command prints: text for people, JSON for programs. */
export interface Terminal {
  /** Whether `--json` was given. */
  readonly json: boolean
  /** A text on standard output, with a line end. */
  print(text: string): void
  /** One JSON value on standard output. */
  printJson(value: unknown): void
  /** A text on standard error, with a line end; nothing under `--json`. */
  note(text: string): void
  /** Coloured where standard output is a terminal that wants colours (NO_COLOR, FORCE_COLOR). */
  style(format: Format, text: string): string
}

export function processTerminal(json: boolean): Terminal {
  return {
    json,
    print: text => void process.stdout.write(`${text}\n`),
    printJson: value => void process.stdout.write(`${JSON.stringify(value)}\n`),
    note: text => {
      if (!json) process.stderr.write(`${text}\n`)
    },
    style: (format, text) => styleText(format, text, { stream: process.stdout }),
  }
}

// C0 and C1 controls, and the marks that turn the direction of text or hide in it.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const controls = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** Names and messages come from user code: what would steer the terminal is shown as `\x1b`, and a line stays one. */
export function printable(text: string): string {
  return text.replace(controls, character => {
    const code = character.charCodeAt(0)
    if (character === '\n') return '\\n'
    if (character === '\t') return '\\t'
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** The same for texts of several lines: line ends and tabs stay. */
export function printableLines(text: string): string {
  return text
    .split('\n')
    .map(line => line.split('\t').map(printable).join('\t'))
    .join('\n')
}
