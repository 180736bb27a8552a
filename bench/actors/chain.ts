import { type ActorHandle, actor, get, init, type RemoteFunction, task } from 'shoal'
import type { Reading } from '../figure.ts'
import { median } from '../statistics.ts'

const rounds = 3
const chains = 1000
const levels = 3
/** The deep chain, on a fresh mesh each, up to the one that is read. */
const ramp = [2, 10, 50]
const deep = 1000

/** So many levels: task, call, task, call and so on, each of which awaits the next. Gives how many there were. */
type Step = RemoteFunction<(left: number, link: ActorHandle<Link>) => Promise<number>>

const step: Step = task(
  async (left: number, link: ActorHandle<Link>): Promise<number> =>
    left === 1 ? 1 : (await get(link.next.remote(left - 1, link))) + 1,
)

class Link {
  async next(left: number, link: ActorHandle<Link>): Promise<number> {
    return left === 1 ? 1 : (await get(step.remote(left - 1, link))) + 1
  }
}

/** Tasks that wait for an actor's calls that wait for tasks. Cold: the first of a fresh mesh, its threads to be started. */
export async function measure(): Promise<Reading[]> {
  const wide = await timed(chains, levels)
  for (const depth of ramp) await timed(1, depth)
  const one = await timed(1, deep)
  return [
    ...readings(`1,000 chains task → call → task`, chains * levels, wide),
    ...readings('one chain of 1,000 levels', deep, one),
  ]
}

interface Times {
  coldMs: number
  warmMs: number
}

function readings(what: string, count: number, { coldMs, warmMs }: Times): Reading[] {
  const note = (ms: number) => `${Math.round(count / (ms / 1000)).toLocaleString('en-US')} levels/s`
  return [
    { what: `${what}, cold`, value: coldMs, unit: 'ms', note: note(coldMs) },
    { what: `${what}, warm`, value: warmMs, unit: 'ms', mark: { of: 'value', atMost: 1000 }, note: note(warmMs) },
  ]
}

/** So many chains at once through one actor on a mesh of their own. */
async function timed(count: number, depth: number): Promise<Times> {
  await using _mesh = await init({ address: 'local', cpus: 2 })
  const link = actor(Link, { maxConcurrency: Math.max(count, depth) }).remote()
  const run = async (): Promise<number> => {
    const startedAt = performance.now()
    const found = await get(
      Array.from({ length: count }, () => step.remote(depth, link)),
      { timeoutMs: 20_000 },
    )
    if (found.some(one => one !== depth)) throw new Error('a wrong result')
    return performance.now() - startedAt
  }
  const coldMs = await run()
  const warm: number[] = []
  for (let round = 0; round < rounds; round++) warm.push(await run())
  return { coldMs, warmMs: median(warm) }
}
