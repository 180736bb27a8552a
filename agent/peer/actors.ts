import { taskIdText } from '../../wire/ids.ts'
import { type Client, state } from '../core/index.ts'
import type { NamedActors } from './named-actors.ts'
import type { PeerParts } from './parts.ts'

/** What actors need of their peer. */
export interface ActorsHost {
  /** Asks another peer; rejects where that is gone. */
  ask(peer: number, method: string, params: unknown): Promise<unknown>
  /** What was decided leaves. */
  stirred(): void
}

/** An actor by the name that its owner gives it, and how it is to be ended. */
interface Killing {
  key: [client: number, number: number]
  restart: boolean
  by: string
}

/** Actors as programs ask for them: by handles and by names. */
export class PeerActors {
  readonly #parts: PeerParts
  readonly #host: ActorsHost
  readonly #named: NamedActors

  constructor(parts: PeerParts, named: NamedActors, host: ActorsHost) {
    this.#named = named
    this.#parts = parts
    this.#host = host
  }

  /** Of which actor a failure speaks: one that the row stands for, or whose call it is. */
  about(row: number): { actorId: string; className: string } {
    const { owner } = this.#parts
    const { rows } = owner
    const actor = rows.actor[row] >= 0 ? owner.actors.resolve(rows.actor[row]) : row
    const kind = rows.kind[actor] >= 0 ? owner.kinds[rows.kind[actor]] : undefined
    const call = rows.kind[row] >= 0 ? this.#parts.specs[rows.kind[row]]?.call : undefined
    return { actorId: this.idOf(actor), className: kind?.name ?? call?.className ?? 'actor' }
  }

  /** The id of an actor. */
  idOf(row: number): string {
    const { rows } = this.#parts.owner
    const { owner, client } = this.#parts.names.ownerOf(rows.client[row])
    return taskIdText(owner, client, rows.number[row])
  }

  /** A client of this peer ends the actor of one of its handles. Resolves when that is done. */
  async killByClient(params: unknown, client: Client): Promise<null> {
    const { slot, number, restart } = params as { slot: number; number: number; restart: boolean }
    const { owner, names } = this.#parts
    const { rows, objects, peers } = owner
    const named = client.row(slot)
    if (named < 0 || rows.number[named] !== number) return null
    const row = owner.actors.resolve(named)
    const by = `it was killed by a program on peer ${names.own.peerId}`
    if (this.#named.isOwner(rows.client[row])) {
      await this.#named.kill(row, restart, by)
      return null
    }
    if (!objects.isForeign(row)) {
      this.#kill(row, restart, by)
      return null
    }
    const home = peers.homeOf(rows.client[row])
    const asked: Killing = { key: [home?.client ?? 0, rows.number[row]], restart, by }
    // An owner that is gone has no actors left.
    if (home) {
      const answer = this.#host.ask(home.peer, 'kill-actor', asked)
      this.#host.stirred()
      await answer.catch(() => undefined)
    }
    return null
  }

  /** Another peer has such a handle. */
  async killByPeer(params: unknown): Promise<null> {
    const { key, restart, by } = params as Killing
    const { owner } = this.#parts
    const named = owner.objects.shared(key[0], key[1])
    if (named >= 0) this.#kill(owner.actors.resolve(named), restart, by)
    return null
  }

  #kill(row: number, restart: boolean, by: string): void {
    const { owner, now } = this.#parts
    if (owner.rows.state[row] !== state.failed) owner.endActor(row, by, now(), restart)
    this.#host.stirred()
  }
}
