import { setTimeout as delay } from 'node:timers/promises'
import { state } from '../core/index.ts'
import { limits } from './limits.ts'
import type { PeerParts } from './parts.ts'

/** What succession needs of the remote side. */
export interface SuccessionHost {
  ask(peer: number, method: string, params: unknown): Promise<unknown>
  linked(): Iterable<{ peerId: string; index: number }>
  /** Detached actors, by the names that those who made them gave their handles: {peer/incarnation/client/number}. */
  detached(): Promise<ReadonlyMap<string, number>>
  /** A handle is of a detached actor. */
  continueIn(row: number, id: number): void
  ownPeerId: string
  stirred(): void
}

/** An object of the peer that is asked, or that asks: client and number. */
type Key = [client: number, number: number]

interface Keep {
  key: Key
  bytes: number
  /** Where its bytes are; -1: they come as a small value. */
  token: number
  order: string[]
}

interface Unkeep {
  key: Key
  /** Whose it was; missing: the asking peer's. */
  of?: { peerId: string; incarnation: number }
}

/** For each key: nothing is known, this peer may take it over soon, or the name under which it continues here. */
type Answer = 'nothing' | 'not yet' | Key

/** Copies of replicated objects at other peers, and who continues what was a dead peer's (core/replicas.ts). */
export class Succession {
  readonly #parts: PeerParts
  readonly #host: SuccessionHost
  readonly #orphans = new Map<number, number[]>()

  constructor(parts: PeerParts, host: SuccessionHost) {
    this.#parts = parts
    this.#host = host
    const { objects } = parts.owner
    objects.onOrphan = (row, peer) => this.#orphan(row, peer)
  }

  // ---- the owner's side

  keep(peer: number, row: number, order: readonly number[]): void {
    const { owner } = this.#parts
    const { rows, objects, peers, replicas } = owner
    const token = rows.token(row)
    const extra = rows.more(row)
    const params: Keep = {
      key: [rows.client[row], rows.number[row]],
      bytes: extra.bytes,
      token: objects.isHere(row) ? token : -1,
      order: order.map(one => peers.get(one).peerId),
    }
    this.#host.ask(peer, 'keep', params).then(
      kept => {
        if (kept === true) replicas.kept(token, peer)
        else replicas.notKept(token, peer)
        this.#host.stirred()
      },
      () => replicas.notKept(token, peer),
    )
  }

  unkeep(peer: number, client: number, number: number): void {
    // A copy of what had been a dead peer's goes by the name that this peer gave it.
    const { peers } = this.#parts.owner
    const home = peers.homeOf(client)
    const former = home && peers.get(home.peer)
    const params: Unkeep = home
      ? { key: [home.client, number], of: { peerId: former?.peerId ?? '', incarnation: former?.incarnation ?? 0 } }
      : { key: [client, number] }
    this.#host.ask(peer, 'unkeep', params).catch(() => undefined)
  }

  succeeded(token: number): void {
    setTimeout(() => {
      this.#parts.owner.replicas.settled(token)
      this.#host.stirred()
    }, limits.successionGraceMs).unref()
  }

  /** Waits until a peer has taken over, or turns out to have nothing to take over. */
  follow(token: number, peer: number): void {
    void this.#follow(token, peer).catch(() => undefined)
  }

  async #follow(token: number, peer: number): Promise<void> {
    const { owner } = this.#parts
    const { rows, peers, replicas, exchange } = owner
    for (;;) {
      await delay(limits.successionCheckMs)
      const row = rows.rowOf(token)
      const home = row < 0 ? undefined : peers.homeOf(rows.client[row])
      if (!home || rows.extra[row]?.keptFor?.authority !== peer) return
      const { peerId, incarnation } = peers.get(home.peer)
      const asked = this.#host.ask(peer, 'successors', { peerId, incarnation, keys: [[home.client, rows.number[row]]] })
      this.#host.stirred()
      const [answer] = (await asked) as Answer[]
      if (answer === 'not yet') continue
      if (answer === 'nothing') replicas.passedOver(token, peer, one => exchange.isKnown(one))
      this.#host.stirred()
      return
    }
  }

  // ---- the successor's side

  /** Answers another peer; undefined: that is no question about succession. */
  answer(peer: number, method: string, params: unknown): Promise<unknown> | undefined {
    if (method === 'keep') return this.#keepFor(peer, params as Keep)
    if (method === 'unkeep') return this.#unkeep(peer, params as Unkeep)
    if (method === 'successors') return this.#successors(params as { peerId: string; incarnation: number; keys: Key[] })
    return undefined
  }

  async #keepFor(peer: number, { key, bytes, token, order }: Keep): Promise<boolean> {
    const { rows, objects, peers, replicas } = this.#parts.owner
    const byId = new Map([...this.#host.linked()].map(one => [one.peerId, one.index]))
    const row = objects.rowToKeep(peers.clientId(peer, key[0]), key[1])
    replicas.keepFor(
      peer,
      row,
      order.flatMap(id => (id === this.#host.ownPeerId ? -1 : (byId.get(id) ?? []))),
    )
    if (token >= 0) {
      if (rows.state[row] === state.expected) objects.settleRemote(row, bytes, [{ peer, token }])
      objects.pull(row)
    } else objects.ask(row)
    const name = rows.token(row)
    this.#host.stirred()
    for (const until = performance.now() + limits.keepMs; performance.now() < until; ) {
      if (rows.rowOf(name) < 0 || !rows.more(row).keptFor || rows.state[row] === state.failed) return false
      if (rows.state[row] === state.ready || objects.isHere(row)) return true
      await delay(limits.keepCheckMs)
    }
    return false
  }

  async #unkeep(peer: number, { key: [client, number], of }: Unkeep): Promise<null> {
    const { peers, replicas } = this.#parts.owner
    const owner = of ? peers.of(of.peerId, of.incarnation).index : peer
    replicas.unkeep(peer, peers.clientId(owner, client), number)
    this.#host.stirred()
    return null
  }

  async #successors(asked: { peerId: string; incarnation: number; keys: Key[] }): Promise<Answer[]> {
    const { rows, peers, replicas } = this.#parts.owner
    const { index } = peers.of(asked.peerId, asked.incarnation)
    return asked.keys.map(([client, number]): Answer => {
      const found = replicas.successionOf(peers.clientId(index, client), number)
      return found.is === 'here' ? [rows.client[found.row], rows.number[found.row]] : found.is
    })
  }

  // ---- those who hold refs

  /** The owner of a borrowed object is dead: the others are asked, for all such objects at once. */
  #orphan(row: number, peer: number): void {
    const { rows, objects } = this.#parts.owner
    const extra = rows.more(row)
    if (extra.alias !== undefined || extra.keptFor) return
    objects.hold(row)
    const known = this.#orphans.get(peer)
    if (known) {
      known.push(rows.token(row))
      return
    }
    const batch = [rows.token(row)]
    this.#orphans.set(peer, batch)
    queueMicrotask(() => {
      this.#orphans.delete(peer)
      for (let from = 0; from < batch.length; from += limits.keysPerQuestion)
        void this.#resolve(peer, batch.slice(from, from + limits.keysPerQuestion))
    })
  }

  async #resolve(peer: number, tokens: number[]): Promise<void> {
    const { rows, objects, peers, replicas } = this.#parts.owner
    const { peerId, incarnation } = peers.get(peer)
    let open = tokens.map(token => rows.rowOf(token))
    let detached: ReadonlyMap<string, number> | undefined
    for (const until = performance.now() + limits.successionMs; open.length > 0; ) {
      const keys = open.map((row): Key => [peers.homeOf(rows.client[row])?.client ?? 0, rows.number[row]])
      const answers = await this.#askAll({ peerId, incarnation, keys })
      const later: number[] = []
      for (const [i, row] of open.entries()) {
        // A ref that was met later than the death of its owner may be of what this peer itself has taken over.
        const own = replicas.successionOf(rows.client[row], rows.number[row])
        const found = answers.find(({ answer }) => Array.isArray(answer[i]))
        if (own.is === 'here') objects.adopt(row, own.row)
        else if (found) {
          const [client, number] = found.answer[i] as Key
          objects.adopt(row, objects.rowOfKey(peers.clientId(found.peer, client), number))
        } else if (performance.now() < until && answers.some(({ answer }) => answer[i] === 'not yet')) {
          later.push(row)
          continue
        } else {
          // What is no object may be an actor that the directory has now.
          detached ??= await this.#host.detached()
          const id = detached.get(`${peerId}/${incarnation}/${keys[i].join('/')}`)
          if (id === undefined) objects.orphaned(row, peer)
          else this.#host.continueIn(row, id)
        }
        objects.letGo(row)
      }
      open = later
      this.#host.stirred()
      if (open.length > 0) await delay(limits.successionCheckMs)
    }
  }

  async #askAll(params: unknown): Promise<{ peer: number; answer: Answer[] }[]> {
    const asked = [...this.#host.linked()].map(async ({ index }) => ({
      peer: index,
      answer: (await this.#host.ask(index, 'successors', params)) as Answer[],
    }))
    this.#host.stirred()
    const settled = await Promise.allSettled(asked)
    return settled.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
  }
}
