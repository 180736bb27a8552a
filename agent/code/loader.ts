// biome-ignore-all lint/complexity/noBannedTypes: any function or class, whatever its shape
import { createHash } from 'node:crypto'
import { type CodeKind, type Pieces, readCode } from '../../wire/code/format.ts'
import type { Extension, TypeRegistry } from '../../wire/values/index.ts'
import { cannotLoad, moduleFailed } from './code-problem.ts'
import { type Instance, Instances } from './instance.ts'
import type { Surroundings } from './surroundings.ts'
import { modulesOfThread, type ThreadModules } from './thread-modules.ts'

export { userFrames } from './stacks.ts'

export interface CodeLoaderOptions {
  /** What decodes refs, handles and remote functions; tags 0 to 31. */
  extensions: readonly Extension[]
  types: TypeRegistry
  /** The module that `import … from 'shoal'` gives in captured code. */
  shoalUrl: string
  /** Folders from which packages that are not shipped are looked for. */
  folders: readonly string[]
  /** For errors. */
  peerId: string
  /** The bytes of a module blob; `blobsOf(bytes)` tells which a code object needs. */
  blob(hash: string): Uint8Array | undefined
}

/** A captured function or class, ready to run in this thread. */
export interface LoadedCode {
  kind: CodeKind
  /** It holds something that it can change: each task gets an instance of its own. */
  readonly fresh: boolean
  /** A task has changed what all of them share: from now on each gets an instance of its own. */
  startAfresh(): void
  /** Its calls need no async context: see `Pieces.plain`. */
  plain: boolean
  /** The function or class: a new one if `fresh`, else always the same. */
  instantiate(): Function
  /** The same, with the registered types of the program that it came from, as this instance's classes. */
  instance(): Instance
}

/** Loads code objects in the thread that it is made in. */
export class CodeLoader {
  readonly #options: CodeLoaderOptions
  readonly #around: Surroundings
  readonly #modules: ThreadModules = modulesOfThread()
  readonly #loaded = new Map<string, LoadedCode | Promise<LoadedCode>>()

  constructor(options: CodeLoaderOptions) {
    this.#options = options
    const { shoalUrl, folders, peerId } = options
    this.#around = { shoalUrl, folders, peerId }
  }

  /**
   * The code of a code object: at once where no module has to be evaluated for it. The same for the same hash.
   * Rejects with a CodeError where it cannot be loaded here: bytes that are not what the hash says, a missing package, a
   * module that throws.
   */
  load(hash: string, bytes: Uint8Array): Promise<LoadedCode> | LoadedCode {
    const known = this.#loaded.get(hash)
    if (known !== undefined) return known
    const made = this.#load(hash, bytes)
    this.#loaded.set(hash, made)
    if (made instanceof Promise) {
      made.then(
        code => this.#loaded.set(hash, code),
        () => this.#loaded.delete(hash),
      )
    }
    return made
  }

  /** Forgets a code object; its modules stay with the thread. */
  unload(hash: string): void {
    this.#loaded.delete(hash)
  }

  #load(hash: string, bytes: Uint8Array): Promise<LoadedCode> | LoadedCode {
    const { peerId } = this.#around
    try {
      if (createHash('sha256').update(bytes).digest('hex') !== hash)
        throw cannotLoad(peerId, 'the code is damaged: its bytes are not those of its hash')
      let code: ReturnType<typeof readCode>
      try {
        code = readCode(bytes)
      } catch (error) {
        throw cannotLoad(peerId, `the code cannot be read: ${(error as Error).message}`, { cause: error })
      }
      this.#modules.addBlobs(code.blobs, one => this.#options.blob(one), this.#around)
      const { pieces } = code
      const modules = pieces.modules.map(([blob, index]) => `${blob}.${index}`)
      const environments = pieces.environments.map(one => this.#modules.addEnvironment(one, this.#around))
      const blobs = pieces.bases.length === 0 ? [] : this.#modules.bytesOf(code.blobs)
      const failed = new Set<string>()
      const source = { pieces, bytes, stateAt: code.stateAt, modules, environments, blobs, failed }
      const finish = (): LoadedCode => {
        const instances = new Instances(source, this.#modules, this.#around, this.#options)
        return loadedCode(code, pieces.plain, instances)
      }
      const optional = new Set([
        ...pieces.optional.modules.map(i => modules[i]),
        ...pieces.optional.environments.map(i => environments[i]),
      ])
      const waiting = this.#evaluations([...modules, ...environments], pieces, optional, failed)
      if (waiting.length === 0) return finish()
      return this.#evaluate(waiting).then(finish)
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  /** What has to be evaluated or imported first. */
  #evaluations(
    keys: string[],
    { namespaces, shoal }: Pieces,
    optional: Set<string>,
    failed: Set<string>,
  ): (() => Promise<void>)[] {
    const list: (() => Promise<void>)[] = []
    for (const name of namespaces) {
      if (!this.#modules.hasBuiltinNamespace(name)) list.push(() => this.#modules.importBuiltin(name))
    }
    for (const [path, file] of shoal) {
      if (!this.#modules.hasShoal(path, file, this.#around))
        list.push(() => this.#modules.importShoal(path, file, this.#around))
    }
    for (const key of keys) {
      if (this.#modules.isEvaluated(key)) continue
      list.push(async () => {
        try {
          await this.#modules.evaluate(key)
        } catch (error) {
          if (!optional.has(key)) throw error
          failed.add(key)
        }
      })
    }
    return list
  }

  async #evaluate(list: (() => Promise<void>)[]): Promise<void> {
    for (const one of list) {
      try {
        await one()
      } catch (error) {
        throw moduleFailed(this.#around.peerId, error)
      }
    }
  }
}

function loadedCode(
  { kind, fresh }: { kind: CodeKind; fresh: boolean },
  plain: boolean,
  instances: Instances,
): LoadedCode {
  let only: Instance | undefined
  let isFresh = fresh
  const instance = (): Instance => {
    if (isFresh) return instances.make()
    only ??= instances.make()
    return only
  }
  return {
    kind,
    plain,
    instance,
    get fresh() {
      return isFresh
    },
    startAfresh() {
      isFresh = true
      only = undefined
    },
    instantiate: () => instance().root,
  }
}
