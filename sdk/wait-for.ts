import { GetTimeoutError } from '../wire/errors/index.ts'
import type { PeerInfo, WaitForNeed, WaitForOptions } from './types.ts'

/** How often the members are looked at, at first and later. */
const FIRST_MS = 20
const LATER_MS = 200

/** Waits until the live peers are enough. */
export async function waitForPeers(
  peers: () => Promise<PeerInfo[]>,
  need: WaitForNeed,
  { timeoutMs, signal }: WaitForOptions,
): Promise<void> {
  const until = timeoutMs === undefined ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs
  for (let pause = FIRST_MS; ; pause = Math.min(LATER_MS, pause * 1.5)) {
    signal?.throwIfAborted()
    const lacks = lacking(await peers(), need)
    if (lacks === undefined) return
    const left = until - performance.now()
    if (left <= 0)
      throw new GetTimeoutError(`the mesh has not come to have ${lacks} within ${timeoutMs} ms`, {
        timeoutMs: timeoutMs as number,
      })
    await sleep(Math.min(pause, left), signal)
  }
}

function lacking(peers: PeerInfo[], { peers: count, ...resources }: WaitForNeed): string | undefined {
  const live = peers.filter(({ state }) => state === 'alive' || state === 'draining')
  if (count !== undefined && live.length < count) return `${count} peers (it has ${live.length})`
  for (const [name, amount] of Object.entries(resources)) {
    const has = live.filter(({ role }) => role === 'peer').reduce((sum, peer) => sum + (peer.resources[name] ?? 0), 0)
    if (amount !== undefined && has + 1e-9 < amount) return `${amount} ${name} (it has ${has})`
  }
  return undefined
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }
    const timer = setTimeout(done, ms)
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    signal?.addEventListener('abort', stop, { once: true })
  })
}
