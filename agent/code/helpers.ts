import type { CodeSource } from './instance.ts'
import { importMeta } from './module-text.ts'
import type { Surroundings } from './surroundings.ts'
import type { ThreadModules } from './thread-modules.ts'

/** What stands for `import(…)`, `import.meta` and `require` in captured code; once for each file of a code object. */
export class Helpers {
  readonly #source: CodeSource
  readonly #modules: ThreadModules
  readonly #around: Surroundings
  readonly #made = new Map<string, object>()

  constructor(source: CodeSource, modules: ThreadModules, around: Surroundings) {
    this.#source = source
    this.#modules = modules
    this.#around = around
  }

  make(kind: 'import' | 'meta' | 'require', number: number): object {
    const key = `${kind} ${number}`
    let helper = this.#made.get(key)
    if (helper === undefined) {
      const base = this.#source.pieces.bases[number]
      helper = this.#new(kind, number)
      this.#made.set(key, helper)
      this.#modules.remember(helper, { kind, base, blobs: this.#source.blobs })
    }
    return helper
  }

  #new(kind: 'import' | 'meta' | 'require', number: number): object {
    const base = this.#source.pieces.bases[number]
    switch (kind) {
      case 'import':
        return (specifier: unknown, options?: ImportCallOptions) =>
          this.#modules.import(String(specifier), base.url, base.links, this.#around, options)
      case 'meta': {
        const meta = importMeta(base.url)
        return () => meta
      }
      case 'require':
        return this.#modules.commonJs.require(base, this.#around)
    }
  }
}
