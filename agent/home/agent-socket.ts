import { mkdtempSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { socketFolderPrefix } from './agent-record.ts'
import type { Home } from './home.ts'
import { errnoOf, HomeError, homeErrorOf } from './home-error.ts'

/** The kernel's `sun_path` holds 108 bytes on Linux and 104 on macOS, with the closing zero. */
const socketPathBytesMax = 103

/**
 * Where the agent of this home listens: in the home, or, where that path is too long for a Unix socket, in a new
 * folder (0700) under the temporary folder.
 */
export function agentSocketPath(home: Home): string {
  const usual = join(home.dir, 'agent.sock')
  if (Buffer.byteLength(usual) <= socketPathBytesMax) return usual
  for (const parent of [tmpdir(), '/tmp']) {
    if (Buffer.byteLength(parent) + socketFolderPrefix.length + 20 > socketPathBytesMax) continue
    return join(mkdtempSync(join(parent, socketFolderPrefix)), 'agent.sock')
  }
  throw new HomeError(
    home.dir,
    `the path is too long for a Unix socket (${socketPathBytesMax} bytes), and so is ${tmpdir()}: set SHOAL_HOME to a shorter one`,
  )
}

/** Listens on a Unix socket that only this user may open: 0600 from its first moment, whatever the umask. */
export function listenPrivately(path: string, onConnection: Parameters<typeof createServer>[1]): Promise<Server> {
  const server = createServer(onConnection)
  return new Promise((resolve, reject) => {
    server.once('error', error => {
      const taken = errnoOf(error) === 'EADDRINUSE'
      reject(
        taken
          ? new HomeError(
              path,
              'another process listens on this socket: stop it, or set SHOAL_HOME to another folder',
              { cause: error },
            )
          : homeErrorOf(path, error),
      )
    })
    const before = process.umask(0o177)
    try {
      // A Unix socket is bound, and so made, before `listen` returns.
      server.listen(path, () => resolve(server))
    } finally {
      process.umask(before)
    }
  })
}
