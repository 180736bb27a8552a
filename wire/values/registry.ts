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

  /** A name that is registered again belongs to the newest class. */
  register(Class: RegisteredType['Class'], { name, encode, decode }: Omit<RegisteredType, 'Class'>): void {
    const before = this.#byName.get(name)
    if (before) this.#byClass.delete(before.Class)
    const type = { name, Class, encode, decode }
    this.#byName.set(name, type)
    this.#byClass.set(Class, type)
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
