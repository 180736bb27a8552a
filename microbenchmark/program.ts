// The driver that `shoal bench` starts. It reports over its IPC channel, and ends when it is told to or that is closed.
import { get, init, type Mesh, type PeerInfo, task } from 'shoal'
import type { Setting } from './figure.ts'
import { figures } from './figures/index.ts'
import { type FigureName, figureNames, remoteFigures } from './names.ts'
import type { Order, Report } from './report.ts'

/** How long a figure may take beyond its time: a thread or a peer that has to be started, a mesh that others use. */
const graceMs = 15_000
let mesh: Mesh | undefined

async function main(order: Order): Promise<void> {
  mesh = await init({ address: order.address, logToDriver: false })
  const peers = (await mesh.peers()).filter(({ state }) => state === 'alive')
  const here = peers.find(({ peerId }) => peerId === mesh?.peerId)
  if (!here) throw failure('SHOAL_BENCH', 'this peer is leaving its mesh: shoal status')
  const there = peers.find(peer => peer !== here && takesTasks(peer))
  const local = peers.length > 1 && takesTasks(here) ? { placement: { peer: here.peerId } } : {}
  const names = figureNames.filter(
    name => (order.only ?? figureNames).includes(name) && (there || !remoteFigures.has(name)),
  )
  const missing = order.only?.find(name => !there && remoteFigures.has(name))
  if (missing) throw failure('SHOAL_BENCH', `${missing} is measured with another peer of the mesh, and there is none`)
  const { cpus } = here.resources
  report({
    kind: 'joined',
    place: { peerId: here.peerId, cpus, cpusFree: here.available.cpus, peers: peers.length },
    names,
  })
  await inTime('the first task', graceMs, get(task(() => 0, local).remote()))
  for (const name of names) await measure(name, { seconds: order.seconds, here, there, local })
  await mesh.close()
}

async function measure(name: FigureName, setting: Setting): Promise<void> {
  const figure = figures[name]
  const { what } = figure
  report({ kind: 'begun', name, what })
  let reading: Report
  try {
    const measured = await inTime(what, setting.seconds * 2000 + graceMs, figure.measure(setting))
    reading = { kind: 'measured', name, ...measured }
  } catch (error) {
    // Whatever it waits for is still under way, and would be in the next figures.
    if (error instanceof Late) throw error
    reading = { kind: 'measured', name, what, error: (error as Error).message }
  }
  report(reading)
}

function takesTasks({ role, resources }: PeerInfo): boolean {
  return role === 'peer' && resources.cpus >= 1
}

/** What did not end in time: the mesh has no room for it. */
class Late extends Error {
  readonly code = 'SHOAL_BENCH'
}

async function inTime<T>(what: string, ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const message = `${what}: nothing within ${ms / 1000} s; is the mesh in use by others? shoal status tells`
    timer = setTimeout(() => reject(new Late(message)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

function report(what: Report, then: () => void = () => undefined): void {
  if (process.connected) process.send?.(what, then)
}

function end(): void {
  if (mesh) void mesh.close().finally(() => process.exit())
  else process.exit()
}

// Ctrl-C of a terminal comes here, too: the command decides.
process.on('SIGINT', () => undefined)
process.once('message', end)
process.once('disconnect', end)
let last: Report = { kind: 'done' }
try {
  await main(JSON.parse(process.argv[2]!) as Order)
} catch (error) {
  const { code = 'SHOAL_INTERNAL', message } = error as Error & { code?: string }
  last = { kind: 'failed', code, message }
}
report(last, () => process.disconnect())
