import { InvalidOptionError } from '../../wire/errors/index.ts'
import { type Cancelling, type Client, state } from '../core/index.ts'
import type { PeerParts } from './parts.ts'

/** What cancelling needs of its peer. */
export interface CancellationHost {
  /** Asks another peer; rejects where that is gone. */
  ask(peer: number, method: string, params: unknown): Promise<unknown>
  /** What was decided leaves. */
  stirred(): void
}

/** An object by the name that its owner gives it, and how its task is to be cancelled. */
interface CancelKey extends Cancelling {
  key: [client: number, number: number]
}

/** Cancels tasks by their refs: whoever has a ref may, its owner does (core: `Owner.cancel`). */
export class Cancellation {
  readonly #parts: PeerParts
  readonly #host: CancellationHost

  constructor(parts: PeerParts, host: CancellationHost) {
    this.#parts = parts
    this.#host = host
  }

  /** A client of this peer cancels the task of one of its refs. Resolves once nothing of it can start any more. */
  async byClient(params: unknown, client: Client): Promise<null> {
    const { slot, number, force, recursive } = params as { slot: number; number: number } & Cancelling
    const { rows, objects, peers } = this.#parts.owner
    const row = client.row(slot)
    if (row < 0 || rows.number[row] !== number) return null
    if (!objects.isForeign(row)) {
      if (force && this.#isCall(row)) throw notForced()
      return await this.#cancel(row, { force, recursive })
    }
    const home = peers.homeOf(rows.client[row])
    const asked: CancelKey = { key: [home?.client ?? 0, number], force, recursive }
    // An owner that is gone has nothing left to cancel.
    if (home && (await this.#ask(home.peer, 'cancel', asked)) === 'refused') throw notForced()
    return null
  }

  /** Whether a row is a call of an actor, or what one gives. */
  #isCall(row: number): boolean {
    const { rows, kinds } = this.#parts.owner
    const task = rows.extra[row]?.madeBy?.task ?? row
    return rows.kind[task] >= 0 && kinds[rows.kind[task]]?.call !== undefined
  }

  /** Another peer has such a ref. */
  async byPeer(params: unknown): Promise<'refused' | null> {
    const { key, force, recursive } = params as CancelKey
    const row = this.#parts.owner.objects.shared(key[0], key[1])
    if (row < 0) return null
    if (force === true && this.#isCall(row)) return 'refused'
    return await this.#cancel(row, { force: force === true, recursive: recursive !== false })
  }

  async #cancel(row: number, how: Cancelling): Promise<null> {
    const { owner, now } = this.#parts
    if (owner.rows.state[row] === state.free) return null
    const peers = owner.cancel(row, how, now())
    this.#host.stirred()
    // Frames arrive in order: who answers this has heard that.
    await Promise.all([...peers].map(peer => this.#ask(peer, 'heard', null)))
    return null
  }

  async #ask(peer: number, method: string, params: unknown): Promise<unknown> {
    const asked = this.#host.ask(peer, method, params)
    this.#host.stirred()
    return await asked.catch(() => undefined)
  }
}

function notForced(): InvalidOptionError {
  const allowed = 'false for a call of an actor: its thread is the whole actor’s (kill ends that)'
  return new InvalidOptionError(`cancel: force must be ${allowed}; it was true`, {
    option: 'force',
    value: true,
    allowed,
  })
}
