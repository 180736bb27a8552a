import { checkpoint } from '../wire/checkpoint.ts'

/** What a method is to those who call it. */
export interface MethodShape {
  readonly name: string
  /** It gives a stream. */
  readonly isGenerator: boolean
}

/** What handles of a class know of it, wherever they are. */
export interface Shape {
  readonly className: string
  readonly methods: readonly MethodShape[]
  readonly callRetries: number
  readonly maxPendingCalls: number
  /** Its concurrency groups by name; undefined: not known, from a shape that does not tell. */
  readonly groups: readonly string[] | undefined
  /** The same as a text: what it travels as. */
  readonly text: string
}

/** What a class says of itself. */
export interface ClassShape {
  readonly methods: readonly MethodShape[]
  /** One of its methods is async. */
  readonly isAsync: boolean
  readonly saves: boolean
  readonly restores: boolean
}

/** The public methods of a class, those that it inherits too: no accessors, fields, statics, nothing that every object has. */
export function shapeOfClass(Class: new (...args: never[]) => object): ClassShape {
  const methods = new Map<string, MethodShape>()
  const seen = new Set<string>()
  let isAsync = false
  const end: unknown = Object.prototype
  for (let at: object | null = Class.prototype as object; at && !isEnd(at, end); at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (seen.has(name)) continue
      seen.add(name)
      if (name === 'constructor' || name.startsWith('_') || typeof value !== 'function') continue
      // What is asked of every object that is awaited must not look like a promise.
      if (name === 'then') continue
      const kind = Object.prototype.toString.call(value)
      if (kind.includes('Async')) isAsync = true
      methods.set(name, { name, isGenerator: kind.includes('Generator') })
    }
  }
  const prototype = Class.prototype as { [symbol: symbol]: unknown }
  const has = (symbol: symbol): boolean => typeof prototype[symbol] === 'function'
  const { save, restore } = checkpoint
  return { methods: [...methods.values()], isAsync, saves: has(save), restores: has(restore) }
}

/** `Object.prototype`, of this realm or of another. */
function isEnd(at: object, end: unknown): boolean {
  return at === end || (Object.getPrototypeOf(at) === null && Object.hasOwn(at, 'hasOwnProperty'))
}

const shapes = new Map<string, Shape>()

/** One object for all that is alike. */
export function shapeFrom(text: string): Shape {
  let shape = shapes.get(text)
  if (!shape) {
    const [className, methods, callRetries, maxPendingCalls, groups] = JSON.parse(text) as [
      string,
      [string, number][],
      number,
      number,
      string[]?,
    ]
    shape = {
      className,
      methods: methods.map(([name, isGenerator]) => ({ name, isGenerator: isGenerator === 1 })),
      callRetries,
      maxPendingCalls,
      groups,
      text,
    }
    shapes.set(text, shape)
  }
  return shape
}

/** The shape of handles. */
export function shapeOf(
  className: string,
  methods: readonly MethodShape[],
  options: { callRetries?: number; maxPendingCalls?: number; groups?: Readonly<Record<string, number>> },
): Shape {
  const { callRetries = 0, maxPendingCalls = -1, groups = {} } = options
  const list = methods.map(({ name, isGenerator }) => [name, isGenerator ? 1 : 0])
  return shapeFrom(JSON.stringify([className, list, callRetries, maxPendingCalls, Object.keys(groups)]))
}
