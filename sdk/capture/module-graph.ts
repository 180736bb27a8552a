import { createHash } from 'node:crypto'
import { type Link, type LinkTarget, type ModuleName, type ModuleRecord, writeBlob } from '../../wire/code/format.ts'
import { fileStamp, type ModuleSource, moduleSource } from './module-source.ts'
import type { Resolver, Target } from './resolve.ts'
import type { Scripts } from './scripts.ts'

/** Bytes that are named by their own SHA-256. */
export interface Blob {
  hash: string
  bytes: Uint8Array
}

interface Vertex {
  url: string
  source: ModuleSource
  links: [specifier: string, how: 'import' | 'require', target: Target][]
  /** Of a file that is not loaded: it may still change. */
  stamp: string | undefined
  /** Known once the vertex's component is written. */
  name: ModuleName | undefined
  /** The blobs of everything it reaches, its own first. */
  blobs: Set<Blob> | undefined
}

/** Thrown for a module that cannot be shipped: says which and why. */
export class UnshippableModule extends Error {
  readonly url: string

  constructor(url: string, reason: string, options?: ErrorOptions) {
    super(reason, options)
    this.url = url
  }
}

/**
 * The modules of this program that captured code needs, as blobs. Each strongly connected component (a ring of imports, or
 * a single module) is one blob; it is hashed after the components that it imports (Tarjan, 1972: components come out in
 * reverse topological order), so its hash covers everything that it reaches.
 */
export class ModuleGraph {
  readonly #scripts: Scripts
  readonly #resolver: Resolver
  readonly #vertices = new Map<string, Vertex>()

  constructor(scripts: Scripts, resolver: Resolver) {
    this.#scripts = scripts
    this.#resolver = resolver
  }

  /** Names a module of this program, with the blobs that it needs. Throws UnshippableModule. */
  ship(url: string): { name: ModuleName; blobs: Iterable<Blob> } {
    const known = this.#vertices.get(url)
    if (known?.name === undefined || !this.#current(known)) this.#write(url)
    const vertex = this.#vertices.get(url)!
    return { name: vertex.name!, blobs: vertex.blobs! }
  }

  /** Where a specifier leads, in the form that travels. `add` is called with the blobs that it needs. */
  link(
    specifier: string,
    parentUrl: string,
    how: 'import' | 'require',
    add: (blobs: Iterable<Blob>) => void,
  ): LinkTarget {
    const target = this.#resolver.resolve(specifier, parentUrl, how)
    if (target.kind !== 'module') return outside(target)
    const { name, blobs } = this.ship(target.url)
    add(blobs)
    return ['blob', ...name]
  }

  /** Whether nothing that the vertex reaches has changed on disk. Loaded modules cannot. */
  #current(root: Vertex): boolean {
    const seen = new Set<Vertex>([root])
    for (const vertex of seen) {
      if (vertex.stamp !== undefined && vertex.stamp !== fileStamp(vertex.url)) {
        this.#vertices.clear()
        return false
      }
      for (const [, , target] of vertex.links) {
        const next = target.kind === 'module' ? this.#vertices.get(target.url) : undefined
        if (next !== undefined) seen.add(next)
      }
    }
    return true
  }

  #vertex(url: string): Vertex {
    const known = this.#vertices.get(url)
    if (known !== undefined) return known
    let source: ModuleSource | undefined
    try {
      source = moduleSource(url, this.#scripts)
    } catch (error) {
      throw new UnshippableModule(url, (error as Error).message, { cause: error })
    }
    if (source === undefined) throw new UnshippableModule(url, 'only JavaScript, TypeScript and JSON can be sent')
    const loaded = this.#scripts.at(url) !== undefined
    const links: Vertex['links'] = []
    for (const { specifier, how, needed } of source.requests) {
      try {
        const target = this.#resolver.resolve(specifier, url, how)
        if (target.kind === 'module' && !needed) this.#optional(target.url)
        links.push([specifier, how, target])
      } catch (error) {
        // What may never run (`import()`, a `require` in a `try`) fails where it runs.
        if (needed)
          throw error instanceof UnshippableModule
            ? error
            : new UnshippableModule(url, (error as Error).message, { cause: error })
      }
    }
    const vertex = { url, source, links, stamp: loaded ? undefined : fileStamp(url), name: undefined, blobs: undefined }
    this.#vertices.set(url, vertex)
    return vertex
  }

  /** Fails where the module of an optional request cannot be read at all. */
  #optional(url: string): void {
    if (this.#vertices.has(url)) return
    if (moduleSource(url, this.#scripts) === undefined) throw new UnshippableModule(url, 'not a module')
  }

  /** Tarjan's algorithm, with its stack written out: import chains may be long. */
  #write(rootUrl: string): void {
    const order = new Map<Vertex, { index: number; low: number }>()
    const open: Vertex[] = []
    const isOpen = new Set<Vertex>()
    const work: { vertex: Vertex; next: number; targets: Vertex[] }[] = []
    const enter = (vertex: Vertex) => {
      order.set(vertex, { index: order.size, low: order.size })
      open.push(vertex)
      isOpen.add(vertex)
      const targets = vertex.links.flatMap(([, , target]) =>
        target.kind === 'module' ? [this.#vertex(target.url)] : [],
      )
      work.push({ vertex, next: 0, targets })
    }
    enter(this.#vertex(rootUrl))
    while (work.length > 0) {
      const frame = work[work.length - 1]
      const here = order.get(frame.vertex)!
      if (frame.next < frame.targets.length) {
        const target = frame.targets[frame.next++]
        const there = order.get(target)
        if (there === undefined) {
          if (target.name === undefined) enter(target)
        } else if (isOpen.has(target)) here.low = Math.min(here.low, there.index)
        continue
      }
      work.pop()
      if (work.length > 0) {
        const parent = order.get(work[work.length - 1].vertex)!
        parent.low = Math.min(parent.low, here.low)
      }
      if (here.low !== here.index) continue
      const component: Vertex[] = []
      for (;;) {
        const member = open.pop()!
        isOpen.delete(member)
        component.push(member)
        if (member === frame.vertex) break
      }
      this.#seal(component)
    }
  }

  #seal(component: Vertex[]): void {
    component.sort((a, b) => (a.url < b.url ? -1 : 1))
    const below = new Set<Blob>()
    const records = component.map(({ url, source, links }): ModuleRecord => {
      const written = links.map(([specifier, how, target]): Link => {
        if (target.kind !== 'module') return [specifier, how, outside(target)]
        const vertex = this.#vertices.get(target.url)!
        const own = component.indexOf(vertex)
        if (own >= 0) return [specifier, how, ['own', own]]
        for (const blob of vertex.blobs!) below.add(blob)
        return [specifier, how, ['blob', ...vertex.name!]]
      })
      return { url, format: source.format, text: source.text, links: written, names: source.names }
    })
    const bytes = writeBlob(records)
    const blob = { hash: createHash('sha256').update(bytes).digest('hex'), bytes }
    const blobs = new Set([blob, ...below])
    component.forEach((vertex, index) => {
      vertex.name = [blob.hash, index]
      vertex.blobs = blobs
    })
  }
}

function outside(target: Exclude<Target, { kind: 'module' }>): LinkTarget {
  switch (target.kind) {
    case 'builtin':
      return ['builtin', target.name]
    case 'shoal':
      return ['shoal', target.path, target.file]
    case 'external':
      return ['external', target.specifier, target.package]
  }
}
