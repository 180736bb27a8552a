import { types } from 'node:util'

/** Where Shoal's own objects say what they are, for messages that refuse them where something else is wanted. */
export const own = Symbol('shoal.own')

/** What one of Shoal's objects is. */
export interface Own {
  readonly kind: 'ref' | 'stream' | 'handle' | 'method' | 'function' | 'class' | 'queue' | 'pool' | 'group'
  /** With its article: `the method Counter.inc`. */
  readonly text: string
}

/** What a value is, if it is one of Shoal's. */
export function ownOf(value: unknown): Own | undefined {
  const holds = (typeof value === 'object' && value !== null) || typeof value === 'function'
  // To ask a proxy would run the user's traps.
  return holds && !types.isProxy(value) ? (value as { [own]?: Own })[own] : undefined
}

const instead: Record<'ref' | 'handle', Partial<Record<Own['kind'], string>>> = {
  ref: {
    stream: 'Read its refs with: for await (const ref of stream)',
    handle: 'Call one of its methods: handle.method.remote(…) gives a ref',
    method: 'Call it: .remote(…) gives a ref',
    function: 'Call it: .remote(…) gives a ref',
    class: '.remote(…) makes an actor, and a call of one of its methods, .method.remote(…), gives a ref',
    queue: 'await queue.get() gives its first item',
    group: 'await group.ready() waits for it',
  },
  handle: {
    ref: 'cancel(ref) ends the task of a ref',
    stream: 'cancel(stream) ends the generator of a stream',
    method: 'Give the handle that it is a method of',
    class: '.remote(…) makes an actor, and gives its handle',
    queue: 'queue.close() ends a queue',
  },
}

/** What to do where one of Shoal's objects was given for another; empty where nothing is known. */
export function hintOf(value: unknown, wanted: 'ref' | 'handle'): string {
  const kind = ownOf(value)?.kind
  const hint = kind && instead[wanted][kind]
  return hint ? `${hint}.` : ''
}
