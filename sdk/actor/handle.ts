import { inspect } from 'node:util'
import type { Shape } from '../actor-shape.ts'
import { brand, type Handle, type HandleData, releaseHandle } from '../handle-data.ts'
import { type Own, own } from '../options/index.ts'
import { KnownMethod, Method, type MethodOptions } from './method.ts'

/** What all handles have. */
const common = Object.create(null, {
  [inspect.custom]: {
    value(this: Handle): string {
      return textOf(this[brand])
    },
  },
  [own]: {
    get(this: Handle): Own {
      return { kind: 'handle', text: `the handle of an actor of ${this[brand].shape.className}` }
    },
  },
  /** For logs. A method of the user's class by this name is in front of it, and is nothing that JSON would call. */
  toJSON: {
    value(this: Handle): string {
      return textOf(this[brand])
    },
  },
  [Symbol.toStringTag]: { value: 'ActorHandle' },
  [Symbol.toPrimitive]: {
    value(this: Handle): string {
      return `ActorHandle ${this[brand].shape.className}`
    },
  },
  [Symbol.dispose]: {
    value(this: Handle): void {
      releaseHandle(this)
    },
  },
}) as object

function textOf({ shape, ref }: HandleData): string {
  return `ActorHandle ${shape.className}${ref ? ` ${ref.id}` : ''}`
}

/** What a shape's handles inherit from, a getter for each method, and the methods by name. */
interface Family {
  readonly prototype: object
  readonly methods: ReadonlyMap<string, KnownMethod>
}

const families = new WeakMap<Shape, Family>()

function familyOf(shape: Shape): Family {
  let family = families.get(shape)
  if (!family) {
    const prototype = Object.create(common) as object
    const methods = new Map(shape.methods.map(method => [method.name, new KnownMethod(shape, method)]))
    for (const [name, known] of methods) {
      Object.defineProperty(prototype, name, {
        enumerable: true,
        get(this: Handle) {
          return new Method(this[brand], known)
        },
      })
    }
    family = { prototype, methods }
    families.set(shape, family)
  }
  return family
}

export function makeHandle(data: HandleData): object {
  return Object.create(familyOf(data.shape).prototype, { [brand]: { value: data } }) as object
}

/** A method that has travelled: that of a handle, with its options. */
export function makeMethod(data: HandleData, name: string, options: MethodOptions): Method {
  const known = familyOf(data.shape).methods.get(name)
  if (!known) throw new TypeError(`${data.shape.className} has no method ${name}`)
  return new Method(data, known.over(options))
}
