import type { TraceClock } from '../../wire/trace.ts'
import { limits } from './limits.ts'
import type { Others } from './row-pages.ts'

/** This peer's clock, in milliseconds since the epoch. */
export function clock(): number {
  return performance.timeOrigin + performance.now()
}

/**
 * What each peer's clock is ahead of this one's, after Cristian (1989): its answer was given somewhere within the question's
 * way, so the quickest of a few answers says it best. What may be the way alone is no difference: clocks of one machine agree.
 */
export async function clocks(ownPeerId: string, others: Others): Promise<TraceClock[]> {
  const measured = others.linked().map(async peerId => await difference(peerId, others))
  return [{ peerId: ownPeerId, aheadMs: 0, uncertainMs: 0 }, ...(await Promise.all(measured)).flat()]
}

async function difference(peerId: string, others: Others): Promise<TraceClock[]> {
  let best: TraceClock | undefined
  for (let n = 0; n < limits.clockQuestions; n++) {
    const asked = clock()
    const [said] = await others.ask('clock', () => null, new Set([peerId]))
    if (typeof said?.answer !== 'number') break
    const told = clock()
    const uncertainMs = (told - asked) / 2
    if (best && best.uncertainMs <= uncertainMs) continue
    const aheadMs = said.answer - (asked + told) / 2
    best = { peerId, aheadMs: Math.abs(aheadMs) > uncertainMs ? aheadMs : 0, uncertainMs }
  }
  return best ? [best] : []
}
