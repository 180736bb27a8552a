import { setTimeout as delay } from 'node:timers/promises'
import { type ActorPart, state } from '../core/index.ts'
import { limits } from './limits.ts'
import type { PeerParts } from './parts.ts'

/** What draining the actors of a peer needs of it. */
export interface DrainActorsHost {
  /** Whether what an actor has saved is still on its way to where it is kept. */
  isSaving(row: number): boolean
  /** The clock is looked at. */
  tick(): void
  /** What was decided outside a turn is done. */
  stirred(): void
}

const moved = 'its peer is drained'
const expelled = 'its peer was drained, and it may not be made anew elsewhere'

/**
 * Actors that may be made anew move as soon as they have no call that runs, the others end at the deadline
 * (`performance.now()`), which may come nearer meanwhile; one whose constructor runs is awaited, and then treated likewise.
 * New calls are held back, so that there comes a moment without any; what runs may need one of them, so they are let through
 * every other while. Resolves when none is left.
 */
export async function drainActors(
  { owner, now }: PeerParts,
  deadlineAt: () => number,
  { isSaving, tick, stirred }: DrainActorsHost,
): Promise<void> {
  const beganAt = performance.now()
  for (;;) {
    const holds = Math.floor((performance.now() - beganAt) / limits.drainHoldMs) % 2 === 0
    const isLate = performance.now() >= deadlineAt()
    let left = 0
    const staying = new Set<number>()
    tick()
    for (const { row, part, instance } of owner.actors.instances()) {
      const moves = owner.mayMove(row) && !returns(owner, row)
      if (moves && (isLate || (instance.calls === 0 && !isSaving(row)))) owner.moveActor(row, moved)
      else if (isLate) owner.expelActor(row, expelled)
      else {
        left++
        if (moves && holds) part.moving = true
        // It was to move: it has calls yet, or nobody could take it any more.
        else if (part.moving) staying.add(row)
      }
    }
    if (staying.size > 0) owner.actors.stay(staying)
    // Past the deadline constructors are stopped as tasks are (`Owner.evict`); what does not stop is not waited for.
    const isOver = performance.now() >= deadlineAt() + limits.evictMs
    for (const { row, part } of [...beingMade(owner)]) {
      if (isLate && part.detached) {
        part.lostEarly = owner.mayMove(row)
        owner.endActor(row, part.lostEarly ? moved : expelled, now())
      } else if (!isOver) left++
    }
    stirred()
    if (left === 0) return
    await delay(limits.drainActorsMs)
  }
}

/** Whether one of this peer's own would be made here again, as no other peer could take it. */
function returns({ rows, kinds }: PeerParts['owner'], row: number): boolean {
  const extra = rows.extra[row]
  return !extra?.home && !extra?.actor?.detached && kinds[rows.kind[row]]?.here === true
}

/** Actors whose constructors run here, or are going to. */
function* beingMade(owner: PeerParts['owner']): Iterable<{ row: number; part: ActorPart }> {
  const { rows } = owner
  for (const row of owner.liveTasks()) {
    const part = rows.extra[row]?.actor
    const kind = owner.kinds[rows.kind[row]]
    const at = rows.state[row]
    if (!part || !kind?.actor) continue
    if (part.detached || at >= state.running || (at === state.queued && kind.here)) yield { row, part }
  }
}
