import { createHash } from 'node:crypto'

/** Captured code and modules by their hashes, as long as a client that uses them is there. */
export class Codes {
  readonly #bytes = new Map<string, { bytes: Uint8Array; users: Set<number> }>()

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
    return this.#bytes.get(hash)?.bytes
  }

  /** Another client uses it now. */
  use(hash: string, client: number): boolean {
    const known = this.#bytes.get(hash)
    known?.users.add(client)
    return known !== undefined
  }

  /** A client is gone: what it alone used goes. */
  detach(client: number): void {
    for (const [hash, { users }] of this.#bytes) if (users.delete(client) && users.size === 0) this.#bytes.delete(hash)
  }
}
