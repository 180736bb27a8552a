// The limit of a local socket: frames of 64 bytes to another process and back over a bare Unix socket, both sides in
// JavaScript, each writing what a tick gathered at once.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sibling } from '../sibling.ts'

/** Bytes of a frame; the first four are its number. */
export const frameBytes = 64

/** A connection to an echo in another process. */
export interface Echo extends AsyncDisposable {
  /** Sends a frame; resolves when it has come back. */
  send(): Promise<void>
}

/** Starts the other process and connects to it. */
export async function startEcho(): Promise<Echo> {
  const folder = mkdtempSync(join(tmpdir(), 'echo-'))
  const path = join(folder, 'socket')
  const server = spawn(process.execPath, [fileURLToPath(sibling('./echo-server', import.meta.url)), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(server.stdout, 'data')
  const socket = connect(path)
  await once(socket, 'connect')
  return new EchoClient(socket, server, folder)
}

class EchoClient implements Echo {
  readonly #socket: Socket
  readonly #server: ChildProcess
  readonly #folder: string
  readonly #pending = new Map<number, () => void>()
  #nextId = 0
  #queue = Buffer.alloc(frameBytes * 4096)
  #queuedBytes = 0

  constructor(socket: Socket, server: ChildProcess, folder: string) {
    this.#socket = socket
    this.#server = server
    this.#folder = folder
    let kept = Buffer.alloc(0)
    socket.on('data', chunk => {
      const bytes = kept.length ? Buffer.concat([kept, chunk]) : chunk
      let at = 0
      for (; at + frameBytes <= bytes.length; at += frameBytes) {
        const id = bytes.readUInt32LE(at)
        const resolve = this.#pending.get(id)
        this.#pending.delete(id)
        resolve?.()
      }
      kept = bytes.subarray(at)
    })
  }

  send(): Promise<void> {
    const id = this.#nextId++ >>> 0
    if (this.#queuedBytes === this.#queue.length) this.#flush()
    if (this.#queuedBytes === 0) queueMicrotask(() => this.#flush())
    this.#queue.writeUInt32LE(id, this.#queuedBytes)
    this.#queuedBytes += frameBytes
    return new Promise(resolve => this.#pending.set(id, resolve))
  }

  #flush(): void {
    if (this.#queuedBytes === 0) return
    this.#socket.write(Buffer.from(this.#queue.subarray(0, this.#queuedBytes)))
    this.#queuedBytes = 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy()
    this.#server.kill()
    await once(this.#server, 'exit')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
