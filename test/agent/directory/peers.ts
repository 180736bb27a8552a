import {
  type DirectoryHost,
  type Entry,
  type Member,
  MemoryStorage,
  NameDirectory,
  type PeerRun,
} from '../../../agent/directory/index.ts'
import type { Storage } from '../../../agent/directory/storage.ts'

/** One peer of a mesh of directories in this process: what its host was asked to do is in `heard`. */
export interface TestPeer {
  readonly self: PeerRun
  readonly names: NameDirectory
  readonly heard: string[]
  /** Detached entries that run here. */
  readonly hosted: Map<number, Entry>
}

export interface PeerKind {
  durable?: boolean
  founder?: boolean
  storage?: Storage
  /** What a placed entry does: by default it says that it is alive. */
  host?: (entry: Entry, names: NameDirectory) => void
  choose?: DirectoryHost['choose']
}

/** Directories whose messages take a turn of the event loop each. */
export class TestMesh {
  readonly peers = new Map<string, TestPeer>()
  readonly #members = new Map<string, Member>()
  readonly #cut = new Set<string>()
  #incarnation = 1

  add(peerId: string, kind: PeerKind = {}): TestPeer {
    const { durable = true, founder = this.peers.size === 0, storage = new MemoryStorage() } = kind
    const self = { peerId, incarnation: this.#incarnation++ }
    const names = new NameDirectory({ self, durable, founder, storage, log: () => undefined })
    const peer: TestPeer = { self, names, heard: [], hosted: new Map() }
    const { heard, hosted } = peer
    names.attach({
      choose: kind.choose ?? (() => [...this.peers.values()].at(-1)?.self),
      host: entry => {
        heard.push(`host ${entry.name} ${entry.epoch}`)
        hosted.set(entry.id, entry)
        if (kind.host) kind.host(entry, names)
        else void names.alive(entry.id, entry.epoch, 7, 'there').catch(() => undefined)
      },
      stop: (entry, why) => {
        heard.push(`stop ${entry.name} ${entry.epoch}: ${why}`)
        hosted.delete(entry.id)
      },
      lost: entry => void heard.push(`lost ${entry.name} ${entry.epoch}`),
      regained: entry => void heard.push(`regained ${entry.name} ${entry.epoch}`),
    })
    names.enter({
      send: (to, part, last) => {
        const copy = part.slice()
        if (!this.peers.has(to)) return false
        setImmediate(() => {
          if (!this.#cut.has(`${peerId} ${to}`) && this.peers.get(peerId) === peer)
            this.peers.get(to)?.names.peerFrame(peerId, copy, last)
        })
        return true
      },
      members: () => [...this.#members.values()].filter(one => one.peerId !== peerId),
    })
    this.peers.set(peerId, peer)
    this.#member(peerId, { incarnation: self.incarnation, state: 'alive', confirmed: false, closed: false })
    for (const other of this.peers.values()) {
      if (other === peer) continue
      other.names.peerBegan(peerId, self.incarnation)
      names.peerBegan(other.self.peerId, other.self.incarnation)
    }
    return peer
  }

  #member(peerId: string, what: Partial<Member>): void {
    this.#members.set(peerId, { ...this.#members.get(peerId), ...what, peerId } as Member)
    for (const { names } of this.peers.values()) names.membersChanged()
  }

  /** Its process ends. `confirmed`: the others know. */
  kill(peerId: string, how: { confirmed: boolean } | 'left'): void {
    const peer = this.peers.get(peerId)
    this.peers.delete(peerId)
    peer?.names.close()
    this.#member(peerId, how === 'left' ? { state: 'left' } : { state: 'dead', ...how })
    for (const { names } of this.peers.values()) names.peerEnded(peerId)
  }

  /** Nothing goes through between two; nobody knows why. */
  cut(a: string, b: string): void {
    this.#cut.add(`${a} ${b}`)
    this.#cut.add(`${b} ${a}`)
  }

  heal(): void {
    this.#cut.clear()
  }

  /** What a peer says of itself, or others of it. */
  says(peerId: string, what: Partial<Member>): void {
    this.#member(peerId, what)
  }

  async voters(count: number): Promise<string[]> {
    for (const end = performance.now() + 20_000; performance.now() < end; ) {
      const [first] = this.peers.values()
      const { voters, leader } = first.names.status
      if (voters.length === count && leader !== null) return [...voters]
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    const states = [...this.peers.values()].map(({ self, names }) => `${self.peerId} ${JSON.stringify(names.status)}`)
    throw new Error(`not ${count} voters: ${states.join('; ')}`)
  }

  close(): void {
    for (const { names } of this.peers.values()) names.close()
    this.peers.clear()
  }
}
