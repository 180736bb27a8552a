import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** How long a thread is idle before what its tasks held is collected, and again (protocols §2, Collection). */
const IDLE_MS = [5000, 15_000]
const CHECK_MS = 1000
/** Turns of the event loop within which the finalisers of one collection have run. */
const FINALISER_TURNS = 3

/** One major collection, now. */
export const collectNow = majorCollection()

function majorCollection(): () => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
}

/** Collects, and calls `done` when the finalisers have run, which is in turns of the event loop. */
export function collectThen(done: () => void): void {
  collectNow()
  let turns = FINALISER_TURNS
  const next = (): void => {
    if (turns-- === 0) done()
    else setImmediate(next)
  }
  next()
}

/**
 * Node runs no finalisers in an idle thread: what finished tasks held would stay held. After a while without work one major
 * collection lets go of it. The timer also keeps the thread alive.
 */
export function collectWhenIdle(worker: { readonly idle: boolean; readonly begun: number }): void {
  let idleSince = Date.now()
  let collected = 0
  let begun = worker.begun
  setInterval(() => {
    // A short task may have come and gone since the last look.
    if (!worker.idle || worker.begun !== begun) {
      begun = worker.begun
      idleSince = Date.now()
      collected = 0
    } else if (collected < IDLE_MS.length && Date.now() - idleSince > IDLE_MS[collected]) {
      collected++
      collectNow()
    }
  }, CHECK_MS)
}
