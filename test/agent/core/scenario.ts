import type { BundleName } from '../../../agent/core/bundles.ts'
import { Client } from '../../../agent/core/clients.ts'
import type { Failure } from '../../../agent/core/failures.ts'
import { Kind, type KindSpec, ownPool, sharedPool } from '../../../agent/core/kinds.ts'
import type { Bytes } from '../../../agent/core/objects.ts'
import { type Effects, Owner, type TaskEnd, type TimerReason } from '../../../agent/core/owner.ts'
import { ResourceTable } from '../../../agent/core/resources.ts'
import type { Memory } from '../../../agent/core/spilling.ts'

const none: Bytes = { u8: new Uint8Array(0), at: 0, bytes: 0 }

interface KindOptions {
  returns?: number
  cpus?: number
  gpus?: number
  priority?: number
  timeoutMs?: number
  retries?: number
  memoryBytes?: number
  /** Runs in processes of this name. */
  pool?: string
  /** Of a class of actors, whose instances share a thread unless they ask for CPUs. */
  actor?: { maxConcurrency?: number; groups?: Record<string, number>; methodGroups?: Record<string, string> }
  /** Of a method of actors. */
  method?: string
  bundle?: BundleName
}

/**
 * One peer's cores with everything around them played by the test: what they have done is a log of lines, such as
 * `run f1 on t1`, and a thread runs a task until the test says that it ended.
 */
export class Scenario {
  readonly owner: Owner
  readonly log: string[] = []
  readonly driver: Client
  now = 1000
  /** Tasks that have begun on their threads: these cannot be taken back. */
  readonly begun = new Set<number>()
  readonly names = new Map<number, string>()
  readonly #kinds = new Map<string, number>()
  readonly slots = new Map<string, { slot: number; number: number }>()
  readonly #timers: { at: number; token: number; why: TimerReason }[] = []
  protected next = 1

  constructor(resources: Record<string, number>, memory?: Memory) {
    const effects: Effects = {
      startThread: (thread, pool) => this.log.push(`start ${pool === '' ? '' : `process ${pool} `}t${thread}`),
      endThread: thread => this.log.push(`end t${thread}`),
      run: (thread, row) => this.log.push(`run ${this.name(row)} on t${thread}`),
      revoke: (thread, row) => {
        if (this.begun.has(row)) return false
        this.log.push(`take ${this.name(row)} back from t${thread}`)
        return true
      },
      resume: (thread, row) => this.log.push(`resume ${this.name(row)} on t${thread}`),
      abort: (thread, token) => this.log.push(`abort ${this.name(this.owner.rows.rowOf(token))} on t${thread}`),
      result: (client, slot, failed, kept, from) =>
        this.log.push(
          `result ${this.#nameOf(client, slot)}: ${failed ? 'error' : 'value'} of ${from.bytes} bytes${kept ? ', kept' : ''}`,
        ),
      stored: (client, slot, bytes) => this.log.push(`stored ${this.#nameOf(client, slot)}: ${bytes} bytes`),
      need: (_client, slot, index) => this.log.push(`need argument ${index} of slot ${slot}`),
      free: offset => {
        this.log.push(`free ${offset}`)
        this.onFree(offset)
      },
      encode: (failure: Failure) => {
        this.log.push(
          `error ${failure.kind}${'stoppedTask' in failure && failure.stoppedTask ? ` by ${failure.stoppedTask}` : ''}`,
        )
        return new Uint8Array(3)
      },
      timer: (token, delayMs, why) => this.#timers.push({ at: this.now + delayMs, token, why }),
      grant: (peer, row) => this.log.push(`grant ${this.name(row)} to p${peer}`),
      park: (peer, room) => this.log.push(`park at p${peer}: ${room.free.cpus ?? 0} cpus`),
      offer: peer => this.log.push(`offer to p${peer}`),
      answer: (row, end) => this.log.push(`answer ${this.name(row)}: ${end.failed ? 'error' : 'value'}`),
      answerStored: (row, _end, bytes) => this.log.push(`answer ${this.name(row)}: ${bytes} bytes here`),
      giveUp: (peer, token) => this.log.push(`give ${token} back to p${peer}`),
      evict: (peer, token) => this.log.push(`evict ${token} to p${peer}`),
      stop: (peer, row, { force }) => this.log.push(`stop ${this.name(row)} at p${peer}${force ? ', forced' : ''}`),
      runCall: (thread, row, actor) =>
        this.log.push(`call ${this.name(row)} of ${this.name(this.owner.rows.rowOf(actor))} on t${thread}`),
      reaches: () => true,
      stopCall: thread => this.log.push(`stop a call on t${thread}`),
      callLeft: () => undefined,
      claimName: () => undefined,
      detachedMade: () => undefined,
      detachedLost: () => undefined,
      detachedSaved: () => undefined,
      dismiss: (thread, token) => this.log.push(`dismiss ${this.name(this.owner.rows.rowOf(token))} from t${thread}`),
      endActor: ({ peer, token }, reason) => this.log.push(`end actor ${token} at p${peer}: ${reason}`),
      actorLost: (row, reason) => this.log.push(`lost ${this.name(row)}: ${reason}`),
      actorSaved: () => undefined,
      notHere: (peer, token) => this.log.push(`not here: ${token} of p${peer}`),
      cancel: (peer, row) => this.log.push(`cancel ${this.name(row)} at p${peer}`),
      credit: (thread, token, read) =>
        this.log.push(`credit ${this.name(this.owner.rows.rowOf(token))} on t${thread}: ${creditText(read)}`),
      creditAt: (peer, row, read) => this.log.push(`credit ${this.name(row)} at p${peer}: ${creditText(read)}`),
      item: (client, slot, row) =>
        this.log.push(`item ${this.owner.rows.extra[row]?.madeBy?.index} to ${this.#nameOf(client, slot)}`),
      streamEnded: (client, slot, count, failed) =>
        this.log.push(`end of ${this.#nameOf(client, slot)} after ${count}${failed ? ', failed' : ''}`),
      answerProduct: (row, { index }) => this.log.push(`answer ${this.name(row)}: item ${index}`),
      borrow: row => this.log.push(`borrow ${this.name(row)}`),
      giveBack: (client, number) => this.log.push(`give ${client}/${number} back`),
      want: row => this.log.push(`want ${this.name(row)}`),
      tell: (peer, row) => this.log.push(`tell p${peer} of ${this.name(row)}`),
      pull: row => this.log.push(`pull ${this.name(row)}`),
      dropAt: ({ peer, token }) => this.log.push(`drop ${token} at p${peer}`),
      linger: token => this.log.push(`linger ${token}`),
      keep: (peer, row, order) => this.log.push(`keep ${this.name(row)} at p${peer}, order ${order.join(' ')}`),
      unkeep: (peer, client, number) => this.log.push(`unkeep ${client}/${number} at p${peer}`),
      follow: (token, peer) => this.log.push(`follow p${peer} for ${this.name(this.owner.rows.rowOf(token))}`),
      succeeded: token => this.log.push(`succeeded ${this.name(this.owner.rows.rowOf(token))}`),
      fetched: (client, slot) => this.log.push(`fetched ${client}/${slot}`),
      inlined: (client, slot, value) =>
        this.log.push(`value of ${value.length} bytes for ${this.#nameOf(client, slot)}`),
      unfetched: (client, slot) => this.log.push(`unfetched ${client}/${slot}`),
    }
    this.owner = new Owner(new ResourceTable(resources), effects, memory)
    this.driver = this.client(1, 1)
  }

  /** A place in the store is free again. */
  protected onFree: (offset: number) => void = () => undefined

  client(id: number, job: number, thread = -1): Client {
    const client = new Client(id, job, thread)
    this.owner.clients.set(id, client)
    return client
  }

  name(row: number): string {
    return this.names.get(row) ?? `row ${row}`
  }

  #nameOf(client: number, slot: number): string {
    const row = this.owner.clients.get(client)?.row(slot) ?? -1
    return row < 0 ? `client ${client} slot ${slot}` : this.name(row)
  }

  kind(name: string, options: KindOptions = {}): void {
    const { resources, rows, kinds } = this.owner
    const demand = resources.demand({
      cpus: options.cpus ?? 1,
      gpus: options.gpus ?? 0,
      memoryBytes: options.memoryBytes ?? 0,
    })
    const kind = new Kind(kinds.length, rows, {
      name,
      demand,
      priority: options.priority ?? 0,
      timeoutMs: options.timeoutMs ?? 0,
      retries: options.retries ?? 3,
      infeasibleTimeoutMs: 10_000,
      returns: options.returns ?? 1,
      bundle: options.bundle,
      ...(options.pool === undefined ? {} : { pool: options.pool }),
      ...(options.actor ? actorKind(name, options) : {}),
      ...(options.method === undefined ? {} : { call: { method: options.method } }),
    })
    const lacking = resources.lacking(demand)
    if (lacking)
      kind.impossible = { resource: lacking.resource, requested: String(lacking.requested), has: String(lacking.has) }
    this.#kinds.set(name, kind.index)
    kinds.push(kind)
  }

  /** Submits tasks `f1`, `f2`, … of a kind; `after` names those whose results are arguments. */
  submit(
    name: string,
    options: { by?: Client; parent?: string; after?: string[]; parts?: number; of?: string } = {},
  ): string {
    const number = this.next++
    const kind = name.replace(/\d+$/, '')
    const client = options.by ?? this.driver
    const slot = number
    const dependencies = (options.after ?? []).flatMap(one => {
      const known = this.slots.get(one) as { slot: number; number: number }
      return [known.slot, known.number]
    })
    // Its row is the next that is free: known by its slot as soon as it is there.
    const before = this.log.length
    this.slots.set(name, { slot, number })
    const parent = options.parent === undefined ? -1 : this.owner.rows.token(this.row(options.parent))
    this.owner.submit(
      client,
      {
        slot,
        number,
        kind: this.#kinds.get(kind) as number,
        parent,
        dependencies,
        contained: [],
        parts: Array.from({ length: options.parts ?? 0 }, (_, i) => 100 + slot + i),
        actor: options.of === undefined ? -1 : (this.slots.get(options.of)?.slot ?? -1),
      },
      none,
      this.now,
    )
    const row = client.row(slot)
    if (row >= 0) this.names.set(row, name)
    for (let i = before; i < this.log.length; i++)
      this.log[i] = this.log[i].replace(`row ${row}`, name).replace(`slot ${slot}`, name)
    return name
  }

  row(name: string): number {
    for (const [row, known] of this.names) if (known === name && this.owner.rows.state[row] !== 0) return row
    throw new Error(`no task ${name}`)
  }

  schedule(): void {
    this.owner.scheduler.schedule(this.now)
  }

  /** Everything that can be done now, as the shell has it done once a turn. */
  turn(): void {
    this.owner.schedule(this.now)
  }

  /** A task's function returned, or threw. */
  end(name: string, options: Partial<TaskEnd> & { ms?: number } = {}): void {
    const row = this.row(name)
    const end: TaskEnd = {
      failed: false,
      retry: false,
      awaited: false,
      offset: -1,
      bytes: 0,
      contained: [],
      startedAt: this.now - (options.ms ?? 10),
      endedAt: this.now,
      error: undefined,
      ...options,
    }
    const from = { u8: new Uint8Array(8), at: 0, bytes: 5 }
    this.owner.done(this.owner.rows.token(row), this.owner.rows.thread[row], end, from, this.now)
  }

  suspend(name: string): void {
    this.owner.scheduler.suspend(this.row(name), this.now)
  }

  resume(name: string): void {
    this.owner.scheduler.resume(this.row(name))
  }

  /** Lets time pass; timers that are due fire. */
  pass(ms: number): void {
    this.now += ms
    for (const timer of this.#timers.splice(0)) {
      if (timer.at <= this.now) this.owner.timeUp(timer.token, timer.why, this.now)
      else this.#timers.push(timer)
    }
  }

  /** What happened since the last look. */
  take(): string[] {
    return this.log.splice(0)
  }

  /** Nothing is left of anything: no row, no resource taken. */
  get clean(): boolean {
    const { rows, resources, scheduler } = this.owner
    const total = JSON.stringify(resources.total())
    const isKept = !resources.couldFit(resources.demand(resources.total()))
    return rows.live === 0 && JSON.stringify(resources.available()) === total && !isKept && scheduler.suspended === 0
  }
}

function actorKind(name: string, { actor = {}, cpus = 1 }: KindOptions): Pick<KindSpec, 'actor' | 'pool'> {
  const { maxConcurrency = 1, groups = {}, methodGroups = {} } = actor
  const shares = cpus === 0
  const known = { className: name, maxConcurrency, groups, methodGroups, shares, detached: false }
  return { actor: known, pool: shares ? sharedPool : ownPool }
}

function creditText(read: number): string {
  return read < 0 ? 'end' : read === Number.MAX_SAFE_INTEGER ? 'all' : String(read)
}
