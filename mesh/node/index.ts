export { BulkStream } from './bulk.ts'
export {
  type Joined,
  type KnownAddress,
  knownFromHeader,
  knownToHeader,
  redeemTicket,
  UnreachableError,
} from './joining.ts'
export { type MemberRow, MeshNode, type NodeEvents, type NodeOptions, type Reach } from './node.ts'
export { isRefused } from './probe.ts'
