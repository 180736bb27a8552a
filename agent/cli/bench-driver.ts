import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Order, Report } from '../../microbenchmark/index.ts'
import { Failure } from './failure.ts'

const closeGraceMs = 5_000
const saidMax = 2_000
const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

/**
 * Runs the measuring program as a driver of its own and tells what it reports. Ctrl-C and other signals end it with its
 * job. Resolves with the exit code that says so, else with 0; throws a `Failure` where the program failed.
 */
export async function runDriver(order: Order, on: (report: Report) => void): Promise<number> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const program = fileURLToPath(new URL(`../../microbenchmark/program.${extension}`, import.meta.url))
  const child = fork(program, [JSON.stringify(order)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  const ended = endOf(child)
  using interruption = interruptionOf(child)
  let last: Report | undefined
  let said = ''
  child.stderr?.on('data', (bytes: Buffer) => {
    said = (said + bytes).slice(-saidMax)
  })
  child.on('message', message => {
    last = message as Report
    on(last)
  })
  const how = await ended
  if (interruption.exitCode > 0) return interruption.exitCode
  if (last?.kind === 'failed') throw new Failure(last.code, last.message)
  if (last?.kind !== 'done') throw new Failure('SHOAL_BENCH', `the measuring program ended (${how}): ${said.trim()}`)
  return 0
}

/** How a process ended, when all that it said has been read. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', error => reject(new Failure('SHOAL_BENCH', `node could not be started: ${error.message}`)))
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
}

/** The first signal has the program end its job and itself; a second one does not wait. */
function interruptionOf(child: ChildProcess): { exitCode: number } & Disposable {
  let timer: NodeJS.Timeout | undefined
  const kill = () => void child.kill('SIGKILL')
  const onSignal = (name: NodeJS.Signals) => {
    if (interruption.exitCode > 0) return kill()
    interruption.exitCode = signals[name as keyof typeof signals]
    timer = setTimeout(kill, closeGraceMs)
    // Not `disconnect`: after that Node tells of no `close`.
    if (child.connected) child.send('end')
  }
  const interruption = {
    exitCode: 0,
    [Symbol.dispose]() {
      clearTimeout(timer)
      for (const name of Object.keys(signals)) process.off(name, onSignal)
      process.off('exit', kill)
    },
  }
  for (const name of Object.keys(signals)) process.on(name, onSignal)
  process.once('exit', kill)
  return interruption
}
