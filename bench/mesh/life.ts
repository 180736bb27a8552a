import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { context, get, init, task } from 'shoal'
import type { Reading } from '../figure.ts'
import { BenchMesh } from './own-mesh.ts'

const idleSeconds = 10

/** A process's CPU time, in milliseconds (the kernel counts 100 a second). */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function residentMB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1000
}

/** What it costs to belong to a mesh: joining it, idling in it, losing a peer of it. */
export async function measure(): Promise<Reading[]> {
  using mesh = new BenchMesh(2, 1)
  await using attached = await init({ address: mesh.agents[0].socket })
  const here = task(() => context().peerId)
  await get(here.remote())

  const startedAt = performance.now()
  const { agent: third } = mesh.add(1)
  await get(here.options({ placement: { peer: third.peerId }, infeasibleTimeoutMs: 10_000 }).remote())
  const joinMs = performance.now() - startedAt

  await attached.waitFor({ peers: 3 }, { timeoutMs: 10_000 })
  await delay(3000)
  const before = mesh.agents.map(({ pid }) => cpuMs(pid))
  await delay(idleSeconds * 1000)
  const idle = mesh.agents.map(({ pid }, i) => (cpuMs(pid) - before[i]) / (idleSeconds * 10))
  const resident = mesh.agents.map(({ pid }) => residentMB(pid))

  const sleepy = task(async (ms: number) => {
    await new Promise(resolve => setTimeout(resolve, ms))
  })
  await get(Array.from({ length: 12 }, () => sleepy.remote(20)))
  const refs = Array.from({ length: 150 }, () => sleepy.remote(100))
  let last = performance.now()
  let gap = 0
  const done = refs.map(ref =>
    get(ref).then(() => {
      gap = Math.max(gap, performance.now() - last)
      last = performance.now()
    }),
  )
  await delay(1000)
  process.kill(third.pid, 'SIGKILL')
  await Promise.all(done)
  return [
    { what: "shoal join to that peer's first task", value: joinMs, unit: 'ms', mark: { of: 'value', atMost: 2000 } },
    {
      what: "an agent's idle cost in a mesh of three, of a core",
      value: Math.max(...idle),
      unit: '%',
      mark: { of: 'value', atMost: 2 },
    },
    { what: 'its resident memory', value: Math.max(...resident), unit: 'MB', mark: { of: 'value', atMost: 150 } },
    { what: 'gap in results when a peer is killed', value: gap, unit: 'ms', mark: { of: 'value', atMost: 2500 } },
  ]
}
