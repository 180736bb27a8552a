import type { WorkerClient } from '../../wire/bridge.ts'
import { checkpoint } from '../../wire/checkpoint.ts'
import { thrownText } from '../../wire/errors/index.ts'
import { limits } from '../../wire/limits.ts'
import type { Outbox } from '../../wire/outbox.ts'
import { high, low, record } from '../../wire/records.ts'
import { copyBytes, sendText } from '../../wire/texts.ts'
import type { Encoder } from '../../wire/values/index.ts'
import { ActorExit, type ActorInstance } from './actor.ts'
import { isA } from './guarded.ts'

/** A `save` that takes so long is told of. */
const SAVING_MS = 30_000

/** Keeps a value safe from the end of this peer, and gives it back. */
export interface Keeping {
  keep(value: unknown): Promise<object>
  read(ref: object): Promise<unknown>
}

/** Checkpoints: what actors save of themselves after so many calls or so much time. One at a time of each. */
export class Saving {
  readonly #parts: { outbox: Outbox; client: WorkerClient; keeping(): Keeping }
  /** Does something as the actor. */
  readonly #as: <T>(actor: ActorInstance, work: () => T) => T

  constructor(
    parts: { outbox: Outbox; client: WorkerClient; keeping(): Keeping },
    as: <T>(actor: ActorInstance, work: () => T) => T,
  ) {
    this.#parts = parts
    this.#as = as
  }

  /** A call has ended: what its actor is to be restored from may be out of date. */
  called(actor: ActorInstance): void {
    const { checkpointCalls, checkpointMs } = actor.spec
    if (checkpointCalls === 0 && checkpointMs === 0) return
    actor.calls++
    if (checkpointCalls > 0 && actor.calls >= checkpointCalls) this.save(actor)
  }

  /** Saves an actor that has had calls since it was saved last. */
  save(actor: ActorInstance): void {
    if (actor.over || actor.calls === 0) return
    if (actor.savingSince > 0) {
      if (performance.now() - actor.savingSince < SAVING_MS) return
      actor.savingSince = Number.POSITIVE_INFINITY
      this.#complain(actor, `it has not come to its end for ${SAVING_MS / 1000} s, and nothing is saved meanwhile`)
      return
    }
    actor.calls = 0
    actor.savingSince = performance.now()
    void this.#as(actor, () => this.#save(actor))
      .catch((error: unknown) => {
        if (!isA(ActorExit, error)) this.#complain(actor, error)
      })
      .finally(() => {
        actor.savingSince = 0
        this.#parts.outbox.flush()
        const { checkpointCalls } = actor.spec
        if (checkpointCalls > 0 && actor.calls >= checkpointCalls) this.save(actor)
      })
  }

  async #save(actor: ActorInstance): Promise<void> {
    const { outbox, client, keeping } = this.#parts
    const { encoder } = actor.codec
    const encode = (what: unknown): void => {
      client.beginEncoding()
      encoder.start()
      encoder.value(what, '')
    }
    const save = actor.self[checkpoint.save] as () => unknown
    // Taken before anything else of it can run, where it is no promise.
    const saved = Reflect.apply(save, actor.self, [])
    const value = saved instanceof Promise ? await saved : saved
    encode({ value })
    if (encoder.length > limits.inlineBytes) {
      encoder.finish()
      // Too much for the books: an object of its own, which two other peers keep.
      const ref = await keeping().keep(value)
      encode({ ref })
    }
    sendSaved(outbox, actor.token, encoder, client.contained)
  }

  #complain({ spec }: ActorInstance, error: unknown): void {
    const [className] = JSON.parse(spec.shape) as [string]
    const text = `a checkpoint of ${className} failed: ${thrownText(error)}\n`
    sendText(this.#parts.outbox, record.output, 1, [-1], { text })
  }
}

/** What an actor had saved cannot be had now: no fault of its class. */
export class CheckpointUnread extends Error {}

/** An actor gets back what it had saved. Rejects with CheckpointUnread, and with what its class throws. */
export async function restored(actor: ActorInstance, bytes: Uint8Array, keeping: Keeping): Promise<void> {
  const { decoder } = actor.codec
  decoder.start(bytes, 0, bytes.length)
  const saved = decoder.value() as { value: unknown } | { ref: object }
  decoder.finish()
  const value = 'ref' in saved ? await read(saved.ref, keeping) : saved.value
  const restore = actor.self[checkpoint.restore] as (value: unknown) => unknown
  await Reflect.apply(restore, actor.self, [value])
}

async function read(ref: object, keeping: Keeping): Promise<unknown> {
  try {
    return await keeping.read(ref)
  } catch (cause) {
    throw new CheckpointUnread(`what it had saved could not be read: ${thrownText(cause)}`, { cause })
  }
}

/** Tells the agent what an actor has saved. */
function sendSaved(outbox: Outbox, token: number, encoder: Encoder, contained: readonly number[]): void {
  encoder.finish()
  const keys = contained.length / 2
  const keyBytes = (keys * 12 + 7) & ~7
  const at = outbox.begin(record.saved, 0, 16 + keyBytes + encoder.length)
  const { i32 } = outbox
  const word = at >> 2
  i32[word] = token
  i32[word + 1] = keys
  i32[word + 2] = encoder.length
  i32[word + 3] = 0
  for (let i = 0, to = word + 4; i < contained.length; i += 2, to += 3) {
    i32[to] = contained[i]
    i32[to + 1] = low(contained[i + 1])
    i32[to + 2] = high(contained[i + 1])
  }
  copyBytes(outbox.u8, at + 16 + keyBytes, encoder.scratch, 0, encoder.length)
  outbox.end()
}
