export { type Change, Raft, type RaftOptions, type Role } from './raft.ts'
export type { Config, Envelope, HardState, LogEntry, Message, Persisted, Ready, Snapshot } from './types.ts'
