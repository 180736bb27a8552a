import { getHeapSnapshot } from 'node:v8'
import type { Inspector } from './inspector.ts'

interface Snapshot {
  snapshot: {
    meta: {
      node_fields: string[]
      node_types: (string | string[])[]
      edge_fields: string[]
      edge_types: (string | string[])[]
    }
  }
  nodes: number[]
  edges: number[]
  strings: string[]
}

/** Scope instances found before: a closure's never changes, and the heap's ids stay. */
const known = new WeakMap<object, Map<string, number>>()

/**
 * Which scope instance a function's variable lives in, from a snapshot of the heap: the one place where V8 tells closures
 * of the same text apart by what they close over. Takes about 0.2 s for a small program and grows with the heap, so it is
 * asked only where nothing else decides, and once for a function.
 * @returns for each pair a number that is the same for the same instance; undefined where the snapshot does not tell
 */
export function scopeInstances(inspector: Inspector, pairs: { fn: object; name: string }[]): (number | undefined)[] {
  const open = pairs.filter(({ fn, name }) => known.get(fn)?.get(name) === undefined)
  if (open.length > 0) find(inspector, open)
  return pairs.map(({ fn, name }) => known.get(fn)?.get(name))
}

function find(inspector: Inspector, pairs: { fn: object; name: string }[]): void {
  let heap: Heap
  try {
    heap = new Heap(JSON.parse(takeSnapshot()) as Snapshot)
  } catch {
    // Larger than a string or the memory.
    return
  }
  // Objects have ids only from a snapshot on.
  const ids = inspector.heapIds(pairs.map(({ fn }) => fn)).map(Number)
  pairs.forEach(({ fn, name }, i) => {
    const instance = heap.contextWith(ids[i], name)
    if (instance === undefined) return
    const names = known.get(fn) ?? new Map<string, number>()
    names.set(name, instance)
    known.set(fn, names)
  })
}

function takeSnapshot(): string {
  // Unlike HeapProfiler.takeHeapSnapshot, which became asynchronous, this gives its text at once.
  const stream = getHeapSnapshot()
  stream.setEncoding('utf8')
  const chunks: string[] = []
  for (let chunk: unknown = stream.read(); chunk !== null; chunk = stream.read()) chunks.push(chunk as string)
  stream.destroy()
  return chunks.join('')
}

class Heap {
  readonly #snapshot: Snapshot
  readonly #nodeSize: number
  readonly #edgeSize: number
  readonly #firstEdges: Uint32Array
  readonly #byId = new Map<number, number>()
  readonly #edgeCountAt: number
  readonly #idAt: number
  readonly #stringType: Set<number>

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot
    const { node_fields: fields, edge_fields: edgeFields, node_types: types } = snapshot.snapshot.meta
    this.#nodeSize = fields.length
    this.#edgeSize = edgeFields.length
    this.#edgeCountAt = fields.indexOf('edge_count')
    const kinds = types[fields.indexOf('type')] as string[]
    this.#stringType = new Set(['string', 'concatenated string', 'sliced string'].map(kind => kinds.indexOf(kind)))
    this.#idAt = fields.indexOf('id')
    const { nodes } = snapshot
    this.#firstEdges = new Uint32Array(nodes.length / this.#nodeSize)
    let at = 0
    for (let i = 0, node = 0; node < nodes.length; i++, node += this.#nodeSize) {
      this.#firstEdges[i] = at
      at += nodes[node + this.#edgeCountAt] * this.#edgeSize
      this.#byId.set(nodes[node + this.#idAt], node)
    }
  }

  /** The id of the innermost context of a function that declares a name. */
  contextWith(id: number, name: string): number | undefined {
    const fn = this.#byId.get(id)
    if (fn === undefined) return undefined
    for (let context = this.#edge(fn, 'context'); context !== undefined; context = this.#edge(context, 'previous')) {
      const info = this.#edge(context, 'scope_info')
      if (info !== undefined && this.#holdsString(info, name)) return this.#snapshot.nodes[context + this.#idAt]
    }
    return undefined
  }

  /** The target of a node's internal edge of that name. */
  #edge(node: number, name: string): number | undefined {
    const { edges, strings, snapshot } = this.#snapshot
    const kinds = snapshot.meta.edge_types[0] as string[]
    const internal = kinds.indexOf('internal')
    const first = this.#firstEdges[node / this.#nodeSize]
    const end = first + this.#snapshot.nodes[node + this.#edgeCountAt] * this.#edgeSize
    for (let edge = first; edge < end; edge += this.#edgeSize) {
      if (edges[edge] === internal && strings[edges[edge + 1]] === name) return edges[edge + 2]
    }
    return undefined
  }

  /** Whether a scope's description names a variable; descriptions of many variables keep them in a table of their own. */
  #holdsString(info: number, name: string, depth = 2): boolean {
    const { edges, strings, nodes } = this.#snapshot
    const first = this.#firstEdges[info / this.#nodeSize]
    const end = first + nodes[info + this.#edgeCountAt] * this.#edgeSize
    for (let edge = first; edge < end; edge += this.#edgeSize) {
      const target = edges[edge + 2]
      if (this.#stringType.has(nodes[target])) {
        if (strings[nodes[target + 1]] === name) return true
      } else if (
        depth > 0 &&
        /NameToIndexHashTable|^$/.test(strings[nodes[target + 1]]) &&
        this.#holdsString(target, name, depth - 1)
      ) {
        return true
      }
    }
    return false
  }
}
