import { inspect } from 'node:util'
import { RefData } from './client/index.ts'
import { get } from './get.ts'
import { type Own, own } from './options/index.ts'
import type { GetOptions, ObjectRef } from './types.ts'

/** What `.remote()` and `put` give. Its fields are the engine's; users see `ObjectRef`. */
export class Ref<T> extends RefData implements ObjectRef<T> {
  get(options?: GetOptions): Promise<T> {
    return get(this as ObjectRef<T>, options)
  }

  release(): void {
    this.engine.release(this)
  }

  [Symbol.dispose](): void {
    this.release()
  }

  get [own](): Own {
    return { kind: 'ref', text: 'an ObjectRef' }
  }

  /** For logs: a ref travels as an argument or inside a value, not as JSON. */
  toJSON(): string {
    return this.id
  }

  [inspect.custom](): string {
    return `ObjectRef ${this.id}`
  }
}
