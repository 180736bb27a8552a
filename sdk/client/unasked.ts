import type { RunningTask } from '../../wire/bridge.ts'
import { isShoalError, thrownText } from '../../wire/errors/index.ts'
import type { Engine } from './engine.ts'
import { at, type RefData } from './ref-data.ts'

/** Failures kept to be told of at the end, at most. */
const UNASKED_MAX = 1000

/** One that nobody has asked for yet, and the task that submitted it, if that is not over. */
interface Failure {
  failed: boolean
  value: unknown
  engine: Engine
  by: RunningTask | undefined
}

/**
 * Failures that nobody has asked for: one line each, when their ref is released or collected, when the task that submitted
 * them ends, or when the mesh is closed. Refs that were passed on are others' to ask for.
 */
export class Unasked {
  readonly #failures = new Map<string, Failure>()
  readonly #dropped = new FinalizationRegistry<string>(id => this.#end(id))

  add(ref: RefData, by?: RunningTask): void {
    if (ref.asked || ref.shared) return
    const failure = { failed: ref.state === at.failed, value: ref.value, engine: ref.engine, by }
    if (ref.released || by?.ended) {
      tell(failure)
      return
    }
    if (this.#failures.size >= UNASKED_MAX) return
    const { id } = ref
    this.#failures.set(id, failure)
    this.#dropped.register(ref, id, ref)
  }

  /** It is known, or others will ask. */
  forget(ref: RefData): void {
    if (this.#failures.size === 0 || !this.#failures.delete(ref.id)) return
    this.#dropped.unregister(ref)
  }

  released(ref: RefData): void {
    if (this.#failures.size === 0) return
    this.#dropped.unregister(ref)
    this.#end(ref.id)
  }

  taskEnded(task: RunningTask): void {
    for (const [id, { by }] of this.#failures) if (by === task) this.#end(id)
  }

  printAll(): void {
    for (const id of [...this.#failures.keys()]) this.#end(id)
  }

  #end(id: string): void {
    const failure = this.#failures.get(id)
    if (!failure) return
    this.#failures.delete(id)
    tell(failure)
  }
}

function tell({ failed, value, engine }: Failure): void {
  const error = failed ? engine.decodeError(value as Uint8Array) : value
  // Whoever cancelled it knows.
  if (isShoalError(error) && error.code === 'SHOAL_CANCELLED') return
  const verbose = process.env.SHOAL_LOG === 'debug' && error instanceof Error
  process.stderr.write(
    `shoal: nobody asked for this failure: ${verbose ? error.stack : firstLine(thrownText(error))}\n`,
  )
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]
}
