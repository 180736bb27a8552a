import { Client, Kind, type Location, Owner, ResourceTable } from '../../agent/core/index.ts'
import { state } from '../../agent/core/rows.ts'
import { Codes } from '../../agent/peer/codes.ts'
import { limits } from '../../agent/peer/limits.ts'
import { Names } from '../../agent/peer/names.ts'
import type { PeerParts } from '../../agent/peer/parts.ts'
import { RemotePeers } from '../../agent/peer/remote-peers.ts'
import { Store } from '../../agent/peer/store.ts'
import { decodeHeader, encodeHeader, type HeaderValue } from '../../mesh/wire/index.ts'
import type { FunctionSpec } from '../../wire/records.ts'
import { randomOf } from './cores.ts'

// What a dead peer held is let go after 5 s in the real thing; here after the events that are on their way.
;(limits as { borrowerGraceMs: number }).borrowerGraceMs = 0
;(limits as { strangerMs: number }).strangerMs = 1

/** An object's name anywhere in the mesh. */
interface Name {
  agent: number
  client: number
  number: number
}

const spec: FunctionSpec = {
  name: 'pass',
  code: 'c',
  entry: 0,
  retryClasses: [],
  blobs: [],
  codes: [],
  resources: { cpus: 0 },
  retries: 0,
  retryErrors: false,
  timeoutMs: 0,
  priority: 0,
  copy: true,
  external: [],
  infeasibleTimeoutMs: 1e9,
  returns: 1,
  backpressure: 0,
}

interface Held {
  slot: number
  name: Name
}

/** A program, or the code in a worker: it holds refs by slots of its own. */
class Holder {
  readonly client: Client
  readonly held: Held[] = []
  #next = 1

  constructor(client: Client) {
    this.client = client
  }

  slot(): number {
    return this.#next++
  }
}

/** One agent: the real cores, the real remote side, and programs and workers that the test plays. */
class Agent {
  readonly index: number
  readonly world: World
  readonly peerId: string
  readonly owner: Owner
  readonly remote: RemotePeers
  readonly driver: Holder
  readonly worker: Holder
  readonly kinds: number[] = []
  readonly running: { row: number; token: number; thread: number; names: Name[] }[] = []
  alive = true
  #numbers = 1

  constructor(world: World, index: number) {
    this.world = world
    this.index = index
    this.peerId = world.peerIdOf(index)
    const remote = (): RemotePeers => this.remote
    this.owner = new Owner(new ResourceTable({ cpus: 1000, gpus: 0, memoryBytes: 1e9 }), {
      startThread: () => undefined,
      endThread: () => undefined,
      run: (thread, row) => this.#run(thread, row),
      revoke: () => false,
      resume: () => undefined,
      abort: () => undefined,
      result: (client, slot, failed, _kept, from) =>
        this.#result(client, slot, failed, from.u8.slice(from.at, from.at + from.bytes)),
      stored: () => undefined,
      need: () => undefined,
      free: () => undefined,
      encode: failure => encodeHeader({ failure: failure.kind, why: 'reason' in failure ? failure.reason : '' }),
      timer: () => undefined,
      grant: (peer, row) => remote().grant(peer, row),
      park: (peer, room) => remote().park(peer, room),
      offer: peer => remote().offer(peer),
      answer: (row, end, from) => remote().answer(row, end, from),
      answerStored: (row, end, bytes) => remote().answerStored(row, end, bytes),
      giveUp: (peer, token) => remote().giveUp(peer, token),
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
      evict: () => undefined,
      credit: () => undefined,
      creditAt: () => undefined,
      item: () => undefined,
      streamEnded: () => undefined,
      answerProduct: () => undefined,
      cancel: (peer, row) => remote().cancel(peer, row),
      borrow: row => remote().borrow(row),
      giveBack: (client, number) => remote().giveBack(client, number),
      want: row => remote().want(row),
      tell: (peer, row) => remote().tell(peer, row),
      pull: () => undefined,
      dropAt: (location: Location) => remote().dropAt(location),
      keep: (peer, row, order) => remote().succession.keep(peer, row, order),
      unkeep: (peer, client, number) => remote().succession.unkeep(peer, client, number),
      succeeded: token => remote().succession.succeeded(token),
      follow: (token, peer) => remote().succession.follow(token, peer),
      linger: () => undefined,
      fetched: () => undefined,
      inlined: () => undefined,
      unfetched: () => undefined,
    })
    const own = { peerId: this.peerId, incarnation: 1 }
    const codes = new Codes()
    codes.add('c', new Uint8Array(1), -1)
    const parts: PeerParts = {
      owner: this.owner,
      store: new Store(new SharedArrayBuffer(1 << 20)),
      codes,
      specs: [],
      kindJobs: [],
      names: new Names(own, this.owner.peers),
      now: () => world.now,
      namespaceOf: () => '',
      jobOfKind: () => ({ jobId: 'j', namespace: 'n' }),
      peerFacts: () => ({ pid: 1 }),
      wantCode: async () => false,
      processPid: () => undefined,
      answer: async () => null,
      reading: () => undefined,
      useGroup: () => undefined,
    }
    this.remote = new RemotePeers(parts, {
      own,
      jobOf: () => 1,
      detached: async () => new Map(),
      continueIn: () => undefined,
      jobName: () => ({ peer: this.peerId, incarnation: 1, n: 1, jobId: 'j', namespace: 'n' }),
      endJob: () => undefined,
      output: () => undefined,
      answer: async () => null,
      stirred: () => this.turn(),
      log: line => world.log.push(`${index}: ${line}`),
    })
    this.remote.port = {
      send: (peerId, header, payload) => world.send(this, peerId, header, payload),
      openBulk: () => Promise.reject(new Error('no bulk here')),
    }
    this.owner.exchange.self = { peerId: this.peerId, totals: { cpus: 1000 }, labels: {}, closed: false }
    this.owner.exchange.open = true
    this.driver = this.#holder()
    this.worker = this.#holder()
    this.parts = parts
  }

  readonly parts: PeerParts

  #holder(): Holder {
    const client = new Client(this.owner.newClientId(), 1, -1)
    this.owner.clients.set(client.id, client)
    return new Holder(client)
  }

  /** A function for each peer that its tasks are pinned to. */
  prepare(count: number): void {
    for (let peer = 0; peer < count; peer++) {
      const kind = new Kind(this.owner.kinds.length, this.owner.rows, {
        name: 'pass',
        demand: [],
        priority: 0,
        timeoutMs: 0,
        retries: 0,
        infeasibleTimeoutMs: 1e9,
        placement: { spread: false, soft: false, peer: this.world.peerIdOf(peer) },
      })
      this.owner.kinds.push(kind)
      this.parts.specs[kind.index] = spec
      this.parts.kindJobs[kind.index] = 1
      this.kinds.push(kind.index)
      this.owner.exchange.place(kind)
    }
  }

  #clientOf(name: Name): number {
    return this.parts.names.clientId({ peerId: this.world.peerIdOf(name.agent), incarnation: 1 }, name.client)
  }

  // ---- what programs do

  /** A new object of a program here. */
  put(): void {
    const { client } = this.driver
    const number = this.#numbers++
    const slot = this.driver.slot()
    const row = this.owner.objects.add(client, slot, number)
    this.owner.objects.share(client, slot, number)
    this.owner.objects.supply(row, false, { u8: new Uint8Array(8), at: 0, bytes: 8 }, [])
    this.driver.held.push({ slot, name: { agent: this.index, client: client.id, number } })
  }

  /** Passes some of the refs that a holder has to a task at a peer. */
  pass(from: Holder, names: Name[], peer: number): void {
    const slot = from.slot()
    const bytes = encodeHeader(names.map(({ agent, client, number }) => [agent, client, number]))
    const contained = names.flatMap(name => [this.#clientOf(name), name.number])
    const task = { slot, number: this.#numbers++, kind: this.kinds[peer], parent: -1, dependencies: [], contained }
    this.owner.submit(from.client, task, { u8: bytes, at: 0, bytes: bytes.length }, this.world.now)
  }

  #run(thread: number, row: number): void {
    const { rows } = this.owner
    const args = rows.extra[row]?.arguments ?? rows.arguments.slice(row * 48, row * 48 + rows.argumentBytes[row])
    const names = namesIn(args)
    // The code that runs is given the refs before anything else can happen.
    for (const name of names) this.hold(this.worker, name)
    this.running.push({ row, token: rows.token(row), thread, names })
  }

  /** A holder is given a ref. */
  hold(holder: Holder, name: Name): void {
    const slot = holder.slot()
    this.owner.objects.borrow(holder.client, slot, this.#clientOf(name), name.number)
    holder.held.push({ slot, name })
  }

  release(holder: Holder, at: number): void {
    const [{ slot }] = holder.held.splice(at, 1)
    this.owner.objects.release(holder.client, slot)
  }

  /** A running task ends; its result names some of what its worker holds. The worker keeps some refs, lets go of others. */
  finish(at: number, random: () => number): void {
    const [{ token, thread }] = this.running.splice(at, 1)
    const returned = this.worker.held
      .filter(() => random() < 0.3)
      .map(({ name }) => name)
      .slice(0, 3)
    const bytes = encodeHeader(returned.map(({ agent, client, number }) => [agent, client, number]))
    const contained = returned.flatMap(name => [this.#clientOf(name), name.number])
    const end = {
      failed: false,
      retry: false,
      awaited: false,
      offset: -1,
      bytes: 0,
      contained,
      startedAt: 1,
      endedAt: 2,
      error: undefined,
    }
    this.owner.done(token, thread, end, { u8: bytes, at: 0, bytes: bytes.length }, this.world.now)
    for (let i = this.worker.held.length - 1; i >= 0; i--) if (random() < 0.9) this.release(this.worker, i)
  }

  #result(client: number, slot: number, failed: boolean, value: Uint8Array): void {
    const holder = [this.driver, this.worker].find(one => one.client.id === client)
    if (!holder) return
    if (!failed) for (const name of namesIn(value)) this.hold(holder, name)
    // Read once, then let go of.
    this.owner.objects.release(holder.client, slot)
  }

  /** What somebody here holds and its living owner has given up. */
  wrong(): string[] {
    const found: string[] = []
    for (const holder of [this.driver, this.worker]) {
      for (const { slot, name } of holder.held) {
        if (!this.world.agents[name.agent].alive) continue
        const row = holder.client.row(slot)
        if (row >= 0 && this.owner.rows.state[row] === state.failed) {
          found.push(
            `agent ${this.index} holds ${name.agent}/${name.client}/${name.number}, which its owner has let go`,
          )
        }
        const owner = this.world.agents[name.agent]
        if (owner.owner.objects.shared(name.client, name.number) < 0)
          found.push(`${name.agent}/${name.client}/${name.number} is gone while agent ${this.index} holds it`)
      }
    }
    return found
  }

  turn(): void {
    if (!this.alive) return
    this.owner.schedule(this.world.now)
    this.remote.flush()
  }
}

function namesIn(bytes: Uint8Array): Name[] {
  const list = decodeHeader(bytes)
  if (!Array.isArray(list)) return []
  return list.map(one => {
    const [agent, client, number] = one as number[]
    return { agent, client, number }
  })
}

/** Agents and what is on its way between them; a seed says in which order everything happens. */
export class World {
  readonly agents: Agent[]
  readonly random: () => number
  readonly log: string[] = []
  now = 1
  readonly #ways = new Map<string, { header: HeaderValue; payload: Uint8Array }[]>()

  constructor(count: number, seed: number) {
    this.random = randomOf(seed)
    this.agents = Array.from({ length: count }, (_, i) => new Agent(this, i))
    for (const a of this.agents) {
      for (const b of this.agents) {
        if (a === b) continue
        const index = a.remote.began(b.peerId, 1)
        a.owner.exchange.peerIs(index, { peerId: b.peerId, totals: { cpus: 1000 }, labels: {}, closed: false })
      }
      a.prepare(count)
    }
    for (const agent of this.agents) agent.turn()
    this.deliverAll()
  }

  peerIdOf(index: number): string {
    return `peer${index}`
  }

  send(from: Agent, peerId: string, header: HeaderValue, payload?: Uint8Array): boolean {
    const way = `${from.index}>${peerId}`
    const queue = this.#ways.get(way) ?? []
    // As on the wire: bytes, of which nothing is shared.
    queue.push({ header: decodeHeader(encodeHeader(header)), payload: payload?.slice() ?? new Uint8Array(0) })
    this.#ways.set(way, queue)
    return true
  }

  whole(max: number): number {
    return Math.floor(this.random() * max)
  }

  /** One frame of one way arrives. False: nothing is on its way. */
  deliver(): boolean {
    const open = [...this.#ways].filter(([, queue]) => queue.length > 0)
    if (open.length === 0) return false
    const [way, queue] = open[this.whole(open.length)]
    const { header, payload } = queue.shift() as { header: HeaderValue; payload: Uint8Array }
    const [from, to] = way.split('>')
    const receiver = this.agents.find(agent => agent.peerId === to) as Agent
    if (receiver.alive) {
      receiver.remote.frame(this.agents[Number(from)].peerId, header as { [key: string]: HeaderValue }, payload)
      receiver.turn()
    }
    return true
  }

  deliverAll(): void {
    while (this.deliver());
  }

  crash(index: number): void {
    const dead = this.agents[index]
    dead.alive = false
    for (const way of this.#ways.keys())
      if (way.startsWith(`${index}>`) || way.endsWith(`>${dead.peerId}`)) this.#ways.delete(way)
    for (const agent of this.agents) {
      if (!agent.alive) continue
      agent.remote.ended(dead.peerId)
      agent.turn()
    }
  }

  /** One thing happens somewhere. */
  step(): void {
    this.now++
    const alive = this.agents.filter(agent => agent.alive)
    const agent = alive[this.whole(alive.length)]
    const what = this.random()
    if (what < 0.34) this.deliver()
    else if (what < 0.4) agent.put()
    else if (what < 0.58) {
      const holder = this.random() < 0.8 ? agent.driver : agent.worker
      const names = holder.held
        .filter(() => this.random() < 0.4)
        .map(({ name }) => name)
        .slice(0, 3)
      agent.pass(holder, names, alive[this.whole(alive.length)].index)
    } else if (what < 0.76) {
      if (agent.running.length > 0) agent.finish(this.whole(agent.running.length), this.random)
    } else {
      const holder = this.random() < 0.8 ? agent.driver : agent.worker
      if (holder.held.length > 0) agent.release(holder, this.whole(holder.held.length))
    }
    agent.turn()
  }

  wrong(): string[] {
    return this.agents.filter(agent => agent.alive).flatMap(agent => agent.wrong())
  }

  /** Everything comes to its end, and all is let go of. What is left then. */
  async end(): Promise<string[]> {
    for (let round = 0; round < 200; round++) {
      this.deliverAll()
      // Timers of the remote side: strangers, dead borrowers.
      await new Promise(resolve => setTimeout(resolve, round < 3 ? 5 : 0))
      let busy = false
      for (const agent of this.agents) {
        if (!agent.alive) continue
        while (agent.running.length > 0) {
          agent.finish(0, () => 0.9)
          busy = true
        }
        for (const holder of [agent.driver, agent.worker]) {
          while (holder.held.length > 0) {
            agent.release(holder, 0)
            busy = true
          }
        }
        agent.turn()
      }
      if (!busy && round > 5 && !this.deliver()) break
    }
    const left: string[] = []
    for (const agent of this.agents) {
      if (!agent.alive) continue
      const { rows } = agent.owner
      for (let row = 0; row < rows.capacity; row++) {
        if (rows.state[row] === state.free) continue
        left.push(
          `agent ${agent.index}: row ${row}, state ${rows.state[row]}, client ${rows.client[row]}/${rows.number[row]}, ${rows.holders[row]} holders, kind ${rows.kind[row]}`,
        )
      }
    }
    return left
  }
}
