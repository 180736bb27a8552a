import { Session } from 'node:inspector'

/** One level of a function's scope chain. */
export interface ScopeLevel {
  /** As V8 calls it: `Module`, `Closure (outer)`, `Block`, `Catch`, `Script`, `Global`, … */
  description: string
  /** The variables' values at the moment. A name whose getter throws is not initialised yet. */
  variables: object
}

/** What V8 knows about a function. */
export interface Revealed {
  /** Undefined for bound, native and proxied functions. */
  location?: { scriptId: string; line: number; column: number }
  /** Innermost first. The global object is not among them. */
  scopes: ScopeLevel[]
  bound?: { target: unknown; receiver: unknown; args: unknown[] }
}

interface RemoteObject {
  type: string
  objectId?: string
  value?: unknown
  unserializableValue?: string
}
interface Property {
  name: string
  value?: RemoteObject
  get?: RemoteObject
  set?: RemoteObject
}
interface Properties {
  internalProperties?: Property[]
  privateProperties?: Property[]
}

const slot = Symbol.for('shoal.capture')
const slotText = "globalThis[Symbol.for('shoal.capture')]"
const group = 'shoal.capture'

/** What stands at the slot while V8 is asked: a value that goes in, and what comes out. */
interface Exchange {
  target?: unknown
  result?: unknown
}

/**
 * V8's inspector, in this thread: it alone can tell what a function closes over. Its answers are synchronous.
 * The debugger domain is not enabled here: scopes and locations come without, and it makes every `await` ten times slower.
 */
export class Inspector {
  readonly #session = new Session()
  readonly #exchange: Exchange = {}

  constructor() {
    this.#session.connect()
  }

  /** The session's own `post`, synchronous, throwing. */
  post<T>(method: string, params?: object): T {
    let failure: Error | null = null
    let answer: unknown
    this.#session.post(method, params, (error, result) => {
      failure = error
      answer = result
    })
    if (failure !== null) throw new Error(`${method}: ${JSON.stringify(failure)}`)
    return answer as T
  }

  on(event: string, listener: (message: { params: Record<string, unknown> }) => void): void {
    this.#session.on(event, listener as (message: object) => void)
  }

  /** The scope chain and the place of a function. */
  reveal(fn: object): Revealed {
    return this.#exchanging(fn, objectId => {
      const { internalProperties = [] } = this.#properties(objectId)
      const revealed: Revealed = { scopes: [] }
      let target: unknown
      let bound: Property | undefined
      for (const property of internalProperties) {
        const { name, value } = property
        if (name === '[[FunctionLocation]]') {
          const at = value?.value as { scriptId: string; lineNumber: number; columnNumber: number }
          revealed.location = { scriptId: at.scriptId, line: at.lineNumber, column: at.columnNumber }
        } else if (name === '[[Scopes]]' && value?.objectId) {
          revealed.scopes = this.#scopes(value.objectId)
        } else if (name === '[[TargetFunction]]') {
          target = this.#value(value!)
          bound = property
        }
      }
      if (bound !== undefined) {
        const of = (name: string) => internalProperties.find(one => one.name === name)?.value
        const receiver = of('[[BoundThis]]')
        const args = of('[[BoundArgs]]')
        revealed.bound = {
          target,
          receiver: receiver === undefined ? undefined : this.#value(receiver),
          args: args === undefined ? [] : Array.prototype.slice.call(this.#value(args)),
        }
      }
      return revealed
    })
  }

  /** The private fields of an object, or the static ones of a class: name (with `#`) and value. Methods and accessors have no value. */
  privateFields(object: object): { name: string; value?: unknown; field: boolean }[] {
    return this.#exchanging(object, objectId => {
      const { privateProperties = [] } = this.#properties(objectId)
      return privateProperties.map(({ name, value }) =>
        value === undefined ? { name, field: false } : { name, value: this.#value(value), field: true },
      )
    })
  }

  /** The ids by which heap snapshots know these objects. */
  heapIds(objects: object[]): string[] {
    return objects.map(object =>
      this.#exchanging(
        object,
        objectId =>
          this.post<{ heapSnapshotObjectId: string }>('HeapProfiler.getHeapObjectId', { objectId })
            .heapSnapshotObjectId,
      ),
    )
  }

  #exchanging<T>(target: object, work: (objectId: string) => T): T {
    this.#exchange.target = target
    Object.defineProperty(globalThis, slot, { value: this.#exchange, configurable: true })
    try {
      const { result } = this.post<{ result: RemoteObject }>('Runtime.evaluate', {
        expression: `${slotText}.target`,
        objectGroup: group,
        silent: true,
      })
      return work(result.objectId!)
    } finally {
      this.#exchange.target = undefined
      this.#exchange.result = undefined
      delete (globalThis as Record<symbol, unknown>)[slot]
      this.post('Runtime.releaseObjectGroup', { objectGroup: group })
    }
  }

  #properties(objectId: string): Properties {
    return this.post<Properties>('Runtime.getProperties', { objectId, ownProperties: true, generatePreview: false })
  }

  /** The list behind `[[Scopes]]` is an array of `{ description, object }`, as seen from JavaScript. */
  #scopes(objectId: string): ScopeLevel[] {
    const list = this.#take(objectId) as ArrayLike<{ description: string; object: object }>
    const scopes: ScopeLevel[] = []
    for (let i = 0; i < list.length; i++) {
      const { description, object } = list[i]
      if (object !== globalThis && description !== 'Global') scopes.push({ description, variables: object })
    }
    return scopes
  }

  /** The value itself, not a description of it. */
  #value(remote: RemoteObject): unknown {
    if (remote.objectId !== undefined) return this.#take(remote.objectId)
    if (remote.unserializableValue !== undefined) {
      const text = remote.unserializableValue
      return text.endsWith('n') ? BigInt(text.slice(0, -1)) : Number(text)
    }
    if (remote.type === 'object') return null
    return remote.value
  }

  #take(objectId: string): unknown {
    this.#exchange.result = undefined
    // A sloppy function's `this` would box a symbol.
    const functionDeclaration = `function () { 'use strict'; ${slotText}.result = this }`
    this.post('Runtime.callFunctionOn', { objectId, functionDeclaration, silent: true })
    return this.#exchange.result
  }
}

let inspector: Inspector | undefined

/** The inspector session of this thread. */
export function inspectorOfThread(): Inspector {
  inspector ??= new Inspector()
  return inspector
}
