import type { Decoder } from './decoder.ts'
import type { Encoder } from './encoder.ts'

/** Writes and reads what the codec alone cannot carry: refs, remote functions, captured functions. */
export interface Extension {
  /** 0 … 63, unique among the extensions of a codec. */
  readonly tag: number
  /** Asked for every function, and for objects whose prototype is none of JavaScript's own that the codec knows. */
  matches(value: object): boolean
  encode(value: object, encoder: Encoder): void
  /** Of what cannot travel: what it is, and the way out. `encode` refuses it too. */
  readonly stays?: { readonly what: string; readonly advice: string }
  /** May call `decoder.setShell` before it reads values, so that references to it inside them resolve. */
  decode(decoder: Decoder): unknown
}
