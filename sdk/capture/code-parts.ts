import type { Base, Environment, Link, LinkTarget, Piece } from '../../wire/code/format.ts'
import type { LoadedHelper } from '../../wire/code/registry.ts'
import type { Blob } from './module-graph.ts'

/** What a code object is put together from, beside the values: texts, modules, environments. */
export class CodeParts {
  readonly pieces: Piece[] = []
  readonly modules: [string, number][] = []
  readonly environments: Environment[] = []
  readonly bases: Base[] = []
  readonly blobs = new Map<string, Blob>()
  readonly #modules = new Map<string, number>()
  #neededPieces = 0
  #neededModules = 0
  readonly #environments = new Map<string, number>()
  readonly #bases = new Map<string, number>()

  addBlobs(blobs: Iterable<Blob>): void {
    for (const blob of blobs) this.blobs.set(blob.hash, blob)
  }

  /** The number of a module that must be evaluated before the code runs. */
  module(hash: string, index: number): number {
    const key = `${hash}.${index}`
    let number = this.#modules.get(key)
    if (number === undefined) {
      number = this.modules.push([hash, index]) - 1
      this.#modules.set(key, number)
    }
    return number
  }

  /** Gives back a function that takes back pieces and modules which were added since. */
  checkpoint(): () => void {
    const pieces = this.pieces.length
    const modules = this.modules.length
    return () => {
      this.pieces.length = pieces
      for (const [hash, index] of this.modules.splice(modules)) this.#modules.delete(`${hash}.${index}`)
    }
  }

  environment(imports: Map<string, { target: LinkTarget; imported: string }>): number {
    const list = [...imports].map(([local, one]) => [local, one.target, one.imported] as Environment['imports'][number])
    list.sort((a, b) => (a[0] < b[0] ? -1 : 1))
    const key = JSON.stringify(list)
    let number = this.#environments.get(key)
    if (number === undefined) {
      number = this.environments.push({ imports: list }) - 1
      this.#environments.set(key, number)
    }
    return number
  }

  /** What `import(…)` and the like need to know about a file. Links of several functions of one file come together. */
  base(url: string, links: Iterable<Link>): number {
    let number = this.#bases.get(url)
    if (number === undefined) {
      number = this.bases.push({ url, links: [] }) - 1
      this.#bases.set(url, number)
    }
    const base = this.bases[number]
    for (const link of links) {
      if (!base.links.some(([specifier, how]) => specifier === link[0] && how === link[1])) base.links.push(link)
    }
    return number
  }

  /** One that came over the wire. */
  loadedBase({ base, blobs }: LoadedHelper): number {
    this.addBlobs(blobs)
    return this.base(base.url, base.links)
  }

  /** Remembers that all until now is needed by the code itself; what comes later, by registered types only. */
  markNeeded(): void {
    this.#neededPieces = this.pieces.length
    this.#neededModules = this.modules.length
  }

  /** What only registered types need. To be asked before `dedupe`. */
  optional(): { modules: number[]; environments: number[] } {
    const needed = new Set<number>()
    for (const { place } of this.pieces.slice(0, this.#neededPieces))
      if (place[0] === 'environment') needed.add(place[1])
    return {
      modules: this.modules.map((_, i) => i).slice(this.#neededModules),
      environments: this.environments.map((_, i) => i).filter(i => !needed.has(i)),
    }
  }

  /** The number of a piece; equal ones are one, since functions of one place differ only in what they hold. */
  dedupe(): Map<Piece, number> {
    const numbers = new Map<Piece, number>()
    const known = new Map<string, number>()
    const kept: Piece[] = []
    for (const piece of this.pieces) {
      const key = JSON.stringify(piece)
      let number = known.get(key)
      if (number === undefined) {
        number = kept.push(piece) - 1
        known.set(key, number)
      }
      numbers.set(piece, number)
    }
    this.pieces.splice(0, this.pieces.length, ...kept)
    return numbers
  }
}
