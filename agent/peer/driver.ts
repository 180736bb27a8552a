import type { Socket } from 'node:net'
import { failureOf } from '../../wire/errors/index.ts'
import type { RecordMemory } from '../../wire/inbox.ts'
import type { Outbox } from '../../wire/outbox.ts'
import { type Hello, record, recordsVersion } from '../../wire/records.ts'
import { StreamInbox, StreamOutbox } from '../../wire/stream.ts'
import { readText, sendText } from '../../wire/texts.ts'
import type { ClientRecords } from './client-records.ts'
import { limits } from './limits.ts'

/** A program that is attached to the peer. */
export interface Driver {
  readonly records: ClientRecords
  readonly outbox: Outbox
  readonly job: number
  readonly namespace: string
  readonly logs: boolean
}

/** What a new connection needs of the peer. */
export interface DriverDoor {
  admit(hello: Hello, outbox: Outbox): Driver
  leave(driver: Driver): void
  answer(method: string, params: unknown): Promise<unknown>
  /** A batch of records has come, and is about to be read. */
  reading(): void
  /** It was read. */
  stirred(): void
}

/** A connection on the agent's socket: a driver, or the command line with questions. The first record says which. */
export class SocketClient {
  readonly #socket: Socket
  readonly #door: DriverDoor
  readonly outbox: StreamOutbox
  #driver: Driver | undefined
  #control = false
  #closed = false

  constructor(socket: Socket, door: DriverDoor) {
    this.#socket = socket
    this.#door = door
    this.outbox = new StreamOutbox(socket)
    const inbox = new StreamInbox(this)
    const timer = setTimeout(() => this.#end(`no hello within ${limits.helloMs} ms`), limits.helloMs)
    timer.unref()
    socket.on('data', (chunk: Buffer) => {
      clearTimeout(timer)
      door.reading()
      try {
        inbox.chunk(chunk)
      } catch (error) {
        this.#end((error as Error).message)
      }
      door.stirred()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      clearTimeout(timer)
      this.#leave()
    })
  }

  record(type: number, field: number, memory: RecordMemory, at: number, bytes: number): void {
    if (this.#closed) return
    if (this.#driver) {
      if (!this.#driver.records.record(type, field, memory, at, bytes))
        throw new Error(`a driver sent a record of type ${type}`)
      return
    }
    if (this.#control) {
      if (type === record.call)
        void this.#answer(memory.i32[at >> 2], readText(memory, at, 1, bytes) as { method: string; params: unknown })
      return
    }
    if (type !== record.hello) throw new Error('the first record is no hello')
    const hello = readText(memory, at, 0, bytes) as Hello
    if (hello.version !== recordsVersion) {
      this.#end(
        `this agent speaks version ${recordsVersion} of the protocol, the program ${hello.version}: install the same release of shoal in both places`,
      )
      return
    }
    if (hello.kind === 'control') {
      this.#control = true
      sendText(this.outbox, record.welcome, 0, [], { version: recordsVersion })
      this.outbox.flush()
    } else this.#driver = this.#door.admit(hello, this.outbox)
  }

  async #answer(request: number, { method, params }: { method: string; params: unknown }): Promise<void> {
    let ok = 1
    let answer: unknown
    try {
      answer = await this.#door.answer(method, params)
    } catch (error) {
      ok = 0
      answer = failureOf(error)
    }
    if (this.#closed) return
    sendText(this.outbox, record.reply, 0, [request, ok], answer)
    this.outbox.flush()
  }

  /** Says why, and closes. */
  #end(reason: string): void {
    if (this.#closed) return
    this.#closed = true
    sendText(this.outbox, record.closed, 0, [], { reason })
    this.outbox.flush()
    this.#socket.end()
    this.#leave()
  }

  close(reason: string): void {
    this.#end(reason)
  }

  #leave(): void {
    this.#closed = true
    const driver = this.#driver
    this.#driver = undefined
    if (!driver) return
    this.#door.leave(driver)
    this.#door.stirred()
  }
}
