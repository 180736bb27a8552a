import { setTimeout as delay } from 'node:timers/promises'
import { state } from '../core/index.ts'
import { limits } from './limits.ts'
import type { PeerParts } from './parts.ts'

/** Values that a peer keeps for the owners of their tasks, when it leaves in order: each owner fetches its own first. */
export class HandOver {
  readonly #parts: PeerParts

  constructor(parts: PeerParts) {
    this.#parts = parts
  }

  /** Tokens of the results here whose home is that peer. */
  keptFor(peer: number): number[] {
    const { rows, objects } = this.#parts.owner
    const tokens: number[] = []
    for (let row = 0; row < rows.capacity; row++) {
      const ended = rows.state[row] === state.ready || rows.state[row] === state.remote
      // An actor is no value: it moves, or ends (`Peer.drain`).
      if (!ended || rows.extra[row]?.actor || rows.extra[row]?.home?.peer !== peer) continue
      if (objects.isHere(row)) tokens.push(rows.token(row))
    }
    return tokens
  }

  /** A peer that leaves keeps these: what is nowhere else is fetched. Resolves when it is here, or cannot come. */
  async take(peer: number, tokens: unknown): Promise<null> {
    const { rows, objects } = this.#parts.owner
    const kept = new Set(Array.isArray(tokens) ? tokens : [])
    const coming: number[] = []
    for (let row = 0; row < rows.capacity; row++) {
      if (rows.state[row] !== state.remote || rows.extra[row]?.actor || objects.isHere(row)) continue
      const { locations } = rows.more(row)
      if (locations?.length !== 1 || locations[0].peer !== peer || !kept.has(locations[0].token)) continue
      objects.pull(row)
      coming.push(rows.token(row))
    }
    const comes = (token: number): boolean => {
      const row = rows.rowOf(token)
      return row >= 0 && rows.state[row] === state.remote && rows.more(row).pulling === true
    }
    while (coming.some(comes)) await delay(limits.handOverMs)
    return null
  }
}
