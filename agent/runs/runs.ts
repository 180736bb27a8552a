import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { isSameProcess, processIdentity } from '../process-identity.ts'
import { limits } from './limits.ts'
import { RunOutput, type RunPiece, type RunStream } from './run-output.ts'
import {
  makeRunFolder,
  newRunId,
  type RunRecord,
  readRunRecords,
  removeRun,
  runFolder,
  writeRunRecord,
} from './run-records.ts'

/** What a run is started with, by the command line. */
export interface RunRequest {
  /** The Node that runs it, and what stands before the script. */
  readonly command: readonly string[]
  readonly script: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
}

interface Run {
  readonly record: RunRecord
  readonly output: RunOutput
  /** Of one that this agent started; it has an exit code. */
  readonly child: ChildProcess | undefined
  /** Its processes are being ended, and from when on by SIGKILL (`performance.now()`). */
  ending?: Promise<void>
  killAt: number
  /** When somebody last asked how it goes on. */
  askedAt: number
}

const fresh = { killAt: Number.POSITIVE_INFINITY, askedAt: Number.NEGATIVE_INFINITY }

/**
 * The programs that this agent has started: each in a session of its own, its output in files of its own, so that neither
 * the terminal that asked for it nor this agent has to live for it to go on. What an agent that was killed has left running is
 * adopted by pid and start time.
 */
export class Runs {
  readonly #dir: string
  readonly #log: (line: string) => void
  readonly #runs = new Map<string, Run>()
  #looking: NodeJS.Timeout | undefined
  #closed = false
  #onEnd: (() => void)[] = []

  constructor(dir: string, log: (line: string) => void) {
    this.#dir = dir
    this.#log = log
    for (const record of readRunRecords(dir)) {
      const output = new RunOutput(runFolder(dir, record.id))
      this.#runs.set(record.id, { record, output, child: undefined, ...fresh })
      if (record.state === 'running') this.#adopt(record)
    }
    this.#prune()
    this.#look()
  }

  #adopt(record: RunRecord): void {
    if (isSameProcess(record.pid, record.processIdentity)) this.#log(`run ${record.id} goes on (pid ${record.pid})`)
    else this.#lost(record, 'its agent was killed, and it has ended since')
  }

  #lost(record: RunRecord, reason: string): void {
    this.#ended(record, { state: 'lost', exitCode: null, reason })
  }

  /** Records, oldest first. */
  list(): RunRecord[] {
    return [...this.#runs.values()].map(({ record }) => ({ ...record }))
  }

  /** Starts a program. `SHOAL_ADDRESS` is the socket of this agent. Rejects where it cannot be started. */
  async start({ command, script, args, cwd, env }: RunRequest, socket: string): Promise<RunRecord> {
    if (this.#closed) throw failure('the agent is shutting down')
    const [program, ...before] = command
    if (program === undefined || !Array.isArray(args) || typeof cwd !== 'string')
      throw failure('a run needs a command, a script and a folder')
    const running = this.list().filter(({ state }) => state === 'running').length
    if (running >= limits.recordsMax) throw failure(`${running} runs at a time are the most: wait, or stop one`)
    const id = newRunId()
    const output = new RunOutput(makeRunFolder(this.#dir, id))
    const files = [output.open('stdout'), output.open('stderr')]
    try {
      const child = spawn(program, [...before, script, ...args], {
        cwd,
        env: { ...env, SHOAL_ADDRESS: socket },
        detached: true,
        stdio: ['ignore', ...files],
      })
      const pid = await started(child)
      const record: RunRecord = {
        id,
        script,
        args: [...args],
        cwd,
        state: 'running',
        pid,
        processIdentity: processIdentity(pid) ?? 'ended',
        exitCode: null,
        startedAt: Date.now(),
        endedAt: null,
      }
      const run: Run = { record, output, child, ...fresh }
      this.#runs.set(id, run)
      writeRunRecord(this.#dir, record)
      child.once('exit', (code, signal) => this.#exited(run, code, signal))
      // It may have ended before anybody listened.
      if (child.exitCode !== null || child.signalCode !== null) this.#exited(run, child.exitCode, child.signalCode)
      this.#log(`run ${id} began: ${script}, pid ${pid}`)
      // The agent began to end while this one started.
      if (this.#closed) this.stop(id, limits.closeMs)
      this.#prune()
      this.#look()
      return { ...record }
    } catch (error) {
      if (!this.#runs.has(id)) removeRun(this.#dir, id)
      throw error
    } finally {
      for (const file of files) closeSync(file)
    }
  }

  #exited({ record }: Run, code: number | null, signal: NodeJS.Signals | null): void {
    if (record.state !== 'running') return
    const exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0)
    const reason = signal === null ? {} : { reason: `ended by ${signal}` }
    this.#ended(record, { state: exitCode === 0 ? 'finished' : 'failed', exitCode, ...reason })
  }

  #ended(record: RunRecord, how: Pick<RunRecord, 'state' | 'exitCode' | 'reason'>): void {
    Object.assign(record, how, { endedAt: Date.now() })
    this.#log(`run ${record.id} ${how.state}${how.exitCode === null ? '' : `, exit code ${how.exitCode}`}`)
    try {
      writeRunRecord(this.#dir, record)
    } catch (error) {
      this.#log((error as Error).message)
    }
    for (const resolve of this.#onEnd.splice(0)) resolve()
  }

  /** What a run has said from a place on; undefined where there is no such run. */
  output(id: string, stream: RunStream, from: number): RunPiece | undefined {
    const at = Number.isSafeInteger(from) && from > 0 ? from : 0
    return this.#runs.get(id)?.output.read(stream === 'stderr' ? 'stderr' : 'stdout', at)
  }

  /** Somebody follows a run, or looks at it. */
  asked(id: string): void {
    const run = this.#runs.get(id)
    if (run) run.askedAt = performance.now()
  }

  /** Ends a run: SIGTERM for it and its children, then SIGKILL. Its record; undefined where there is no such run. */
  stop(id: string, killAfterMs: number = limits.stopMs): RunRecord | undefined {
    const run = this.#runs.get(id)
    if (!run) return undefined
    if (run.record.state === 'running' || run.ending !== undefined) {
      // Who is being stopped already may have less time now.
      run.killAt = Math.min(run.killAt, performance.now() + killAfterMs)
      run.ending ??= this.#endGroup(run)
    }
    return { ...run.record }
  }

  async #endGroup(run: Run): Promise<void> {
    const { pid, processIdentity: identity } = run.record
    // The pid of one that has ended may be another's by now; from here on the group that lives keeps it.
    if (!isSameProcess(pid, identity)) return
    signalGroup(pid, 'SIGTERM')
    for (; signalGroup(pid, 0); await delay(limits.groupLookMs)) {
      const late = performance.now() - run.killAt
      if (late >= 0) signalGroup(pid, 'SIGKILL')
      if (late >= limits.killedMs) return
    }
  }

  /** Ends what runs, and waits until it has ended. */
  async close(): Promise<void> {
    this.#closed = true
    const running = [...this.#runs.values()].filter(
      ({ record, ending }) => record.state === 'running' || ending !== undefined,
    )
    for (const { record } of running) this.stop(record.id, limits.closeMs)
    await this.#haveEnded()
    await Promise.all(running.map(({ ending }) => ending))
    clearTimeout(this.#looking)
  }

  async #haveEnded(): Promise<void> {
    while ([...this.#runs.values()].some(({ record }) => record.state === 'running'))
      await new Promise<void>(resolve => {
        this.#onEnd.push(resolve)
      })
  }

  /** While it closes: resolves when those who follow a run have been told how it ended. They ask again and again until then. */
  async told(): Promise<void> {
    const follows = ({ askedAt }: Run): boolean => performance.now() - askedAt < limits.followMs
    const followed = [...this.#runs.values()].filter(follows)
    if (followed.length === 0) return
    await this.#haveEnded()
    const endedAt = performance.now()
    const isQuiet = ({ askedAt }: Run): boolean => performance.now() - Math.max(askedAt, endedAt) >= limits.quietMs
    while (!followed.every(isQuiet)) await delay(limits.groupLookMs)
  }

  /** While something runs: cuts output that grows too long, and sees whether those of a former agent live. */
  #look(): void {
    clearTimeout(this.#looking)
    const running = [...this.#runs.values()].filter(({ record }) => record.state === 'running')
    if (running.length === 0) return
    this.#looking = setTimeout(() => {
      for (const { record, output, child } of running) {
        if (record.state !== 'running') continue
        if (!child && !isSameProcess(record.pid, record.processIdentity))
          this.#lost(record, 'it was started by an agent that was killed: nobody knows how it ended')
        try {
          output.rotate()
        } catch (error) {
          this.#log(`the output of run ${record.id}: ${(error as Error).message}`)
        }
      }
      this.#look()
    }, limits.lookMs)
    this.#looking.unref()
  }

  /** Keeps the newest records, and of their output so much as may be. */
  #prune(): void {
    const newestFirst = [...this.#runs.values()].reverse()
    let bytes = 0
    for (const [n, { record, output }] of newestFirst.entries()) {
      bytes += output.bytes
      if (record.state === 'running') continue
      if (n >= limits.recordsMax) {
        this.#runs.delete(record.id)
        removeRun(this.#dir, record.id)
      } else if (bytes > limits.outputBytesMax) output.remove()
    }
  }
}

/** The pid, once the program has been started. */
function started(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid as number))
    child.once('error', error => reject(failure(`the script could not be started: ${error.message}`, error)))
  })
}

/** Signals every process of a group; 0 only looks. False: it has none. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal)
  } catch (error) {
    // Of another user's by now: it lives.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function failure(message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code: 'SHOAL_RUN' })
}
