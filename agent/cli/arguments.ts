import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import type { Arguments, Command, OptionSpec } from './command.ts'
import { usageError } from './failure.ts'
import { nearest } from './nearest.ts'

/** Options that every command has. */
export const commonOptions: Readonly<Record<string, OptionSpec>> = {
  json: { help: 'print JSON for programs; failures as { "error": { "code", "message" } } on standard error' },
  help: { short: 'h', help: 'show this help' },
}

/** Checks what was typed against a command's options. Throws a usage error that names the option and the value. */
export function parseArguments(command: Command, argv: readonly string[]): Arguments {
  const specs = { ...command.options, ...commonOptions }
  const own = ownWords(command, argv)
  const values = new Map<string, string[]>()
  const positionals: string[] = []
  const options: ParseArgsOptionsConfig = {}
  for (const [name, { value, short }] of Object.entries(specs)) {
    options[name] = { type: value ? 'string' : 'boolean', ...(short ? { short } : {}) }
  }
  // Not strict: Node's own messages run over several lines, and do not know what is allowed.
  const { tokens } = parseArgs({ args: [...own], options, strict: false, allowPositionals: true, tokens: true })
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined
    if (!spec) throw usageError(unknownOption(command, token.rawName, Object.keys(specs)))
    const given = values.get(token.name) ?? []
    if (spec.value) {
      if (token.value === undefined || (!token.inlineValue && token.value.startsWith('--'))) {
        throw usageError(`${token.rawName} needs a value: ${token.rawName} ${spec.value}`)
      }
      given.push(token.value)
    } else if (token.value !== undefined) {
      throw usageError(`${token.rawName} takes no value, and was given "${token.value}"`)
    }
    values.set(token.name, given)
  }
  if (command.restIsForeign) positionals.push(...argv.slice(own.length))
  if (!values.has('help')) checkPositionals(command, positionals)
  return {
    positionals,
    has: name => values.has(name),
    value: name => values.get(name)?.at(-1),
    values: name => values.get(name) ?? [],
  }
}

/**
 * The words that are for the command itself: all of them, but for `shoal run` those before its script, which is the
 * first word that is neither an option nor an option's value. A `--` before it is ours, too.
 */
export function ownWords(command: Command | undefined, argv: readonly string[]): readonly string[] {
  if (!command?.restIsForeign) return argv
  return argv.slice(0, endOfOptions(argv, { ...command.options, ...commonOptions }))
}

function endOfOptions(argv: readonly string[], specs: Readonly<Record<string, OptionSpec>>): number {
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!
    if (word === '--') return at + 1
    if (!word.startsWith('-') || word === '-') return at
    const name = word.startsWith('--') ? word.slice(2) : Object.keys(specs).find(key => specs[key]!.short === word[1])
    if (name !== undefined && specs[name]?.value && !word.includes('=')) at++
  }
  return argv.length
}

function checkPositionals(command: Command, positionals: readonly string[]): void {
  const allowed = command.positionals
  if (allowed?.required && positionals.length === 0) {
    throw usageError(`shoal ${command.name} needs ${allowed.what}: shoal ${command.name} ${command.usage}`)
  }
  const surplus = positionals[allowed?.max ?? 0]
  if (surplus !== undefined) {
    const takes = allowed ? `at most ${allowed.max} ${allowed.name}` : 'no arguments beside its options'
    throw usageError(
      `shoal ${command.name}: "${surplus}" is too much: it takes ${takes} (shoal ${command.name} --help)`,
    )
  }
}

function unknownOption(command: Command, rawName: string, known: readonly string[]): string {
  const meant = nearest(rawName.replace(/^-+/, ''), known)
  const names = known.map(name => `--${name}`).join(', ')
  const hint = meant ? `did you mean --${meant}? ` : ''
  return `shoal ${command.name} has no option ${rawName}: ${hint}it has ${names}`
}
