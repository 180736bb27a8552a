import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeDurablyAside } from './durable-file.ts'
import { errnoOf, onFile } from './home-error.ts'

/** Code that outlives its agent, by its hash: a file each, 0600. */
export class CodeFiles {
  readonly #dir: string
  readonly #hashes: Set<string>

  constructor(dir: string) {
    this.#dir = dir
    this.#hashes = onFile(dir, () => {
      mkdirSync(dir, { recursive: true, mode: 0o700 })
      const names = readdirSync(dir)
      // What an agent that was killed had not finished.
      for (const name of names) if (name.endsWith('.new')) rmSync(join(dir, name), { force: true })
      return new Set(names.filter(name => /^[0-9a-f]{64}$/.test(name)))
    })
  }

  get hashes(): Iterable<string> {
    return [...this.#hashes]
  }

  read(hash: string): Uint8Array | undefined {
    if (!this.#hashes.has(hash)) return undefined
    try {
      return readFileSync(join(this.#dir, hash))
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      this.#hashes.delete(hash)
      return undefined
    }
  }

  /** Resolves when it is on disk: whole, or after a crash not at all. */
  async keep(hash: string, bytes: Uint8Array): Promise<void> {
    if (this.#hashes.has(hash)) return
    await writeDurablyAside(join(this.#dir, hash), bytes)
    this.#hashes.add(hash)
  }

  remove(hash: string): void {
    this.#hashes.delete(hash)
    onFile(this.#dir, () => rmSync(join(this.#dir, hash), { force: true }))
  }
}
