import { createSocket } from 'node:dgram'
import { createServer, isIP } from 'node:net'
import { errnoOf } from '../home/index.ts'
import { Failure } from './failure.ts'

/** An address to listen on: TCP and UDP of the same number. */
export interface ListenAddress {
  readonly host: string
  /** 0: one that is free on both. */
  readonly port: number
}

/** `127.0.0.1:4001`, `[::1]:0` → its parts; `undefined` where the text is no IP address with a port. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text)
  if (!match) return undefined
  const [, v6, v4, digits] = match
  const host = v6 ?? v4 ?? ''
  const port = Number(digits)
  return isIP(host) === (v6 === undefined ? 4 : 6) && port <= 65_535 ? { host, port } : undefined
}

const causes: Record<string, string> = {
  EADDRINUSE: 'is in use by another program: choose another port, or port 0 for a free one',
  EADDRNOTAVAIL: 'is no address of this machine: choose one that it has (ip address)',
  EACCES: 'is not allowed: choose a port of 1024 or higher',
  EAFNOSUPPORT: 'is of a family that this machine does not have',
}

/** Tries that an address can be listened on, by TCP and by UDP, and lets go of it. Throws a `Failure` that names it. */
export async function probeListenAddress(address: ListenAddress, text: string): Promise<void> {
  try {
    await tryTcp(address)
    await tryUdp(address)
  } catch (error) {
    const why = causes[errnoOf(error) ?? ''] ?? `cannot be used: ${(error as Error).message}`
    throw new Failure('SHOAL_INVALID_OPTION', `--listen ${text} ${why}`, { cause: error })
  }
}

function tryTcp({ host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()))
  })
}

function tryUdp({ host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4')
    socket.once('error', error => {
      socket.close()
      reject(error)
    })
    socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve()))
  })
}
