/**
 * First byte of every value. Whole numbers 0 … 127 are their own byte (0x80 | n); extensions are 0x40 | tag. An object gets
 * the next index of its message when its first byte is written, so that later ones can refer to it.
 */
export const tag = {
  undefined: 0,
  null: 1,
  true: 2,
  false: 3,
  /** zigzag varint */
  int: 4,
  /** 8 bytes, little-endian */
  double: 5,
  /** varint length, bytes: every character below 0x80 */
  ascii: 6,
  utf8: 7,
  /** For strings with lone surrogates, which UTF-8 cannot carry. */
  utf16: 8,
  /** sign byte, varint length, hexadecimal digits as bytes */
  bigint: 9,
  /** varint index of an object met before */
  back: 10,
  /** varint count, key strings, then the values: the next shape of the message */
  object: 11,
  /** varint shape, values */
  shaped: 12,
  /** varint length, values */
  array: 13,
  /** varint length, varint count, then keys and values */
  sparse: 14,
  /** like `array`, then varint count, keys and values of its other properties */
  arrayAndMore: 15,
  map: 16,
  set: 17,
  /** 8 bytes: milliseconds */
  date: 18,
  /** two strings */
  regexp: 19,
  /** class, flags, parts, fields */
  error: 20,
  /** varint bytes, padding to 8, bytes */
  buffer: 21,
  /** varint bytes, varint maximum, padding, bytes */
  resizable: 22,
  /** kind, varint offset, varint length + 1 or 0 for one that follows its buffer, then the buffer as a value */
  view: 23,
  /** a primitive */
  boxed: 24,
  /** name, what `encode` gave */
  registered: 25,
  exception: 26,
  /** kind of container; it is filled after the value that it is in: so deep nesting needs no deep stack */
  later: 27,
} as const

export const EXTENSION = 0x40
export const SMALL_INT = 0x80

/** Nesting beyond this is written after the value it is in. */
export const DEPTH_MAX = 200

/** What cannot be written later (errors in errors, registered types in registered types) may nest so deep: readers bear it. */
export const NESTED_MAX = 1400

/** Payloads from this size on begin at a multiple of 8 of their message. */
export const ALIGNED_BYTES = 64

/** Kinds of containers that can be filled later. */
export const container = { object: 0, array: 1, map: 2, set: 3 } as const

/** The classes of views, by their index on the wire. */
export const viewClasses = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
  // Of newer engines; at the end, so that the others keep their numbers.
  ...(typeof Float16Array === 'function' ? [Float16Array] : []),
] as const

/** The classes of errors that arrive as instances of themselves, by their index on the wire. */
export const errorClasses = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
] as const

/** Parts of an error that are there. */
export const errorPart = { name: 1, message: 2, stack: 4, cause: 8, errors: 16, fields: 32 } as const

/** Whether the value that begins with this byte is a primitive: nothing of the user's is needed to read it. */
export function beginsPrimitive(first: number): boolean {
  return first >= SMALL_INT || first <= tag.bigint
}
