import { refuse } from './options/index.ts'
import { registeredTypes } from './session.ts'

/** How instances of a class travel. */
export interface TypeCodec<T, Encoded = unknown> {
  /** The name under which they travel, the same in every program. */
  name: string
  /** Anything that can travel itself. */
  encode(value: T): Encoded
  decode(encoded: Encoded): T
}

/**
 * Registers a class of one's own, so that its instances arrive as instances; otherwise they arrive as plain objects with
 * their fields. Registering a name again replaces it. Remote code gets the registration with its function.
 * @throws InvalidOptionError
 */
export function registerType<T, Encoded>(
  // biome-ignore lint/suspicious/noExplicitAny: constructor parameters are contravariant
  Class: abstract new (...args: any[]) => T,
  codec: TypeCodec<T, Encoded>,
): void {
  if (typeof Class !== 'function') refuse({ call: 'registerType', option: 'Class' }, Class, 'a class')
  const { name, encode, decode } = codec ?? {}
  if (typeof name !== 'string' || name === '')
    refuse({ call: 'registerType', option: 'name' }, name, 'a text that is not empty')
  if (typeof encode !== 'function') refuse({ call: 'registerType', option: 'encode' }, encode, 'a function')
  if (typeof decode !== 'function') refuse({ call: 'registerType', option: 'decode' }, decode, 'a function')
  registeredTypes.register(Class as never, { name, encode, decode } as never)
}
