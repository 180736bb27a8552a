import { connect, type Socket } from 'node:net'
import type { RecordMemory } from './inbox.ts'
import { record, recordsVersion, type Welcome } from './records.ts'
import { StreamInbox, StreamOutbox } from './stream.ts'
import { readText, sendText } from './texts.ts'

/** Asks an agent questions over its socket. */
export interface Control {
  /** The agent's answer; rejects with an Error that carries the agent's `code` and message. */
  // biome-ignore lint/suspicious/noExplicitAny: each method has an answer of its own; who asks says what it is
  call(method: string, params?: unknown): Promise<any>
  close(): void
}

/** A failure of reaching an agent: `code` is the system's (ENOENT, ECONNREFUSED, …) or 'SHOAL_CONNECT'. */
export interface ConnectFailure extends Error {
  code: string
}

function failure(code: string, message: string): ConnectFailure {
  return Object.assign(new Error(message), { code })
}

/** A connected socket on which the agent has said who it is. Rejects with a ConnectFailure. */
export function openAgentSocket(path: string, timeoutMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const timer = setTimeout(() => {
      socket.destroy()
      reject(failure('SHOAL_CONNECT', `no answer within ${timeoutMs} ms`))
    }, timeoutMs)
    socket.once('error', (error: Error & { code?: string }) => {
      clearTimeout(timer)
      reject(failure(error.code ?? 'SHOAL_CONNECT', error.message))
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}

/**
 * Connects to the agent behind a socket for questions.
 * @throws ConnectFailure where nothing answers, or what answers speaks another version
 */
export async function connectControl(socketPath: string, options: { timeoutMs?: number } = {}): Promise<Control> {
  const timeoutMs = options.timeoutMs ?? 5000
  const socket = await openAgentSocket(socketPath, timeoutMs)
  const control = new SocketControl(socket)
  await control.welcomed(timeoutMs)
  return control
}

class SocketControl implements Control {
  readonly #socket: Socket
  readonly #outbox: StreamOutbox
  readonly #calls = new Map<number, { resolve: (value: unknown) => void; reject: (reason: Error) => void }>()
  #next = 1
  #closed: ConnectFailure | undefined
  #onWelcome: ((error?: ConnectFailure) => void) | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    this.#outbox = new StreamOutbox(socket)
    const inbox = new StreamInbox(this)
    socket.on('data', (chunk: Buffer) => {
      try {
        inbox.chunk(chunk)
      } catch (error) {
        this.#end(failure('SHOAL_CONNECT', (error as Error).message))
      }
    })
    socket.on('error', (error: Error & { code?: string }) =>
      this.#end(failure(error.code ?? 'SHOAL_CONNECT', error.message)),
    )
    socket.on('close', () => this.#end(failure('SHOAL_CONNECT', 'the agent closed the connection')))
  }

  welcomed(timeoutMs: number): Promise<void> {
    sendText(this.#outbox, record.hello, 0, [], { version: recordsVersion, kind: 'control', pid: process.pid })
    this.#outbox.flush()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#end(failure('SHOAL_CONNECT', `no answer within ${timeoutMs} ms`)), timeoutMs)
      this.#onWelcome = error => {
        clearTimeout(timer)
        if (error) reject(error)
        else resolve()
      }
    })
  }

  record(type: number, _field: number, memory: RecordMemory, at: number, bytes: number): void {
    if (type === record.welcome) {
      const { version } = readText(memory, at, 0, bytes) as Welcome
      if (version === recordsVersion) this.#onWelcome?.()
      else
        this.#end(
          failure(
            'SHOAL_CONNECT',
            `the agent speaks version ${version} of the protocol, this program ${recordsVersion}`,
          ),
        )
    } else if (type === record.closed) {
      const { reason } = readText(memory, at, 0, bytes) as { reason: string }
      this.#end(failure('SHOAL_CONNECT', reason))
    } else if (type === record.reply) {
      const request = memory.i32[at >> 2]
      const ok = memory.i32[(at >> 2) + 1] === 1
      const value = readText(memory, at, 2, bytes)
      const call = this.#calls.get(request)
      this.#calls.delete(request)
      if (ok) call?.resolve(value)
      else {
        const { code, message } = value as { code: string; message: string }
        call?.reject(failure(code, message))
      }
    }
  }

  call(method: string, params?: unknown): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#closed)
    const request = this.#next++
    return new Promise((resolve, reject) => {
      this.#calls.set(request, { resolve, reject })
      sendText(this.#outbox, record.call, 0, [request], { method, params })
      this.#outbox.flush()
    })
  }

  #end(error: ConnectFailure): void {
    if (this.#closed) return
    this.#closed = error
    this.#onWelcome?.(error)
    for (const { reject } of this.#calls.values()) reject(error)
    this.#calls.clear()
    this.#socket.destroy()
  }

  close(): void {
    this.#end(failure('SHOAL_CONNECT', 'closed'))
  }
}
