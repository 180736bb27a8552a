// biome-ignore-all lint/suspicious/noExplicitAny: any class, and what its codec makes of it
/** How instances of a class travel. */
export interface RegisteredType {
  readonly name: string
  readonly Class: abstract new (...args: any[]) => any
  encode(value: any): unknown
  decode(encoded: any): unknown
}

/** Classes of users whose instances arrive as instances. */
export class TypeRegistry {
  readonly #byName = new Map<string, RegisteredType>()
  readonly #byClass = new Map<unknown, RegisteredType>()
  #version = 0

  /** A name that is registered again belongs to the newest class. */
  register(Class: RegisteredType['Class'], { name, encode, decode }: Omit<RegisteredType, 'Class'>): void {
    const before = this.#byName.get(name)
    if (before) this.#byClass.delete(before.Class)
    const type = { name, Class, encode, decode }
    this.#byName.set(name, type)
    this.#byClass.set(Class, type)
    this.#version++
  }

  /** Another one after each registration: what was made with the types before lacks some. */
  get version(): number {
    return this.#version
  }

  byName(name: string): RegisteredType | undefined {
    return this.#byName.get(name)
  }

  byClass(Class: unknown): RegisteredType | undefined {
    return this.#byClass.get(Class)
  }

  get size(): number {
    return this.#byName.size
  }

  entries(): Iterable<RegisteredType> {
    return this.#byName.values()
  }
}

/** The types of a scope (a running task's program, as the classes of its instance), then a registry's own. */
export class ScopedTypes extends TypeRegistry {
  readonly #own: TypeRegistry
  readonly #scope: () => TypeRegistry | undefined

  constructor(own: TypeRegistry, scope: () => TypeRegistry | undefined) {
    super()
    this.#own = own
    this.#scope = scope
  }

  override register(Class: RegisteredType['Class'], codec: Omit<RegisteredType, 'Class'>): void {
    this.#own.register(Class, codec)
  }

  override get version(): number {
    return this.#own.version
  }

  override byName(name: string): RegisteredType | undefined {
    return this.#scope()?.byName(name) ?? this.#own.byName(name)
  }

  override byClass(Class: unknown): RegisteredType | undefined {
    return this.#scope()?.byClass(Class) ?? this.#own.byClass(Class)
  }

  override get size(): number {
    return (this.#scope()?.size ?? 0) + this.#own.size
  }

  override entries(): Iterable<RegisteredType> {
    const scope = this.#scope()
    if (!scope) return this.#own.entries()
    return [...scope.entries(), ...[...this.#own.entries()].filter(({ name }) => !scope.byName(name))]
  }
}
