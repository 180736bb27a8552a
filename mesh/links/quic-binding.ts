import { createRequire } from 'node:module'

/** The native QUIC binding of `@chainsafe/libp2p-quic` (Rust quinn), as far as it is used here. It publishes no types. */
export interface QuicBinding {
  QuinnConfig: new (options: QuicOptions) => QuicConfig
  Server: new (config: QuicConfig, address: string, port: number) => QuicServer
  /** family 0: IPv4, 1: IPv6. Binds a port of its own at once. */
  Client: new (
    config: QuicConfig,
    family: number,
  ) => QuicClient
}

export interface QuicConfig {
  readonly _opaque: unique symbol
}

export interface QuicOptions {
  /** libp2p's protobuf of the private key. */
  privateKeyProto: Uint8Array
  handshakeTimeout: number
  maxIdleTimeout: number
  keepAliveInterval: number
  maxConcurrentStreamLimit: number
  maxStreamData: number
  maxConnectionData: number
  shutdownTimeout: number
  receiveBufferSize: number
  sendBufferSize: number
}

export interface QuicServer {
  port(): number
  inboundConnection(): Promise<QuicConnection>
  abort(): Promise<void>
}

export interface QuicClient {
  outboundConnection(address: string, port: number): Promise<QuicConnection>
  abort(): void
}

export interface QuicConnection {
  remoteMultiaddr(): string
  inboundStream(): Promise<QuicStream>
  outboundStream(): Promise<QuicStream>
  closed(): Promise<void>
  abort(): void
}

/** `read`: null at the end; rejects with code 'Unknown' on reset and on loss alike, and only the message tells which. */
export interface QuicStream {
  read(bytesMax: number): Promise<Uint8Array | null>
  write(bytes: Uint8Array): Promise<void>
  finishWrite(): Promise<void>
  resetWrite(): Promise<void>
  stopRead(): Promise<void>
}

const require = createRequire(import.meta.url)

/** The package of this platform. */
export function quicPackage(): string {
  const { platform, arch } = process
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  const libc =
    platform === 'linux'
      ? report?.header?.glibcVersionRuntime
        ? '-gnu'
        : '-musl'
      : platform === 'win32'
        ? '-msvc'
        : ''
  return `@chainsafe/libp2p-quic-${platform}-${arch}${libc}`
}

let binding: QuicBinding | undefined

/** Loads the binding. Throws an Error that says what to install where it is missing. */
export function loadQuic(): QuicBinding {
  if (binding) return binding
  const name = quicPackage()
  try {
    binding = require(name) as QuicBinding
  } catch (error) {
    throw new Error(
      `the QUIC binding of this platform cannot be loaded: npm install ${name} (${(error as Error).message.split('\n')[0]})`,
    )
  }
  return binding
}

/** The version of the binding that is installed, or undefined. */
export function quicVersion(): string | undefined {
  try {
    return (require(`${quicPackage()}/package.json`) as { version: string }).version
  } catch {
    return undefined
  }
}
