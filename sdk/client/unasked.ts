import { thrownText } from '../../wire/errors/index.ts'
import type { Engine } from './engine.ts'
import { at, type RefData } from './ref-data.ts'

/** Failures kept to be told of at the end, at most. */
const UNASKED_MAX = 1000

/** Failures that nobody has asked for: one line each, when their ref is collected or the mesh is closed. */
export class Unasked {
  readonly #refs = new Map<string, { failed: boolean; value: unknown; engine: Engine }>()
  readonly #dropped = new FinalizationRegistry<string>(id => this.#print(id))

  add(ref: RefData): void {
    if (ref.asked || this.#refs.size >= UNASKED_MAX) return
    const { id } = ref
    this.#refs.set(id, { failed: ref.state === at.failed, value: ref.value, engine: ref.engine })
    this.#dropped.register(ref, id, ref)
  }

  forget(ref: RefData): void {
    if (this.#refs.size === 0 || !this.#refs.delete(ref.id)) return
    this.#dropped.unregister(ref)
  }

  #print(id: string): void {
    const failure = this.#refs.get(id)
    this.#refs.delete(id)
    if (!failure) return
    const error = failure.failed ? failure.engine.decodeError(failure.value as Uint8Array) : failure.value
    const verbose = process.env.SHOAL_LOG === 'debug' && error instanceof Error
    process.stderr.write(
      `shoal: nobody asked for this failure: ${verbose ? error.stack : firstLine(thrownText(error))}\n`,
    )
  }

  printAll(): void {
    for (const id of [...this.#refs.keys()]) this.#print(id)
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]
}
