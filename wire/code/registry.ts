import type { Base, LinkTarget, ModuleName, PieceForm } from './format.ts'

/**
 * What the loader of a worker thread tells the capture in the same thread, so that code which came over the wire can be
 * captured again: its modules are shipped again from memory, also when no file of them is left.
 * The loader puts it at `globalThis[Symbol.for('shoal.loader')]`.
 */
export interface LoadedCodeRegistry {
  /** The module whose top level holds a function `$imeta…` with this key in its text; or an environment's imports. */
  place(key: string): LoadedPlace | undefined
  /** What a marker (`$shoal…` in a wrapper's scope) says about the text around. One marker object is one scope instance. */
  marker(value: object): LoadedText | undefined
  /** The module of a namespace object, or of a CommonJS module's `require`. */
  moduleOf(value: object): ModuleName | undefined
  /** The `module.exports` of a CommonJS module that has been evaluated. */
  exportsOf(module: ModuleName): unknown
  /** `import(…)`, `import.meta` and `require` of captured functions. */
  helper(value: object): LoadedHelper | undefined
  /** The blobs that a module needs, itself first. */
  blobs(module: ModuleName): { hash: string; bytes: Uint8Array }[]
}

export type LoadedPlace =
  | { kind: 'module'; module: ModuleName; url: string; text: string; commonjs: boolean }
  | { kind: 'environment'; imports: Map<string, { target: LinkTarget; imported: string }> }

/** The text that a wrapper holds, and where it came from. */
export interface LoadedText {
  text: string
  form: PieceForm
  url: string
  line: number
  column: number
  strict: boolean
}

export interface LoadedHelper {
  kind: 'import' | 'meta' | 'require'
  base: Base
  blobs: { hash: string; bytes: Uint8Array }[]
}

const key = Symbol.for('shoal.loader')

/** The registry of this thread's loader, if code was loaded here. */
export function loadedCode(): LoadedCodeRegistry | undefined {
  return (globalThis as { [key]?: LoadedCodeRegistry })[key]
}

/** Called by the loader, once in a thread. */
export function registerLoadedCode(registry: LoadedCodeRegistry): void {
  Object.defineProperty(globalThis, key, { value: registry, configurable: true })
}
