import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** How long a thread is idle before what its tasks held is collected, and again (protocols §2, Collection). */
const IDLE_MS = [5000, 15_000]
const CHECK_MS = 1000

/**
 * Node runs no finalisers in an idle thread: what finished tasks held would stay held. After a while without work one major
 * collection lets go of it. The timer also keeps the thread alive.
 */
export function collectWhenIdle(idle: () => boolean): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  let idleSince = Date.now()
  let collected = 0
  setInterval(() => {
    if (!idle()) {
      idleSince = Date.now()
      collected = 0
    } else if (collected < IDLE_MS.length && Date.now() - idleSince > IDLE_MS[collected]) {
      collected++
      collect()
    }
  }, CHECK_MS)
}
