import { textWidth } from './table.ts'

/** The size of a terminal, in characters. */
export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

/** The whole terminal, while a command shows something there that changes. */
export interface Screen extends Disposable {
  /** Aborted when it is to end: q, Ctrl-C, a signal. */
  readonly ended: AbortSignal
  /** 0 after q, 128 + n after Ctrl-C or another signal. */
  readonly exitCode: number
  /** Shows these lines, and shows them again when the size changes. */
  draw(lines: (size: ScreenSize) => readonly string[]): void
}

const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
const enter = '\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J'
const leave = '\x1b[?25h\x1b[?1049l'

/** Takes the terminal over (its alternate screen); it is as it was when this is disposed of, and when the process ends. */
export function openScreen(): Screen {
  const { stdin, stdout } = process
  const ending = new AbortController()
  let exitCode = 0
  let shown: ((size: ScreenSize) => readonly string[]) | undefined
  let isOpen = true
  const end = (code: number) => {
    exitCode = code
    ending.abort()
  }
  const redraw = () => {
    if (!shown || !isOpen) return
    const size = { columns: stdout.columns || 80, rows: stdout.rows || 24 }
    const lines = shown(size).slice(0, size.rows)
    // Each line over the one before it, then what is left is cleared: nothing flickers.
    stdout.write(`\x1b[H${lines.map(line => `${fitted(line, size.columns)}\x1b[K`).join('\r\n')}\x1b[J`)
  }
  const onKey = (keys: Buffer) => {
    const text = keys.toString()
    // In raw mode Ctrl-C is a key.
    if (text.includes('\x03')) end(signals.SIGINT)
    else if (/q/i.test(text)) end(0)
  }
  const onSignal = (name: NodeJS.Signals) => end(signals[name as keyof typeof signals])
  const close = () => {
    if (!isOpen) return
    isOpen = false
    stdout.off('resize', redraw)
    stdin.off('data', onKey)
    for (const name of Object.keys(signals)) process.off(name, onSignal)
    process.off('exit', close)
    if (stdin.isTTY) stdin.setRawMode(false).pause()
    stdout.write(leave)
  }
  process.on('exit', close)
  for (const name of Object.keys(signals)) process.on(name, onSignal)
  stdout.on('resize', redraw)
  stdout.write(enter)
  if (stdin.isTTY) stdin.setRawMode(true).on('data', onKey).resume()
  return {
    ended: ending.signal,
    get exitCode() {
      return exitCode
    },
    draw(lines) {
      shown = lines
      redraw()
    },
    [Symbol.dispose]: close,
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const styleOrCharacter = /\x1b\[[0-9;]*m|./gsu

/** A line cut to the width of the screen; styles take no room, and end with it. */
export function fitted(line: string, columns: number): string {
  if (textWidth(line) <= columns) return line
  let kept = ''
  let width = 0
  for (const [part] of line.matchAll(styleOrCharacter)) {
    const isStyle = part.length > 1 && part.startsWith('\x1b')
    if (!isStyle) width += textWidth(part)
    if (width > columns - 1) return `${kept}…\x1b[0m`
    kept += part
  }
  return kept
}
