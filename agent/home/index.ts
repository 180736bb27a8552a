export { type AgentLock, lockHolder, takeAgentLock } from './agent-lock.ts'
export {
  type AgentRecord,
  type AgentState,
  findAgent,
  readAgentRecord,
  removeAgentTraces,
  writeAgentRecord,
} from './agent-record.ts'
export { agentSocketPath, listenPrivately } from './agent-socket.ts'
export { CodeFiles } from './code-files.ts'
export { writeDurably } from './durable-file.ts'
export { checkOwner, type Home, homeAt, homeDirectory, prepareHome, removeSpilled } from './home.ts'
export { errnoOf, HomeError, onFile } from './home-error.ts'
export {
  loadPeerIdentity,
  nextIncarnation,
  type PeerIdentity,
  readIncarnation,
  readPeerIdentity,
} from './identity-files.ts'
export { LogFile, logLimits, openLogForAppending } from './log-file.ts'
export { followLog, type LogEntry, logSize, mentions, readLog, readLogFrom } from './log-reader.ts'
export {
  isAloneInMesh,
  loadMembership,
  type MeshMembership,
  readListen,
  readMeshId,
  readRemembered,
  saveCredential,
  saveMembership,
  ticketFile,
  writeListen,
  writeRemembered,
} from './mesh-files.ts'
