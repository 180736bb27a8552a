import type { NodeKind } from '../../wire/code/format.ts'

/** A value of the captured graph that the codec does not take as it is. */
export class GraphNode {
  readonly kind: NodeKind
  /** What its `Define` step reads. */
  define: unknown[] = []
  /** What its `Fill` step reads; undefined where there is nothing to fill. */
  fill: unknown[] | undefined
  /** Its number in the state. */
  index = -1

  constructor(kind: NodeKind) {
    this.kind = kind
  }
}

/** Stands for a node wherever a value holds it. */
export class Reference {
  readonly node: GraphNode

  constructor(node: GraphNode) {
    this.node = node
  }
}

/** One step of the state, for the codec. */
export class Step {
  readonly what: 'define' | 'fill'
  readonly node: GraphNode

  constructor(what: 'define' | 'fill', node: GraphNode) {
    this.what = what
    this.node = node
  }
}
