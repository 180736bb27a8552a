import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { splitAddress } from '../links/index.ts'

const ANSWER_MS = 250

/**
 * Whether nobody holds an address any more: one byte to its UDP port from a connected socket, and a TCP connection to the same
 * number, are both refused. A process that was killed refuses within 2 ms; a live one and a stopped one do not.
 */
export async function isRefused(address: string): Promise<boolean> {
  const { host, port } = splitAddress(address)
  const [udp, tcp] = await Promise.all([udpRefused(host, port), tcpRefused(host, port)])
  return udp && tcp
}

function udpRefused(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    let over = false
    const end = (refused: boolean): void => {
      if (over) return
      over = true
      clearTimeout(timer)
      try {
        socket.close()
      } catch {
        // Closed by its own error.
      }
      resolve(refused)
    }
    const timer = setTimeout(() => end(false), ANSWER_MS)
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED'))
    // (Types of Node leave out the error that the callback is given.)
    socket.connect(port, host, ((error?: Error) => {
      if (error) return end(false)
      const byte = Uint8Array.of(0)
      // The refusal of the first is told by the second, or by the error event, whichever is sooner.
      socket.send(byte)
      setTimeout(() => {
        if (!over)
          socket.send(byte, failure => failure && end((failure as NodeJS.ErrnoException).code === 'ECONNREFUSED'))
      }, 5)
    }) as () => void)
  })
}

function tcpRefused(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port })
    const end = (refused: boolean): void => {
      socket.destroy()
      resolve(refused)
    }
    socket.setTimeout(ANSWER_MS, () => end(false))
    socket.once('connect', () => end(false))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED'))
  })
}

/** What a TCP connection to an address comes to: `ok`, `refused`, or `no answer`. */
export function tcpAnswer(address: string): Promise<string> {
  const { host, port } = splitAddress(address)
  return new Promise(resolve => {
    const socket = connect({ host, port })
    const end = (answer: string): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(2000, () => end('no answer'))
    socket.once('connect', () => end('ok'))
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end(error.code === 'ECONNREFUSED' ? 'refused' : error.message),
    )
  })
}
