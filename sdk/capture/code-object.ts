import { createHash } from 'node:crypto'
import { type CodeKind, type NodeKind, nodeKinds, type Piece, stepTags, writeCode } from '../../wire/code/format.ts'
import { Encoder, type Extension, type TypeRegistry } from '../../wire/values/index.ts'
import type { CodeParts } from './code-parts.ts'
import { type GraphNode, Reference, Step } from './nodes.ts'

/** A captured function or class, ready to travel. */
export interface CodeObject {
  /** SHA-256 of `bytes`, in hex. */
  hash: string
  bytes: Uint8Array
  /** The modules that it needs, each named by its own SHA-256. `bytes` names them all: `blobsOf` reads them. */
  blobs: { hash: string; bytes: Uint8Array }[]
  kind: CodeKind
  /** Objects that one of the caller's extensions encoded: the caller keeps them alive. */
  held: object[]
}

const extensions: Extension[] = [
  {
    tag: stepTags.reference,
    matches: (value: object) => value instanceof Reference,
    encode: (value, encoder) => encoder.varint((value as Reference).node.index),
    decode: unreadable,
  },
  {
    tag: stepTags.define,
    matches: (value: object) => value instanceof Step && value.what === 'define',
    encode: (value, encoder) => {
      const { node } = value as Step
      encoder.varint(node.index)
      encoder.byte(nodeKinds.indexOf(node.kind))
      encoder.value(node.define, node.kind)
    },
    decode: unreadable,
  },
  {
    tag: stepTags.fill,
    matches: (value: object) => value instanceof Step && value.what === 'fill',
    encode: (value, encoder) => {
      const { node } = value as Step
      encoder.varint(node.index)
      encoder.value(node.fill, node.kind)
    },
    decode: unreadable,
  },
]

function unreadable(): never {
  throw new Error('code is read by agent/code')
}

/** What the state says that the code is, beside its steps. */
export interface Roots {
  /** The captured function. */
  root: unknown
  /** Registered types: name, class, decode, encode. */
  types: [name: string, Class: unknown, decode: unknown, encode: unknown][]
  /** Classes that travel with it. */
  companions: unknown[]
}

/** Writes a code object. */
export function codeObject(
  parts: CodeParts,
  nodes: GraphNode[],
  roots: Roots,
  header: { kind: CodeKind; fresh: boolean; held: Set<object> },
  codec: { extensions: readonly Extension[]; types: TypeRegistry },
): CodeObject {
  const optional = parts.optional()
  const numbers = parts.dedupe()
  for (const node of nodes) {
    if (node.kind === 'function' || node.kind === 'class' || node.kind === 'scope')
      node.define[0] = numbers.get(node.define[0] as Piece)!
  }
  const steps = ordered(nodes)
  const namespaces = new Set<string>()
  const shoal = new Map<string, [string, boolean]>()
  for (const { kind, define } of nodes) {
    if (kind === 'builtin-namespace') namespaces.add(define[0] as string)
    if (kind === 'shoal') shoal.set(`${define[0]} ${define[1]}`, [define[0] as string, define[1] as boolean])
  }
  const encoder = new Encoder({ extensions: [...codec.extensions, ...extensions], types: codec.types })
  encoder.start()
  encoder.value([steps, roots.root, roots.types, roots.companions], 'code')
  const { pieces, modules, environments, bases } = parts
  const text = {
    pieces,
    modules,
    environments,
    bases,
    namespaces: [...namespaces],
    optional,
    shoal: [...shoal.values()],
    plain: isPlain(header, parts, nodes, namespaces.size + shoal.size),
  }
  const blobs = [...parts.blobs.values()]
  const bytes = writeCode(
    { kind: header.kind, fresh: header.fresh, blobs: blobs.map(({ hash }) => hash) },
    text,
    encoder.bytes(),
  )
  const hash = createHash('sha256').update(bytes).digest('hex')
  return { hash, bytes, blobs, kind: header.kind, held: [...header.held] }
}

/** What plain code is made of; everything else may lead to what runs later. */
const plainKinds = new Set<NodeKind>([
  'function',
  'class',
  'object',
  'array',
  'map',
  'set',
  'error',
  'symbol',
  'scope',
  'prototype',
  'member',
])

/** Words by which a text may start something that runs later, or look at where it runs. Too many are no harm. */
const notPlain =
  /\b(async|await|Promise|then|set(Timeout|Interval|Immediate)|queueMicrotask|scheduler|nextTick|process|console|fetch|import|require|globalThis|global|self|eval|Function|constructor|Reflect|Proxy|WebAssembly|Atomics|FinalizationRegistry|MessageChannel|BroadcastChannel|Worker|EventTarget|Abort\w+|\w+Stream|WebSocket|Buffer|performance|crypto|arguments|yield)\b/

/** A class has a constructor, and what its instances hold may call others: in their name then. */
function isPlainText(text: string, kind: CodeKind): boolean {
  if (kind === 'function') return !notPlain.test(text)
  return !/\b(remote|get|next)\b/.test(text) && !notPlain.test(text.replaceAll(/\bconstructor\s*\(/g, '('))
}

function isPlain(
  { kind, held }: { kind: CodeKind; held: Set<object> },
  { pieces, modules, environments, bases }: CodeParts,
  nodes: readonly GraphNode[],
  elsewhere: number,
): boolean {
  return (
    (kind === 'function' || kind === 'class') &&
    held.size === 0 &&
    elsewhere + modules.length + environments.length + bases.length === 0 &&
    nodes.every(node => plainKinds.has(node.kind)) &&
    pieces.every(({ text }) => isPlainText(text, kind))
  )
}

/**
 * The steps in an order in which they can be carried out: everything is defined before it is referred to. What is made by
 * the user's own code (instances of registered types) comes after what that code needs is filled, and before what holds it.
 */
function ordered(nodes: GraphNode[]): Step[] {
  const defined = new Set<GraphNode>()
  const steps: Step[] = []
  let index = 0
  const define = (node: GraphNode): void => {
    if (defined.has(node)) return
    defined.add(node)
    for (const one of referred(node.define)) define(one)
    node.index = index++
    steps.push(new Step('define', node))
  }
  const late = nodes.filter(({ kind }) => kind === 'registered')
  for (const node of nodes) if (node.kind !== 'registered' && !dependsOnLate(node)) define(node)
  const filled = new Set<GraphNode>()
  const fill = (node: GraphNode): void => {
    if (node.fill === undefined || filled.has(node)) return
    filled.add(node)
    steps.push(new Step('fill', node))
  }
  for (const node of nodes) if (node.fill !== undefined && !refersToLate(node.fill)) fill(node)
  const open = new Set(late)
  /** What an instance was encoded as has to be whole before it is decoded. */
  const complete = (node: GraphNode, seen: Set<GraphNode>): void => {
    if (node.kind === 'registered') {
      make(node)
      return
    }
    if (node.fill === undefined || filled.has(node) || seen.has(node)) return
    seen.add(node)
    for (const one of referred(node.fill)) complete(one, seen)
    for (const one of referred(node.define)) define(one)
    define(node)
    fill(node)
  }
  const make = (node: GraphNode): void => {
    if (!open.delete(node)) return
    const encoded = node.define[3]
    if (encoded instanceof Reference) complete(encoded.node, new Set())
    define(node)
  }
  for (const node of late) make(node)
  for (const node of nodes) define(node)
  for (const node of nodes) fill(node)
  return steps
}

/** Bound functions may be bound to an instance of a registered type. */
function dependsOnLate(node: GraphNode): boolean {
  return referred(node.define).some(one => one.kind === 'registered' || dependsOnLate(one))
}

function refersToLate(fill: unknown[]): boolean {
  return referred(fill).some(one => one.kind === 'registered' || dependsOnLate(one))
}

/** The nodes that a step names, in its own lists: not deeper, where the user's data begin. */
function referred(data: unknown[]): GraphNode[] {
  const found: GraphNode[] = []
  for (const one of data) {
    if (one instanceof Reference) found.push(one.node)
    else if (Array.isArray(one)) for (const inner of one) if (inner instanceof Reference) found.push(inner.node)
  }
  return found
}
