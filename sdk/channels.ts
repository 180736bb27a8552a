import { OwnerDiedError, type ShoalError } from '../wire/errors/index.ts'
import type { Welcome } from '../wire/records.ts'
import type { Engine, EngineChannel } from './client/index.ts'

/** A way to an agent, open. */
export interface Connection {
  readonly channel: EngineChannel
  /** Who gets the agent's records from now on. */
  bind(engine: Engine): void
  /** Tells the agent that this program leaves, and lets go of everything. */
  close(): Promise<void>
}

/** The agent of this program is gone. */
export function agentGone(welcome: Welcome | undefined, reason: string): ShoalError {
  const peerId = welcome?.peerId ?? ''
  return new OwnerDiedError(`the agent ${peerId} is gone: ${reason}`, { peerId })
}
