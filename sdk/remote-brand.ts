/** Marks a remote function, in every copy of this package. */
export const brand = Symbol.for('shoal.remote-function')

/** A remote function, with what it is made of behind its brand. */
export type Branded<Remote> = ((...args: never[]) => unknown) & { [brand]: Remote }

/** Whether a value is what `task` gives. */
export function isRemoteFunction(value: unknown): value is Branded<unknown> {
  return typeof value === 'function' && brand in value
}
