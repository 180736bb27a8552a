import { nodeVersionMin } from '../node-version.ts'
import { commonOptions } from './arguments.ts'
import type { Command, OptionSpec } from './command.ts'

/** `shoal --help`: every command with a line. */
export function generalHelp(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(command => command.name.length))
  return [
    'Usage: shoal COMMAND [options]',
    '',
    'Runs TypeScript functions as tasks, and classes as actors, on this machine and on every machine that joins.',
    '',
    'Commands:',
    ...commands.map(command => `  ${command.name.padEnd(width)}  ${command.summary}`),
    '',
    'Options:',
    "  --help     show this help; shoal COMMAND --help tells a command's options",
    '  --version  show the version',
    '',
    'Every command has --json and --help. State lives under $SHOAL_HOME (default ~/.shoal).',
    `Exit codes: 0 done, 1 failed, 2 typed wrongly. Needs Node ${nodeVersionMin} or newer.`,
  ].join('\n')
}

/** `shoal COMMAND --help`. */
export function commandHelp(command: Command): string {
  const options = Object.entries({ ...command.options, ...commonOptions })
  const names = options.map(([name, spec]) => optionName(name, spec))
  const width = Math.max(...names.map(name => name.length))
  const indent = ' '.repeat(width + 4)
  return [
    `Usage: shoal ${command.name} ${command.usage}`.trimEnd(),
    '',
    command.about,
    '',
    'Options:',
    ...options.map(([, spec], at) => `  ${names[at]!.padEnd(width)}  ${spec.help.replaceAll('\n', `\n${indent}`)}`),
    '',
    `JSON: ${command.json}`,
    '',
    'Examples:',
    ...command.examples.map(([line, what]) => `  ${line}\n      ${what}`),
  ].join('\n')
}

function optionName(name: string, spec: OptionSpec): string {
  const short = spec.short ? `-${spec.short}, ` : ''
  return `${short}--${name}${spec.value ? ` ${spec.value}` : ''}${spec.repeatable ? ' …' : ''}`
}
