import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Turns of the event loop within which the finalisers of one collection have run. */
const FINALISER_TURNS = 3

let gc: (() => void) | undefined

/** One major collection, now. */
export function collectNow(): void {
  if (!gc) {
    setFlagsFromString('--expose-gc')
    gc = runInNewContext('gc') as () => void
  }
  gc()
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
