/** A process with an agent whose directory a test asks by messages: `{ n, method, args }`, answered by `{ n, value }` or `{ n, error }`. */
import { appendFileSync } from 'node:fs'
import { Daemon } from '../../agent/daemon.ts'
import type { Entry } from '../../agent/directory/index.ts'
import { homeAt, prepareHome, readListen } from '../../agent/home/index.ts'

const home = homeAt(process.env.SHOAL_HOME)
prepareHome(home)
const { TICKET: ticket } = process.env
const daemon = await Daemon.start({
  home,
  // Where it was before, so that the others find it.
  listenAt: readListen(home) ?? '127.0.0.1:0',
  resources: { cpus: 1, gpus: 0, memoryBytes: 2 ** 28 },
  objectStoreBytes: 1 << 20,
  labels: {},
  folders: [],
  log: line => appendFileSync(`${home.logsDir}/agent.log`, `${new Date().toISOString()} ${line}\n`),
  ...(ticket ? { ticket } : {}),
})
if ('heldBy' in daemon) throw new Error(`the home is held by ${daemon.heldBy}`)
const { names, record } = daemon
const { peerId, incarnation } = record
const heard: string[] = []
let place: { peerId: string; incarnation: number } | undefined

names.attach({
  choose: () => place,
  host(entry: Entry) {
    heard.push(`host ${entry.epoch}`)
    void names.alive(entry.id, entry.epoch, process.pid)
  },
  stop: entry => void heard.push(`stop ${entry.epoch}`),
  lost: entry => void heard.push(`lost ${entry.epoch}`),
  regained: entry => void heard.push(`regained ${entry.epoch}`),
})

const methods: Record<string, (...args: any[]) => unknown> = {
  self: () => ({ peerId, incarnation, pid: process.pid, meshId: record.meshId }),
  ticket: () => daemon.ticket(),
  status: () => names.status,
  heard: () => heard,
  place(where) {
    place = where
  },
  own: (name: string) =>
    names.claim({ namespace: '', name, owner: { peerId, incarnation }, data: 'data', restarts: 0 }),
  /** Milliseconds of so many claims, one after the other. */
  async time(count: number) {
    const took: number[] = []
    for (let i = 0; i < count; i++) {
      const began = performance.now()
      await names.claim({
        namespace: 'time',
        name: `${peerId}${i}`,
        owner: { peerId, incarnation },
        data: '',
        restarts: 0,
      })
      took.push(performance.now() - began)
    }
    return took.sort((a, b) => a - b)
  },
  detached: (name: string, restarts: number) => names.claim({ namespace: '', name, data: '', spec: 'spec', restarts }),
  lookup: (name: string) => names.lookup('', name),
  locate: (id: number) => names.locate(id),
  free: (id: number) => names.free(id),
  entries: () => names.entries(),
  async stop(drainMs: number) {
    await daemon.stop({ drainMs })
    setImmediate(() => process.exit(0))
  },
}

process.on('message', async ({ n, method, args }: { n: number; method: string; args: unknown[] }) => {
  try {
    process.send?.({ n, value: (await methods[method](...args)) ?? null })
  } catch (error) {
    const { message, code, voters, unreachable } = error as Error & Record<string, unknown>
    process.send?.({ n, error: { message, code, voters, unreachable } })
  }
})
process.send?.({ n: 0 })
