import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Home, logSize, openLogForAppending, readLogFrom } from '../home/index.ts'
import { Failure } from './failure.ts'
import type { UpLine } from './up-line.ts'

/** Set for the process that `--detach` starts, which takes it away at once: it tells that the IPC channel is ours. */
const marker = 'SHOAL_UP_DETACHED'
const readyTimeoutMs = 60_000

type Report =
  | { readonly kind: 'ready'; readonly line: UpLine; readonly already: boolean }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly exitCode: number }

/** The command that waits for this process to become an agent. Each of its methods can be used once. */
export interface DetachedParent {
  ready(line: UpLine, already: boolean): void
  failed(failure: { code: string; message: string; exitCode: number }): void
}

/** The waiting command, in a process that `startDetached` has started. */
export function detachedParent(): DetachedParent | undefined {
  if (process.env[marker] === undefined || !process.send) return undefined
  delete process.env[marker]
  const report = (message: Report) => {
    // The command may have been interrupted meanwhile: then nobody waits, and that is all right.
    if (!process.connected) return
    process.send?.(message, () => {
      if (process.connected) process.disconnect()
    })
  }
  return {
    ready: (line, already) => report({ kind: 'ready', line, already }),
    failed: failure => report({ kind: 'failed', ...failure }),
  }
}

/**
 * Starts `shoal up` with this command's own arguments in a session of its own, its output in the log, and waits until
 * it is ready. Throws its failure, or a `Failure` with its last lines when it died.
 */
export async function startDetached(home: Home): Promise<{ line: UpLine; already: boolean }> {
  const logFrom = logSize(home.logFile)
  const log = openLogForAppending(home.logFile)
  const words = process.argv.slice(2).filter(word => word !== '--detach')
  const entry = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './shoal.ts' : './shoal.js', import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, entry, ...words], {
    detached: true,
    env: { ...process.env, [marker]: '1' },
    stdio: ['ignore', log, log, 'ipc'],
  })
  closeSync(log)
  const interrupt = () => {
    child.kill('SIGKILL')
    process.exit(130)
  }
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    const report = await firstReport(child, () => lastLines(home, logFrom))
    if (report.kind === 'failed') throw new Failure(report.code, report.message, { exitCode: report.exitCode })
    return report
  } finally {
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
    if (child.connected) child.disconnect()
    child.unref()
  }
}

function firstReport(child: ChildProcess, said: () => string): Promise<Report> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(
        new Failure(
          'SHOAL_AGENT',
          `the agent was not ready in ${readyTimeoutMs / 1000} s and was stopped; it said: ${said()}`,
        ),
      )
    }, readyTimeoutMs)
    child.once('message', message => {
      clearTimeout(timer)
      resolve(message as Report)
    })
    child.once('error', error => {
      clearTimeout(timer)
      reject(new Failure('SHOAL_AGENT', `the agent could not be started: ${error.message}`, { cause: error }))
    })
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      const ended = () =>
        reject(
          new Failure(
            'SHOAL_AGENT',
            `the agent ended before it was ready (${signal ?? `exit code ${code}`}); it said: ${said()}`,
          ),
        )
      // What it has reported may still be on its way: the channel closes after that.
      if (child.connected) child.once('disconnect', ended)
      else ended()
    })
  })
}

function lastLines(home: Home, from: number): string {
  const lines = readLogFrom(home.logFile, from)
    .split('\n')
    .filter(line => line.trim() !== '' && !/^\s+at /.test(line))
  return lines.slice(-3).join(' | ') || `nothing (${home.logFile})`
}
