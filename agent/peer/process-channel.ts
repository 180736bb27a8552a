import type { ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { StreamInbox, StreamOutbox } from '../../wire/stream.ts'
import type { MemoryUse } from '../core/index.ts'
import { pipes } from '../workers/index.ts'
import { limits } from './limits.ts'
import { killMarked } from './marked-processes.ts'
import { residentBytes, residentNow } from './resident-memory.ts'
import type { ChannelEvents, WorkerChannel, WorkerEnd } from './worker-host.ts'

/** What V8 says when its heap is full, on standard error, before it ends the process. */
const HEAP_FULL = /JavaScript heap out of memory/

/** A worker process: pipes, and nothing shared. It leads a process group, which is ended with it. */
export class ProcessChannel implements WorkerChannel {
  readonly outbox: StreamOutbox
  readonly claims = undefined
  readonly pid: number
  readonly workerId: string
  readonly #child: ChildProcess
  readonly #limitBytes: number
  readonly #mark: string
  readonly #ended = Promise.withResolvers<void>()
  #outOfMemory: MemoryUse | undefined
  #heapFull = false
  #residentBytes = 0
  #broken: string | undefined
  #watch: NodeJS.Timeout | undefined
  #over = false

  /** `memoryBytes`: what may be resident; 0: no limit. `mark`: what all that it starts has in its environment. */
  constructor(id: number, child: ChildProcess, { memoryBytes, mark }: { memoryBytes: number; mark: string }) {
    this.workerId = `p${id}`
    this.#mark = mark
    this.#child = child
    this.pid = child.pid ?? 0
    this.#limitBytes = memoryBytes
    const out = stdioOf(child)[pipes.in]
    if (!out) {
      child.on('error', () => undefined)
      throw new Error('too many files are open')
    }
    out.on('error', () => undefined)
    this.outbox = new StreamOutbox(out)
  }

  open(events: ChannelEvents): void {
    const child = this.#child
    const inbox = new StreamInbox(events)
    const from = stdioOf(child)[pipes.out] as Socket
    from.on('data', (chunk: Buffer) => {
      try {
        inbox.chunk(chunk)
      } catch (error) {
        this.#broken ??= `it said what is no record: ${(error as Error).message}`
        this.#kill()
      }
      events.stirred()
    })
    for (const pipe of [pipes.out, pipes.life]) stdioOf(child)[pipe]?.on('error', () => undefined)
    this.#listen(child.stdout, false, events)
    this.#listen(child.stderr, true, events)
    let failure: Error | undefined
    let gone = Promise.resolve()
    const ended = (exitCode: number | null, signal: string | null): void => {
      if (this.#over) return
      this.#over = true
      clearTimeout(this.#watch)
      for (const stream of child.stdio) stream?.destroy()
      events.ended(this.#end(exitCode, signal, failure))
      void gone.then(this.#ended.resolve)
    }
    child.on('error', error => {
      failure = error
      if (child.pid === undefined) ended(null, null)
    })
    child.on('exit', (exitCode, signal) => {
      // What it had started goes with it, and its pipes end then; what it said before is read first.
      this.#kill()
      gone = killMarked(this.#mark)
      setTimeout(() => ended(exitCode, signal), limits.lastWordsMs).unref()
    })
    child.on('close', ended)
    if (this.#limitBytes > 0) this.#look()
  }

  #listen(stream: Readable | null, isError: boolean, events: ChannelEvents): void {
    stream?.on('error', () => undefined)
    stream?.on('data', (chunk: Buffer) => {
      const text = chunk.toString()
      if (isError && HEAP_FULL.test(text)) this.#heapFull = true
      events.output(isError, text)
    })
  }

  #end(exitCode: number | null, signal: string | null, failure: Error | undefined): WorkerEnd {
    if (this.#heapFull && this.#limitBytes > 0)
      this.#outOfMemory ??= { limitBytes: this.#limitBytes, usedBytes: this.#residentBytes }
    const outOfMemory = this.#outOfMemory
    const how = signal === null ? `exit code ${exitCode}` : `signal ${signal}`
    const memory = outOfMemory && `out of memory: ${outOfMemory.usedBytes} bytes of ${outOfMemory.limitBytes}`
    const reason = memory ?? this.#broken ?? failure?.message ?? how
    return { exitCode, signal: signal ?? undefined, isProcess: true, outOfMemory, reason }
  }

  /** Looks at the memory again and again; past the limit the process is ended. */
  #look(): void {
    this.#watch = setTimeout(async () => {
      const resident = await residentBytes(this.pid).catch(() => 0)
      if (this.#over) return
      if (resident > 0) this.#residentBytes = resident
      if (resident > this.#limitBytes) {
        this.#outOfMemory = { limitBytes: this.#limitBytes, usedBytes: resident }
        this.#kill()
      } else this.#look()
    }, limits.memoryWatchMs)
    this.#watch.unref()
  }

  get isWorn(): boolean {
    if (this.#limitBytes === 0 || this.#over) return false
    try {
      this.#residentBytes = residentNow(this.pid) ?? this.#residentBytes
    } catch {
      // It has ended; that is told soon.
    }
    return this.#residentBytes > this.#limitBytes / 2
  }

  drain(): boolean {
    return false
  }

  /** The process and all that it has started and that did not leave its group. */
  #kill(): void {
    if (this.pid === 0) return
    try {
      process.kill(-this.pid, 'SIGKILL')
    } catch {
      // Nobody is left of it.
    }
  }

  async terminate(): Promise<void> {
    this.#kill()
    await this.#ended.promise
  }

  inside(): number {
    return -1
  }

  async interrupt(): Promise<boolean> {
    return false
  }

  freeze(frozen: boolean): void {
    if (!this.#over && this.pid > 0) this.#child.kill(frozen ? 'SIGSTOP' : 'SIGCONT')
  }

  async measure(): Promise<number> {
    this.#residentBytes = await residentBytes(this.pid)
    return this.#residentBytes
  }
}

/** All its pipes: the types of Node know five. None if it could not be started. */
function stdioOf({ stdio }: ChildProcess): readonly (Socket | null | undefined)[] {
  return stdio as unknown as readonly (Socket | null | undefined)[]
}
