/**
 * What a captured function looks like in bytes: `sdk/capture` writes it, `agent/code` reads it.
 *
 * ```
 * 'shoal1' · kind (1 byte) · fresh (1 byte) · blobs (u32) · 32 bytes for each blob's SHA-256 · pieces (u32 length, JSON, UTF-8) · state
 * ```
 *
 * *Pieces* are what is compiled once: the functions' texts and where they belong. The *state* is what their variables hold,
 * in the value codec: one array of `Define` and `Fill` steps, then what the code is. A *blob* holds the modules of one
 * strongly connected part of the module graph (one module, unless imports form a ring). It names the blobs that it
 * imports by hash, so its own hash stands for everything that it reaches: two versions of a file never mix.
 */
export const magic = 'shoal1'

/** What the captured thing is. The order is that of the byte in the header. */
export const codeKinds = ['function', 'async', 'generator', 'async-generator', 'class'] as const
export type CodeKind = (typeof codeKinds)[number]

/** Tags of the value codec's extensions that belong to code. */
export const stepTags = { reference: 40, define: 41, fill: 42 } as const

/** A module: the blob it is in, and which of that blob's modules. */
export type ModuleName = readonly [blob: string, index: number]

/** Where a module's specifier leads. `own` is a module of the same blob. */
export type LinkTarget =
  | readonly ['own', number]
  | readonly ['blob', string, number]
  | readonly ['builtin', string]
  | readonly ['shoal', path: string, file: boolean]
  | readonly ['external', specifier: string, packageName: string]

/** A specifier as it stands in the text, how it is asked for, and where it leads. */
export type Link = readonly [specifier: string, how: 'import' | 'require', target: LinkTarget]

export interface ModuleRecord {
  /** Where the file was: stack traces and `import.meta.url` say so. */
  url: string
  format: 'module' | 'commonjs' | 'json'
  text: string
  links: Link[]
  /** CommonJS: what ES modules may import by name. */
  names: string[]
}

/** How a function's text has to be wrapped to be an expression. */
export type PieceForm = 'expression' | 'member' | 'class'

/** Where a piece is compiled. `none`: by itself. An environment: a module that imports what the piece imports. A scope: a live one, made by a `Define` step. */
export type Place = readonly ['none'] | readonly ['environment', number] | readonly ['module', number]

/** One function's or class's text. */
export interface Piece {
  text: string
  form: PieceForm
  /** Its `name`. */
  name: string
  strict: boolean
  /** The user's file, and where in it the text starts (from 0). */
  url: string
  line: number
  column: number
  place: Place
  /** The names that the piece's wrapper declares for it; `Fill` gives their values in this order. */
  variables: string[]
  /** Classes: how many of the variables, from the first, must have their values before the class is made. */
  early?: number
  /** Classes: static private fields (`#x`), whose values come with `Fill`. */
  privates?: string[]
}

/** What an environment imports: the local name, the module, the name there (`*`: the namespace). */
export interface Environment {
  imports: [local: string, target: LinkTarget, imported: string][]
}

/** `import(…)`, `import.meta` and `require` of a piece: the file they belong to, and the specifiers known there. */
export interface Base {
  url: string
  links: Link[]
}

/** The part of a code object that is compiled once. */
export interface Pieces {
  pieces: Piece[]
  modules: ModuleName[]
  environments: Environment[]
  bases: Base[]
  /** Namespaces of built-in modules that the state names: getting them is asynchronous. */
  namespaces: string[]
  /** Modules and environments that only the program's registered types need: where one fails, its types are left out. */
  optional: { modules: number[]; environments: number[] }
  /** Parts of Shoal that the state names. */
  shoal: [path: string, file: boolean][]
  /**
   * Calls of it cannot leave anything behind that runs later, or look at where they run: plain JavaScript without promises,
   * timers, modules or anything of Node's. Its tasks need no async context of their own.
   */
  plain: boolean
}

/** What a `Define` step makes, and what it reads: see `agent/code/define.ts`. */
export const nodeKinds = [
  'function',
  'class',
  'object',
  'array',
  'map',
  'set',
  'error',
  'exotic',
  'arguments',
  'symbol',
  'builtin',
  'builtin-namespace',
  'shoal',
  'export',
  'binding',
  'helper',
  'bound',
  'scope',
  'prototype',
  'member',
  'registered',
  'made',
] as const
export type NodeKind = (typeof nodeKinds)[number]

const hashBytes = 32

/** The header of a code object. */
export interface CodeHeader {
  kind: CodeKind
  fresh: boolean
  blobs: string[]
}

/** Puts a code object together. */
export function writeCode(header: CodeHeader, pieces: Pieces, state: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(pieces))
  const start = magic.length + 2
  const bytes = new Uint8Array(start + 4 + header.blobs.length * hashBytes + 4 + text.length + state.length)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < magic.length; i++) bytes[i] = magic.charCodeAt(i)
  bytes[magic.length] = codeKinds.indexOf(header.kind)
  bytes[magic.length + 1] = header.fresh ? 1 : 0
  view.setUint32(start, header.blobs.length)
  let at = start + 4
  for (const blob of header.blobs) {
    for (let i = 0; i < hashBytes; i++) bytes[at + i] = Number.parseInt(blob.slice(2 * i, 2 * i + 2), 16)
    at += hashBytes
  }
  view.setUint32(at, text.length)
  bytes.set(text, at + 4)
  bytes.set(state, at + 4 + text.length)
  return bytes
}

/** The parts of a code object. Throws a RangeError or SyntaxError where the bytes are none. */
export function readCode(bytes: Uint8Array): CodeHeader & { pieces: Pieces; stateAt: number } {
  const { header, at } = readHeader(bytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getUint32(at)
  if (at + 4 + length > bytes.length) throw new RangeError('a code object that is cut short')
  const pieces = JSON.parse(new TextDecoder().decode(bytes.subarray(at + 4, at + 4 + length))) as Pieces
  return { ...header, pieces, stateAt: at + 4 + length }
}

/** The hashes of the blobs that a code object needs, without reading the rest. */
export function blobsOf(bytes: Uint8Array): string[] {
  return readHeader(bytes).header.blobs
}

function readHeader(bytes: Uint8Array): { header: CodeHeader; at: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let i = 0; i < magic.length; i++) {
    if (view.getUint8(i) !== magic.charCodeAt(i)) throw new RangeError('no code object, or one of another version')
  }
  const kind = codeKinds[bytes[magic.length]]
  if (kind === undefined) throw new RangeError('a code object of an unknown kind')
  const count = view.getUint32(magic.length + 2)
  let at = magic.length + 6
  if (at + count * hashBytes + 4 > bytes.length) throw new RangeError('a code object that is cut short')
  const blobs: string[] = []
  for (let i = 0; i < count; i++, at += hashBytes) blobs.push(hex(bytes.subarray(at, at + hashBytes)))
  return { header: { kind, fresh: bytes[magic.length + 1] === 1, blobs }, at }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** A blob's bytes, from its modules. */
export function writeBlob(modules: ModuleRecord[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(modules))
}

export function readBlob(bytes: Uint8Array): ModuleRecord[] {
  return JSON.parse(new TextDecoder().decode(bytes)) as ModuleRecord[]
}
