import { limits } from './limits.ts'
import type { DirectoryHost, Entry, PeerRun } from './types.ts'
import type { Renewed } from './wire.ts'

/** What a holder needs of its directory. */
export interface HolderPort {
  readonly self: PeerRun
  now(): number
  /** Nobody but this peer decides: its leases need no renewal. */
  alone(): boolean
  renew(holds: readonly (readonly [number, number])[]): Promise<Renewed>
  host(): DirectoryHost
  /** The directory was told, and has not answered: it is told again. */
  overAgain(entry: Entry, over: Over): void
  begunAgain(entry: Entry, begun: Begun): void
}

/** `offered`: the leader says that it is placed here; it is hosted once its lease runs. `lost`: its lease is over, for now. */
interface Lease {
  entry: Entry
  state: 'offered' | 'held' | 'lost'
  until: number
  /** Its host has ended it; the directory does not know yet. */
  over?: Over
  /** Its host has begun it; the directory does not know yet. */
  begun?: Begun
}

interface Over {
  readonly reason: string
  readonly mayRestart: boolean
  readonly free?: boolean | undefined
}

interface Begun {
  readonly token: number
  readonly data: string | undefined
}

/** What this peer holds, and until when it may say so (protocols §5): detached entries that are placed here, and its own names. */
export class Holder {
  readonly #port: HolderPort
  readonly #leases = new Map<number, Lease>()
  #renewedAt = Number.NEGATIVE_INFINITY

  constructor(port: HolderPort) {
    this.#port = port
  }

  get size(): number {
    return this.#leases.size
  }

  holds(id: number, epoch: number): boolean {
    const lease = this.#leases.get(id)
    if (lease?.entry.epoch !== epoch || lease.state !== 'held' || lease.over) return false
    return this.#port.alone() || this.#port.now() < lease.until
  }

  /** It was claimed by this peer, which will own it. */
  owns(entry: Entry, since: number): void {
    this.#leases.set(entry.id, { entry, state: 'held', until: since + limits.holderMs })
  }

  /** The leader has placed it here. */
  offered(entry: Entry): void {
    const { self } = this.#port
    if (entry.holder?.peerId !== self.peerId || entry.holder.incarnation !== self.incarnation) return
    const before = this.#leases.get(entry.id)
    if (before && before.entry.epoch >= entry.epoch) return
    if (before) this.#stop(before, 'it was begun anew')
    this.#leases.set(entry.id, { entry, state: 'offered', until: 0 })
    this.renew()
  }

  /** Its host has ended it: the lease is not renewed, and nothing is to be stopped. */
  over(id: number, epoch: number, how: Over): void {
    const lease = this.#leases.get(id)
    if (lease?.entry.epoch === epoch) lease.over = how
  }

  /** Its host has begun it. Undefined: the directory knows. */
  begun(id: number, epoch: number, how: Begun | undefined): void {
    const lease = this.#leases.get(id)
    if (lease?.entry.epoch !== epoch) return
    if (how) lease.begun = how
    else delete lease.begun
  }

  /** Nothing more is said for it. */
  forget(id: number): void {
    this.#leases.delete(id)
  }

  stop(entry: Entry, why: string): void {
    const lease = this.#leases.get(entry.id)
    if (!lease || lease.entry.epoch !== entry.epoch) return
    this.#leases.delete(entry.id)
    this.#stop(lease, why)
  }

  #stop({ entry, state, over }: Lease, why: string): void {
    if (state !== 'offered' && !over) this.#port.host().stop(entry, why)
  }

  /** Renews all, in one message. */
  renew(): void {
    const sentAt = this.#port.now()
    this.#renewedAt = sentAt
    for (const { entry, over, begun } of [...this.#leases.values()]) {
      if (over) this.#port.overAgain(entry, over)
      else if (begun) this.#port.begunAgain(entry, begun)
    }
    const asked = [...this.#leases.values()].filter(({ over }) => !over)
    if (asked.length === 0) return
    const all = asked.map(({ entry }) => [entry.id, entry.epoch] as const)
    this.#port.renew(all).then(
      ({ renewed, stale }) => {
        const ids = new Set(renewed)
        const over = new Set(stale)
        for (const lease of asked) {
          const { id } = lease.entry
          if (this.#leases.get(id) !== lease || lease.over) continue
          if (over.has(id)) {
            this.#leases.delete(id)
            this.#stop(lease, 'it is not this peer’s any more')
          } else if (ids.has(id)) this.#renewed(lease, sentAt)
        }
      },
      () => undefined,
    )
  }

  #renewed(lease: Lease, sentAt: number): void {
    lease.until = Math.max(lease.until, sentAt + limits.holderMs)
    if (!this.#port.alone() && this.#port.now() >= lease.until) return
    const { state, entry } = lease
    lease.state = 'held'
    if (state === 'offered') this.#port.host().host(entry)
    else if (state === 'lost') this.#port.host().regained(entry)
  }

  tick(): void {
    if (this.#leases.size === 0) return
    const now = this.#port.now()
    if (!this.#port.alone())
      for (const lease of this.#leases.values())
        if (lease.state === 'held' && !lease.over && now >= lease.until) {
          lease.state = 'lost'
          this.#port.host().lost(lease.entry)
        }
    if (now - this.#renewedAt >= limits.renewMs) this.renew()
  }

  /** Its epoch, where this peer has it. */
  epochOf(id: number): number | undefined {
    return this.#leases.get(id)?.entry.epoch
  }
}
