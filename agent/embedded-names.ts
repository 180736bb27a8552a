import type { NameDirectory, PeerRun } from './directory/index.ts'

/** The directory of names of an embedded peer: loaded and made at its first use, and kept in memory. */
export function embeddedNames(self: PeerRun, founder: boolean): () => Promise<NameDirectory> {
  let opened: Promise<NameDirectory> | undefined
  const open = async (): Promise<NameDirectory> => {
    const { MemoryStorage, NameDirectory } = await import('./directory/index.ts')
    return new NameDirectory({ self, durable: false, founder, storage: new MemoryStorage(), log: () => undefined })
  }
  return () => {
    opened ??= open()
    return opened
  }
}
