// The store's allocator under a long load of random sizes: npm run soak -- --seconds 600 --seed 1
import { parseArgs } from 'node:util'
import { Allocator } from '../../../agent/store/allocator.ts'

/** What a soak has seen. */
export interface Soak {
  allocations: number
  /** Requests for which there was enough free, but nowhere in one piece. */
  scattered: number
  /** At its end, and the most at any look: the part of what is free that is not in its largest piece. */
  fragmentation: { end: number; most: number }
  /** Everything was given back, and was one piece again. */
  whole: boolean
}

const CAPACITY = 1 << 30
const LOOK_EVERY = 20_000

/**
 * Fills a store of 1 GiB to about 80 % and keeps it there: sizes from 100 KiB to 64 MiB (log-uniform, as results and `put`s are),
 * lives from short to long. `look` is called now and then.
 */
export function soak(options: { seconds: number; seed: number; look?: (soak: Soak) => void }): Soak {
  const random = mulberry32(options.seed)
  const allocator = new Allocator(CAPACITY)
  const live: { at: number; bytes: number }[] = []
  const seen: Soak = { allocations: 0, scattered: 0, fragmentation: { end: 0, most: 0 }, whole: false }
  let used = 0
  const end = performance.now() + options.seconds * 1000
  const free = (index: number): void => {
    const one = live[index]
    live[index] = live[live.length - 1]
    live.pop()
    used -= one.bytes
    allocator.free(one.at)
  }
  while (performance.now() < end) {
    for (let i = 0; i < LOOK_EVERY; i++) {
      const bytes = Math.floor(100 * 1024 * 640 ** random())
      // Half of what goes is among the youngest, as in programs.
      while (used + bytes > 0.8 * CAPACITY && live.length > 0) {
        const young = Math.max(0, live.length - 1 - Math.floor(random() * 8))
        free(random() < 0.5 ? young : Math.floor(random() * live.length))
      }
      const at = allocator.allocate(bytes)
      seen.allocations++
      if (at < 0) {
        seen.scattered++
        continue
      }
      used += bytes
      live.push({ at, bytes })
    }
    seen.fragmentation.end = fragmentationOf(allocator)
    seen.fragmentation.most = Math.max(seen.fragmentation.most, seen.fragmentation.end)
    options.look?.(seen)
  }
  while (live.length > 0) free(live.length - 1)
  const all = allocator.allocate(CAPACITY)
  seen.whole = all === 0 && allocator.blocks === 1
  return seen
}

/** The part of what is free that is not in its largest piece. */
function fragmentationOf(allocator: Allocator): number {
  const total = CAPACITY - allocator.usedBytes
  let [least, most] = [0, total]
  while (most - least > 4096) {
    const middle = Math.floor((least + most) / 2)
    const at = allocator.allocate(middle)
    if (at >= 0) {
      allocator.free(at)
      least = middle
    } else most = middle
  }
  return 1 - least / total
}

/** A small generator of numbers from 0 to 1, the same for a seed everywhere. */
function mulberry32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

function text({ allocations, scattered, fragmentation }: Soak): string {
  const part = (n: number): string => `${(100 * n).toFixed(1)} %`
  return `${allocations} allocations, ${part(scattered / allocations)} found no piece that was large enough; fragmentation ${part(fragmentation.end)}, at most ${part(fragmentation.most)}`
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { seconds: { type: 'string' }, seed: { type: 'string' } } })
  const seconds = Number(values.seconds ?? 600)
  const seed = Number(values.seed ?? 1)
  let saidAt = performance.now()
  const done = soak({
    seconds,
    seed,
    look: seen => {
      if (performance.now() - saidAt < 10_000) return
      saidAt = performance.now()
      console.log(text(seen))
    },
  })
  console.log(`${text(done)}; seed ${seed}; everything given back: ${done.whole ? 'one piece' : 'NOT one piece'}`)
  process.exitCode = done.whole ? 0 : 1
}
