import { setTimeout as delay } from 'node:timers/promises'
import {
  type ActorHandle,
  actor,
  cancel,
  checkpoint,
  exitActor,
  get,
  kill,
  type ObjectRef,
  type ObjectStream,
  release,
  ShoalError,
  task,
} from 'shoal'

/** What a call of a recorder gives: which life of it ran it, and how many calls that life had run before. */
interface Ran {
  life: string
  at: number
  call: number
}

class Recorder {
  life = `${Math.random()}`.slice(2)
  calls: number[] = []

  note(call: number, _after?: unknown): Ran {
    if (this.calls.includes(call)) throw new RangeError(`call ${call} has run already`)
    this.calls.push(call)
    return { life: this.life, at: this.calls.length - 1, call }
  }

  async slowly(call: number, ms: number): Promise<Ran> {
    const ran = this.note(call)
    await delay(ms)
    return ran
  }

  large(call: number): { ran: Ran; bytes: Uint8Array } {
    return { ran: this.note(call), bytes: new Uint8Array(200_000) }
  }

  *several(call: number, n: number): Generator<Ran> {
    const ran = this.note(call)
    for (let i = 0; i < n; i++) yield ran
  }

  fails(call: number): never {
    this.note(call)
    throw new SyntaxError(`call ${call}`)
  }

  leaves(): never {
    return exitActor()
  }
}

class Saving extends Recorder {
  [checkpoint.save](): string {
    return this.life
  }
  [checkpoint.restore](_: string): void {}
}

type Handle = ActorHandle<Recorder>
type End = { ran?: Ran; code?: string; cause?: string; text?: string }

interface Made {
  handle: Handle
  calls: { call: number; ref: ObjectRef<unknown> | ObjectStream<Ran>; end: Promise<End> }[]
  /** How often it may begin anew, and whether anybody has ended it. */
  restarts: number
  killed: boolean
  released: boolean
}

const allowed = new Set([
  'SHOAL_ACTOR_DIED',
  'SHOAL_CANCELLED',
  'SHOAL_TASK_FAILED',
  // Of objects and tasks that were given to a call, where peers die.
  'SHOAL_OBJECT_LOST',
  'SHOAL_PEER_DIED',
])

export interface OperationsOptions {
  random(): number
  steps: number
  /** Where actors may be placed; undefined: anywhere. */
  peers?: readonly string[]
  /** What else happens, once, at this step. */
  at?: { step: number; happens(): void }
  /** Peers die: calls may be lost without a kill. */
  losses?: boolean
}

/**
 * Random operations on actors of one program; throws at the first thing that no program may see: a call that never ends, runs
 * twice, overtakes an earlier one of this program, comes to an earlier life after a later one, or ends with an odd error.
 */
export async function operate({ random, steps, peers, at, losses = false }: OperationsOptions): Promise<number> {
  const below = (n: number): number => Math.floor(random() * n)
  const one = <T>(list: readonly T[]): T => list[below(list.length)]
  const later = task(async (ms: number) => {
    await delay(ms)
    return ms
  })
  const never = task((): never => {
    throw new SyntaxError('no argument')
  })
  const callsFor = task(async (handle: Handle, first: number, n: number) => {
    const ends: End[] = []
    const refs = Array.from({ length: n }, (_, i) => handle.note.remote(first + i))
    for (const ref of refs) {
      try {
        ends.push({ ran: await get(ref) })
      } catch (error) {
        ends.push({ code: (error as ShoalError).code })
      }
    }
    return ends
  })
  const all: Made[] = []
  const forwarded: Promise<End[]>[] = []
  let next = 0

  const endOf = async (ref: ObjectRef<unknown> | ObjectStream<Ran>): Promise<End> => {
    try {
      if (Symbol.asyncIterator in ref) {
        let ran: Ran | undefined
        for await (const item of ref as ObjectStream<Ran>) ran = await get(item)
        return { ran }
      }
      const value = (await get(ref as ObjectRef<unknown>, { timeoutMs: 60_000 })) as Ran | { ran: Ran }
      return { ran: 'ran' in value ? value.ran : value }
    } catch (error) {
      if (!(error instanceof ShoalError)) throw error
      const { code, message, cause } = error
      return { code, cause: (cause as Error | undefined)?.name, ...(allowed.has(code) ? {} : { text: message }) }
    }
  }

  const make = (): void => {
    const restarts = one([0, 0, 1, 3, -1])
    const Class = random() < 0.3 ? Saving : Recorder
    const isProcess = random() < 0.05
    const handle = actor(Class, {
      cpus: one([0, 0, 0, 0.1]),
      restarts,
      maxConcurrency: 1,
      ...(Class === Saving ? { checkpoint: { everyCalls: 3 } } : {}),
      ...(isProcess ? { isolation: 'process' as const } : {}),
      ...(peers && random() < 0.7 ? { placement: { peer: one(peers), soft: true } } : {}),
    }).remote() as unknown as Handle
    all.push({ handle, calls: [], restarts, killed: false, released: false })
  }

  const call = (made: Made): void => {
    const { handle, calls } = made
    const id = next++
    const kind = random()
    let ref: ObjectRef<unknown> | ObjectStream<Ran>
    if (kind < 0.4) ref = handle.note.remote(id)
    else if (kind < 0.55) ref = handle.note.remote(id, later.remote(below(20)) as unknown as number)
    else if (kind < 0.6) ref = handle.note.remote(id, never.remote())
    else if (kind < 0.75) ref = handle.slowly.remote(id, below(10))
    else if (kind < 0.8) ref = handle.large.remote(id)
    else if (kind < 0.9) ref = handle.several.remote(id, below(4) + 1) as unknown as ObjectStream<Ran>
    else if (kind < 0.97 || calls.length === 0) ref = handle.fails.remote(id)
    else {
      // Not a stream: that may have been read to its end by now.
      const refs = calls.flatMap(made => (Symbol.asyncIterator in made.ref ? [] : [made.ref]))
      ref = handle.note.remote(id, (refs.length > 0 ? one(refs) : undefined) as unknown as number)
    }
    const end = endOf(ref)
    end.catch(() => undefined)
    calls.push({ call: id, ref, end })
  }

  make()
  for (let step = 0; step < steps; step++) {
    if (at?.step === step) at.happens()
    const live = all.filter(({ released }) => !released)
    const what = random()
    if (live.length === 0 || (what < 0.06 && all.length < 60)) make()
    else if (what < 0.8) for (let n = below(6) + 1, made = one(live); n > 0; n--) call(made)
    else if (what < 0.85) {
      const { calls } = one(live)
      if (calls.length > 0) await cancel(one(calls.slice(-8)).ref as ObjectRef<unknown>)
    } else if (what < 0.88) {
      const made = one(live)
      made.killed = true
      const restart = random() < 0.6
      const done = kill(made.handle, { restart })
      if (random() < 0.5) await done
      else done.catch(() => undefined)
    } else if (what < 0.89) {
      const made = one(live)
      made.killed = true
      made.handle.leaves.remote()
    } else if (what < 0.92) {
      const made = one(live)
      made.released = true
      release(made.handle)
    } else if (what < 0.96) {
      const n = below(5) + 1
      forwarded.push(get(callsFor.remote(one(live).handle, next, n), { timeoutMs: 60_000 }) as Promise<End[]>)
      forwarded.at(-1)?.catch(() => undefined)
      next += n
    } else await delay(below(15))
  }

  const places = new Map<string, number>()
  const check = (ends: readonly { call: number; end: End }[], who: string, mayDie: boolean): void => {
    const lives: string[] = []
    let last = -1
    for (const { call: id, end } of ends) {
      const problem = (text: string): Error =>
        new Error(`call ${id} of ${who} ${text}: ${JSON.stringify(ends.map(({ call: n, end: e }) => [n, e]))}`)
      if (end.code !== undefined && !allowed.has(end.code)) throw problem(`ended with ${end.code}, ${end.text}`)
      if (end.code === 'SHOAL_TASK_FAILED' && end.cause === 'RangeError') throw problem('has run twice')
      if (end.code === 'SHOAL_ACTOR_DIED' && !mayDie) throw problem('died without a reason')
      const { ran } = end
      if (!ran) continue
      if (ran.call !== id) throw problem(`has the result of call ${ran.call}`)
      const place = `${ran.life} ${ran.at}`
      if (places.has(place)) throw problem(`has the place of call ${places.get(place)}`)
      places.set(place, id)
      if (ran.life !== lives.at(-1)) {
        if (lives.includes(ran.life)) throw problem('came to an earlier life')
        lives.push(ran.life)
        last = -1
      }
      if (ran.at <= last) throw problem('has overtaken an earlier one')
      last = ran.at
    }
  }
  for (const [n, { calls, killed }] of all.entries()) {
    const ends: { call: number; end: End }[] = []
    for (const { call: id, end } of calls) ends.push({ call: id, end: await end })
    check(ends, `actor ${n}`, killed || losses)
  }
  for (const ends of forwarded) {
    // A task whose peer died is run again: then a first call may have come twice.
    if (losses) await ends.catch(() => undefined)
    else {
      const told = await ends
      check(
        told.map((end, i) => ({ call: end.ran?.call ?? i, end })),
        'a task',
        true,
      )
    }
  }
  for (const { handle, calls } of all) {
    release(handle)
    for (const { ref } of calls) release(ref as ObjectRef<unknown>)
  }
  return next
}
