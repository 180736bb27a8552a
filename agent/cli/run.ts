import { type ChildProcess, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { homeAt } from '../home/index.ts'
import { isRunId } from '../runs/index.ts'
import { requireAgent } from './agent-connection.ts'
import type { Arguments, Command } from './command.ts'
import { Failure, usageError } from './failure.ts'
import { attach } from './run-attach.ts'
import { startDetachedRun, stopRun } from './run-detached.ts'
import type { Terminal } from './terminal.ts'

export const run: Command = {
  name: 'run',
  summary: "runs a program against this machine's agent, here or detached from this terminal",
  usage: '[--detach] SCRIPT [ARG…] | --attach ID | --stop ID',
  about: [
    "Runs a TypeScript or JavaScript program as a driver of this machine's agent. Everything after SCRIPT is the",
    "script's own: arguments, standard input and output, exit code. Options for shoal stand before SCRIPT. On a",
    'terminal a line on standard error tells how many tasks are done, run and wait.',
    '',
    'With --detach the agent runs it: it goes on when this terminal, or the machine that it belongs to, is gone. It runs in',
    'the folder and with the environment of this command, without standard input. shoal down ends it.',
  ].join('\n'),
  options: {
    detach: { help: 'have the agent run it, print its id and return (default: run it here)' },
    attach: {
      value: 'ID',
      help: 'print what that run has said and says, and exit as it does; Ctrl-C leaves it running',
    },
    stop: { value: 'ID', help: 'end that run: SIGTERM, and SIGKILL after 5 s' },
  },
  positionals: { name: 'SCRIPT', max: Number.POSITIVE_INFINITY, what: 'a script' },
  restIsForeign: true,
  json: "no progress line, and failures of shoal's own as JSON; standard output is the script's. --detach: { id, pid }; --stop: { id, state, exitCode }",
  examples: [
    ['shoal run program.ts', 'run it on the agent'],
    ['shoal run program.ts --files 10', '--files 10 goes to the program'],
    ['shoal run --detach program.ts', 'start it and let it go on; shoal runs lists what was started so'],
    ['shoal run --attach run-0123456789', 'follow it, from its start'],
  ],
  async run(args, terminal) {
    const [script, ...rest] = args.positionals
    const id = ofRun(args)
    if (id !== undefined) return args.has('stop') ? stopRun(id, terminal) : attach(id, terminal)
    if (script === undefined) throw usageError('shoal run needs a script: shoal run SCRIPT [ARG…]')
    const file = checkScript(script)
    if (args.has('detach')) return startDetachedRun(file, rest, terminal)
    const { socket } = await requireAgent(homeAt())
    return runScript(file, rest, socket, terminal)
  },
}

/** The id that `--attach` or `--stop` names. Throws a usage error where they do not stand alone. */
function ofRun(args: Arguments): string | undefined {
  const [which, other] = ['attach', 'stop', 'detach'].filter(name => args.has(name))
  if (which === undefined || which === 'detach') return undefined
  const id = args.value(which) ?? ''
  if (other !== undefined) throw usageError(`--${which} and --${other} do not go together`)
  if (args.positionals.length > 0)
    throw usageError(`--${which} ${id} takes no script, and was given "${args.positionals[0]}"`)
  if (!isRunId(id))
    throw usageError(`--${which} "${id}": the id of a run, such as run-0123456789; shoal runs lists them`)
  return id
}

function checkScript(script: string): string {
  const file = resolve(script)
  const found = statSync(file, { throwIfNoEntry: false })
  if (!found) throw usageError(`no script ${file}: shoal run takes the path of a .ts, .mts, .js or .mjs file`)
  if (found.isDirectory()) throw usageError(`${file} is a folder: shoal run takes the path of a script`)
  return file
}

async function runScript(file: string, args: readonly string[], socket: string, terminal: Terminal): Promise<number> {
  // Where the line and the script share a terminal, the script's output must pass through here to stay whole.
  const withProgress = process.stderr.isTTY && !terminal.json
  const outPiped = withProgress && process.stdout.isTTY
  const env: NodeJS.ProcessEnv = { ...process.env, SHOAL_ADDRESS: socket }
  if (withProgress && env.NO_COLOR === undefined)
    env.FORCE_COLOR ??= String(process.stderr.getColorDepth() >= 24 ? 3 : 1)
  const child = spawn(process.execPath, [file, ...args], {
    env,
    stdio: ['inherit', outPiped ? 'pipe' : 'inherit', withProgress ? 'pipe' : 'inherit'],
  })
  const signals = passSignalsOn(child)
  const progress = withProgress ? new (await import('./run-progress.ts')).Progress(socket) : undefined
  if (outPiped) child.stdout?.on('data', (bytes: Buffer) => progress?.pass(process.stdout, bytes))
  child.stderr?.on('data', (bytes: Buffer) => progress?.pass(process.stderr, bytes))
  try {
    const { code, signal } = await ended(child)
    if (signal === 'SIGINT') signals.afterEnd = () => process.kill(process.pid, 'SIGINT')
    return code ?? 128 + (signal ? constants.signals[signal] : 1)
  } finally {
    progress?.stop()
    signals.stop()
  }
}

function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once('error', error => reject(new Failure('SHOAL_RUN', `the script could not be started: ${error.message}`)))
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
}

const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const
const interruptGraceMs = 200

/**
 * Signals for this command are the script's. A terminal's Ctrl-C goes to the script as well as to us, and must not
 * arrive twice (a second one means "do not wait"); without a terminal somebody may have signalled this process alone.
 */
function passSignalsOn(child: ChildProcess): { stop(): void; afterEnd?: () => void } {
  const timers = new Set<NodeJS.Timeout>()
  const handlers = passedOn.map(name => {
    const handler = () => {
      if (name !== 'SIGINT') child.kill(name)
      else if (!process.stdin.isTTY && !process.stderr.isTTY)
        timers.add(setTimeout(() => child.kill(name), interruptGraceMs))
    }
    process.on(name, handler)
    return [name, handler] as const
  })
  const end = () => void child.kill('SIGKILL')
  process.once('exit', end)
  return {
    stop() {
      for (const [name, handler] of handlers) process.off(name, handler)
      for (const timer of timers) clearTimeout(timer)
      process.off('exit', end)
      // A script that was interrupted: the shell that runs us in a loop is to see that, too.
      this.afterEnd?.()
    },
  }
}
