import type { QueueActor } from './queue-actor.ts'
import type { ActorHandle } from './types.ts'

/** Marks a queue, in every copy of this package. */
export const queueBrand = Symbol.for('shoal.queue')

/** What a queue is, wherever it goes. */
export interface QueueData {
  readonly handle: ActorHandle<QueueActor>
  readonly maxSize: number
}

/** Whether a value is a queue. */
export function isQueue(value: unknown): value is { readonly [queueBrand]: QueueData } {
  return typeof value === 'object' && value !== null && queueBrand in value
}
