import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { sibling } from '../sibling.ts'
import { Batcher, binding, type Connection, config, type Stream } from './quic-binding.ts'

const frameBytes = 64

/** A connection of the bare binding to another process. */
export class BareQuic implements AsyncDisposable {
  readonly #server: ChildProcess
  readonly #connection: Connection
  readonly #out: Batcher
  readonly #pending = new Map<number, () => void>()
  #nextId = 0

  static async start(): Promise<BareQuic> {
    const server = spawn(process.execPath, [fileURLToPath(sibling('./quic-server', import.meta.url))], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [port] = await once(server.stdout, 'data')
    const connection = await new binding.Client(config(), 0).outboundConnection('127.0.0.1', Number(String(port)))
    return new BareQuic(server, connection, await connection.outboundStream())
  }

  constructor(server: ChildProcess, connection: Connection, stream: Stream) {
    this.#server = server
    this.#connection = connection
    this.#out = new Batcher(stream)
    void this.#read(stream)
  }

  async #read(stream: Stream): Promise<void> {
    let kept = Buffer.alloc(0)
    for (
      let chunk = await stream.read(65_536).catch(() => null);
      chunk;
      chunk = await stream.read(65_536).catch(() => null)
    ) {
      const bytes = kept.length
        ? Buffer.concat([kept, chunk])
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
      let at = 0
      for (; at + frameBytes <= bytes.length; at += frameBytes) {
        const id = bytes.readUInt32LE(at)
        this.#pending.get(id)?.()
        this.#pending.delete(id)
      }
      kept = Buffer.from(bytes.subarray(at))
    }
  }

  /** A frame of 64 bytes, there and back. */
  send(): Promise<void> {
    const frame = Buffer.alloc(frameBytes)
    const id = this.#nextId++ >>> 0
    frame.writeUInt32LE(id)
    this.#out.send(frame)
    return new Promise(resolve => this.#pending.set(id, resolve))
  }

  /** So many bytes over a stream of their own, in writes of 1 MiB, until the other side has them all. Milliseconds. */
  async bulk(bytes: number): Promise<number> {
    const stream = await this.#connection.outboundStream()
    const block = new Uint8Array(1 << 20)
    const startedAt = performance.now()
    for (let sent = 0; sent < bytes; sent += block.length) await stream.write(block)
    await stream.finishWrite()
    await stream.read(100)
    return performance.now() - startedAt
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.kill('SIGKILL')
    await once(this.#server, 'exit')
  }
}
