import { workerBridge } from '../wire/bridge.ts'
import { AlreadyInitializedError } from '../wire/errors/index.ts'
import { type Hello, recordsVersion } from '../wire/records.ts'
import type { Connection } from './channels.ts'
import { Engine } from './client/index.ts'
import { expectDeclared } from './expected-processes.ts'
import { clientExtensions } from './extensions.ts'
import { MeshHandle } from './mesh-handle.ts'
import { type Address, checkInitOptions, parseAddress } from './options/index.ts'
import { Ref } from './ref.ts'
import { runningAgent } from './running-agent.ts'
import { currentSession, registeredTypes, setSession } from './session.ts'
import type { InitOptions, Mesh } from './types.ts'

/** Most programs start an embedded peer: what that needs is loaded while the program's own modules are. */
const embedded = workerBridge() ? undefined : import('./embedded.ts')

let opening = false

/**
 * Joins a mesh: with nothing said, that of `$SHOAL_ADDRESS`, else of this machine's running agent, else an embedded peer in
 * this program. Once in a driver until `close()`; inside tasks the mesh is there already.
 *
 * Rejects with InvalidOptionError, AlreadyInitializedError, ConnectError where a named agent or a ticket's peer does not
 * answer, AdmissionError where a ticket is not good.
 */
export async function init(options?: InitOptions): Promise<Mesh> {
  const checked = checkInitOptions(options)
  const session = currentSession()
  if (workerBridge())
    throw new AlreadyInitializedError('init() inside a task: the mesh is there already, mesh() gives it', {
      meshId: session?.mesh.meshId,
    })
  if (session || opening) {
    throw new AlreadyInitializedError('init() was called already: close() that mesh first, or use mesh()', {
      meshId: session?.mesh.meshId,
    })
  }
  opening = true
  try {
    return join(await connect(checked))
  } finally {
    opening = false
  }
}

async function connect(options: InitOptions): Promise<Connection> {
  const { namespace, logToDriver = true } = options
  const hello: Hello = {
    version: recordsVersion,
    kind: 'driver',
    pid: process.pid,
    ...(namespace === undefined ? {} : { namespace }),
    logToDriver,
    ...(process.argv[1] === undefined ? {} : { script: process.argv[1] }),
  }
  const address = await resolveAddress(options.address)
  if (address.kind === 'socket') {
    const { attachToSocket } = await import('./socket-connection.ts')
    return await attachToSocket(address.path, hello)
  }
  const { startEmbedded } = await (embedded ?? import('./embedded.ts'))
  return await startEmbedded(options, hello, address.kind === 'ticket' ? address.ticket : undefined)
}

async function resolveAddress(given: string | undefined): Promise<Address> {
  const address = parseAddress(given ?? 'auto')
  if (address.kind !== 'auto') return address
  const named = process.env.SHOAL_ADDRESS
  const fromEnvironment = named ? parseAddress(named, { call: 'init', option: '$SHOAL_ADDRESS' }) : address
  if (fromEnvironment.kind !== 'auto') return fromEnvironment
  const path = await runningAgent()
  return path === undefined ? { kind: 'local' } : { kind: 'socket', path }
}

function join(connection: Connection): Mesh {
  const engine = new Engine(connection.channel, { types: registeredTypes, Ref, extensions: clientExtensions })
  connection.bind(engine)
  // A program that ends without `close` still says what nobody asked for.
  const atExit = (): void => engine.unasked.printAll()
  process.once('exit', atExit)
  let closing: Promise<void> | undefined
  const mesh = new MeshHandle(engine, () => {
    closing ??= connection.close().finally(() => {
      process.off('exit', atExit)
      if (currentSession()?.mesh === mesh) setSession(undefined)
    })
    return closing
  })
  setSession({ engine, mesh })
  expectDeclared(engine)
  return mesh
}
