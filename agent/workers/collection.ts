import { collectNow } from '../../wire/collection.ts'

/** How long a thread is idle before what its tasks held is collected, and again (protocols §2, Collection). */
const IDLE_MS = [5000, 15_000]
const CHECK_MS = 1000

/**
 * Node runs no finalisers in an idle thread: what finished tasks held would stay held. After a while without work one major
 * collection lets go of it. The timer also keeps the thread alive.
 */
export function collectWhenIdle(worker: {
  readonly idle: boolean
  readonly begun: number
  readonly actors: { ended: number }
}): void {
  let idleSince = Date.now()
  let collected = 0
  let begun = worker.begun
  let ended = 0
  setInterval(() => {
    // What actors held that are over must not stay held because others live on in this thread.
    if (worker.actors.ended !== ended) {
      ended = worker.actors.ended
      collectNow()
    }
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
