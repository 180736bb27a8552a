import { createServer, isIP } from 'node:net'
import { splitAddress } from '../mesh/links/index.ts'
import { type Home, readListen, writeListen } from './home/index.ts'
import { MeshHost, type MeshHostOptions } from './mesh-host.ts'

const TRIES = 10

/** Where this home's mesh listened last, or any free port on all addresses. */
export function lastListen(home: Home): string {
  return readListen(home) ?? '0.0.0.0:0'
}

/**
 * Opens the mesh on an address whose UDP and TCP numbers are both free. `wanted`: it was asked for, so another port is no
 * answer; else a port that is taken by now is replaced by a free one.
 */
export async function openMesh(
  home: Home,
  address: string,
  wanted: boolean,
  options: (listen: string) => MeshHostOptions,
): Promise<MeshHost> {
  const { host } = splitAddress(address)
  let listen = address
  for (let left = TRIES; ; left--) {
    try {
      const { port } = splitAddress(listen)
      const free = port === 0 ? await freePort(host) : port
      const mesh = await MeshHost.open(options(at(host, free)))
      writeListen(home, at(host, free))
      return mesh
    } catch (error) {
      if (left === 0 || (wanted && !address.endsWith(':0'))) throw error
      listen = at(host, 0)
    }
  }
}

function at(host: string, port: number): string {
  return `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
}

/** A TCP port that is free now; whoever takes the UDP one finds out whether that is free too. */
function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ host, port: 0, exclusive: true }, () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
