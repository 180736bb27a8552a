import { type Kind, ownPool, sharedPool } from './kinds.ts'
import { limits } from './limits.ts'
import type { Thread } from './threads.ts'

/** What a choice of a thread depends on besides the threads. */
export interface Choice {
  kind: Kind
  /** Where it goes. */
  pool: string
  job: number
  /** The thread on which the task's parent is suspended, or -1. */
  parentThread: number
  /** Whether there may be one more thread. */
  mayStart: boolean
}

const FULL = limits.unitsPerResource

/**
 * The thread for a task, `'new'` for one more, or undefined while there is none (protocols §1, Nested and Threads): never
 * two jobs on one, fractions packed up to one CPU, none with suspended tasks of others unless the function is quick. A
 * process runs kinds of its pool alone, and of one job.
 */
export function chooseThread(threads: readonly Thread[], choice: Choice): Thread | 'new' | undefined {
  if (choice.pool === ownPool) return idleThread(threads) ?? 'new'
  if (choice.pool === sharedPool) return sharedThread(threads, choice)
  let best: Thread | undefined
  let bestScore = Number.NEGATIVE_INFINITY
  for (const thread of threads) {
    const score = scoreOf(thread, choice)
    if (score > bestScore) {
      best = thread
      bestScore = score
    }
  }
  // Below zero: it would do, but a thread of its own is better.
  if (bestScore < 0 && choice.mayStart) return 'new'
  return best
}

/** A thread that nobody uses. */
function idleThread(threads: readonly Thread[]): Thread | undefined {
  return threads.find(thread => thread.pool === '' && thread.state === 'live' && !thread.busy)
}

/** Where the fewest actors live, of the threads for actors of this job; one more while there are fewer than may be. */
function sharedThread(threads: readonly Thread[], { job, mayStart }: Choice): Thread | 'new' | undefined {
  let best: Thread | undefined
  for (const thread of threads) {
    if (thread.pool !== sharedPool || thread.state !== 'live' || (thread.busy && thread.job !== job)) continue
    if (thread.running >= limits.actorsMadeAtOnce) continue
    if (!best || thread.actors + thread.running < best.actors + best.running) best = thread
  }
  if (best && (!best.busy || !mayStart)) return best
  return mayStart ? (idleThread(threads) ?? 'new') : best
}

function scoreOf(thread: Thread, { kind, pool, job, parentThread }: Choice): number {
  const none = Number.NEGATIVE_INFINITY
  if (thread.state !== 'live' || (thread.busy && thread.job !== job && thread.job !== -1)) return none
  if (thread.pool !== pool || (thread.bound !== -1 && thread.bound !== job)) return none
  if (thread.owned || (kind.alone && thread.busy)) return none
  if (thread.running + thread.suspended >= limits.tasksPerThreadMax) return none
  const cpu = kind.cpuUnits
  if (cpu > 0 && thread.load > 0 && thread.load + cpu > FULL) return none
  // A process that this job has used already, before one that others could use.
  let score = thread.bound === -1 ? 0 : 1
  if (thread.suspended > 0) {
    if (thread.id === parentThread) score += 100
    else if (kind.meanMs < limits.quickTaskMs) score += 50
    else return none
  } else score += 200
  if (thread.exclusive > 0) score -= 1000
  if (kind.exclusive && thread.busy) score -= 1000
  if (cpu === 0) {
    // What counts nothing must not wait behind what computes.
    if (thread.load >= FULL) score -= 500
    return score - thread.running * 0.01
  }
  // Fractions fill one thread before the next; of equals, the one used last, whose caches are warm.
  return score + (thread.load / FULL) * 10 + thread.usedAt * 1e-12
}
