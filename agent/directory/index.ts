export { NameDirectory, type NameDirectoryOptions } from './directory.ts'
export { FileStorage } from './file-storage.ts'
export type { DirectoryMesh, Member } from './mesh.ts'
export { MemoryStorage } from './storage.ts'
export type {
  Claim,
  Directory,
  DirectoryHost,
  EndedEntry,
  Entry,
  EntryKind,
  EntryState,
  OpenDirectory,
  PeerRun,
} from './types.ts'
