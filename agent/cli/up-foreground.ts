import type { Daemon } from '../daemon.ts'
import { type Home, LogFile } from '../home/index.ts'
import type { AgentSettings } from './agent-settings.ts'
import { describeFailure } from './failure.ts'
import { printableLines, type Terminal } from './terminal.ts'
import type { DetachedParent } from './up-detached.ts'
import { readyText, upLine } from './up-line.ts'

interface ForegroundOptions {
  readonly home: Home
  readonly settings: AgentSettings
  readonly folders: string[]
  readonly terminal: Terminal
  /** The `shoal up --detach` that waits for this process, if it was started by one. */
  readonly parent: DetachedParent | undefined
  /** Of `shoal join`. */
  readonly ticket?: string | undefined
}

/** Runs the agent in this process until it is stopped: by a signal, or by `shoal down`. */
export async function runForeground(options: ForegroundOptions): Promise<{ exitCode: number } | { heldBy: number }> {
  const { home, settings, terminal, parent } = options
  const { Daemon, drainLimits } = await import('../daemon.ts')
  const file = new LogFile(home.logFile)
  const log = (text: string) => {
    file.write(text)
    // A detached agent's standard error is the log file itself.
    if (!parent) terminal.note(printableLines(text))
  }
  const { ticket } = options
  const daemon = await Daemon.start({
    home,
    ...settings,
    folders: options.folders,
    log,
    logOutput: text => file.write(text),
    ...(ticket === undefined ? {} : { ticket }),
  })
  if ('heldBy' in daemon) return daemon

  process.on('exit', () => daemon.removeTraces())
  endOnFatalErrors(daemon, file, terminal, parent)
  const signal = drainOnSignals(daemon, drainLimits.signalMs, terminal)
  const line = upLine(home, daemon.record, daemon.ticket())
  if (parent) parent.ready(line, false)
  else if (terminal.json) terminal.printJson(line)
  else terminal.print(readyText(line, settings, 'Ctrl-C drains and stops it.'))

  await daemon.stopped
  await file.close()
  // Threads that do not end by themselves end with the process.
  process.exit(signal.exitCode())
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

/**
 * The first signal drains, the second does not wait. Exit codes as usual: 130 after Ctrl-C; 0 after a service
 * manager's SIGTERM (or `shoal down`) that was given its time, 143 where a second one cut it short.
 */
function drainOnSignals(daemon: Daemon, drainMs: number, terminal: Terminal): { exitCode(): number } {
  let first: NodeJS.Signals | undefined
  let second = false
  for (const name of Object.keys(signalNumbers) as NodeJS.Signals[]) {
    process.on(name, () => {
      second = first !== undefined
      if (!second)
        terminal.note(
          `Draining: what runs has ${drainMs / 1000} s. ${name === 'SIGINT' ? 'Ctrl-C again stops at once.' : ''}`.trimEnd(),
        )
      first ??= name
      void daemon.stop({ drainMs: second ? 0 : drainMs })
    })
  }
  return {
    exitCode() {
      if (first === undefined || (first === 'SIGTERM' && !second)) return 0
      return 128 + (signalNumbers[first] ?? 0)
    },
  }
}

/** An error that nobody caught is the agent's end: its stack goes to the log, one line to the terminal. */
function endOnFatalErrors(daemon: Daemon, file: LogFile, terminal: Terminal, parent: DetachedParent | undefined): void {
  const end = (error: unknown) => {
    file.write(`fatal: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    file.flushSync()
    daemon.removeTraces()
    const failure = describeFailure(error)
    const message = `the agent failed, which is a fault of Shoal's: ${failure.message}; shoal logs tells more`
    parent?.failed({ ...failure, message })
    if (terminal.json) process.stderr.write(`${JSON.stringify({ error: { code: failure.code, message } })}\n`)
    else terminal.note(`shoal: ${message}`)
    process.exit(1)
  }
  process.on('uncaughtException', end)
  process.on('unhandledRejection', end)
}
