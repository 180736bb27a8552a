import { setTimeout as delay } from 'node:timers/promises'
import { ConnectError } from '../../wire/errors/index.ts'
import { taskIdText } from '../../wire/ids.ts'
import { type Client, state } from '../core/index.ts'
import { limits } from './limits.ts'
import type { NamedActors } from './named-actors.ts'
import type { PeerParts } from './parts.ts'

/** What actors need of their peer. */
export interface ActorsHost {
  /** Asks another peer; rejects where that is gone. */
  ask(peer: number, method: string, params: unknown): Promise<unknown>
  /** Whether a session with a peer is open, and whether one has ended for good. */
  reaches(peer: number): boolean
  isGone(peer: number): boolean
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
    const { rows } = owner
    const named = client.row(slot)
    if (named < 0 || rows.number[named] !== number) return null
    await this.#end(named, restart, `it was killed by a program on peer ${names.own.peerId}`)
    return null
  }

  /** Another peer has such a handle. */
  async killByPeer(params: unknown): Promise<null> {
    const { key, restart, by } = params as Killing
    const named = this.#parts.owner.objects.shared(key[0], key[1])
    if (named >= 0) await this.#end(named, restart, by)
    return null
  }

  async #end(named: number, restart: boolean, by: string): Promise<void> {
    const { rows, objects, actors } = this.#parts.owner
    const claim = this.#named.claimed(rows.token(named))
    if (!claim) return await this.#endNow(actors.resolve(named), restart, by)
    // Which actor it is, is found out now.
    objects.hold(named)
    try {
      await claim
      await this.#endNow(actors.resolve(named), restart, by)
    } finally {
      objects.letGo(named)
    }
  }

  /** Ends an actor, whoever owns it. */
  async #endNow(row: number, restart: boolean, by: string): Promise<void> {
    const { rows, objects, peers } = this.#parts.owner
    if (this.#named.isOwner(rows.client[row])) return await this.#named.kill(row, restart, by)
    if (!objects.isForeign(row)) return await this.#kill(row, restart, by)
    const home = peers.homeOf(rows.client[row])
    // An owner that is gone has no actors left.
    if (!home) return
    await this.#ask(home.peer, { key: [home.client, rows.number[row]], restart, by })
  }

  /** Has the owner of an actor end it. One that is not linked may be, within a while. */
  async #ask(peer: number, asked: Killing): Promise<void> {
    const { reaches, isGone, ask, stirred } = this.#host
    for (const until = performance.now() + limits.killLinkMs; !isGone(peer); await delay(limits.relinkMs)) {
      const wasLinked = reaches(peer)
      if (wasLinked) {
        const answer = ask(peer, 'kill-actor', asked)
        stirred()
        const trouble = await answer.then(
          () => undefined,
          (error: Error) => error,
        )
        if (!trouble) return
        if (reaches(peer)) throw trouble
      }
      // What may have been restarted is not restarted twice.
      if (performance.now() >= until || (wasLinked && asked.restart)) throw this.#cutOff(peer)
    }
  }

  #cutOff(peer: number): ConnectError {
    const { peerId } = this.#parts.owner.peers.get(peer)
    const reason = 'it owns the actor, and is not linked with this peer'
    return new ConnectError(`the actor may live on: ${peerId} cannot be told to end it: ${reason}`, {
      attempts: [{ address: peerId, reason }],
    })
  }

  async #kill(row: number, restart: boolean, by: string): Promise<void> {
    const { owner, now } = this.#parts
    const token = owner.rows.token(row)
    if (owner.rows.state[row] !== state.failed) owner.endActor(row, by, now(), restart)
    this.#host.stirred()
    // Who takes its name next is to have it. Where the directory cannot say so now, its next renewal does.
    const freed = this.#named.freed(token)
    if (freed !== undefined) await Promise.race([freed, delay(limits.freedMs, undefined, { ref: false })])
  }
}
