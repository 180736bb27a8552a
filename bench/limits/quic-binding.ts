// The native QUIC binding as it is, without anything of Shoal's: the limit of a link between two processes.
import { generateKeyPairSync } from 'node:crypto'
import { createRequire } from 'node:module'

export interface Stream {
  read(bytesMax: number): Promise<Uint8Array | null>
  write(bytes: Uint8Array): Promise<void>
  finishWrite(): Promise<void>
}

export interface Connection {
  inboundStream(): Promise<Stream>
  outboundStream(): Promise<Stream>
}

interface Binding {
  QuinnConfig: new (options: object) => object
  Server: new (
    config: object,
    address: string,
    port: number,
  ) => { port(): number; inboundConnection(): Promise<Connection> }
  Client: new (
    config: object,
    family: number,
  ) => { outboundConnection(address: string, port: number): Promise<Connection> }
}

export const binding = createRequire(import.meta.resolve('shoal'))('@chainsafe/libp2p-quic-linux-x64-gnu') as Binding

export function config(): object {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const privateKeyProto = Buffer.concat([
    Buffer.from([0x08, 0x01, 0x12, 0x40]),
    Buffer.from(d as string, 'base64url'),
    Buffer.from(x as string, 'base64url'),
  ])
  return new binding.QuinnConfig({
    privateKeyProto,
    handshakeTimeout: 5000,
    maxIdleTimeout: 10_000,
    keepAliveInterval: 5000,
    maxConcurrentStreamLimit: 256,
    maxStreamData: 10_000_000,
    maxConnectionData: 15_000_000,
    shutdownTimeout: 500,
    receiveBufferSize: 500_000,
    sendBufferSize: 500_000,
  })
}

/** Writes what is queued as one piece, while the last write is in flight. */
export class Batcher {
  readonly #stream: Stream
  #queue: Uint8Array[] = []
  #writing = false

  constructor(stream: Stream) {
    this.#stream = stream
  }

  send(bytes: Uint8Array): void {
    this.#queue.push(bytes)
    if (this.#queue.length === 1 && !this.#writing) queueMicrotask(() => void this.#flush())
  }

  async #flush(): Promise<void> {
    if (this.#writing) return
    this.#writing = true
    while (this.#queue.length > 0) {
      const batch = this.#queue.length === 1 ? this.#queue[0] : Buffer.concat(this.#queue)
      this.#queue = []
      await this.#stream.write(batch)
    }
    this.#writing = false
  }
}
