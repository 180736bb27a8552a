import { shoalVersion } from '../node-version.ts'
import { actors } from './actors.ts'
import { ownWords, parseArguments } from './arguments.ts'
import { bench } from './bench.ts'
import type { Command } from './command.ts'
import { doctor } from './doctor.ts'
import { down } from './down.ts'
import { describeFailure, type Failure, usageError } from './failure.ts'
import { commandHelp, generalHelp } from './help.ts'
import { join } from './join.ts'
import { logs } from './logs.ts'
import { names } from './names.ts'
import { nearest } from './nearest.ts'
import { objects } from './objects.ts'
import { peers } from './peers.ts'
import { run } from './run.ts'
import { runs } from './runs.ts'
import { status } from './status.ts'
import { tasks } from './tasks.ts'
import { printable, processTerminal } from './terminal.ts'
import { ticket } from './ticket.ts'
import { timeline } from './timeline.ts'
import { top } from './top.ts'
import { up } from './up.ts'
import { workers } from './workers.ts'

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  up,
  join,
  ticket,
  down,
  status,
  run,
  runs,
  tasks,
  actors,
  objects,
  peers,
  workers,
  names,
  logs,
  top,
  timeline,
  bench,
  doctor,
]

/** Runs the command line and sets the process's exit code. Never rejects: what goes wrong is told on standard error. */
export async function main(argv: readonly string[]): Promise<void> {
  endQuietlyOnClosedPipe()
  const command = commands.find(({ name }) => name === argv[0])
  const json = ownWords(command, command ? argv.slice(1) : argv).includes('--json')
  try {
    process.exitCode = await dispatch(command, argv, json)
  } catch (error) {
    const { code, message, exitCode } = describeFailure(error)
    process.stderr.write(json ? `${JSON.stringify({ error: { code, message } })}\n` : `shoal: ${printable(message)}\n`)
    process.exitCode = exitCode
  }
}

async function dispatch(command: Command | undefined, argv: readonly string[], json: boolean): Promise<number> {
  const terminal = processTerminal(json)
  if (command) {
    const args = parseArguments(command, argv.slice(1))
    if (!args.has('help')) return command.run(args, terminal)
    terminal.print(commandHelp(command))
    return 0
  }
  const [first, second] = argv.filter(word => word !== '--json')
  if (first === undefined || first === '--help' || first === '-h') terminal.print(generalHelp(commands))
  else if (first === '--version' || first === '-v')
    json ? terminal.printJson(shoalVersion) : terminal.print(shoalVersion)
  else if (first === 'help') {
    const asked = commands.find(({ name }) => name === second)
    if (second !== undefined && !asked) throw unknownCommand(second)
    terminal.print(asked ? commandHelp(asked) : generalHelp(commands))
  } else throw unknownCommand(first)
  return 0
}

function unknownCommand(word: string): Failure {
  const names = commands.map(({ name }) => name)
  if (word.startsWith('-'))
    return usageError(
      `no option ${word} before a command: shoal COMMAND [options]; the commands are ${names.join(', ')}`,
    )
  const meant = nearest(word, names)
  return usageError(
    `no command "${word}": ${meant ? `did you mean ${meant}? ` : ''}The commands are ${names.join(', ')}`,
  )
}

/** `shoal tasks | head` closes our standard output early: that is no failure. */
function endQuietlyOnClosedPipe(): void {
  process.stdout.on('error', error => {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(0)
    throw error
  })
}
