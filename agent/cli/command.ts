import type { Terminal } from './terminal.ts'

/** One option of a command, as it is typed, checked and explained. */
export interface OptionSpec {
  /** What it is called in the help: `--cpus N`. Without one it is a switch. */
  readonly value?: string
  /** One letter: `-f`. */
  readonly short?: string
  /** May be given more than once. */
  readonly repeatable?: boolean
  /** A line or two for `--help`: what, unit, default. */
  readonly help: string
}

/** What was typed after the command's name, checked against its options. */
export interface Arguments {
  readonly positionals: readonly string[]
  /** Whether a switch was given. */
  has(name: string): boolean
  /** The last value of an option. */
  value(name: string): string | undefined
  /** All values of a repeatable option, in order. */
  values(name: string): readonly string[]
}

/** A command of `shoal`; each has a file of its name. */
export interface Command {
  readonly name: string
  /** One line for `shoal --help`. */
  readonly summary: string
  /** What stands after `shoal NAME` in the usage line. */
  readonly usage: string
  /** A paragraph for `--help`. */
  readonly about: string
  readonly options: Readonly<Record<string, OptionSpec>>
  /** What may stand beside options: how many, and what they are called in messages. */
  readonly positionals?: {
    readonly name: string
    readonly max: number
    readonly required?: boolean
    readonly what: string
  }
  /** Everything from the first positional on is not ours (`shoal run`). */
  readonly restIsForeign?: boolean
  /** What `--json` prints. */
  readonly json: string
  readonly examples: readonly (readonly [command: string, what: string])[]
  /** Runs it; resolves with the exit code. Failures are thrown. */
  run(args: Arguments, terminal: Terminal): Promise<number>
}
