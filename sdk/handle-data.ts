import type { Shape } from './actor-shape.ts'
import type { RefData } from './client/index.ts'

/** Marks a handle, in every copy of this package. */
export const brand = Symbol.for('shoal.actor-handle')

/** What a handle is to the sdk: the ref of its actor, or why there is none. */
export interface HandleData {
  readonly shape: Shape
  readonly ref: RefData | undefined
  /** Of one that could not be made: makes refs that say why. */
  readonly failed?: () => RefData
  /** And why that was, where an error says it. */
  readonly why?: Error
}

export type Handle = { readonly [brand]: HandleData }

/** Whether a value is a handle of an actor. */
export function isHandle(value: unknown): value is object {
  return typeof value === 'object' && value !== null && brand in value
}

export function handleData(handle: object): HandleData {
  return (handle as Handle)[brand]
}

/** Marks a method of a handle, in every copy of this package. */
export const methodBrand = Symbol.for('shoal.actor-method')

/** What `handle.method` is: whose method, and which. */
export interface MethodData<Known = unknown> {
  readonly handle: HandleData
  readonly known: Known
}

/** Whether a value is what `handle.method` gives. */
export function isMethod(value: unknown): value is { readonly [methodBrand]: MethodData } {
  return typeof value === 'object' && value !== null && methodBrand in value
}

/** Lets go of a handle: its actor ends with the last one. */
export function releaseHandle(handle: object): void {
  const { ref } = (handle as Handle)[brand]
  ref?.engine.release(ref)
}
