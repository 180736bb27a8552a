import { Client, Kind, type LabelRule, Owner, ResourceTable } from '../../agent/core/index.ts'
import { state } from '../../agent/core/rows.ts'

/** Random numbers that repeat with their seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = a
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

interface SimOptions {
  seed: number
  peers: number
  cpus: number
  /** One way, in milliseconds. */
  latencyMs: number
  labels?: (peer: number) => Record<string, string>
  resources?: (peer: number) => Record<string, number>
}

interface KindOptions {
  cpus?: number
  resources?: Record<string, number>
  retries?: number
  spread?: boolean
  peer?: number
  labels?: Record<string, LabelRule>
}

const none = { u8: new Uint8Array(0), at: 0, bytes: 0 }

/** One peer's cores; threads and network are played by the mesh. */
class SimPeer {
  readonly index: number
  readonly mesh: SimMesh
  readonly owner: Owner
  readonly driver: Client
  alive = true
  readonly #threads = new Map<number, { queue: number[]; busy: boolean; ended: boolean }>()
  readonly #guestKinds = new Map<string, number>()
  readonly outgoing = new Map<string, (() => void)[]>()
  #next = 1

  constructor(mesh: SimMesh, index: number) {
    this.mesh = mesh
    this.index = index
    const { options } = mesh
    const totals = { cpus: options.cpus, gpus: 0, memoryBytes: 1e9, ...options.resources?.(index) }
    this.owner = new Owner(new ResourceTable(totals), {
      startThread: thread => this.#threads.set(thread, { queue: [], busy: false, ended: false }),
      endThread: () => undefined,
      run: (thread, row) => this.#run(thread, row),
      revoke: (thread, row) => this.#revoke(thread, row),
      resume: () => undefined,
      abort: () => undefined,
      result: (_client, slot, failed) => mesh.committed(this.index, slot, failed),
      stored: () => undefined,
      need: () => undefined,
      free: () => undefined,
      encode: () => new Uint8Array(1),
      timer: () => undefined,
      grant: (peer, row) => this.#grant(peer, row),
      park: (peer, room) => this.#say(peer, 'park', to => to.owner.exchange.parked(this.numberAt(to), room, mesh.now)),
      offer: peer => this.#say(peer, 'offer', to => to.owner.exchange.offered(this.numberAt(to), mesh.now)),
      answer: (row, end) => this.#answer(row, end.failed),
      answerStored: () => undefined,
      giveUp: (peer, token) =>
        this.#say(peer, 'back', to => to.owner.returned(to.owner.rows.rowOf(token), this.numberAt(to))),
      stop: () => undefined,
      runCall: () => undefined,
      reaches: () => true,
      stopCall: () => undefined,
      callLeft: () => undefined,
      claimName: () => undefined,
      detachedMade: () => undefined,
      detachedLost: () => undefined,
      detachedSaved: () => undefined,
      dismiss: () => undefined,
      endActor: () => undefined,
      actorLost: () => undefined,
      actorSaved: () => undefined,
      notHere: () => undefined,
      evict: (peer, token) =>
        this.#say(peer, 'evict', to => to.owner.evicted(to.owner.rows.rowOf(token), this.numberAt(to), mesh.now)),
      credit: () => undefined,
      creditAt: () => undefined,
      item: () => undefined,
      streamEnded: () => undefined,
      answerProduct: () => undefined,
      cancel: () => undefined,
      borrow: () => undefined,
      giveBack: () => undefined,
      want: () => undefined,
      tell: () => undefined,
      pull: () => undefined,
      dropAt: () => undefined,
      keep: () => undefined,
      unkeep: () => undefined,
      succeeded: () => undefined,
      follow: () => undefined,
      linger: () => undefined,
      fetched: () => undefined,
      inlined: () => undefined,
      unfetched: () => undefined,
    })
    this.owner.exchange.self = { peerId: `p${index}`, totals, labels: options.labels?.(index) ?? {}, closed: false }
    this.owner.exchange.open = true
    this.owner.exchange.random = mesh.random
    this.driver = new Client(this.owner.newClientId(), 1, -1)
    this.owner.clients.set(this.driver.id, this.driver)
  }

  /** What another peer calls this one. */
  numberAt(other: SimPeer): number {
    return other.owner.peers.of(`p${this.index}`, 1).index
  }

  meet(other: SimPeer): void {
    const { peerId, totals, labels } = other.owner.exchange.self
    this.owner.exchange.peerIs(other.numberAt(this), { peerId, totals, labels, closed: false })
  }

  kind(options: KindOptions = {}): number {
    const { kinds, rows, resources, exchange } = this.owner
    const kind = new Kind(kinds.length, rows, {
      name: 'f',
      demand: resources.demand({ cpus: options.cpus ?? 1, ...options.resources }),
      priority: 0,
      timeoutMs: 0,
      retries: options.retries ?? 3,
      infeasibleTimeoutMs: 10_000,
      placement: {
        spread: options.spread ?? false,
        soft: false,
        ...(options.peer === undefined ? {} : { peer: `p${options.peer}` }),
        ...(options.labels === undefined ? {} : { labels: options.labels }),
      },
    })
    kinds.push(kind)
    exchange.place(kind)
    return kind.index
  }

  submit(kind: number, task: number): void {
    const number = this.#next++
    this.owner.submit(
      this.driver,
      { slot: task, number, kind, parent: -1, dependencies: [], contained: [] },
      none,
      this.mesh.now,
    )
  }

  // ---- threads

  #run(thread: number, row: number): void {
    const state = this.#threads.get(thread)
    if (!state) throw new Error('no such thread')
    state.queue.push(row)
    if (!state.busy) this.#begin(thread)
  }

  #begin(thread: number): void {
    const at = this.#threads.get(thread)
    const row = at?.queue.shift()
    if (!at || row === undefined) return
    at.busy = true
    const { rows } = this.owner
    const token = rows.token(row)
    const task = this.mesh.taskOf(this, row)
    const startedAt = this.mesh.now
    this.mesh.begun(task, this.index)
    this.mesh.after(this.mesh.durationOf(task), () => {
      if (!this.alive) return
      at.busy = false
      const endedAt = this.mesh.now
      const end = {
        failed: false,
        retry: false,
        awaited: false,
        offset: -1,
        bytes: 0,
        contained: [],
        startedAt,
        endedAt,
        error: undefined,
      }
      this.owner.done(token, thread, end, none, endedAt)
      this.#begin(thread)
      this.turn()
    })
  }

  #revoke(thread: number, row: number): boolean {
    const at = this.#threads.get(thread)
    const index = at?.queue.indexOf(row) ?? -1
    if (index < 0) return false
    at?.queue.splice(index, 1)
    return true
  }

  // ---- other peers

  #grant(peer: number, row: number): void {
    const { rows } = this.owner
    const task = this.mesh.taskOf(this, row)
    const token = rows.token(row)
    const attempt = rows.attempt[row]
    const kind = rows.kind[row]
    const number = rows.number[row]
    this.#say(peer, 'grant', to => to.host(this, { task, token, attempt, kind, number }))
  }

  host(from: SimPeer, grant: { task: number; token: number; attempt: number; kind: number; number: number }): void {
    const home = from.numberAt(this)
    const name = `${from.index}/${grant.kind}`
    const { kinds, rows, resources, peers } = this.owner
    let kind = this.#guestKinds.get(name)
    if (kind === undefined) {
      const theirs = from.owner.kinds[grant.kind] as Kind
      kind = kinds.length
      const demand = resources.demand(from.owner.resources.named(theirs.demand))
      kinds.push(
        new Kind(kind, rows, {
          name: 'f',
          demand,
          priority: 0,
          timeoutMs: 0,
          retries: 3,
          infeasibleTimeoutMs: 10_000,
          home,
        }),
      )
      this.#guestKinds.set(name, kind)
    }
    const client = peers.clientId(home, grant.task + 1)
    const { token, attempt, number } = grant
    this.owner.host(
      {
        client,
        number,
        kind,
        job: from.index + 2,
        attempt,
        depth: 0,
        home: { peer: home, token },
        dependencies: [],
        values: [],
        contained: [],
      },
      none,
      this.mesh.now,
    )
  }

  #answer(row: number, failed: boolean): void {
    const { rows } = this.owner
    const home = rows.extra[row]?.home
    if (!home) throw new Error('an answer of a task of this peer')
    const attempt = rows.attempt[row]
    const { token } = home
    const now = this.mesh.now
    const startedAt = rows.startedAt[row]
    this.#say(home.peer, 'done', to => {
      const at = to.owner.rows.rowOf(token)
      const end = {
        attempt,
        failed,
        retry: false,
        system: false,
        lost: false,
        startedAt,
        endedAt: now,
        error: undefined,
        at: { peerId: `p${this.index}`, workerId: '', pid: 0 },
        contained: [],
      }
      if (to.owner.isGranted(at, this.numberAt(to), end.attempt)) to.owner.grantDone(at, this.numberAt(to), end, none)
    })
  }

  /** What is said to one peer in one turn leaves as one frame a kind, as in the real thing. */
  #say(peer: number, what: string, then: (to: SimPeer) => void): void {
    const to = this.mesh.peerNamed(this.owner.peers.get(peer).peerId)
    const key = `${to.index}/${what}`
    let batch = this.outgoing.get(key)
    if (!batch) {
      batch = []
      this.outgoing.set(key, batch)
    }
    batch.push(() => then(to))
  }

  /** After events: decides, and sends. */
  turn(): void {
    if (!this.alive) return
    this.owner.returnStale(this.mesh.now)
    this.owner.schedule(this.mesh.now)
    for (const [key, batch] of this.outgoing) {
      const [to, what] = key.split('/')
      this.mesh.send(this, Number(to), what, batch)
    }
    this.outgoing.clear()
  }

  /** Tasks that are not finished, here. */
  get open(): number {
    let count = 0
    for (const row of this.owner.liveTasks()) if (this.owner.rows.state[row] !== state.free) count++
    return count
  }
}

/** A whole mesh of cores in one process, from one seed: its clock is a queue of events. */
export class SimMesh {
  readonly options: SimOptions
  readonly random: () => number
  readonly peers: SimPeer[]
  now = 0
  readonly frames: Record<string, number> = {}
  /** By task: how often it began, where it was committed. */
  readonly began = new Map<number, number[]>()
  readonly commits = new Map<number, number>()
  readonly #durations: number[] = []
  readonly #events: { at: number; seq: number; run(): void }[] = []
  #seq = 0

  constructor(options: SimOptions) {
    this.options = options
    this.random = randomOf(options.seed)
    this.peers = Array.from({ length: options.peers }, (_, i) => new SimPeer(this, i))
    for (const a of this.peers) for (const b of this.peers) if (a !== b) a.meet(b)
    for (const peer of this.peers) this.#tick(peer)
  }

  #tick(peer: SimPeer): void {
    this.after(50 * (0.5 + this.random()), () => {
      if (!peer.alive) return
      peer.turn()
      this.#tick(peer)
    })
  }

  peerNamed(peerId: string): SimPeer {
    return this.peers[Number(peerId.slice(1))]
  }

  after(ms: number, run: () => void): void {
    const event = { at: this.now + ms, seq: this.#seq++, run }
    // A binary heap by time, then by order.
    const heap = this.#events
    heap.push(event)
    for (let i = heap.length - 1; i > 0; ) {
      const up = (i - 1) >> 1
      if (!earlier(heap[i], heap[up])) break
      ;[heap[i], heap[up]] = [heap[up], heap[i]]
      i = up
    }
  }

  #pop(): { at: number; run(): void } | undefined {
    const heap = this.#events
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last || heap.length === 0) return first
    heap[0] = last
    for (let i = 0; ; ) {
      let least = i
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < heap.length && earlier(heap[child], heap[least])) least = child
      if (least === i) break
      ;[heap[i], heap[least]] = [heap[least], heap[i]]
      i = least
    }
    return first
  }

  send(from: SimPeer, to: number, what: string, batch: (() => void)[]): void {
    this.frames[what] = (this.frames[what] ?? 0) + 1
    this.after(this.options.latencyMs * (0.8 + 0.4 * this.random()), () => {
      const peer = this.peers[to]
      if (!peer.alive || !from.alive) return
      for (const one of batch) one()
      peer.turn()
    })
  }

  /** A new task with a duration; its number. */
  task(durationMs: number): number {
    return this.#durations.push(durationMs) - 1
  }

  durationOf(task: number): number {
    return this.#durations[task]
  }

  taskOf(peer: SimPeer, row: number): number {
    const { rows, peers } = peer.owner
    const home = peers.homeOf(rows.client[row])
    return home ? home.client - 1 : rows.slot[row]
  }

  begun(task: number, peer: number): void {
    const list = this.began.get(task)
    if (list) list.push(peer)
    else this.began.set(task, [peer])
  }

  committed(_peer: number, task: number, failed: boolean): void {
    if (failed) throw new Error(`task ${task} failed`)
    this.commits.set(task, (this.commits.get(task) ?? 0) + 1)
  }

  /** As if it had been killed, and all others noticed it after a while. */
  kill(index: number, noticedAfterMs: number): void {
    const dead = this.peers[index]
    dead.alive = false
    this.after(noticedAfterMs, () => {
      for (const peer of this.peers) {
        if (!peer.alive) continue
        peer.owner.peerGone(dead.numberAt(peer), this.now)
        peer.turn()
      }
    })
  }

  /** Runs until `tasks` are committed, or a while has passed. Gives the time of the last. */
  run(tasks: number, maxMs: number): number {
    while (this.commits.size < tasks) {
      const event = this.#pop()
      if (!event || event.at > maxMs)
        throw new Error(
          `${this.commits.size} of ${tasks} tasks after ${Math.round(this.now)} ms (seed ${this.options.seed})`,
        )
      this.now = event.at
      event.run()
    }
    return this.now
  }

  /** Goes on for a while after the last task. */
  settle(ms: number): void {
    const until = this.now + ms
    for (let event = this.#pop(); event && event.at <= until; event = this.#pop()) {
      this.now = event.at
      event.run()
    }
  }
}

function earlier(a: { at: number; seq: number }, b: { at: number; seq: number }): boolean {
  return a.at < b.at || (a.at === b.at && a.seq < b.seq)
}

/** When a scheduler that knows everything at once, and pays nothing for messages, would be done: each task to the first free CPU. */
export function greedyBound(durations: number[], slots: number): number {
  const free = new Float64Array(slots)
  for (const duration of durations) {
    let first = 0
    for (let i = 1; i < slots; i++) if (free[i] < free[first]) first = i
    free[first] += duration
  }
  return Math.max(...free)
}
