import { checkDrain } from './options/index.ts'
import { currentEngine } from './session.ts'
import type { DrainOptions } from './types.ts'

/**
 * Has a peer give up what it does: no new work and no bundles of placement groups land there, what runs finishes, until
 * `deadlineMs`, and then runs again elsewhere without using up a retry; objects and their ownership are handed over. Resolves
 * when that is done. The peer lives on, idle and `draining`, until its agent is stopped (`shoal down` drains it, too). Draining
 * twice is one drain. `mesh.peerId` may be named; a task that drains its own peer waits for itself.
 * Rejects with InvalidOptionError where there is no such peer.
 */
export async function drain(peerId: string, options?: DrainOptions): Promise<void> {
  const { deadlineMs } = checkDrain(peerId, options)
  const engine = currentEngine('drain()')
  const how = deadlineMs === undefined ? { peerId } : { peerId, deadlineMs }
  await engine.suspension.while(engine.calls.call('drain-peer', how))
}
