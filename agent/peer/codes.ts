import { createHash } from 'node:crypto'

/** Where code lies that outlives its peer. */
export interface CodeStorage {
  readonly hashes: Iterable<string>
  read(hash: string): Uint8Array | undefined
  keep(hash: string, bytes: Uint8Array): Promise<void>
  remove(hash: string): void
}

/** Captured code and modules by their hashes, as long as a client that uses them is there, or on disk as long as they are kept. */
export class Codes {
  readonly #bytes = new Map<string, { bytes: Uint8Array; users: Set<number> }>()
  readonly #storage: CodeStorage | undefined
  /** What is kept, and until when it was known to be needed: `performance.now()`. */
  readonly #kept = new Map<string, number>()

  constructor(storage?: CodeStorage) {
    this.#storage = storage
    for (const hash of storage?.hashes ?? []) this.#kept.set(hash, performance.now())
  }

  add(hash: string, bytes: Uint8Array, client: number): void {
    const known = this.#bytes.get(hash)
    if (known) known.users.add(client)
    else this.#bytes.set(hash, { bytes, users: new Set([client]) })
  }

  /** Whether bytes are what a name says: code is content-addressed. */
  isRight(hash: string, bytes: Uint8Array): boolean {
    return createHash('sha256').update(bytes).digest('hex') === hash
  }

  get(hash: string): Uint8Array | undefined {
    return this.#bytes.get(hash)?.bytes ?? this.#read(hash)
  }

  /** From the disk; what is not what its name says is dropped. */
  #read(hash: string): Uint8Array | undefined {
    const bytes = this.#storage?.read(hash)
    if (!bytes || this.isRight(hash, bytes)) return bytes
    this.#storage?.remove(hash)
    return undefined
  }

  /** Another client uses it now. */
  use(hash: string, client: number): boolean {
    const bytes = this.get(hash)
    if (!bytes) return false
    this.add(hash, bytes, client)
    return true
  }

  /** A client is gone: what it alone used goes. */
  detach(client: number): void {
    for (const hash of this.#bytes.keys()) this.#letGo(hash, client)
  }

  #letGo(hash: string, client: number): void {
    const known = this.#bytes.get(hash)
    if (known?.users.delete(client) && known.users.size === 0) this.#bytes.delete(hash)
  }

  // ---- what outlives programs

  get keepsAny(): boolean {
    return this.#kept.size > 0
  }

  /** It is used until `letGoUnused`, and lies on disk where there is one. Resolves with false where it is not here. */
  async keep(hash: string, client: number): Promise<boolean> {
    if (!this.use(hash, client)) return false
    this.#kept.set(hash, performance.now())
    await this.#storage?.keep(hash, this.get(hash) as Uint8Array)
    return true
  }

  /** Lets go of what was kept for a client, and was not needed for a while. */
  letGoUnused(client: number, isNeeded: (hash: string) => boolean, afterMs: number): void {
    const now = performance.now()
    for (const [hash, neededAt] of this.#kept) {
      if (isNeeded(hash)) this.#kept.set(hash, now)
      else if (now - neededAt >= afterMs) {
        this.#kept.delete(hash)
        this.#letGo(hash, client)
        this.#storage?.remove(hash)
      }
    }
  }
}
