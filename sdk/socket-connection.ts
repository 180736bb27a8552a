import type { Socket } from 'node:net'
import { openAgentSocket } from '../wire/control.ts'
import { ConnectError } from '../wire/errors/index.ts'
import type { RecordMemory } from '../wire/inbox.ts'
import { type Hello, record, recordsVersion, type Welcome } from '../wire/records.ts'
import { StreamInbox, StreamOutbox } from '../wire/stream.ts'
import { readText, sendText } from '../wire/texts.ts'
import { captureModule } from './capture-door.ts'
import { agentGone, type Connection } from './channels.ts'
import type { Engine } from './client/index.ts'
import { LogPrinter } from './log-printer.ts'

const CONNECT_MS = 5000

/** Attaches this program to the agent behind a socket. Rejects with ConnectError that says what was tried. */
export async function attachToSocket(path: string, hello: Hello): Promise<Connection> {
  let socket: Socket
  try {
    socket = await openAgentSocket(path, CONNECT_MS)
  } catch (error) {
    throw connectError(path, (error as Error).message)
  }
  return await new SocketConnection(socket, path, hello).opened()
}

function connectError(path: string, reason: string): ConnectError {
  const message = `no agent was reached at ${path}: ${reason}. Start one with \`shoal up\`, or leave address out for a peer in this program`
  return new ConnectError(message, { attempts: [{ address: path, reason }] })
}

class SocketConnection implements Connection {
  readonly #socket: Socket
  readonly #path: string
  readonly #hello: Hello
  readonly #outbox: StreamOutbox
  readonly #printer: LogPrinter
  #engine: Engine | undefined
  #welcome: Welcome | undefined
  #onWelcome: { resolve(): void; reject(error: Error): void } | undefined
  #closing = false
  #reason: string | undefined

  constructor(socket: Socket, path: string, hello: Hello) {
    this.#socket = socket
    this.#path = path
    this.#hello = hello
    this.#outbox = new StreamOutbox(socket)
    this.#printer = new LogPrinter(hello.logToDriver !== false)
    const inbox = new StreamInbox(this)
    this.#outbox.onPending = () => queueMicrotask(() => this.#outbox.flush())
    socket.on('data', (chunk: Buffer) => {
      try {
        inbox.chunk(chunk)
      } catch (error) {
        this.#reason = (error as Error).message
        socket.destroy()
      }
      this.#outbox.flush()
    })
    socket.on('error', error => {
      this.#reason ??= error.message
    })
    socket.on('close', () => this.#gone(this.#reason ?? 'it closed the connection'))
  }

  async opened(): Promise<this> {
    const welcomed = new Promise<void>((resolve, reject) => {
      this.#onWelcome = { resolve, reject }
    })
    sendText(this.#outbox, record.hello, 0, [], this.#hello)
    this.#outbox.flush()
    captureModule().prepareCapture()
    await welcomed
    this.#socket.unref()
    return this
  }

  get channel(): Connection['channel'] {
    return {
      outbox: this.#outbox,
      welcome: this.#welcome as Welcome,
      store: undefined,
      bridge: undefined,
      hold: () => this.#socket.ref(),
      letGo: () => this.#socket.unref(),
      log: (isError, line) => this.#printer.print(isError, line),
    }
  }

  bind(engine: Engine): void {
    this.#engine = engine
  }

  record(type: number, field: number, memory: RecordMemory, at: number, bytes: number): void {
    if (type === record.closed) {
      this.#reason = (readText(memory, at, 0, bytes) as { reason: string }).reason
      return
    }
    if (this.#engine) {
      this.#engine.record(type, field, memory, at, bytes)
    } else if (type === record.welcome) {
      const welcome = readText(memory, at, 0, bytes) as Welcome
      if (welcome.version !== recordsVersion) {
        this.#reason = `it speaks version ${welcome.version} of the protocol, this program ${recordsVersion}`
        this.#socket.destroy()
        return
      }
      this.#welcome = welcome
      this.#onWelcome?.resolve()
    }
  }

  #gone(reason: string): void {
    if (this.#closing) return
    this.#onWelcome?.reject(connectError(this.#path, reason))
    this.#engine?.close(reason, agentGone(this.#welcome, reason))
  }

  async close(): Promise<void> {
    if (this.#closing) return
    const engine = this.#engine
    this.#socket.ref()
    // Its answer comes after the last lines of console output.
    await engine?.calls.call('resources').catch(() => undefined)
    this.#closing = true
    this.#printer.close()
    engine?.close(undefined)
    this.#outbox.flush()
    await new Promise<void>(resolve => {
      if (this.#socket.destroyed) return resolve()
      this.#socket.once('close', () => resolve())
      this.#socket.end(() => this.#socket.destroy())
    })
  }
}
